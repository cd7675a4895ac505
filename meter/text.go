package meter

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"time"

	"gnomon"
)

// WriteText writes the comparison as text for a terminal: what became of the copies, then the production variant's
// numbers beside the shadow's. The error is w's.
func WriteText(w io.Writer, c Comparison) error {
	t := table{w: bufio.NewWriter(w)}
	if !c.From.IsZero() {
		fmt.Fprintf(t.w, "%s to %s (%s)\n\n", c.From.Format(stamp), c.To.Format(stamp), c.To.Sub(c.From))
	}
	t.width = cellWidth
	t.accounting(c.Accounting)
	fmt.Fprintln(t.w)
	t.width = max(cellWidth, len(c.Variants.Production)+2, len(c.Variants.Shadow)+2)
	t.sides(c)
	return t.w.Flush()
}

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

func (t table) accounting(a Accounting) {
	t.row("requests", group(a.Requests), share(a.Requests, a.Requests))
	for _, b := range gnomon.Buckets() {
		if n := a.Buckets[b]; n != 0 || b == gnomon.BucketMirrored {
			t.row("  "+string(b), group(n), share(n, a.Requests))
		}
	}
}

func (t table) sides(c Comparison) {
	t.row("", "production", "shadow")
	t.row("variant", cmp.Or(string(c.Variants.Production), "-"), cmp.Or(string(c.Variants.Shadow), "-"))
	p, s := c.Errors.Production, c.Errors.Shadow
	t.row("invocations", group(p.Invocations), group(s.Invocations))
	t.row("not answered 2xx", share(p.Invocations-p.Answers2xx, p.Invocations), share(s.Invocations-s.Answers2xx, s.Invocations))
	for _, k := range []struct {
		label              string
		production, shadow int64
	}{
		{"  4xx", p.Answers4xx, s.Answers4xx},
		{"  5xx", p.Answers5xx, s.Answers5xx},
		{"  other status", p.AnswersOther, s.AnswersOther},
		{"  timeout", p.Timeouts, s.Timeouts},
		{"  connection fault", p.ConnectionFaults, s.ConnectionFaults},
		{"  protocol fault", p.ProtocolFaults, s.ProtocolFaults},
		{"  no instance", p.NoInstance, s.NoInstance},
	} {
		if k.production+k.shadow > 0 {
			t.row(k.label, group(k.production), group(k.shadow))
		}
	}
	pl, sl := c.Latency.Production, c.Latency.Shadow
	t.row("model latency p50", took(pl, pl.P50), took(sl, sl.P50))
	t.row("              p90", took(pl, pl.P90), took(sl, sl.P90))
	t.row("              p99", took(pl, pl.P99), took(sl, sl.P99))
	t.row("              p99.9", took(pl, pl.P999), took(sl, sl.P999))
	t.row("              mean", took(pl, pl.Mean), took(sl, sl.Mean))
	t.row("              max", took(pl, pl.Max), took(sl, sl.Max))
	t.row("overhead      p50", took(c.Overhead, c.Overhead.P50), "-")
	t.row("              p99", took(c.Overhead, c.Overhead.P99), "-")
	if c.Streams != nil {
		t.streams(c.Streams.Production, c.Streams.Shadow)
	}
}

// streams is about streamed answers.
func (t table) streams(p, s StreamReport) {
	t.row("first chunk   p50", took(p.FirstChunkModel, p.FirstChunkModel.P50), took(s.FirstChunkModel, s.FirstChunkModel.P50))
	t.row("              p99", took(p.FirstChunkModel, p.FirstChunkModel.P99), took(s.FirstChunkModel, s.FirstChunkModel.P99))
	t.row("between chunks p50", took(p.InterChunk, p.InterChunk.P50), took(s.InterChunk, s.InterChunk.P50))
	t.row("              p99", took(p.InterChunk, p.InterChunk.P99), took(s.InterChunk, s.InterChunk.P99))
	t.row("broke off", group(p.MidStreamErrors), group(s.MidStreamErrors))
}

// took returns one of l's figures with a unit that suits it, or a dash if l is of nothing.
func took(l Latency, us float64) string {
	d := time.Duration(us * float64(time.Microsecond))
	switch {
	case l.Count == 0:
		return "-"
	case d < time.Millisecond:
		return strconv.FormatFloat(us, 'f', 0, 64) + " µs"
	case d < 10*time.Second:
		return strconv.FormatFloat(us/1e3, 'f', 2, 64) + " ms"
	}
	return strconv.FormatFloat(us/1e6, 'f', 1, 64) + " s"
}

// share returns n's share of all in percent. A share that is neither none nor all is not rounded to look so.
func share(n, all int64) string {
	if all == 0 {
		return "-"
	}
	switch p := 100 * float64(n) / float64(all); {
	case n > 0 && p < 0.005:
		return "<0.01 %"
	case n < all && p > 99.995:
		return ">99.99 %"
	default:
		return strconv.FormatFloat(p, 'f', 2, 64) + " %"
	}
}

// group returns n in decimal, with a comma before every three digits.
func group(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
