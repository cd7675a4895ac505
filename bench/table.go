package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

func printHead(o options) {
	memory := "unknown memory"
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		memory = fmt.Sprintf("%.1f GiB", float64(info.Totalram)*float64(info.Unit)/(1<<30))
	}
	fmt.Printf("%s, %d processors, %s, %s/%s, load average %s\n", time.Now().UTC().Format("2006-01-02 15:04 MST"),
		runtime.NumCPU(), memory, runtime.GOOS, runtime.GOARCH, loadAverage())
	fmt.Printf("%d requests/s on %d connections, POST of %d B of JSON, answers of %d B; %d rounds, in each of which every row has %d requests\n\n",
		o.rate, o.callers, len(requestBody), len(answerBody), o.rounds, o.requests(o.duration))
}

// loadAverage is that of the last one, five and fifteen minutes.
func loadAverage() string {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return "unknown"
	}
	const one = 1 << 16
	return fmt.Sprintf("%.2f %.2f %.2f", float64(info.Loads[0])/one, float64(info.Loads[1])/one, float64(info.Loads[2])/one)
}

// printRows prints medians over the rounds, and how far the rounds lie apart.
func printRows(to io.Writer, rows []*row) {
	w := tabwriter.NewWriter(to, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "µs\tCPU/request\trounds\tp50\tp99")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.1f\t%.1f–%.1f\t%.0f\t%.0f\n", r.name, inMicros(median(r.cpu)),
			inMicros(slices.Min(r.cpu)), inMicros(slices.Max(r.cpu)), inMicros(median(r.p50)), inMicros(median(r.p99)))
	}
	w.Flush()
	for _, r := range rows {
		if r.spoilt > 0 {
			fmt.Fprintf(to, "%s: %d rounds were done again, since the shadow was too slow for all of its copies.\n", r.name, r.spoilt)
		}
	}
}

// printCeilings reports whether all are kept.
func printCeilings(to io.Writer, verdicts []verdict) bool {
	kept := true
	w := tabwriter.NewWriter(to, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "\nCPU/request\tbeside\tmeasured\trounds\tceiling\t")
	for _, v := range verdicts {
		kept = kept && v.kept()
		format := "%.2f ×"
		if v.times == 0 {
			format = "%+.1f µs"
		}
		measured, rounds, word := "–", "–", "not measured"
		if len(v.found) > 0 {
			measured = fmt.Sprintf(format, median(v.found))
			rounds = fmt.Sprintf(format+" to "+format, slices.Min(v.found), slices.Max(v.found))
			word = "MISSED"
		}
		if v.kept() {
			word = "kept"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t"+format+"\t%s\n", v.row, v.beside, measured, rounds, v.limit(), word)
	}
	w.Flush()
	return kept
}

// median is the middle of a list that is not empty, or the upper one of two.
func median[T cmp.Ordered](list []T) T {
	return slices.Sorted(slices.Values(list))[len(list)/2]
}
