package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"gnomon/bench/internal/load"
	"gnomon/bench/internal/testbed"
)

// measureNginx prints what the chosen shadows do to production behind nginx's mirror, with bodies of 1 KB and every request
// copied. It is there to compare with, and judges nothing.
func measureNginx(ctx context.Context, bed *testbed.Bed, o options, cells []cell, out io.Writer) error {
	s := sizes[0]
	cells = slices.DeleteFunc(slices.Clone(cells), func(c cell) bool { return c.size != s || c.sampling != 100 })
	if o.nginx == "none" || len(cells) == 0 {
		return nil
	}
	program, err := testbed.FindNginx(o.nginx)
	if err != nil {
		fmt.Fprintf(out, "\nnginx is missing, so there is nothing to compare with (%v).\n", err)
		return nil
	}
	model, err := bed.StartModel(ctx, hashArguments()...)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "\nThe same behind nginx's mirror, in one round; a copy may take 5 s there:")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "ms\tp50\tp99\tp99.9\tfailed\twrong\tanswered/s")
	for _, c := range append([]cell{none(s)}, cells...) {
		fmt.Fprintf(os.Stderr, "nginx: %s\n", c)
		r, err := throughNginx(ctx, bed, program, model, o, c)
		if err != nil {
			return fmt.Errorf("nginx: %s: %w", c, err)
		}
		failed, wrong := r.Failed()
		fmt.Fprintf(w, "nginx, %s\t%s\t%d\t%d\t%.0f\n", c, quantiles(slices.Sorted(took(r))), failed, wrong, float64(len(r.Latencies()))/r.Took.Seconds())
	}
	return nil
}

func took(r load.Result) func(func(time.Duration) bool) {
	return func(yield func(time.Duration) bool) {
		for _, s := range r.Samples {
			if !yield(s.Took) {
				return
			}
		}
	}
}

func hashArguments() []string {
	return []string{"-answer", "hash", "-wait", testbed.WaitOfHash.String()}
}

// throughNginx sends one round.
func throughNginx(ctx context.Context, bed *testbed.Bed, program, model string, o options, c cell) (r load.Result, err error) {
	server := testbed.NginxServer{Production: model}
	switch {
	case c.sampling == 0:
	case c.shadow.Image == testbed.HashImage:
		if server.Shadow, err = bed.StartModel(ctx, hashArguments()...); err != nil {
			return r, err
		}
	default:
		shadow, err := bed.StartFaulty(ctx, strings.Replace(c.shadow.Fault, "refuse=1", "refuse", 1))
		if err != nil {
			return r, err
		}
		defer shadow.Stop()
		server.Shadow = shadow.Address
	}
	n, err := bed.StartNginx(ctx, program, []testbed.NginxServer{server})
	if err != nil {
		return r, err
	}
	defer bed.StopNginx(n)
	questions, err := testbed.Questions(c.size.kinds, c.size.bytes, func(body []byte) ([]byte, error) {
		return testbed.Invocation(n.Addresses[0], "/invocations", body), nil
	})
	if err != nil {
		return r, err
	}
	plan := load.Plan{Requests: questions, Rate: o.rateOf(c.size), For: warmUp}
	asking := load.NewCallers(n.Addresses[0], callers)
	defer asking.Close()
	if _, err := asking.Send(ctx, plan); err != nil {
		return r, err
	}
	plan.For = o.round(c.size)
	return asking.Send(ctx, plan)
}
