package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"gnomon/bench/internal/load"
	"gnomon/bench/internal/quantile"
	"gnomon/bench/internal/testbed"
)

// A phase is one shadow's turn.
type phase struct {
	shadow  testbed.Shadow
	at      time.Duration // since the beginning
	account testbed.Account
	sums    bool  // the account added up, while the experiment ran and behind its end
	most    int64 // bytes of memory while it ran
	vitals  []testbed.Vitals
}

// What the server holds between experiments may grow by no more than this, once it has settled.
const (
	memoryShare = 0.02
	memoryBytes = 5 << 20
	few         = 5 // goroutines, and open files
	enough      = 3 // turns of every shadow: one to settle, and two to compare
)

const lineFormat = "%6v  %-10s  %8v  %4v  %7v  %7v  %10v  %5v  %v\n"

func printHead(to io.Writer) {
	fmt.Fprintf(to, lineFormat, "at", "shadow", "requests", "sums", "most MB", "then MB", "goroutines", "files", "copies")
}

func (p phase) print(to io.Writer) {
	sums := "yes"
	if !p.sums {
		sums = "NO"
	}
	v := p.vitals[len(p.vitals)-1]
	fmt.Fprintf(to, lineFormat, p.at.Round(time.Second), p.shadow.Name, p.account.Requests(), sums, megabytes(p.most),
		megabytes(v.Memory), v.Goroutines, v.Files, p.account)
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f", float64(n)/1e6) }

// A report is what became of it all.
type report struct {
	load   load.Result
	phases []phase
}

// A finding is one thing that must hold.
type finding struct {
	what string
	held bool
}

func (r report) findings() []finding {
	failed, wrong := r.load.Failed()
	text := fmt.Sprintf("%d requests, of which %d failed and %d had an answer that was not production's", len(r.load.Samples), failed, wrong)
	if err := r.load.Err(); err != nil {
		text += fmt.Sprintf(", such as: %v", err)
	}
	all := []finding{{text, failed == 0 && wrong == 0}}
	sums := finding{"the buckets of every experiment add up", len(r.phases) > 0}
	for _, p := range r.phases {
		if !p.sums {
			sums = finding{fmt.Sprintf("the buckets of the experiment at %v do not add up: %d requests, %v", p.at, p.account.Requests(), p.account), false}
		}
	}
	all = append(all, sums)
	return append(all, r.growth()...)
}

// growth compares cycles in which every shadow had its turn, by the least that the server held in each: what a shadow leaves
// behind goes away some time after it, and what does not go away is more at the quietest moment, too.
func (r report) growth() []finding {
	var groups [][]testbed.Vitals
	for cycle := range slices.Chunk(r.phases, len(shadows())) {
		if len(cycle) == len(shadows()) {
			groups = append(groups, []testbed.Vitals{least(cycle)})
		}
	}
	if len(groups) < enough {
		return []finding{{fmt.Sprintf("growth is not judged: it takes %d turns of every shadow, and there was time for %d", enough, len(groups)), true}}
	}
	memory, goroutines, files := testbed.TrendOf(groups, testbed.Memory), testbed.TrendOf(groups, testbed.Goroutines), testbed.TrendOf(groups, testbed.Files)
	return []finding{
		{fmt.Sprintf("memory, at the least, went from %s MB to %s MB", megabytes(memory.From), megabytes(memory.To)), !memory.Grew(memoryShare, memoryBytes)},
		{fmt.Sprintf("goroutines, at the least, went from %d to %d", goroutines.From, goroutines.To), !goroutines.Grew(0, few)},
		{fmt.Sprintf("open files, at the least, went from %d to %d", files.From, files.To), !files.Grew(0, few)},
	}
}

func least(phases []phase) testbed.Vitals {
	var all []testbed.Vitals
	for _, p := range phases {
		all = append(all, p.vitals...)
	}
	lowest := func(f func(testbed.Vitals) int64) int64 {
		return f(slices.MinFunc(all, func(a, b testbed.Vitals) int { return cmp.Compare(f(a), f(b)) }))
	}
	return testbed.Vitals{Memory: lowest(testbed.Memory), Goroutines: lowest(testbed.Goroutines), Files: lowest(testbed.Files)}
}

// print reports whether all is as it must be.
func (r report) print(to io.Writer) bool {
	latencies := r.load.Latencies()
	slices.Sort(latencies)
	fmt.Fprintln(to)
	if len(latencies) > 0 {
		fmt.Fprintf(to, "p50 %v, p99 %v, p99.9 %v\n", quantile.Of(latencies, 0.5), quantile.Of(latencies, 0.99), quantile.Of(latencies, 0.999))
	}
	held := true
	for _, f := range r.findings() {
		word := "ok  "
		if !f.held {
			word, held = "FAIL", false
		}
		fmt.Fprintf(to, "%s  %s\n", word, f.what)
	}
	return held
}
