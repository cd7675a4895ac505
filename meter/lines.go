package meter

import (
	"cmp"
	"strconv"
	"time"

	"gnomon"
)

// A Line is one line of a table for people: what it says of production and of the shadow.
type Line struct {
	Of                 string // what it and its neighbours are about, such as "model latency"; empty: it stands for itself
	Label              string // such as "p99"
	Part               bool   // of what the last line before it that is none says
	Production, Shadow string
}

// An AccountingLine says how many of a mirror's requests are in a bucket.
type AccountingLine struct {
	Bucket gnomon.Bucket
	Count  int64
	Share  float64 // of all requests, 0..1
	Number string  // Count for people
	Part   string  // Share for people
}

// Lines returns the buckets that are worth a line.
func (a Accounting) Lines() []AccountingLine {
	var all []AccountingLine
	for _, b := range gnomon.Buckets() {
		if n := a.Buckets[b]; n != 0 || b == gnomon.BucketMirrored {
			all = append(all, AccountingLine{b, n, float64(n) / float64(max(1, a.Requests)), Group(n), share(n, a.Requests)})
		}
	}
	return all
}

// Lines returns what is worth a line of both variants' numbers.
func (c Comparison) Lines() []Line {
	p, s := c.Errors.Production, c.Errors.Shadow
	all := []Line{
		{Label: "variant", Production: cmp.Or(string(c.Variants.Production), "-"), Shadow: cmp.Or(string(c.Variants.Shadow), "-")},
		{Label: "invocations", Production: Group(p.Invocations), Shadow: Group(s.Invocations)},
		{
			Label:      "not answered 2xx",
			Production: share(p.Invocations-p.Answers2xx, p.Invocations), Shadow: share(s.Invocations-s.Answers2xx, s.Invocations),
		},
	}
	for _, k := range []struct {
		label              string
		production, shadow int64
	}{
		{"4xx", p.Answers4xx, s.Answers4xx},
		{"5xx", p.Answers5xx, s.Answers5xx},
		{"other status", p.AnswersOther, s.AnswersOther},
		{"timeout", p.Timeouts, s.Timeouts},
		{"connection fault", p.ConnectionFaults, s.ConnectionFaults},
		{"protocol fault", p.ProtocolFaults, s.ProtocolFaults},
		{"no instance", p.NoInstance, s.NoInstance},
	} {
		if k.production+k.shadow > 0 {
			all = append(all, Line{Label: k.label, Part: true, Production: Group(k.production), Shadow: Group(k.shadow)})
		}
	}
	all = append(all, c.latencies()...)
	if c.Streams != nil {
		all = append(all, streams(c.Streams.Production, c.Streams.Shadow)...)
	}
	return all
}

func (c Comparison) latencies() []Line {
	const of, over = "model latency", "overhead"
	p, s := c.Latency.Production, c.Latency.Shadow
	all := []Line{
		{Of: of, Label: "p50", Production: took(p, p.P50), Shadow: took(s, s.P50)},
		{Of: of, Label: "p90", Production: took(p, p.P90), Shadow: took(s, s.P90)},
		{Of: of, Label: "p99", Production: took(p, p.P99), Shadow: took(s, s.P99)},
	}
	all = append(all, c.between(of, 0.99)...)
	return append(all,
		Line{Of: of, Label: "p99.9", Production: took(p, p.P999), Shadow: took(s, s.P999)},
		Line{Of: of, Label: "mean", Production: took(p, p.Mean), Shadow: took(s, s.Mean)},
		Line{Of: of, Label: "max", Production: took(p, p.Max), Shadow: took(s, s.Max)},
		Line{Of: over, Label: "p50", Production: took(c.Overhead, c.Overhead.P50), Shadow: "-"},
		Line{Of: over, Label: "p99", Production: took(c.Overhead, c.Overhead.P99), Shadow: "-"},
	)
}

// between says within which bounds a quantile is, if anything bounds it.
func (c Comparison) between(of string, q float64) []Line {
	p, s := c.Shapes.Production.band(q), c.Shapes.Shadow.band(q)
	if p.Lower+s.Lower == 0 {
		return nil // then nothing bounds it from above either: fewer values say less of what is rarer
	}
	return []Line{
		{Of: of, Label: "at least", Part: true, Production: p.AtLeast(), Shadow: s.AtLeast()},
		{Of: of, Label: "at most", Part: true, Production: p.AtMost(), Shadow: s.AtMost()},
	}
}

// streams is about streamed answers.
func streams(p, s StreamReport) []Line {
	const first, inter = "first chunk", "between chunks"
	return []Line{
		{Of: first, Label: "p50", Production: took(p.FirstChunkModel, p.FirstChunkModel.P50), Shadow: took(s.FirstChunkModel, s.FirstChunkModel.P50)},
		{Of: first, Label: "p99", Production: took(p.FirstChunkModel, p.FirstChunkModel.P99), Shadow: took(s.FirstChunkModel, s.FirstChunkModel.P99)},
		{Of: inter, Label: "p50", Production: took(p.InterChunk, p.InterChunk.P50), Shadow: took(s.InterChunk, s.InterChunk.P50)},
		{Of: inter, Label: "p99", Production: took(p.InterChunk, p.InterChunk.P99), Shadow: took(s.InterChunk, s.InterChunk.P99)},
		{Label: "broke off", Production: Group(p.MidStreamErrors), Shadow: Group(s.MidStreamErrors)},
	}
}

// took returns one of l's figures for people, or a dash if l is of nothing.
func took(l Latency, us float64) string {
	if l.Count == 0 {
		return "-"
	}
	return Microseconds(us)
}

// Microseconds returns a duration of so many microseconds for people, with a unit that suits it.
func Microseconds(us float64) string {
	d := time.Duration(us * float64(time.Microsecond))
	switch {
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

// Group returns n in decimal, with a comma before every three digits.
func Group(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
