package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"gnomon/bench/internal/load"
	"gnomon/bench/internal/testbed"
)

// TestSoak has time for a few shadows.
func TestSoak(t *testing.T) {
	bed, err := testbed.New(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bed.Close() })
	var out bytes.Buffer
	r, err := soak(t.Context(), bed, options{duration: 8 * time.Second, rate: 50}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if !r.print(&out) || len(r.phases) == 0 || len(r.load.Samples) != 400 {
		t.Errorf("%d phases, %d requests:\n%s", len(r.phases), len(r.load.Samples), &out)
	}
}

// turnsOf is so many turns of every shadow, with what the server held behind each.
func turnsOf(memory ...int64) []phase {
	var all []phase
	for _, n := range memory {
		for i, s := range shadows() {
			p := phase{shadow: s, sums: true, account: testbed.Account{"requests": 1, "mirrored": 1}}
			// Some leave behind what soon goes away.
			for _, more := range []int64{int64(i%3) * 50e6, 0} {
				p.vitals = append(p.vitals, testbed.Vitals{Memory: n + more, Goroutines: (n + more) / 1e6, Files: (n + more) / 1e6})
			}
			all = append(all, p)
		}
	}
	return all
}

func TestReport(t *testing.T) {
	const mb = 1e6
	good := load.Result{Samples: []load.Sample{{Took: time.Millisecond}}}
	torn := turnsOf(30*mb, 30*mb, 30*mb)
	torn[5].sums = false
	for name, tc := range map[string]struct {
		r    report
		want string // a line
		held bool
	}{
		"flat":       {report{good, turnsOf(30*mb, 50*mb, 51*mb, 50*mb, 49*mb, 50*mb)}, "ok    memory, at the least, went from 51.0 MB to 49.0 MB", true},
		"grows":      {report{good, turnsOf(30*mb, 50*mb, 60*mb, 70*mb, 80*mb, 90*mb)}, "FAIL  memory, at the least, went from 60.0 MB to 80.0 MB", false},
		"goroutines": {report{good, turnsOf(30*mb, 50*mb, 60*mb, 70*mb, 80*mb, 90*mb)}, "FAIL  goroutines, at the least, went from 60 to 80", false},
		"files":      {report{good, turnsOf(30*mb, 50*mb, 60*mb, 70*mb, 80*mb, 90*mb)}, "FAIL  open files, at the least, went from 60 to 80", false},
		"too short":  {report{good, turnsOf(30*mb, 50*mb)}, "ok    growth is not judged", true},
		"no phase":   {report{good, nil}, "FAIL  the buckets", false},
		"torn":       {report{good, torn}, "FAIL  the buckets of the experiment", false},
		"failed":     {report{load.Result{Samples: []load.Sample{{Err: errors.New("refused")}}}, torn}, "FAIL  1 requests, of which 1 failed", false},
		"wrong":      {report{load.Result{Samples: []load.Sample{{Wrong: true}}}, torn}, "FAIL  1 requests, of which 0 failed and 1 had", false},
	} {
		var out bytes.Buffer
		if held := tc.r.print(&out); held != tc.held || !strings.Contains(out.String(), tc.want) {
			t.Errorf("%s: %t, want %t and %q:\n%s", name, held, tc.held, tc.want, &out)
		}
	}
}

func TestOptions_Phase(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{8 * time.Second: time.Second, time.Minute: 2 * time.Second, 20 * time.Minute: 12 * time.Second, 40 * time.Minute: 12 * time.Second} {
		if got := (options{duration: d}).phase(); got != want {
			t.Errorf("%v: %v, want %v", d, got, want)
		}
	}
}
