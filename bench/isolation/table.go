package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"gnomon/bench/internal/quantile"
	"gnomon/bench/internal/testbed"
)

var processors = runtime.NumCPU()

func printHead(to io.Writer, o options, cells []cell) {
	fmt.Fprintln(to, testbed.Machine())
	fmt.Fprintf(to, "Open loop, latencies from when a request was due, on %d connections; production answers after %v; %d rounds, each beside one of none.\n",
		callers, testbed.WaitOfHash, o.rounds)
	for _, s := range sizes {
		if slices.ContainsFunc(cells, func(c cell) bool { return c.size == s }) {
			n := int(o.rateOf(s)*o.round(s).Seconds()) * o.rounds
			fmt.Fprintf(to, "%s: %g requests/s, %d in each cell", s.name, o.rateOf(s), n)
			if s.huge {
				fmt.Fprint(to, ", which are few: p99.9 is the longest of all")
			}
			if n < minJudged {
				fmt.Fprint(to, "; too few to judge latencies by")
			}
			fmt.Fprintln(to, ".")
		}
	}
	fmt.Fprintf(to, "A p99 is so many times none's, and with a confidence of %.1f %% at least so many times.\n", 100*confidence)
	if slices.ContainsFunc(cells, func(c cell) bool { return c.shadow.Harms }) {
		fmt.Fprintln(to, "A shadow that takes from everybody on the machine by being there is so many times none's when it gets nothing, which is not\njudged, and its other p99 are so many times that one.")
	}
	fmt.Fprintln(to, "* Not judged. A shadow that takes processors, as it should or as it likes, measures the machine; and few requests have no p99.")
	fmt.Fprintf(to, "%d cells take about %v.\n", len(cells), o.takes(cells).Round(time.Minute))
}

// printResults reports whether all cells pass.
func printResults(to io.Writer, results []result) bool {
	fmt.Fprintln(to)
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ms\tp50\tp99\tp99.9\tp99 ÷ none's\trounds\tat least\tfailed\twrong\tmemory MB\tmost\tgoroutines\tmost\t\tcopies")
	passed := true
	for _, r := range results {
		word := "pass"
		if len(r.judge()) > 0 {
			word, passed = "FAIL", false
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%v\n", r, r.latencies(), r.failed, r.wrong, r.holdings(), word, r.account)
	}
	w.Flush()
	for _, r := range results {
		for _, why := range r.judge() {
			fmt.Fprintf(to, "%s: %s.\n", r, why)
		}
	}
	printRemarks(to, results)
	return passed
}

// brief is a line for who waits for the table.
func (r result) brief() string {
	word := "pass"
	if why := r.judge(); len(why) > 0 {
		word = "FAIL: " + strings.Join(why, "; ")
	}
	p99 := "no p99"
	if len(r.rounds) > 0 {
		beside := "none's"
		if r.shadow.Harms && r.sampling > 0 {
			beside = "that of the same shadow which gets nothing"
		}
		p99 = fmt.Sprintf("p99 %.2f times %s", r.ratio().Value(), beside)
	}
	return fmt.Sprintf("%s  %s: %s, %d failed, %d wrong, %s", time.Now().Format(time.TimeOnly), r, p99, r.failed, r.wrong, word)
}

// latencies are cells in ms.
func (r result) latencies() string {
	if len(r.rounds) == 0 {
		return strings.Repeat("\t", 5)
	}
	var own [][]quantile.Sample
	for _, round := range r.rounds {
		own = append(own, round.Of)
	}
	cells := quantiles(sorted(own...))
	if r.isNone() {
		return cells + "\t\t\t"
	}
	ratio, note := r.ratio(), ""
	if !r.judged() {
		note = " *"
	}
	least, most := r.spread()
	return fmt.Sprintf("%s\t%.2f%s\t%.2f–%.2f\t%.2f", cells, ratio.Value(), note, least, most, ratio.Lower)
}

// spread is how far apart the ratios of single rounds lie.
func (r result) spread() (least, most float64) {
	var all []float64
	for _, round := range r.rounds {
		all = append(all, float64(quantile.Of(sorted(round.Of), 0.99))/float64(quantile.Of(sorted(round.Beside), 0.99)))
	}
	return slices.Min(all), slices.Max(all)
}

// sorted are the latencies, the least first.
func sorted(samples ...[]quantile.Sample) []time.Duration {
	var all []time.Duration
	for _, list := range samples {
		for _, s := range list {
			all = append(all, s.Took)
		}
	}
	slices.Sort(all)
	return all
}

func quantiles(sorted []time.Duration) string {
	var all []string
	for _, q := range []float64{0.5, 0.99, 0.999} {
		all = append(all, fmt.Sprintf("%.2f", float64(quantile.Of(sorted, q))/float64(time.Millisecond)))
	}
	return strings.Join(all, "\t")
}

func (r result) holdings() string {
	memory, goroutines := testbed.TrendOf(r.vitals, testbed.Memory), testbed.TrendOf(r.vitals, testbed.Goroutines)
	const mb = 1e6
	return fmt.Sprintf("%.1f → %.1f\t%.1f\t%d → %d\t%d", float64(memory.From)/mb, float64(memory.To)/mb, float64(memory.Most)/mb,
		goroutines.From, goroutines.To, goroutines.Most)
}

func printRemarks(to io.Writer, results []result) {
	for _, r := range results {
		if r.isNone() || r.shadow.Name == testbed.HealthyShadow().Name {
			fmt.Fprintf(to, "%s: generator and models used %.0f %% of the processors.\n", r, 100*r.busy)
		}
	}
}
