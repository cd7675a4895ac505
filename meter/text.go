package meter

import (
	"bufio"
	"fmt"
	"io"
)

// WriteText writes the comparison as text for a terminal: what became of the copies, then the production variant's
// numbers beside the shadow's. The error is w's.
func WriteText(w io.Writer, c Comparison) error {
	t := table{w: bufio.NewWriter(w)}
	if !c.From.IsZero() {
		fmt.Fprintf(t.w, "%s to %s (%s)\n\n", c.From.Format(stamp), c.To.Format(stamp), c.To.Sub(c.From))
	}
	t.width = cellWidth
	t.row("requests", Group(c.Accounting.Requests), share(c.Accounting.Requests, c.Accounting.Requests))
	for _, l := range c.Accounting.Lines() {
		t.row("  "+string(l.Bucket), l.Number, l.Part)
	}
	fmt.Fprintln(t.w)
	t.width = max(cellWidth, len(c.Variants.Production)+2, len(c.Variants.Shadow)+2)
	t.sides(c.Lines())
	if c.Latency.Production.Count+c.Latency.Shadow.Count > 0 {
		fmt.Fprintf(t.w, "\n%s\n", QuantilesAre)
	}
	return t.w.Flush()
}

// QuantilesAre is what whoever reads quantiles of two variants should know.
const QuantilesAre = "Quantiles are description, no part of a verdict. The difference of two p99s is not the p99 of the differences."

const (
	stamp      = "2006-01-02 15:04 MST"
	labelWidth = 22
	cellWidth  = 14
)

// A table writes a label and cells that align to the right.
type table struct {
	w     *bufio.Writer // keeps the first error until Flush
	width int           // of a cell
}

func (t table) row(label string, cells ...string) {
	fmt.Fprintf(t.w, "%-*s", labelWidth, label)
	for _, c := range cells {
		fmt.Fprintf(t.w, "%*s", t.width, c)
	}
	fmt.Fprintln(t.w)
}

func (t table) sides(lines []Line) {
	t.row("", "production", "shadow")
	of := ""
	for _, l := range lines {
		label := l.Label
		if l.Part {
			label = "  " + label
		}
		switch {
		case l.Of != "" && l.Of != of:
			label = fmt.Sprintf("%-13s %s", l.Of, label)
		case l.Of != "":
			label = fmt.Sprintf("%-13s %s", "", label)
		}
		of = l.Of
		t.row(label, l.Production, l.Shadow)
	}
}
