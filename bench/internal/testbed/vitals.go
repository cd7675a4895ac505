package testbed

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gnomon/bench/internal/quantile"
)

// Vitals are what a process holds.
type Vitals struct {
	At         time.Time
	Memory     int64 // resident bytes
	Goroutines int64
	Files      int64 // open descriptors
}

// Vitals are the server's, as its metrics have them.
func (g *Gnomon) Vitals(ctx context.Context) (Vitals, error) {
	text, err := g.read(ctx, "/metrics")
	if err != nil {
		return Vitals{}, err
	}
	v := Vitals{At: time.Now()}
	for name, to := range map[string]*int64{
		"process_resident_memory_bytes": &v.Memory, "go_goroutines": &v.Goroutines, "process_open_fds": &v.Files,
	} {
		if *to, err = metric(text, name); err != nil {
			return Vitals{}, err
		}
	}
	return v, nil
}

// metric finds a metric without labels in Prometheus's text format.
func metric(text []byte, name string) (int64, error) {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			f, err := strconv.ParseFloat(value, 64)
			return int64(f), err
		}
	}
	return 0, fmt.Errorf("there is no metric %s", name)
}

// watchInterval is how often [Gnomon.Watch] asks.
const watchInterval = 250 * time.Millisecond

// Watch asks for the vitals again and again until the function that it returns is called, which returns them all.
func (g *Gnomon) Watch(ctx context.Context) (stop func() ([]Vitals, error)) {
	ctx, cancel := context.WithCancel(ctx)
	var all []Vitals
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			var v Vitals
			if v, err = g.Vitals(context.WithoutCancel(ctx)); err != nil {
				return
			}
			all = append(all, v)
			select {
			case <-ctx.Done():
				return
			case <-time.After(watchInterval):
			}
		}
	}()
	return func() ([]Vitals, error) {
		cancel()
		<-done
		return all, err
	}
}

// Memory is resident bytes.
func Memory(v Vitals) int64 { return v.Memory }

// Goroutines is how many there are.
func Goroutines(v Vitals) int64 { return v.Goroutines }

// Files is how many descriptors are open.
func Files(v Vitals) int64 { return v.Files }

// A Trend is how one of the vitals went: From once it had settled, To at the end, and the Most there ever was.
type Trend struct{ From, To, Most int64 }

// TrendOf compares groups of vitals, taken one after the other in the same circumstances. The first quarter of the groups,
// and one at least, is left for settling. Of the medians of those in the first third of the rest From is the largest, and of those in the last
// third To is the smallest, so that what comes and goes is no growth.
func TrendOf(groups [][]Vitals, f func(Vitals) int64) Trend {
	var t Trend
	var medians []int64
	for _, group := range groups {
		var list []int64
		for _, v := range group {
			list = append(list, f(v))
		}
		if len(list) > 0 {
			medians = append(medians, quantile.Median(list))
			t.Most = max(t.Most, slices.Max(list))
		}
	}
	if len(medians) == 0 {
		return t
	}
	rest := medians[min(max(1, len(medians)/4), len(medians)-1):]
	third := (len(rest) + 2) / 3
	t.From, t.To = slices.Max(rest[:third]), slices.Min(rest[len(rest)-third:])
	return t
}

// Grew reports whether it grew by more than a share, and by more than what is nothing.
func (t Trend) Grew(share float64, nothing int64) bool {
	return t.To-t.From > max(int64(share*float64(t.From)), nothing)
}
