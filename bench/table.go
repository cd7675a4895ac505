package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"gnomon/bench/internal/quantile"
	"gnomon/bench/internal/testbed"
)

func printHead(to io.Writer, o options, capacity float64) {
	fmt.Fprintln(to, testbed.Machine())
	fmt.Fprintf(to, "POST of JSON, answers of 33 B; %d rounds, in each of which every row is measured for %v", o.rounds, o.duration)
	if capacity > 0 { // it is found only for rows that need it
		fmt.Fprintf(to, "; capacity of gnomon when all is copied: %.0f requests/s", capacity)
	}
	if o.apart {
		fmt.Fprint(to, "\nThe servers have one half of the processors; the models, and who asks, have the other.")
	}
	fmt.Fprint(to, "\n\n")
}

// column is one number of all rounds.
func column[T any](rounds []measurement, f func(measurement) T) []T {
	var all []T
	for _, m := range rounds {
		all = append(all, f(m))
	}
	return all
}

// printRows prints medians over the rounds, and how far the rounds lie apart.
func printRows(to io.Writer, rows []*row) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tpace\tbody\tconnections\tµs CPU/request\trounds\tanswered/s\tcopied\tp50 µs\tp99 µs\t")
	var last *row
	for _, r := range rows {
		if last != nil && (r.rate != last.rate || r.body != last.body || r.callers != last.callers) {
			fmt.Fprintln(w, strings.Repeat("\t", 10))
		}
		last = r
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", r, r.pace(), r.size(), r.callers, r.numbers())
	}
	w.Flush()
	printRemarks(to, rows)
}

// numbers are the cells of a row that were measured.
func (r *row) numbers() string {
	if len(r.rounds) == 0 || r.failure != nil {
		return "not measured\t\t\t\t\t\t"
	}
	cpu := column(r.rounds, func(m measurement) float64 { return inMicros(m.cpu) })
	cost := fmt.Sprintf("%.1f\t%.1f–%.1f", quantile.Median(cpu), slices.Min(cpu), slices.Max(cpu))
	if r.process == nil {
		cost = "\t"
	}
	copied := ""
	if r.account != nil && r.sampling > 0 {
		copied = fmt.Sprintf("%.1f %%", 100*quantile.Median(column(r.rounds, func(m measurement) float64 { return m.copied })))
	}
	return fmt.Sprintf("%s\t%.0f\t%s\t%.0f\t%.0f\t", cost,
		quantile.Median(column(r.rounds, func(m measurement) float64 { return m.rate })), copied,
		quantile.Median(column(r.rounds, func(m measurement) float64 { return inMicros(m.p50) })),
		quantile.Median(column(r.rounds, func(m measurement) float64 { return inMicros(m.p99) })))
}

// printRemarks tells of the rows that went otherwise than planned.
func printRemarks(to io.Writer, rows []*row) {
	for _, r := range rows {
		switch {
		case r.failure != nil:
			fmt.Fprintf(to, "%s, %s: not measured: %v.\n", r, r.pace(), r.failure)
		case r.rest > 0:
			fmt.Fprintf(to, "%s, saturated: in bursts of %d requests with %v between them for the copies, which production does not wait for.\n",
				r, burst, r.rest)
		case r.spoilt > 0:
			fmt.Fprintf(to, "%s, %s: %d rounds were done again, since the shadow did not take its copies.\n", r, r.pace(), r.spoilt)
		}
	}
}

// printCeilings reports whether none fails.
func printCeilings(to io.Writer, verdicts []verdict) bool {
	passed := true
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nceiling\tbeside\tpace\tbody\tof\tmeasured\trounds\tsurely above\tat most\t")
	for _, v := range verdicts {
		passed = passed && !v.outcome().fails()
		of := "CPU"
		if v.latency {
			of = "p99"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.row, v.beside, v.row.pace(), v.row.size(), of, v.numbers(), v.outcome())
	}
	w.Flush()
	return passed
}

// numbers are the cells of what was measured and of what may be.
func (v verdict) numbers() string {
	format := "%.2f ×"
	if v.times == 0 {
		format = "%+.1f µs"
	}
	limit := fmt.Sprintf(format, v.limit())
	if len(v.found) == 0 {
		return "–\t–\t–\t" + limit
	}
	surely := "–"
	if bound := quantile.MedianAbove(v.found, sure); !math.IsInf(bound, 0) {
		surely = fmt.Sprintf(format, bound)
	}
	return fmt.Sprintf(format+"\t"+format+" to "+format+"\t%s\t%s", quantile.Median(v.found), slices.Min(v.found), slices.Max(v.found), surely, limit)
}
