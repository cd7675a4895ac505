package main

import (
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// printTable prints medians over the rounds, and how far the rounds lie apart.
func printTable(contenders []contender, results []result) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "proxy\tCPU/request\trounds\t÷ nginx, no mirror\t÷ nginx, mirror\tp50\tp99\t")
	plain, mirror := reference(contenders, results, "nginx, no mirror"), reference(contenders, results, "nginx, mirror")
	for i, c := range contenders {
		r := results[i]
		cpu := median(r.cpu)
		fmt.Fprintf(w, "%s\t%s\t%s–%s\t%s\t%s\t%s\t%s\t\n", c.name, micros(cpu), micros(slices.Min(r.cpu)), micros(slices.Max(r.cpu)),
			ratio(cpu, plain), ratio(cpu, mirror), micros(median(r.p50)), micros(median(r.p99)))
	}
	w.Flush()
}

// reference is the CPU of the contender of that name; 0 if there is none.
func reference(contenders []contender, results []result, name string) time.Duration {
	for i, c := range contenders {
		if c.name == name {
			return median(results[i].cpu)
		}
	}
	return 0
}

func ratio(d, reference time.Duration) string {
	if reference == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", float64(d)/float64(reference))
}

func median(list []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}
