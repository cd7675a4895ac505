package verdict

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"gnomon"
	"gnomon/stats"
)

// explain says in a sentence what a metric's verdict rests on.
func explain(m judged, shown *Metric, withheld, none string) string {
	name := strings.ToUpper(m.name[:1]) + m.name[1:]
	switch {
	case shown.Verdict == NotJudged:
		return name + " are not to be compared."
	case withheld != "":
		return fmt.Sprintf("%s cannot be told: %s.", name, withheld)
	case m.Sequence.N() == 0:
		return name + ": " + none + "."
	}
	is := map[Verdict]string{
		Better: "is better", NoWorse: "is no worse", Worse: "is worse", Undecided: "cannot be told yet",
	}[shown.Verdict]
	if m.name != "latency" {
		is = strings.Replace(is, "is ", "are ", 1)
	}
	text := fmt.Sprintf("%s %s: %s", name, is, difference(m.name, shown))
	switch {
	case shown.Verdict != Undecided:
		text += fmt.Sprintf("; decided after %d values.", shown.DecidedAfter)
	case shown.ValuesLeft != nil && *shown.ValuesLeft > 0:
		text += fmt.Sprintf("; at this rate it takes %d more values, about %s.", *shown.ValuesLeft, roughly(*shown.SecondsLeft))
	case shown.ValuesLeft != nil:
		text += "; there is evidence enough, and it has to last a little longer."
	default:
		text += "; how long it takes cannot be told."
	}
	return text
}

// none says why a metric has no values.
func (s *state) none(m judged) string {
	switch {
	case s.Pairs == 0:
		return "there is no pair yet"
	case m.name == "errors":
		return "no request has been copied yet"
	case m.name == "answers":
		return "no two answers have been compared yet"
	case m.repeats:
		return "no request has been answered by both variants yet, and by production twice"
	case s.Cut > 0:
		return "no request has been answered by both variants yet without its caller holding production up"
	}
	return "no request has been answered by both variants yet"
}

// difference says how much a metric differs, within which bounds, and what the margin is.
func difference(name string, m *Metric) string {
	const percent = 100
	lower, upper := m.Lower*percent, m.Upper*percent
	switch name {
	case "latency":
		return fmt.Sprintf("the shadow takes %+.2f %% longer (%+.2f to %+.2f; margin %.3g %%)", m.Effect*percent, lower, upper, m.Margin*percent)
	case "errors":
		return fmt.Sprintf("the shadow fails in %+.3f %% of the requests more (%+.3f to %+.3f; margin %.3g %%)", m.Effect*percent, lower, upper, m.Margin*percent)
	}
	if m.Repeats {
		return fmt.Sprintf("the shadow differs in %+.3f %% of the requests more than production from itself (%+.3f to %+.3f; margin %.3g %%)", m.Effect*percent, lower, upper, m.Margin*percent)
	}
	return fmt.Sprintf("%.3f %% of the answers differ (%.3f to %.3f; margin %.3g %%)", m.Effect*percent, lower, upper, m.Margin*percent)
}

func roughly(seconds float64) string {
	if seconds > 1e8 {
		return "years"
	}
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d > 48*time.Hour:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	case d > time.Hour:
		return d.Round(time.Minute).String()
	}
	return max(d.Round(time.Second), time.Second).String()
}

// why says what made the shadow worse; empty: nothing has.
func (s *state) why(j gnomon.Judging) string {
	var all []string
	for _, m := range s.metrics(j) {
		if m.Worse != nil && !(m.name == "latency" && s.starved(j.LatencyMargin) != "") {
			shown := s.show(m)
			all = append(all, m.name+": "+difference(m.name, &shown))
		}
	}
	return strings.Join(all, "; ")
}

// The levels at which a warning is given. They are no part of the verdict's.
const (
	sampleLevel   = 0.01
	apart         = 0.2 // of sizes and latencies: a difference of so much, as the logarithm of a ratio
	standardError = 4.0
)

// warnings are what a reader of the verdict should know.
func (s *state) warnings(g Guards) []string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if !s.Anew.IsZero() {
		add("What either variant runs was changed at %s: what came before counts for nothing.", s.Anew.Format(time.RFC3339))
	}
	if n := s.missing(); n > 0 {
		missing := maps.Clone(s.Missing)
		delete(missing, gnomon.BucketRateCapped)
		add("%d of %d requests of the sample were not copied (%s). They are counted as if they had been as bad as can be.", n, s.Pairs, counts(missing))
	}
	if n := s.Missing[gnomon.BucketRateCapped]; n > 0 {
		add("%d of %d requests of the sample were not copied since the rate of copies is bounded; they count for nothing.", n, s.Pairs)
	}
	if s.Refused > 0 {
		add("%d of %d requests of the sample were not copied since the shadow did not answer; they count as failed.", s.Refused, s.Pairs)
	}
	if s.Cut > 0 {
		add("In %d requests the caller left, or took its stream slowly: they say nothing of latency.", s.Cut)
	}
	if s.Unrepeated > 0 {
		add("In %d requests production was to be asked once more, and did not answer; they are counted as if they had been as bad as can be.", s.Unrepeated)
	}
	if n := sum(s.Uncompared); n > 0 {
		add("The answers of %d of %d requests were not compared (%s).", n, s.Pairs, counts(s.Uncompared))
	}
	all = append(all, s.bias()...)
	in, out := float64(s.Sample.In), float64(s.Sample.Out)
	if f := s.Sample.Fraction; f > 0 && f < 1 {
		if e, err := stats.ShareEvidence([]int64{s.Sample.In, s.Sample.Out}, []float64{f, 1 - f}, 1000); err == nil && e >= -math.Log(sampleLevel) {
			add("%.3g %% of the requests were in the sample, where %.3g %% should be: what was copied may not be like the rest.", 100*in/(in+out), 100*f)
		}
	}
	if n := s.Latency.Sequence.N(); s.Clipped*100 > n {
		add("In %.2g %% of the pairs one latency is more than e times the other; they count as e times.", 100*float64(s.Clipped)/float64(n))
	}
	if g.Load > 0 && g.Load < leastLoad {
		add("An instance of the shadow has %.2g of the load of one of production's: its latency may be found worse, but not no worse. Copy more, or give it fewer instances.", g.Load)
	}
	return all
}

// bias says in what the requests that were not copied differ from those that were.
func (s *state) bias() []string {
	var all []string
	k, d := &s.Kept, &s.Dropped
	for _, c := range []struct {
		what          string
		kept, dropped stats.Moments
	}{{"bytes", k.Size, d.Size}, {"time in production", k.Latency, d.Latency}} {
		difference, err := c.dropped.Mean()-c.kept.Mean(), standardErrorOf(c.kept, c.dropped)
		if math.Abs(difference) > apart && math.Abs(difference) > standardError*err {
			all = append(all, fmt.Sprintf("Requests that were not copied have %.3g times the %s of those that were: the comparison lacks them.", math.Exp(difference), c.what))
		}
	}
	if k.N > 0 && d.N > 0 {
		p, q := float64(k.Failed)/float64(k.N), float64(d.Failed)/float64(d.N)
		both := float64(k.Failed+d.Failed) / float64(k.N+d.N)
		err := math.Sqrt(both * (1 - both) * (1/float64(k.N) + 1/float64(d.N)))
		if math.Abs(q-p) > 0.01 && math.Abs(q-p) > standardError*err {
			all = append(all, fmt.Sprintf("Production failed in %.3g %% of the requests that were not copied, and in %.3g %% of those that were.", 100*q, 100*p))
		}
	}
	return all
}

// standardErrorOf is that of the difference of two means.
func standardErrorOf(a, b stats.Moments) float64 {
	if a.N < 2 || b.N < 2 {
		return math.Inf(1)
	}
	return math.Sqrt(a.Variance()/float64(a.N) + b.Variance()/float64(b.N))
}

func counts[K ~string](m map[K]int64) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(all, ", ")
}
