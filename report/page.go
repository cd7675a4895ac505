package report

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"gnomon"
	"gnomon/compare"
	"gnomon/meter"
	"gnomon/verdict"
)

//go:embed page.css
var css string

//go:embed page.html
var source string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"stamp": stamp,
	"group": meter.Group,
	"draw":  draw,
}).Parse(source))

// A page is what the template shows.
type page struct {
	Comparison
	State, Copied string
	CSS           template.CSS
	Policy        string // what the page itself forbids: all that it does not need
	Overall       shownVerdict
	Verdicts      []shownVerdict
	Warnings      []string
	Buckets       []bucket
	Quantiles     []quantile
	QuantilesAre  []string
	Differences   differences
	Numbers       []numbers
}

// WritePage writes the comparison as one HTML page that needs nothing else: no script, no other file. It can be read without
// its style sheet too, as where a Content-Security-Policy forbids it. The error is w's.
func (c Comparison) WritePage(w io.Writer) error {
	hash := sha256.Sum256([]byte(css))
	p := page{
		Comparison: c, State: c.state(), Copied: c.copied(),
		CSS:     template.CSS(css),
		Policy:  "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; base-uri 'none'; form-action 'none'",
		Overall: shown("", c.Verdict.Overall),
		Verdicts: []shownVerdict{
			shown("Latency", c.Verdict.Latency), shown("Errors", c.Verdict.Errors), shown("Answers", c.Verdict.Answers),
		},
		Warnings:     slices.Concat(c.Warnings, c.Evidence.Warnings),
		Buckets:      buckets(c.Accounting),
		Quantiles:    quantiles(c.Shapes),
		QuantilesAre: []string{meter.QuantilesAre, fmt.Sprintf("Each variant's bounds hold at every look with a probability of %.3g %%, as far as its latencies are independent and of one distribution.", percent*(1-QuantileLevel))},
		Differences:  differencesOf(c.Evidence.Answers.Differences),
		Numbers:      sides(c.Comparison.Lines()),
	}
	b := bufio.NewWriter(w)
	if err := pageTemplate.Execute(b, p); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return b.Flush()
}

// A shownVerdict is a verdict as it is shown: by words, and by the name of a symbol and a colour.
type shownVerdict struct {
	Of, Said, Symbol string
}

func shown(of string, v verdict.Verdict) shownVerdict {
	s := shownVerdict{Of: of, Said: strings.ToLower(v.Said()), Symbol: "open"}
	switch v {
	case verdict.Better, verdict.NoWorse:
		s.Symbol = "good"
	case verdict.Worse:
		s.Symbol = "bad"
	case verdict.NotJudged:
		s.Symbol = "none"
	}
	return s
}

// A bucket is a line of the accounting. Bar is of 200, Class how it is to look.
type bucket struct {
	meter.AccountingLine
	Bar, Class, Meaning string
}

// meanings say what a bucket is to those who have not read a manual, and whether evidence was lost that was wanted.
var meanings = map[gnomon.Bucket]struct{ class, text string }{
	gnomon.BucketMirrored:          {"kept", "the shadow answered 2xx"},
	gnomon.BucketShadowError:       {"lost", "the shadow answered otherwise"},
	gnomon.BucketShadowTimeout:     {"lost", "the shadow answered too late"},
	gnomon.BucketShadowUnreachable: {"lost", "the shadow did not answer at all"},
	gnomon.BucketSampledOut:        {"aside", "not in the sample"},
	gnomon.BucketQueueFull:         {"lost", "no room for the copy: the shadow is too slow"},
	gnomon.BucketTooLarge:          {"lost", "the body is over the shadow's limit"},
	gnomon.BucketRateCapped:        {"aside", "over the rate of copies that is allowed"},
	gnomon.BucketShadowNotReady:    {"lost", "no instance of the shadow was in service"},
	gnomon.BucketStopped:           {"aside", "the experiment, or the server, was ending"},
	gnomon.BucketPending:           {"aside", "under way"},
}

func buckets(a meter.Accounting) []bucket {
	const bar = 200
	var all []bucket
	for _, l := range a.Lines() {
		m := meanings[l.Bucket]
		all = append(all, bucket{l, fmt.Sprintf("%.1f", l.Share*bar), m.class, m.text})
	}
	return all
}

// A quantile is one of both variants, with its bounds.
type quantile struct {
	Name string
	Side [2]struct{ Is, AtLeast, AtMost string }
}

func quantiles(s meter.Sides[meter.Shape]) []quantile {
	var all []quantile
	for i := range min(len(s.Production.Bands), len(s.Shadow.Bands)) {
		q := quantile{Name: fmt.Sprintf("p%g", percent*s.Production.Bands[i].Quantile)}
		for side, shape := range []meter.Shape{s.Production, s.Shadow} {
			is, b := &q.Side[side], shape.Bands[i]
			is.Is, is.AtLeast, is.AtMost = "-", b.AtLeast(), b.AtMost()
			if len(shape.Points) > 0 {
				is.Is = meter.Microseconds(b.US)
			}
		}
		all = append(all, q)
	}
	return all
}

// differences are what answers differ in.
type differences struct {
	Compared, Agreed int64
	Kinds            string
	Alike            string // texts, on average; empty: there are none
	Uncomparable     string
	Paths            []path
	Other            int64 // answers that differ elsewhere, once for each place
}

// A path is a place at which answers differ.
type path struct {
	compare.PathSummary
	Where, Kinds, Gap string
}

func differencesOf(s *compare.Summary) differences {
	if s == nil {
		return differences{}
	}
	d := differences{
		Compared: s.Compared, Agreed: s.Agreed, Kinds: counts(s.Kinds), Uncomparable: counts(s.Uncomparable), Other: s.Other.Answers,
	}
	if s.Texts > 0 {
		d.Alike = fmt.Sprintf("%.1f %%", percent*s.Similarity/float64(s.Texts))
	}
	for _, p := range s.Paths() {
		d.Paths = append(d.Paths, path{p, cmp.Or(p.Path, "the whole answer"), counts(p.Kinds), gap(&p)})
	}
	return d
}

// gap says how far apart the numbers at a path are.
func gap(p *compare.PathSummary) string {
	if p.Numbers == 0 {
		return "-"
	}
	absolute, relative := p.Mean()
	return fmt.Sprintf("%.3g (%.3g %%), at most %.3g (%.3g %%)", absolute, percent*relative, p.Absolute.Max, percent*p.Relative.Max)
}

// counts lists how often there was what, the most frequent first.
func counts[K ~string](m map[K]int64) string {
	var keys []K
	for k, n := range m {
		if n > 0 {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b K) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	var all []string
	for _, k := range keys {
		all = append(all, string(k)+" "+meter.Group(m[k]))
	}
	return strings.Join(all, ", ")
}

// numbers are neighbouring lines that are about one thing.
type numbers struct {
	Of    string
	Lines []meter.Line
}

func sides(lines []meter.Line) []numbers {
	var all []numbers
	for _, l := range lines {
		if n := len(all); n > 0 && all[n-1].Of == l.Of {
			all[n-1].Lines = append(all[n-1].Lines, l)
			continue
		}
		all = append(all, numbers{l.Of, []meter.Line{l}})
	}
	return all
}
