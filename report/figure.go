package report

import (
	"fmt"
	"math"
	"slices"

	"gnomon/meter"
	"gnomon/verdict"
)

// A Figure is a plot as data. Whoever draws it decides on its size and colours.
type Figure struct {
	Title string
	Empty string // why there is nothing to draw; then there are no axes. Empty: there is something
	X, Y  Axis
	Areas []Area
	Lines []Curve
	Rules []Rule
}

// An Axis is from Min to Max, which is more. Of a logarithmic one both are above 0.
type Axis struct {
	Label    string
	Log      bool
	Min, Max float64
	Ticks    []Tick // within Min and Max
}

// Place returns where v is on the axis: 0 at Min, 1 at Max, beyond these if v is. On a logarithmic axis what is not above 0
// is at 0.
func (a Axis) Place(v float64) float64 {
	if !a.Log {
		return (v - a.Min) / (a.Max - a.Min)
	}
	if v <= 0 {
		return 0
	}
	return math.Log(v/a.Min) / math.Log(a.Max/a.Min)
}

// A Tick is a place on an axis that has a name.
type Tick struct {
	At    float64
	Label string
}

// A Role says what something in a figure stands for, and so what it should look like.
type Role string

// The roles.
const (
	Production Role = "production"
	Shadow     Role = "shadow"
	Effect     Role = "effect"  // what was found, and how sure it is
	Margin     Role = "margin"  // where worse begins
	Zero       Role = "zero"    // where both are alike
	Decided    Role = "decided" // when it was decided
	Grid       Role = "grid"
)

// An Area is between two lines, which may leave the figure.
type Area struct {
	Role         Role
	Name         string
	Lower, Upper []XY
}

// A Curve is a line, which may leave the figure.
type Curve struct {
	Role   Role
	Name   string // empty: it belongs to what is drawn in its role
	Bound  bool   // it is no line but says how sure a point of one is
	Points []XY
}

// A Rule is a straight line from one side of the figure to the other.
type Rule struct {
	Role     Role
	Name     string
	Vertical bool
	At       float64
}

// XY is a point, in the units of the axes.
type XY struct{ X, Y float64 }

// Figures returns the plots: how sure each metric was after how many values, and how the latencies are distributed.
func (c Comparison) Figures() []Figure {
	e := &c.Evidence
	differ := "how many differ"
	if e.Answers.Repeats {
		differ = "how many more differ than production's own"
	}
	return []Figure{
		course("Latency", "how much longer the shadow takes", "No pair to compare yet.", e.Latency, signed),
		course("Errors", "how many more requests the shadow fails", "No pair to compare yet.", e.Errors.Metric, signed),
		course("Answers", differ, "No answers compared yet.", e.Answers.Metric, plain),
		distributions(c.Shapes),
	}
}

const percent = 100

// course shows a metric's interval over the number of values.
func course(metric, what, empty string, m verdict.Metric, label func(v, step float64) string) Figure {
	f := Figure{Title: metric + ": " + what}
	n := len(m.Course)
	switch {
	case m.Verdict == verdict.NotJudged:
		f.Empty = metric + " are not to be compared."
		return f
	case n == 0:
		f.Empty = empty
		return f
	}
	first, last := float64(max(1, m.Course[0].Values)), float64(max(1, m.Course[n-1].Values))
	f.X = Axis{Label: "values", Log: true, Min: first, Max: max(last, 2*first)}
	f.X.Ticks = logTicks(f.X.Min, f.X.Max, countLabel)
	interval, effect := Area{Role: Effect, Name: "bounds"}, Curve{Role: Effect, Name: "found"}
	seen := []float64{0, m.Margin * percent}
	for _, p := range m.Course {
		x := float64(max(1, p.Values))
		effect.Points = append(effect.Points, XY{x, p.Effect * percent})
		interval.Lower = append(interval.Lower, XY{x, p.Lower * percent})
		interval.Upper = append(interval.Upper, XY{x, p.Upper * percent})
		if x*10 >= last { // before that bounds are so wide that nothing else could be seen
			seen = append(seen, p.Lower*percent, p.Upper*percent)
		}
	}
	f.Y = linear(seen, label)
	f.Areas, f.Lines = []Area{interval}, []Curve{effect}
	f.Rules = []Rule{{Role: Zero, At: 0}, {Role: Margin, Name: fmt.Sprintf("margin %.3g %%", m.Margin*percent), At: m.Margin * percent}}
	if m.DecidedAfter > 0 && m.Verdict != verdict.Undecided { // else what was found is withheld
		f.Rules = append(f.Rules, Rule{Role: Decided, Name: "decided", Vertical: true, At: float64(m.DecidedAfter)})
	}
	return f
}

// linear is an axis on which all that is to be seen is.
func linear(seen []float64, label func(v, step float64) string) Axis {
	low, high := slices.Min(seen), slices.Max(seen)
	if !(high > low) {
		high = low + 1
	}
	room := (high - low) / 20
	a := Axis{Min: low - room, Max: high + room}
	a.Ticks = linearTicks(a.Min, a.Max, label)
	return a
}

// distributions shows which share of both variants' latencies is below what.
func distributions(shapes meter.Sides[meter.Shape]) Figure {
	f := Figure{Title: "Model latency: share of the requests at or below"}
	both := []struct {
		role Role
		meter.Shape
	}{{Production, shapes.Production}, {Shadow, shapes.Shadow}}
	low, high := math.Inf(1), 0.0
	for _, s := range both {
		if n := len(s.Points); n > 0 {
			low, high = min(low, s.Points[0].US), max(high, s.Points[n-1].US)
		}
	}
	if high == 0 {
		f.Empty = "No latency yet."
		return f
	}
	low = max(low, 0.01) / 1.05 // no clock tells less
	f.X = Axis{Label: "model latency", Log: true, Min: low, Max: max(high, 2*low) * 1.05}
	f.X.Ticks = logTicks(f.X.Min, f.X.Max, timeLabel)
	f.Y = Axis{Max: percent + 5, Ticks: []Tick{{0, "0 %"}, {25, "25 %"}, {50, "p50"}, {75, "75 %"}, {90, "p90"}, {99, "p99"}}}
	for _, s := range both {
		if len(s.Points) == 0 {
			continue
		}
		line := Curve{Role: s.role, Name: string(s.role)}
		for _, p := range s.Points {
			line.Points = append(line.Points, XY{max(p.US, low), p.Share * percent})
		}
		f.Lines = append(f.Lines, line)
		for _, b := range s.Bands {
			if bound, ok := bounds(b, f.X); ok {
				bound.Role = s.role
				f.Lines = append(f.Lines, bound)
			}
		}
	}
	return f
}

// bounds is a quantile's band, up to the ends of the axis where nothing bounds it.
func bounds(b meter.Band, x Axis) (Curve, bool) {
	from, to := max(b.Lower, x.Min), x.Max
	if b.Upper != nil {
		to = min(*b.Upper, to)
	}
	return Curve{Bound: true, Points: []XY{{from, b.Quantile * percent}, {to, b.Quantile * percent}}}, b.Lower > 0 || b.Upper != nil
}
