package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/url"
	"os"
	"time"
)

// A captureCommand asks a running server for what was captured in an experiment.
type captureCommand struct {
	Ls     captureLs     `cmd:"" help:"List the objects."`
	Cat    captureCat    `cmd:"" help:"Print the events, production and shadow beside each other, as lines of JSON."`
	Verify captureVerify `cmd:"" help:"Read everything, join production and shadow by event, and say what is missing."`
}

// captureFlags are those of all captureCommands.
type captureFlags struct {
	configFlags
	Name string `arg:"" help:"Name of the inference experiment."`
	URL  string `help:"Where the server is; default: where the one over the data directory says."`
}

// errCut is what an answer ends with that does not say that it is whole.
var errCut = errors.New("the server's answer is cut off")

// lines asks the server, and calls f with each line of its answer that is neither an error nor the end.
func (c captureFlags) lines(ctx context.Context, path string, f func(line []byte) error) (unreadable []string, err error) {
	body, err := c.ask(ctx, c.URL, "/gnomon/v1/experiments/"+url.PathEscape(c.Name)+path)
	if err != nil {
		return nil, fmt.Errorf("ask for the captures: %w", err)
	}
	defer body.Close()
	in := json.NewDecoder(body)
	for {
		var line json.RawMessage
		if err := in.Decode(&line); err != nil {
			return unreadable, errors.Join(errCut, err)
		}
		var end struct {
			Error string
			Done  bool
		}
		if err := json.Unmarshal(line, &end); err != nil {
			return unreadable, err
		}
		switch {
		case end.Done:
			return unreadable, nil
		case end.Error != "":
			unreadable = append(unreadable, end.Error)
			continue
		}
		if err := f(line); err != nil {
			return unreadable, err
		}
	}
}

// complain says what could not be read.
func complain(unreadable []string) error {
	for _, what := range unreadable {
		fmt.Fprintln(os.Stderr, "gnomon: unreadable:", what)
	}
	if n := len(unreadable); n > 0 {
		return fmt.Errorf("%d objects or records cannot be read", n)
	}
	return nil
}

type captureLs struct{ captureFlags }

// Run lists the objects.
func (c *captureLs) Run(ctx context.Context) error {
	unreadable, err := c.lines(ctx, "/captures/objects", func(line []byte) error {
		var o capturedObject
		if err := json.Unmarshal(line, &o); err != nil {
			return err
		}
		_, err := fmt.Printf("%s  %10d  %s\n", o.Modified.UTC().Format(time.RFC3339), o.Bytes, o.URI)
		return err
	})
	return errors.Join(err, complain(unreadable))
}

type captureCat struct{ captureFlags }

// Run prints the events.
func (c *captureCat) Run(ctx context.Context) error {
	unreadable, err := c.lines(ctx, "/captures", func(line []byte) error {
		_, err := os.Stdout.Write(append(line, '\n'))
		return err
	})
	return errors.Join(err, complain(unreadable))
}

type captureVerify struct{ captureFlags }

// Run reads everything.
func (c *captureVerify) Run(ctx context.Context) error {
	var found verification
	unreadable, err := c.lines(ctx, "/captures", func(line []byte) error {
		var e capturedEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		found.add(e)
		return nil
	})
	if err != nil {
		return errors.Join(err, complain(unreadable))
	}
	return errors.Join(found.write(os.Stdout), complain(unreadable))
}

// A verification is what an experiment's captures come to.
type verification struct {
	both, production, shadow int             // events
	differ                   int             // events whose legs were sent different things
	untimed                  int             // legs
	twice                    int             // events
	seen                     map[uint64]bool // hashes of events
	seed                     maphash.Seed
	unanswered               [2]int
	first, last              time.Time
}

func (v *verification) add(e capturedEvent) {
	if v.seen == nil {
		v.seen, v.seed = make(map[uint64]bool), maphash.MakeSeed()
	}
	if id := maphash.String(v.seed, e.EventID); v.seen[id] {
		v.twice++
	} else {
		v.seen[id] = true
	}
	switch {
	case e.Shadow == nil:
		v.production++
	case e.Production == nil:
		v.shadow++
	default:
		v.both++
		if a, b := e.Production.Input, e.Shadow.Input; (a == nil) != (b == nil) || a != nil && (a.Text != b.Text || string(a.Data) != string(b.Data)) {
			v.differ++
		}
	}
	for n, l := range []*capturedLeg{e.Production, e.Shadow} {
		if l == nil {
			continue
		}
		if l.Status == 0 && l.Fault == "" {
			v.untimed++
		}
		if l.Output == nil {
			v.unanswered[n]++
		}
	}
	if v.first.IsZero() || e.Time.Before(v.first) {
		v.first = e.Time
	}
	if e.Time.After(v.last) {
		v.last = e.Time
	}
}

func (v *verification) write(w io.Writer) error {
	n := v.both + v.production + v.shadow
	if n == 0 {
		_, err := fmt.Fprintln(w, "Nothing is captured yet: objects appear a minute after the first request.")
		return err
	}
	_, err := fmt.Fprintf(w, `%d events from %s to %s
  %d of both variants
  %d of production only, which were not copied, or whose copies were lost
  %d of the shadow only
  %d there twice
  %d were sent different things
  %d of production and %d of the shadow without an answer of status 2xx
  %d records without times
`, n, v.first.Format(time.RFC3339), v.last.Format(time.RFC3339), v.both, v.production, v.shadow, v.twice, v.differ, v.unanswered[0], v.unanswered[1], v.untimed)
	if err == nil && (v.differ > 0 || v.shadow > 0 || v.twice > 0) {
		err = errors.New("records of production are missing, there twice, or not those of the same requests")
	}
	return err
}
