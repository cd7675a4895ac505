package stats

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestDiscordant(t *testing.T) {
	for _, c := range []struct {
		k, n int64
		want float64
	}{{10, 10, 93.0909}, {9, 10, 9.30909}, {15, 20, 3.22060}, {60, 100, 0.913050}, {0, 0, 1}, {0, 10, 93.0909}} {
		near(t, "evidence", math.Exp(Discordant(c.k, c.n-c.k)), c.want, 2e-6)
	}
	if Discordant(-1, -5) != 0 {
		t.Error("counts below 0 are evidence")
	}
}

func TestShareEvidence(t *testing.T) {
	for _, c := range []struct {
		counts        []int64
		shares        []float64
		concentration float64
		want          float64
	}{
		{nil, nil, 1, 0}, // refused, see below
		{[]int64{0, 0}, []float64{0.5, 0.5}, 100, 1},
		{[]int64{10, 0}, []float64{0.5, 0.5}, 2, 1024.0 / 11},
		{[]int64{3, 0, 0}, []float64{1.0 / 3, 1.0 / 3, 1.0 / 3}, 3, 27 * 2 * 6 / 120.0},
		{[]int64{2, 1}, []float64{0.25, 0.75}, 4, 1 * 2 * 3 / (4 * 5 * 6.0) / (0.25 * 0.25 * 0.75)},
		{[]int64{5, 0}, []float64{1, 0}, 10, 1},
		{[]int64{5, 1}, []float64{1, 0}, 10, math.Inf(1)},
	} {
		got, err := ShareEvidence(c.counts, c.shares, c.concentration)
		if c.counts == nil {
			if err == nil {
				t.Error("no shares are 1 together")
			}
			continue
		}
		if err != nil {
			t.Error(err)
		}
		if math.IsInf(c.want, 1) != math.IsInf(got, 1) {
			t.Errorf("%v by %v: %g, want ln %g", c.counts, c.shares, got, c.want)
		} else if !math.IsInf(got, 1) {
			near(t, "evidence", math.Exp(got), c.want, 1e-9)
		}
	}
}

// TestShareEvidence_IsFair: a fair bet is worth, on average over what comes next, what it was worth before.
func TestShareEvidence_IsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.Float64Range(0.01, 0.99).Draw(t, "share")
		shares := []float64{p, 1 - p}
		counts := []int64{rapid.Int64Range(0, 2000).Draw(t, "in"), rapid.Int64Range(0, 2000).Draw(t, "out")}
		k := rapid.Float64Range(0.1, 1000).Draw(t, "concentration")
		value := func(in, out int64) float64 {
			e, err := ShareEvidence([]int64{counts[0] + in, counts[1] + out}, shares, k)
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		now := value(0, 0)
		near(t, "next", p*math.Exp(value(1, 0)-now)+(1-p)*math.Exp(value(0, 1)-now), 1, 1e-8)
	})
}

func TestShareEvidence_FindsALostTwentieth(t *testing.T) {
	e, err := ShareEvidence([]int64{9500, 90500}, []float64{0.1, 0.9}, 100)
	if err != nil || e < math.Log(1000) {
		t.Errorf("evidence %g, %v", e, err)
	}
	if e, err = ShareEvidence([]int64{10010, 89990}, []float64{0.1, 0.9}, 100); err != nil || e > 0 {
		t.Errorf("evidence against the shares themselves %g, %v", e, err)
	}
}

func TestShareEvidence_Refuses(t *testing.T) {
	for _, c := range []struct {
		counts        []int64
		shares        []float64
		concentration float64
	}{
		{[]int64{1}, []float64{0.5, 0.5}, 1}, {[]int64{1, 1}, []float64{0.5, 0.6}, 1}, {[]int64{1, -1}, []float64{0.5, 0.5}, 1},
		{[]int64{1, 1}, []float64{1.5, -0.5}, 1}, {[]int64{1, 1}, []float64{math.NaN(), 1}, 1}, {[]int64{1, 1}, []float64{0.5, 0.5}, 0},
		{[]int64{1, 1}, []float64{0.5, 0.5}, math.NaN()}, {[]int64{1, 1}, []float64{0.5, 0.5}, math.Inf(1)},
	} {
		if e, err := ShareEvidence(c.counts, c.shares, c.concentration); err == nil || e != 0 {
			t.Errorf("%+v: %g", c, e)
		}
	}
}
