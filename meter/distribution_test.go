package meter

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The golden numbers: four samples with known shapes, each put in at once and in a hundred parts merged. Every quantile
// must be within the relative error of the exact one, and both ways must give the same.
func TestDistribution_QuantilesAreWithinTheirError(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 11))
	shapes := map[string]func() time.Duration{
		"lognormal":   func() time.Duration { return time.Duration(5e6 * math.Exp(0.8*rnd.NormFloat64())) },
		"heavy tail":  func() time.Duration { return time.Duration(1e6 * math.Pow(rnd.Float64(), -0.7)) },
		"two modes":   func() time.Duration { return time.Duration(2e6+rnd.Float64()*1e5) * time.Duration(1+29*rnd.IntN(2)) },
		"nanoseconds": func() time.Duration { return time.Duration(1 + rnd.IntN(2000)) },
	}
	for name, draw := range shapes {
		t.Run(name, func(t *testing.T) {
			var whole, merged Distribution
			parts := make([]Distribution, 100)
			exact := make([]float64, 50_000)
			for i := range exact {
				d := draw()
				exact[i] = float64(d) / 1e3
				whole.Add(d)
				parts[i%len(parts)].Add(d)
			}
			for i := range parts {
				merged.Merge(&parts[i])
			}
			slices.Sort(exact)
			for _, q := range []float64{0, 0.001, 0.5, 0.9, 0.99, 0.999, 1} {
				want := exact[int(q*float64(len(exact)-1))]
				if got := whole.Quantile(q); math.Abs(got-want) > RelativeError*want*(1+1e-9) {
					t.Errorf("quantile %g is %g, want %g ± 1 %%", q, got, want)
				}
				if a, b := whole.Quantile(q), merged.Quantile(q); a != b {
					t.Errorf("quantile %g is %g at once and %g merged", q, a, b)
				}
			}
			if whole.Count() != merged.Count() || whole.Min() != merged.Min() || whole.Max() != merged.Max() ||
				math.Abs(whole.Sum()-merged.Sum()) > 1e-9*whole.Sum() {
				t.Errorf("merged %v %v %v %v, at once %v %v %v %v", merged.Count(), merged.Sum(), merged.Min(), merged.Max(),
					whole.Count(), whole.Sum(), whole.Min(), whole.Max())
			}
		})
	}
}

func TestDistribution_Golden(t *testing.T) {
	var d Distribution
	for i := range 10_000 {
		d.Add(time.Duration(i+1) * time.Microsecond)
	}
	got := fmt.Sprintf("%d %.1f %.0f %.0f", d.Count(), d.Mean(), d.Min(), d.Max())
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
		got += fmt.Sprintf(" %.2f", d.Quantile(q))
	}
	// The bins are part of what stores hold: should these numbers move, rows of earlier versions are read wrongly.
	if want := "10000 5000.5 1 10000 4965.32 9047.59 9801.16 9999.17"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDistribution_EdgesCount(t *testing.T) {
	var d Distribution
	d.Add(-time.Second)
	d.Add(0)
	d.Add(math.MaxInt64)
	if d.Count() != 3 || d.Min() != 0 || d.Quantile(0.5) > floor || d.Max() != float64(math.MaxInt64)/1e3 {
		t.Errorf("count %d, least %g, median %g, most %g", d.Count(), d.Min(), d.Quantile(0.5), d.Max())
	}
	back, err := decodeDistribution(d.encode(nil))
	if err != nil || back.Count() != 3 || back.Max() != d.Max() {
		t.Errorf("came back as %+v, %v", back, err)
	}
}

func TestDistribution_ResetForgets(t *testing.T) {
	var used, fresh Distribution
	for _, d := range []time.Duration{time.Second, time.Millisecond, time.Hour} {
		used.Add(d)
	}
	used.reset()
	for _, d := range []*Distribution{&used, &fresh} {
		d.Add(3 * time.Millisecond)
		d.Add(70 * time.Millisecond)
	}
	if a, b := used.encode(nil), fresh.encode(nil); !bytes.Equal(a, b) {
		t.Errorf("after reset %x, new %x", a, b)
	}
}

func TestDistribution_Below(t *testing.T) {
	var d Distribution
	for _, us := range []int{10, 20, 20, 300, 5000} {
		d.Add(time.Duration(us) * time.Microsecond)
	}
	var got []int64
	d.below([]float64{5, 50, 1000, 2000}, func(_ float64, n int64) { got = append(got, n) })
	if want := []int64{0, 3, 4, 4}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDecodeDistribution_RefusesDamage(t *testing.T) {
	var d Distribution
	d.Add(time.Millisecond)
	good := d.encode(nil)
	edit := func(at int, b ...byte) []byte { return append(slices.Clone(good[:at]), b...) }
	for name, b := range map[string][]byte{
		"version":       append([]byte{9}, good[1:]...),
		"no bins":       good[:header],
		"cut off":       good[:len(good)-1],
		"empty bin":     edit(len(good)-1, 0),
		"bin too high":  edit(header, 0xff, 0xff, 0xff, 0x7f, 1),
		"endless":       edit(header, bytes.Repeat([]byte{0xff}, 20)...),
		"sum not a sum": append([]byte{version, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f}, good[9:]...),
	} {
		if got, err := decodeDistribution(b); !errors.Is(err, errDamaged) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func FuzzDecodeDistribution(f *testing.F) {
	var d Distribution
	for i := range 40 {
		d.Add(time.Duration(i*i) * time.Microsecond)
	}
	f.Add(d.encode(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decodeDistribution(b)
		if err != nil {
			return
		}
		if q := d.Quantile(0.5); !(d.Min() <= q && q <= d.Max()) {
			t.Errorf("median %g is not within %g and %g", q, d.Min(), d.Max())
		}
		again, err := decodeDistribution(d.encode(nil))
		if err != nil || again.Count() != d.Count() || again.Quantile(0.9) != d.Quantile(0.9) {
			t.Errorf("came back as %+v, %v", again, err)
		}
	})
}
