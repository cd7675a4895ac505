package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"gnomon/bench/internal/quantile"
	"gnomon/bench/internal/testbed"
)

// latencies are those of a round of two seconds in which a model answers in 5 ms and something, so many times as slow.
func latencies(random *rand.Rand, slower float64) []quantile.Sample {
	var all []quantile.Sample
	for at := range 4000 {
		took := 5*time.Millisecond + time.Duration(random.ExpFloat64()*200)*time.Microsecond
		all = append(all, quantile.Sample{Due: time.Duration(at) * 500 * time.Microsecond, Took: time.Duration(float64(took) * slower)})
	}
	return all
}

func resultOf(slower float64) result {
	random := rand.New(rand.NewPCG(1, 2))
	r := result{cell: cell{shadow: testbed.FaultyShadows()[0], size: sizes[0], sampling: 100}, account: testbed.Account{"requests": 1, "mirrored": 1}}
	for range 5 {
		r.rounds = append(r.rounds, quantile.Round{Of: latencies(random, slower), Beside: latencies(random, 1)})
	}
	return r
}

// holding is what a server held that took so much in each round of 20 s.
func holding(rounds ...int64) func(*result) {
	return func(r *result) {
		for _, memory := range rounds {
			r.vitals = append(r.vitals, []testbed.Vitals{{Memory: memory}, {At: time.Time{}.Add(20 * time.Second), Memory: memory}})
		}
	}
}

func TestDoubtful(t *testing.T) {
	slow, well, wrong, both := resultOf(1.5), resultOf(1), resultOf(1), resultOf(1.5)
	slow.sampling, wrong.wrong, both.wrong = 10, 1, 1
	all := []result{slow, well, wrong, both}
	if cells := doubtful(all); len(cells) != 1 || cells[0] != slow.cell {
		t.Errorf("%v are measured once more, want the one that is only slow", cells)
	}
	for _, tc := range []struct {
		results []result
		failed  bool
	}{{all[:2], false}, {all[:3], true}, {all[3:], true}} {
		if failed(tc.results) != tc.failed {
			t.Errorf("%v: failed is not %v", tc.results, tc.failed)
		}
	}
}

func TestJudge(t *testing.T) {
	const mb = 1e6
	with := func(slower float64, change func(*result)) result {
		r := resultOf(slower)
		if change != nil {
			change(&r)
		}
		return r
	}
	for name, tc := range map[string]struct {
		r    result
		want string // a part of the reason; "": it passes
	}{
		"equal":       {with(1, nil), ""},
		"20 % slower": {with(1.2, nil), "p99"},
		"5 % slower":  {with(1.05, nil), ""},
		"too few to tell": {with(2, func(r *result) {
			for i := range r.rounds {
				r.rounds[i].Of = r.rounds[i].Of[:20]
			}
		}), ""},
		"a body more": {with(1, func(r *result) {
			r.size = sizes[2]
			holding(50*mb, 50*mb, 50*mb, 65*mb, 65*mb)(r)
		}), ""},
		"many bodies more": {with(1, func(r *result) {
			r.size = sizes[2]
			holding(50*mb, 50*mb, 50*mb, 75*mb, 75*mb)(r)
		}), "memory"},
		"faster":                    {with(0.5, nil), ""},
		"the machine's doing":       {with(1.2, func(r *result) { r.shadow.Machine = true }), ""},
		"its being there":           {with(1.5, func(r *result) { r.cell = r.unasked() }), ""},
		"one request failed":        {with(1, func(r *result) { r.failed, r.example = 1, errors.New("refused") }), "1 requests failed, such as: refused"},
		"one answer is another's":   {with(1, func(r *result) { r.wrong = 1 }), "1 answers"},
		"not measured":              {result{cell: none(sizes[0]), broken: errors.New("no endpoint")}, "could not be measured: no endpoint"},
		"accounting":                {with(1, func(r *result) { r.sums = errors.New("the buckets add up to 7") }), "add up to 7"},
		"memory is flat":            {with(1, holding(50*mb, 50*mb, 51*mb, 50*mb, 52*mb)), ""},
		"memory grows":              {with(1, holding(50*mb, 60*mb, 70*mb, 80*mb, 90*mb)), "memory grew from 70.0 MB to 80.0 MB"},
		"memory grows at first":     {with(1, holding(20*mb, 80*mb, 80*mb, 80*mb, 80*mb)), ""},
		"memory grows for a minute": {with(1, holding(50*mb, 60*mb, 70*mb)), ""},
		"much memory grows little": {with(1, func(r *result) {
			r.size = sizes[2]
			holding(500*mb, 500*mb, 505*mb, 515*mb, 515*mb)(r)
		}), ""},
		"more than its limits":  {with(1, holding(50*mb, 110*mb, 50*mb)), "it held 110.0 MB, and its limits allow 105.1 MB"},
		"memory comes and goes": {with(1, holding(50*mb, 50*mb, 80*mb, 50*mb, 80*mb)), ""},
		"memory shrinks":        {with(1, holding(50*mb, 80*mb, 60*mb, 40*mb, 20*mb)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			why := strings.Join(tc.r.judge(), "; ")
			if (why == "") != (tc.want == "") || !strings.Contains(why, tc.want) {
				t.Errorf("got %q, want %q", why, tc.want)
			}
		})
	}
}

// TestTooSlow_KnowsWhatHarmsNobody has ratios that are large because the latencies are small.
func TestTooSlow_KnowsWhatHarmsNobody(t *testing.T) {
	for _, tc := range []struct {
		of, beside time.Duration
		want       bool
	}{
		{400 * time.Microsecond, 200 * time.Microsecond, false},
		{501 * time.Microsecond, 200 * time.Microsecond, true},
	} {
		if got := tooSlow(quantile.Ratio{Of: tc.of, Beside: tc.beside, Lower: 2}); got != tc.want {
			t.Errorf("%v beside %v: %v", tc.of, tc.beside, got)
		}
	}
}

func TestPrintResults(t *testing.T) {
	good, broken := resultOf(1), result{cell: none(sizes[0]), broken: errors.New("no endpoint")}
	holding(50e6, 50e6, 51e6, 50e6, 52e6)(&good)
	for _, tc := range []struct {
		results []result
		passed  bool
		want    []string
	}{
		{[]result{good}, true, []string{"slow/1KB/100", "51.0 → 50.0", "pass", "mirrored 1"}},
		{[]result{good, broken}, false, []string{"none/1KB/0", "FAIL", "none/1KB/0: it could not be measured: no endpoint."}},
	} {
		var out bytes.Buffer
		if passed := printResults(&out, tc.results); passed != tc.passed {
			t.Errorf("passed is %t:\n%s", passed, &out)
		}
		for _, want := range tc.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("there is no %q:\n%s", want, &out)
			}
		}
	}
}
