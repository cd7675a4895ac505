package main

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"gnomon"
)

// TestFamilies compares, with what they say of themselves, the shares of draws above a threshold in a simulation.
func TestFamilies(t *testing.T) {
	for _, f := range append([]family{busyHours}, families...) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			const streams, each, share = 16, 2 * dayLength, 0.03
			least := f.threshold(share)
			var above [2]float64
			for i := range uint64(streams) {
				next := f.start(rand.New(rand.NewPCG(i, 1)))
				for range each {
					d := next()
					for arm, z := range [2]float64{d.production, d.shadow} {
						if z > least {
							above[arm] += 1.0 / (streams * each)
						}
					}
				}
			}
			for arm, got := range above {
				if math.Abs(got-share) > 0.1*share {
					t.Errorf("arm %d: %.4f of the draws are above %.3f, want %.4f", arm, got, least, share)
				}
			}
		})
	}
}

// TestEvents wants the shadow to fail more by what it is said to, also where the rate drifts.
func TestEvents(t *testing.T) {
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			const streams, each = 32, dayLength
			var difference float64
			for i := range uint64(streams) {
				e := f.events(rate{0.01, 0.02}, rand.New(rand.NewPCG(i, 2)))
				for range each {
					production, shadow := e.one()
					if shadow {
						difference += 1.0 / (streams * each)
					}
					if production {
						difference -= 1.0 / (streams * each)
					}
				}
			}
			if math.Abs(difference-0.02) > 0.002 {
				t.Errorf("the shadow fails in %.4f more, want 0.02", difference)
			}
		})
	}
}

// TestShiftFor has the mean of a Laplace distribution within ±1, which is what two of Pareto's have between them, in closed form.
func TestShiftFor(t *testing.T) {
	const target = 0.0295588
	got := shiftFor(families[2], target)
	b := families[2].scale
	if mean := got - b/2*(math.Exp(-(1-got)/b)-math.Exp(-(1+got)/b)); math.Abs(mean-target) > 1e-4 {
		t.Errorf("a shift of %g has a mean of %g, want %g", got, mean, target)
	}
	if got := shiftFor(families[0], target); math.Abs(got-target) > 1e-6 {
		t.Errorf("where nothing is beyond ±1 the shift is %g, want %g", got, target)
	}
}

// TestSide has latencies that a duration does not hold: they have a logarithm all the same.
func TestSide(t *testing.T) {
	for _, x := range []float64{-50, 0, 50, 1000} {
		s := side(x, false, false)
		if l := logLatency(&s); math.IsNaN(l) || l > math.Log(longest) {
			t.Errorf("the logarithm of a latency of e^%g · 10 ms is %g", x, l)
		}
	}
}

func TestShare(t *testing.T) {
	low, high := share{5, 100}.interval() // by hand: (0.05 + 0.0192 ± 0.0470) ÷ 1.0384
	if math.Abs(low-0.02154) > 1e-4 || math.Abs(high-0.11175) > 1e-4 {
		t.Errorf("%g to %g", low, high)
	}
	if (share{8, 100}).above() || !(share{15, 100}).above() || (share{}).above() {
		t.Error("8 of 100 may be chance, 15 are not, and nothing says nothing")
	}
}

// TestVerdicts_SeeDependence: latencies that resemble their neighbours are not taken for so many values. With the variation of
// single pairs in place of V*, most of these streams are wrong.
func TestVerdicts_SeeDependence(t *testing.T) {
	p := plan{streams: 24, looks: 2000, pairs: 4}
	for _, f := range families {
		if f.name != "AR(1) .9" {
			continue
		}
		slower := atMargin()[0]
		all := p.run(f, &slower, nil)
		if n := noWorse(all, latency); n.above() {
			t.Errorf("found no worse, while slower by the margin: %v %%", n)
		}
		all = p.run(f, &sameSmallest, nil)
		if n := worse(all, overall); n.above() {
			t.Errorf("found worse, while the same: %v %%", n)
		}
	}
}

// TestRun prints all tables of a small run, the same whatever the processors.
func TestRun(t *testing.T) {
	all, _ := chosen("normal,busy hours")
	o := options{families: all, tables: "false,power,blind", plan: plan{streams: 3, looks: 650, pairs: 2}, few: 1}
	printed := func(processors int) string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		var b strings.Builder
		if err := run(o, &b, io.Discard); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	one := printed(1)
	if two := printed(2); one != two {
		t.Errorf("on two processors\n%s\non one\n%s", two, one)
	}
	for _, want := range []string{"peeked z-test", "busy hours", "What pairing buys", "p99 apart", "No verdict is wrong more often"} {
		if !strings.Contains(one, want) {
			t.Errorf("nothing says %q:\n%s", want, one)
		}
	}
}

// TestJudge_Fails where verdicts are wrong.
func TestJudge_Fails(t *testing.T) {
	b := &book{out: io.Discard}
	b.promise(share{9, 10}, "found worse", families[0])
	if err := b.judge(); !errors.Is(err, errTooOften) {
		t.Errorf("9 in 10 are wrong: %v", err)
	}
	b = &book{out: io.Discard}
	b.promise(share{9, 10}, "found worse", busyHours)
	if err := b.judge(); err != nil {
		t.Errorf("of busy hours nothing is promised: %v", err)
	}
}

func TestOptions(t *testing.T) {
	good := options{tables: "false", plan: plan{streams: 1, looks: 1, pairs: 1}}
	if err := good.check(""); err != nil {
		t.Error(err)
	}
	for _, bad := range []options{{tables: "false"}, {tables: "other", plan: good.plan}} {
		if bad.check("") == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if all, unknown := chosen("normal, drift"); len(all) != 2 || unknown != "" {
		t.Errorf("chosen %v, unknown %q", namesOf(all), unknown)
	}
	if _, unknown := chosen("normal,odd"); unknown != "odd" {
		t.Errorf("unknown %q", unknown)
	}
}

// TestFill counts what is in pairs.
func TestFill(t *testing.T) {
	s := scenario{judging: gnomon.Judging{NoiseFloor: 1}, failing: rate{production: 0.1}, differing: rate{production: 0.1}, shift: 0.5}
	from := newSource(families[0], &s, s.shift, rand.New(rand.NewPCG(1, 1)))
	pairs := make([]gnomon.Pair, 2000)
	from.fill(pairs)
	var failed, differ int
	var ratio float64
	for i := range pairs {
		p := &pairs[i]
		if !p.Copied() || !p.Repeated || p.Repeat.ModelLatency != p.Production.ModelLatency {
			t.Fatalf("pair %+v", p)
		}
		if p.Shadow.Failed() {
			failed++
		}
		if string(p.Repeat.Body) == string(odd) {
			differ++
		}
		ratio += math.Log(float64(p.Shadow.ModelLatency)/float64(p.Production.ModelLatency)) / float64(len(pairs))
	}
	if failed < 150 || failed > 250 || differ < 120 || differ > 240 || math.Abs(ratio-0.5) > 0.02 {
		t.Errorf("%d fail, %d differ, the ratio is e^%g", failed, differ, ratio)
	}
}
