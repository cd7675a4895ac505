package verdict

import (
	"context"
	"fmt"
	"maps"
	"math"
	"time"

	"gnomon"
	"gnomon/compare"
)

// A Verdict is what has been found of a shadow beside production.
type Verdict string

// The verdicts.
const (
	Better    Verdict = "better"     // it is better, whatever the margin
	NoWorse   Verdict = "no_worse"   // it is not worse by the margin
	Worse     Verdict = "worse"      // it is worse by more than the margin
	Undecided Verdict = "undecided"  // nothing can be said yet
	NotJudged Verdict = "not_judged" // nobody wants to know: answers that are not to be compared
)

// Judged are the verdicts on a shadow. Overall is worse if one of them is, and no worse only if all are.
type Judged struct {
	Overall Verdict `json:"overall"`
	Latency Verdict `json:"latency"`
	Errors  Verdict `json:"errors"`
	Answers Verdict `json:"answers"`
}

// A Report is what is known of a trial. Everything but the verdicts is description.
type Report struct {
	Verdict  Judged           `json:"-"`
	Why      []string         `json:"why"` // sentences
	Warnings []string         `json:"warnings,omitempty"`
	From     time.Time        `json:"from,omitzero"` // the first pair's begin, to 100 ms; zero: there is none
	To       time.Time        `json:"to,omitzero"`   // the last one's
	Pairs    int64            `json:"pairs"`         // requests of the sample that have ended, copied or not
	Missing  map[string]int64 `json:"missing,omitempty"`
	Latency  Metric           `json:"latency"`
	Errors   ErrorMetric      `json:"errors"`
	Answers  AnswerMetric     `json:"answers"`
}

// A Metric is one metric's verdict and what it rests on. Effects, bounds and margin are shares: of latency by how much the
// shadow's is longer (0.05: 5 %), on the geometric mean; of the others of requests.
type Metric struct {
	Verdict    Verdict `json:"verdict"`
	Values     int64   `json:"values"`
	Missing    int64   `json:"missing,omitzero"` // values that could not be had
	Repeats    bool    `json:"repeats,omitzero"` // it is beside production asked once more: the effect is above production's own noise
	Margin     float64 `json:"margin"`
	Effect     float64 `json:"effect"`
	Lower      float64 `json:"lower"`      // with those of the others true at all times with a probability of 95 %
	Upper      float64 `json:"upper"`      // likewise
	Confidence float64 `json:"confidence"` // of each bound alone

	// The evidence that the shadow is worse, no worse and not the same, as decimal logarithms of e-values. About 1.8 decides
	// the first two; the third decides nothing.
	WorseE   float64 `json:"log10_e_worse"`
	NoWorseE float64 `json:"log10_e_no_worse"`
	DifferE  float64 `json:"log10_e_differ"`

	Decided       time.Time `json:"decided,omitzero"`       // when the data had what the verdict says; zero: it says nothing yet
	DecidedAfter  int64     `json:"decided_after,omitzero"` // values
	ValuesLeft    *int64    `json:"values_left,omitempty"`  // until it is decided if things go on as they are; nil: decided, or not to be foretold
	SecondsLeft   *float64  `json:"seconds_left,omitempty"` // likewise
	Course        []Point   `json:"course,omitempty"`
	ClippedValues int64     `json:"clipped_values,omitzero"` // of latency: those that counted as e times as long or as short
}

// A Point is an interval as it was after so many values.
type Point struct {
	At     time.Time `json:"at"`
	Values int64     `json:"values"`
	Effect float64   `json:"effect"`
	Lower  float64   `json:"lower"`
	Upper  float64   `json:"upper"`
}

// An ErrorMetric is that of errors, with the requests in which one variant only failed.
type ErrorMetric struct {
	Metric
	ShadowOnly     int64 `json:"shadow_only"`
	ProductionOnly int64 `json:"production_only"`
}

// An AnswerMetric is that of answers, with what they differ in.
type AnswerMetric struct {
	Metric
	Agree       int64            `json:"agree"`
	Differ      int64            `json:"differ"`
	Uncompared  map[string]int64 `json:"uncompared,omitempty"`
	Differences *compare.Summary `json:"differences,omitempty"` // of answers that are not the same bytes
}

// Guards are what else bears on a verdict.
type Guards struct {
	// Load is how many requests an instance of the shadow has for each of an instance of production; 0: unknown. Of less than
	// 0.8, the shadow's latency is not judged no worse: it has it easier.
	Load float64
}

const leastLoad = 0.8

// Report returns what is known of a trial up to this instant, over all restarts. The trial is needed for what it is judged by;
// its Fraction is not.
func (v *Verdicts) Report(ctx context.Context, of gnomon.Trial, g Guards) (Report, error) {
	of.Judging = of.Judging.WithDefaults()
	v.mu.Lock()
	t := v.trial(of.ID)
	loaded := t.state != nil
	v.mu.Unlock()
	if !loaded {
		if err := v.Load(ctx); err != nil {
			return Report{}, err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if t.state == nil { // it was forgotten meanwhile
		t.state = newState()
	}
	if !t.known {
		t.known, t.of = true, of
		t.of.Fraction = t.state.Sample.Fraction
	}
	t.fold(time.Now(), v.opts.LeastTime)
	differences := new(compare.Summary)
	t.answers.mu.Lock()
	differences.Merge(t.answers.summary)
	t.answers.mu.Unlock()
	return t.state.report(of, g, v.opts.LeastTime, differences), nil
}

// report says what the state comes to.
func (s *state) report(of gnomon.Trial, g Guards, least time.Duration, differences *compare.Summary) Report {
	r := Report{Pairs: s.Pairs, Missing: make(map[string]int64)}
	for b, n := range s.Missing {
		r.Missing[string(b)] = n
	}
	if s.Pairs > 0 {
		r.From, r.To = startOf(s.First), startOf(s.Last)
	}
	var withheld [3]string
	r.Verdict, withheld = s.judge(of, g)
	verdicts := [3]Verdict{r.Verdict.Latency, r.Verdict.Errors, r.Verdict.Answers}
	shown := [3]*Metric{&r.Latency, &r.Errors.Metric, &r.Answers.Metric}
	for i, m := range s.metrics(of.Judging) {
		*shown[i] = s.show(m)
		if m.Worse == nil && m.Better == nil && m.NoWorse == nil {
			s.foretell(m, least, shown[i])
		}
		shown[i].Verdict = verdicts[i]
		if f := m.finding(verdicts[i]); f != nil {
			shown[i].Decided, shown[i].DecidedAfter = startOf(f.Slot), f.Values
		}
		r.Why = append(r.Why, explain(m, shown[i], withheld[i], s.none(m)))
	}
	r.Errors.ShadowOnly, r.Errors.ProductionOnly = s.Failed[0], s.Failed[1]
	r.Answers.Agree, r.Answers.Differ, r.Answers.Uncompared, r.Answers.Differences = s.Same, s.Differ, maps.Clone(s.Uncompared), differences
	r.Latency.ClippedValues = s.Clipped
	r.Warnings = s.warnings(g)
	return r
}

// judge returns the verdicts, and why some of the metrics' are withheld.
func (s *state) judge(of gnomon.Trial, g Guards) (_ Judged, withheld [3]string) {
	all := s.metrics(of.Judging)
	var verdicts [3]Verdict
	for i, m := range all {
		verdicts[i] = m.verdict()
	}
	if of.Answers.Kind == gnomon.AnswersOff {
		verdicts[2] = NotJudged
	}
	withheld = s.guard(&all, &verdicts, g)
	return Judged{overall(verdicts), verdicts[0], verdicts[1], verdicts[2]}, withheld
}

// verdict is what has been found, before anything is withheld.
func (m judged) verdict() Verdict {
	switch {
	case m.Worse != nil:
		return Worse
	case m.name != "answers" && m.Better != nil: // answers that agree more often than production with itself are no better
		return Better
	case m.NoWorse != nil || m.Better != nil:
		return NoWorse
	}
	return Undecided
}

// finding is what a verdict rests on; nil: nothing. What is better is no worse as well.
func (m judged) finding(v Verdict) *finding {
	switch {
	case v == Worse:
		return m.Worse
	case v == Better, v == NoWorse && m.NoWorse == nil:
		return m.Better
	case v == NoWorse:
		return m.NoWorse
	}
	return nil
}

// good reports whether a verdict lets the shadow pass.
func (v Verdict) good() bool { return v == Better || v == NoWorse }

// guard withholds verdicts that the circumstances do not allow. It returns why, by metric.
func (s *state) guard(all *[3]judged, verdicts *[3]Verdict, g Guards) (withheld [3]string) {
	for i, m := range all {
		if m.missing == 0 || verdicts[i] == Worse || verdicts[i] == NotJudged {
			continue
		}
		// The mean as it would be if all that is missing were as bad as can be.
		mean, n := m.Sequence.Mean(), m.Sequence.N()
		worst := (mean*float64(n) + float64(m.missing)) / float64(n+m.missing)
		if mean < m.margin && worst >= m.margin {
			verdicts[i], withheld[i] = Undecided, fmt.Sprintf("%d values are missing, and had they been as bad as can be, the shadow would be worse", m.missing)
		}
		if verdicts[i] == Better && worst >= 0 {
			verdicts[i] = NoWorse
		}
	}
	latency := &verdicts[0]
	switch starved := s.starved(math.Expm1(all[0].margin)); {
	case *latency == Worse && starved != "":
		*latency, withheld[0] = Undecided, starved
	case latency.good() && g.Load > 0 && g.Load < leastLoad:
		*latency, withheld[0] = Undecided, fmt.Sprintf("an instance of the shadow had %.2g of the load of one of production's, and has it easier", g.Load)
	case *latency == Better && !verdicts[1].good():
		*latency = NoWorse // whoever fails is quick
	}
	return withheld
}

// seen is by how much a shadow may be slower for each bit that it is seen to wait: behind a thread that waits, so do all requests
// that it would have gone on with. Measured with both processors of a machine kept busy, by programs of a lower priority and of
// production's own: a shadow of the same model was slower by 3.4 and 3.2 times its waiting.
const seen = 4

// starved says that the shadow might not be slower by the margin, had it not had to wait for processors for longer than production;
// empty: it would be.
func (s *state) starved(margin float64) string {
	production, shadow := s.Waited.perRequest()
	typical := math.Exp(s.Kept.Latency.Mean())
	if shadow <= production || math.Expm1(s.Latency.Sequence.Mean())-seen*(shadow-production)/typical > margin {
		return ""
	}
	return fmt.Sprintf("the shadow was slower, but its instances waited for a processor for %.3g ms a request and production's for %.3g ms; the machine is too busy to compare latencies", shadow/1e3, production/1e3)
}

func overall(verdicts [3]Verdict) Verdict {
	all := NoWorse
	for _, v := range verdicts {
		switch {
		case v == Worse:
			return Worse
		case v == Undecided:
			all = Undecided
		case v == Better && all != Undecided:
			all = Better
		}
	}
	return all
}

// show returns a metric in the units in which it is told.
func (s *state) show(m judged) Metric {
	unit := func(x float64) float64 { return x }
	if m.name == "latency" {
		unit = math.Expm1
	}
	q := m.Sequence
	now := m.point(s.Last)
	shown := Metric{
		Values: q.N(), Missing: m.missing, Repeats: m.repeats, Margin: unit(m.margin), Effect: unit(now.Mean), Lower: unit(now.Lower), Upper: unit(now.Upper),
		Confidence: 1 - level,
	}
	if q.N() > 0 {
		shown.WorseE, shown.DifferE = q.LogEvidenceAbove(m.margin)/math.Ln10, q.LogEvidenceDiffer()/math.Ln10
		shown.NoWorseE = max(m.evidenceBelow(m.margin, m.missing), -1e6) / math.Ln10
	}
	course := m.Course
	if q.N() > 0 && (len(course) == 0 || course[len(course)-1].Values != q.N()) {
		course = append(course[:len(course):len(course)], now)
	}
	for _, p := range course {
		shown.Course = append(shown.Course, Point{startOf(p.Slot), p.Values, unit(p.Mean), unit(p.Lower), unit(p.Upper)})
	}
	return shown
}

// foretell says how long it takes until the metric is decided, if things go on as they are.
func (s *state) foretell(m judged, least time.Duration, shown *Metric) {
	n, lasted := m.Sequence.N(), startOf(s.Last).Sub(startOf(s.First)).Seconds()
	if n == 0 || lasted <= 0 {
		return
	}
	margin := m.margin
	if m.Sequence.Mean() < margin {
		least *= patience
		if margin = m.least(margin, m.missing); margin <= m.Sequence.Mean() {
			return // too much is missing
		}
	}
	left, ok := m.Sequence.PairsToDecide(margin, level)
	if !ok {
		return
	}
	perSecond, perSlot := float64(n)/lasted, lasted/float64(m.Sequence.Slots())
	seconds := max(float64(left)/perSecond, least.Seconds()-lasted, perSlot*float64(leastSlots-m.Sequence.Slots()))
	left = max(left, int64(seconds*perSecond))
	shown.ValuesLeft, shown.SecondsLeft = &left, &seconds
}
