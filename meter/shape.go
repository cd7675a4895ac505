package meter

import "math"

// A Shape is how durations are distributed, for plots and for whoever wants to know how sure a quantile is. It is
// description: the difference of two variants' p99s is not the p99 of the differences.
type Shape struct {
	// Points are at edges of the distribution's bins, both rising, from a share of 0 to one of 1. Between two of them it is
	// not known. There are at most MaxPoints, and none if there is no duration.
	Points []ShapePoint `json:"points"`
	Bands  []Band       `json:"bands"` // of p50, p90 and p99
}

// MaxPoints is how many points a [Shape] has at most.
const MaxPoints = 120

// A ShapePoint says which share of the durations, from 0 to 1, is at or below so many microseconds.
type ShapePoint struct {
	US    float64 `json:"us"`
	Share float64 `json:"share"`
}

// A Band is between which durations, in microseconds, the true quantile is, as [Options.Band] says, rounded outwards to the
// bins of the distribution.
type Band struct {
	Quantile float64  `json:"quantile"`           // from 0 to 1
	US       float64  `json:"us"`                 // among the durations so far, within [RelativeError]
	Lower    float64  `json:"lower_us"`           // 0: nothing bounds it from below
	Upper    *float64 `json:"upper_us,omitempty"` // nil: nothing bounds it from above
}

// AtLeast returns the lower bound for people, a dash if there is none.
func (b Band) AtLeast() string {
	if b.Lower == 0 {
		return "-"
	}
	return Microseconds(b.Lower)
}

// AtMost returns the upper bound for people, a dash if there is none.
func (b Band) AtMost() string {
	if b.Upper == nil {
		return "-"
	}
	return Microseconds(*b.Upper)
}

// band returns the band of a quantile, one that says nothing if there is none.
func (s Shape) band(q float64) Band {
	for _, b := range s.Bands {
		if b.Quantile == q {
			return b
		}
	}
	return Band{Quantile: q}
}

// shapeOf describes d.
func shapeOf(d *Distribution, band func(n int64, q float64) (lower, upper float64)) Shape {
	s := Shape{Points: d.points(MaxPoints)}
	for _, q := range []float64{0.5, 0.9, 0.99} {
		b := Band{Quantile: q, US: d.Quantile(q)}
		if band != nil && d.count > 0 {
			b.Lower, b.Upper = d.between(band(d.count, q))
		}
		s.Bands = append(s.Bands, b)
	}
	return s
}

// points returns at most most points, of bins as fine as they can be for that.
func (d *Distribution) points(most int) []ShapePoint {
	for width := 1; ; width *= 2 {
		if all := d.edges(width); len(all) <= most {
			return all
		}
	}
}

// edges returns the points at the edges of those bins that hold something, each width bins taken for one.
func (d *Distribution) edges(width int) []ShapePoint {
	if d.count == 0 {
		return nil
	}
	all := []ShapePoint{{US: d.min}}
	var sum float64
	var end int // of the bin before, in bins of the sketch
	d.bins.ForEach(func(index int, count float64) bool {
		start := int(math.Floor(float64(index)/float64(width))) * width
		sum += count
		p := ShapePoint{math.Min(scale.LowerBound(start+width), d.max), sum / float64(d.count)}
		switch last := all[len(all)-1]; {
		case len(all) > 1 && end == start+width:
			all[len(all)-1] = p
			return false
		case len(all) > 1 && end != start: // it is level up to here
			all = append(all, ShapePoint{scale.LowerBound(start), last.Share})
		}
		all, end = append(all, p), start+width
		return false
	})
	return all
}

// between returns the lower edge of the bin in which the share lower of the durations is reached, and the upper edge of that
// of upper.
func (d *Distribution) between(lower, upper float64) (from float64, to *float64) {
	n := float64(d.count)
	if lower > 0 {
		if i := d.bins.KeyAtRank(math.Ceil(lower*n) - 1); i == scale.Index(floor) {
			from = d.min
		} else {
			from = math.Max(scale.LowerBound(i), d.min)
		}
	}
	if upper < 1 {
		to = new(math.Min(scale.LowerBound(d.bins.KeyAtRank(math.Ceil(upper*n)-1)+1), d.max))
	}
	return from, to
}
