package meter

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// durations draws times such as models take: close together, far apart, none at all.
var durations = rapid.SliceOfN(rapid.OneOf(
	rapid.Int64Range(0, 2000),
	rapid.Int64Range(5e6, 6e6),
	rapid.Int64Range(1, int64(10*time.Minute)),
), 0, 2000)

func TestShape_PointsAreOnTheDistribution(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := durations.Draw(t, "ns")
		most := rapid.SampledFrom([]int{MaxPoints, 8}).Draw(t, "most")
		var d Distribution
		for _, v := range values {
			d.Add(time.Duration(v))
		}
		points := d.points(most)
		if len(points) > most || len(points) == 0 != (len(values) == 0) {
			t.Fatalf("%d points of %d values", len(points), len(values))
		}
		if len(values) == 0 {
			return
		}
		slices.Sort(values)
		for i, p := range points {
			if i > 0 && (p.US < points[i-1].US || p.Share < points[i-1].Share) {
				t.Errorf("point %d is %v after %v", i, p, points[i-1])
			}
			if i == 0 {
				continue // nothing is below the least value, which itself is not above it
			}
			// A bin's edge may be rounded.
			least, most := below(values, p.US*(1-1e-9)), below(values, p.US*(1+1e-9))
			if n := p.Share * float64(len(values)); n < float64(least)-1e-6 || n > float64(most)+1e-6 {
				t.Errorf("%v: %d to %d of %d values are at or below", p, least, most, len(values))
			}
		}
		if last := points[len(points)-1]; points[0] != (ShapePoint{d.Min(), 0}) || last != (ShapePoint{d.Max(), 1}) {
			t.Errorf("from %v to %v, want from %g to %g", points[0], last, d.Min(), d.Max())
		}
	})
}

// below counts those of the sorted nanoseconds that are at or below so many microseconds.
func below(sorted []int64, us float64) int {
	n, _ := slices.BinarySearchFunc(sorted, us, func(v int64, us float64) int {
		if float64(v)/1e3 <= us {
			return -1
		}
		return 1
	})
	return n
}

func TestShape_KeepsDetailBesideAnOutlier(t *testing.T) {
	var d Distribution
	for i := range 1000 {
		d.Add(time.Duration(1000+i) * time.Microsecond)
	}
	d.Add(time.Minute)
	if n := len(d.points(MaxPoints)); n < 30 {
		t.Errorf("a timeout leaves %d points of the rest", n)
	}
}

func TestShape_BandsAreRoundedOutwards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := durations.Draw(t, "ns")
		lower := rapid.Float64Range(-0.5, 1).Draw(t, "lower")
		upper := rapid.Float64Range(lower, 1.5).Draw(t, "upper")
		var d Distribution
		for _, v := range values {
			d.Add(time.Duration(v))
		}
		s := shapeOf(&d, func(n int64, q float64) (float64, float64) {
			if n != int64(len(values)) || !slices.Contains([]float64{0.5, 0.9, 0.99}, q) {
				t.Fatalf("asked for the %g-quantile of %d values", q, n)
			}
			return lower, upper
		})
		slices.Sort(values)
		for _, b := range s.Bands {
			if len(values) == 0 {
				if b.Lower != 0 || b.Upper != nil {
					t.Errorf("without values: %+v", b)
				}
				continue
			}
			wantEdge(t, values, lower, b.Lower, 0, -1)
			if upper < 1 != (b.Upper != nil) {
				t.Fatalf("upper %g, bound %v", upper, b.Upper)
			}
			if b.Upper != nil {
				wantEdge(t, values, max(upper, 0), *b.Upper, 1, +1)
			}
		}
	})
}

// wantEdge wants us to be the value at a share, or beyond it in the direction of sign by no more than a bin.
func wantEdge(t *rapid.T, sorted []int64, share, us float64, unbounded float64, sign float64) {
	if share <= 0 && unbounded == 0 {
		if us != 0 {
			t.Errorf("share %g is at %g µs", share, us)
		}
		return
	}
	i := min(max(int(math.Ceil(share*float64(len(sorted)))), 1), len(sorted))
	v := float64(sorted[i-1]) / 1e3
	far := sign * (us - v)
	if far < -1e-9*v || far > (2.1*RelativeError*v+1.1*floor) {
		t.Errorf("share %g is at %g µs, and the bound %g", share, v, us)
	}
}

func TestShape_WithoutBandSaysNothing(t *testing.T) {
	var d Distribution
	d.Add(time.Second)
	for _, b := range shapeOf(&d, nil).Bands {
		if b.US != 1e6 || b.Lower != 0 || b.Upper != nil || b.AtLeast() != "-" || b.AtMost() != "-" {
			t.Errorf("%+v", b)
		}
	}
}
