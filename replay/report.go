package replay

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// A Report is what came of a run.
type Report struct {
	Sent     int
	Answers  map[int]int // by status; 0: none
	Late     int         // sent later than due, since too many were under way
	Took     time.Duration
	Same     int             // answers with 2xx that are, byte by byte, what was captured
	Differ   int             // answers with 2xx, then and now, that are not
	Error    error           // one of those for which there was no answer
	Latency  []time.Duration // of answers with 2xx, from when the request was due
	Captured []time.Duration // of the model, of the same requests, where it is known
}

func (r *Report) add(q Request, a Answer, took time.Duration, late bool) {
	if r.Answers == nil {
		r.Answers = make(map[int]int)
	}
	r.Sent++
	r.Answers[a.Status]++
	if late {
		r.Late++
	}
	if a.Err != nil {
		r.Error = a.Err
	}
	if a.Status < 200 || a.Status > 299 {
		return
	}
	r.Latency = append(r.Latency, took)
	if q.Latency > 0 {
		r.Captured = append(r.Captured, q.Latency)
	}
	switch {
	case !q.Answered:
	case bytes.Equal(q.Answer, a.Body):
		r.Same++
	default:
		r.Differ++
	}
}

// Good is how many requests were answered with 2xx.
func (r *Report) Good() int { return len(r.Latency) }

// WriteText writes the report for a person.
func (r *Report) WriteText(w io.Writer) error {
	p := &printer{w: w}
	p.printf("%d requests in %v, %d answered with 2xx", r.Sent, r.Took.Round(time.Millisecond), r.Good())
	for _, status := range slices.Sorted(maps.Keys(r.Answers)) {
		if status == 0 {
			p.printf(", %d not answered", r.Answers[0])
		} else if status < 200 || status > 299 {
			p.printf(", %d with %d", r.Answers[status], status)
		}
	}
	p.printf("\n")
	if r.Error != nil {
		p.printf("  such as: %v\n", r.Error)
	}
	if r.Late > 0 {
		p.printf("  %d were sent late, since too many were under way\n", r.Late)
	}
	if n := r.Same + r.Differ; n > 0 {
		p.printf("  %d of %d answers are those that were captured, byte by byte\n", r.Same, n)
	}
	p.quantiles("latency from when it was due", r.Latency)
	p.quantiles("latency of the model when captured", r.Captured)
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *printer) quantiles(name string, all []time.Duration) {
	if len(all) == 0 {
		return
	}
	all = slices.Sorted(slices.Values(all))
	p.printf("  %-36s", name)
	for _, q := range []float64{0.5, 0.95, 0.99} {
		i := min(len(all)-1, int(q*float64(len(all))))
		p.printf("  p%g %v", 100*q, all[i].Round(10*time.Microsecond))
	}
	p.printf("\n")
}
