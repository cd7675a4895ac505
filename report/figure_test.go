package report

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"gnomon/meter"
	"gnomon/verdict"
)

func TestFigures_ShowTheLastIntervalAndTheMargin(t *testing.T) {
	for _, m := range []verdict.Metric{
		courseTo(verdict.Worse, 4000, 0.05, 0.12), courseTo(verdict.Undecided, 3, 0.05, 0.12), courseTo(verdict.NoWorse, 1e9, 0.002, 1e-6),
	} {
		f := course("Latency", "how much longer", "", m, signed)
		if f.Empty != "" || len(f.Areas) != 1 || len(f.Lines) != 1 {
			t.Fatalf("%+v", f)
		}
		for _, y := range []float64{0, m.Margin, m.Effect, m.Lower, m.Upper} {
			if at := f.Y.Place(100 * y); !(0 <= at && at <= 1) {
				t.Errorf("%g %% is at %g of the axis from %g to %g", 100*y, at, f.Y.Min, f.Y.Max)
			}
		}
		a := f.Areas[0]
		if n := len(m.Course); len(a.Lower) != n || len(a.Upper) != n || len(f.Lines[0].Points) != n {
			t.Errorf("%d points of %d", len(f.Lines[0].Points), n)
		}
		last := m.Course[len(m.Course)-1]
		want := []XY{{float64(last.Values), 100 * last.Lower}, {float64(last.Values), 100 * last.Effect}, {float64(last.Values), 100 * last.Upper}}
		got := []XY{a.Lower[len(a.Lower)-1], f.Lines[0].Points[len(f.Lines[0].Points)-1], a.Upper[len(a.Upper)-1]}
		if d := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 0)); d != "" {
			t.Error(d)
		}
	}
}

func TestFigures_OfWhatIsNotJudged(t *testing.T) {
	m := courseTo(verdict.NotJudged, 100, 0.05, 0)
	if f := course("Answers", "how many differ", "none", m, plain); f.Empty != "Answers are not to be compared." {
		t.Errorf("%+v", f)
	}
	if f := course("Answers", "how many differ", "none", verdict.Metric{}, plain); f.Empty != "none" {
		t.Errorf("%+v", f)
	}
}

func TestFigures_DecidedIsOnlyWhatIsNotWithheld(t *testing.T) {
	for _, c := range []struct {
		verdict verdict.Verdict
		after   int64
		want    bool
	}{{verdict.Worse, 80, true}, {verdict.Undecided, 80, false}, {verdict.Undecided, 0, false}} {
		m := courseTo(c.verdict, 100, 0.05, 0.2)
		m.DecidedAfter = c.after
		got := slices.ContainsFunc(course("Latency", "", "", m, signed).Rules, func(r Rule) bool { return r.Role == Decided })
		if got != c.want {
			t.Errorf("%s after %d: a line is %v, want %v", c.verdict, c.after, got, c.want)
		}
	}
}

func TestFigures_OfOneVariantOnly(t *testing.T) {
	f := distributions(meter.Sides[meter.Shape]{Production: shape(2000, 100)})
	for _, l := range f.Lines {
		if l.Role != Production {
			t.Errorf("a line of %s", l.Role)
		}
	}
	if len(f.Lines) != 4 || f.Empty != "" {
		t.Errorf("%d lines, want one and three bounds", len(f.Lines))
	}
}

// What nothing bounds goes to the end of the axis, and is not drawn if there is no bound at all.
func TestFigures_Bounds(t *testing.T) {
	x := Axis{Log: true, Min: 10, Max: 1000}
	got, ok := bounds(meter.Band{Quantile: 0.5, Lower: 20}, x)
	if want := []XY{{20, 50}, {1000, 50}}; !ok || !cmp.Equal(got.Points, want) {
		t.Errorf("from 20 up: %v %v", got, ok)
	}
	got, ok = bounds(meter.Band{Quantile: 0.5, Upper: new(20.0)}, x)
	if want := []XY{{10, 50}, {20, 50}}; !ok || !cmp.Equal(got.Points, want) {
		t.Errorf("up to 20: %v %v", got, ok)
	}
	if _, ok = bounds(meter.Band{Quantile: 0.5}, x); ok {
		t.Error("no bound is drawn")
	}
}

func TestTicks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := math.Pow(10, rapid.Float64Range(-3, 9).Draw(t, "low"))
		factor := math.Pow(10, rapid.Float64Range(math.Log10(1.05), 12).Draw(t, "factor"))
		for name, ticks := range map[string][]Tick{
			"logarithmic": logTicks(low, low*factor, timeLabel), "linear": linearTicks(-low, low*factor, signed),
		} {
			if len(ticks) < 2 || len(ticks) > 2*ticksWanted+1 {
				t.Errorf("%d %s ticks from %g by %g: %v", len(ticks), name, low, factor, ticks)
			}
			for i := 1; i < len(ticks); i++ {
				if !(ticks[i].At > ticks[i-1].At) || ticks[i].Label == ticks[i-1].Label {
					t.Errorf("%s: %v after %v", name, ticks[i], ticks[i-1])
				}
			}
		}
	})
}

func TestTicks_Labels(t *testing.T) {
	labels := func(all []Tick) (l []string) {
		for _, t := range all {
			l = append(l, t.Label)
		}
		return l
	}
	for _, c := range []struct{ got, want []string }{
		{labels(linearTicks(-2.1, 3.2, signed)), []string{"−2 %", "−1 %", "0 %", "+1 %", "+2 %", "+3 %"}},
		{labels(linearTicks(0, 0.011, plain)), []string{"0.000 %", "0.002 %", "0.004 %", "0.006 %", "0.008 %", "0.010 %"}},
		{labels(logTicks(1, 20_000, countLabel)), []string{"1", "10", "100", "1k", "10k"}},
		{labels(logTicks(120, 5e6, timeLabel)), []string{"1 ms", "10 ms", "100 ms", "1 s"}},
		{labels(logTicks(900, 6500, timeLabel)), []string{"1 ms", "2 ms", "3 ms", "5 ms"}},
		{labels(logTicks(950, 1100, timeLabel)), []string{"950 µs", "1.00 ms", "1.05 ms", "1.10 ms"}},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Error(d)
		}
	}
}
