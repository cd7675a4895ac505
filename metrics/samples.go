package metrics

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"gnomon/meter"
)

// Samples are the values that a metric has in one period: few that differ, each with how often it is there, or many. A
// metric has the one or the other. The zero value is none.
type samples struct {
	few  map[float64]int64
	many meter.Distribution
}

// weigh adds n values v.
func (s *samples) weigh(v float64, n int64) {
	if n <= 0 {
		return
	}
	if s.few == nil {
		s.few = make(map[float64]int64, 2)
	}
	s.few[v] += n
}

func (s *samples) count() int64 {
	n := s.many.Count()
	for _, k := range s.few {
		n += k
	}
	return n
}

func (s *samples) sum() float64 {
	sum := s.many.Sum()
	for _, v := range slices.Sorted(maps.Keys(s.few)) { // in order: the same samples have the same sum
		sum += v * float64(s.few[v])
	}
	return sum
}

// quantile returns the value at place q·(count−1), counted from 0 in rising order. There must be one.
func (s *samples) quantile(q float64) float64 {
	if s.few == nil {
		return s.many.Quantile(q)
	}
	rank := q * float64(s.count()-1)
	values := slices.Sorted(maps.Keys(s.few))
	var below int64
	for _, v := range values {
		below += s.few[v]
		if float64(below) > rank {
			return v
		}
	}
	return values[len(values)-1]
}

// A statistic makes one number of samples, of which there is at least one.
type statistic func(*samples) float64

var simple = map[string]statistic{
	"SampleCount": func(s *samples) float64 { return float64(s.count()) },
	"Sum":         (*samples).sum,
	"Average":     func(s *samples) float64 { return s.sum() / float64(s.count()) },
	"Minimum":     func(s *samples) float64 { return s.quantile(0) },
	"Maximum":     func(s *samples) float64 { return s.quantile(1) },
}

// percentile is CloudWatch's notation: p0 to p100, with up to ten decimal places.
var percentile = regexp.MustCompile(`^p(\d{1,2}(?:\.\d{0,10})?|100)$`)

// served is what an error says of statistics.
const served = "served are SampleCount, Average, Sum, Minimum, Maximum and percentiles such as p50 or p99.9"

// parseStatistic returns the statistic of a name. It reports false for those of CloudWatch that are not served, such as
// trimmed means, as for names that it does not know either.
func parseStatistic(name string) (statistic, bool) {
	if s, ok := simple[name]; ok {
		return s, true
	}
	return parsePercentile(name)
}

func parsePercentile(name string) (statistic, bool) {
	found := percentile.FindStringSubmatch(name)
	if found == nil {
		return nil, false
	}
	p, err := strconv.ParseFloat(found[1], 64)
	return func(s *samples) float64 { return s.quantile(p / 100) }, err == nil
}

// A point is one value of a series.
type point struct {
	at    int64 // Unix seconds: the beginning of its period
	value float64
}

func compare(a, b point) int { return cmp.Compare(a.at, b.at) }
