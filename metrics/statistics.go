package metrics

import (
	"context"
	"strconv"
	"time"

	"gnomon/cloudwatch"
)

// mostDatapoints is how many periods a request of GetMetricStatistics may span.
const mostDatapoints = 1440

// GetMetricStatistics tells statistics of one metric. Data points come by rising time.
func (m *Metrics) GetMetricStatistics(ctx context.Context, in *cloudwatch.GetMetricStatisticsInput) (*cloudwatch.GetMetricStatisticsOutput, error) {
	extended, err := checkStatistics(in)
	if err != nil {
		return nil, err
	}
	out := &cloudwatch.GetMetricStatisticsOutput{Label: in.MetricName}
	of, ok := find(in.Namespace, in.MetricName, in.Dimensions)
	if !ok || in.Unit != "" && in.Unit != of.unit {
		return out, nil
	}
	done, err := m.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	sp := span{of.endpoint, of.variant, begin(in.StartTime, in.Period, time.Now()), ceil(in.EndTime), in.Period}
	err = m.read(ctx, sp, []definition{of.definition}, func(at int64, all []samples) error {
		s := &all[0]
		if s.count() == 0 {
			return nil
		}
		d := datapoint(s, in.Statistics)
		d.Timestamp, d.Unit = time.Unix(at, 0).UTC(), of.unit
		for name, of := range extended {
			if d.ExtendedStatistics == nil {
				d.ExtendedStatistics = make(map[string]float64)
			}
			d.ExtendedStatistics[name] = of(s)
		}
		out.Datapoints = append(out.Datapoints, d)
		return nil
	})
	return out, err
}

// datapoint returns the simple statistics that are wanted.
func datapoint(s *samples, wanted []string) cloudwatch.Datapoint {
	var d cloudwatch.Datapoint
	to := map[string]**float64{
		"SampleCount": &d.SampleCount, "Average": &d.Average, "Sum": &d.Sum, "Minimum": &d.Minimum, "Maximum": &d.Maximum,
	}
	for _, name := range wanted {
		*to[name] = new(simple[name](s))
	}
	return d
}

// checkStatistics refuses what CloudWatch refuses, and returns the extended statistics.
func checkStatistics(in *cloudwatch.GetMetricStatisticsInput) (map[string]statistic, error) {
	if !in.StartTime.Before(in.EndTime) {
		return nil, cloudwatch.InvalidCombination("The parameter StartTime must be less than the parameter EndTime.")
	}
	if !validPeriod(in.Period) {
		return nil, cloudwatch.InvalidParameter("The parameter Period %s.", periods)
	}
	switch n, x := len(in.Statistics), len(in.ExtendedStatistics); {
	case n == 0 && x == 0:
		return nil, cloudwatch.InvalidCombination("At least one of the parameters Statistics and ExtendedStatistics must be specified.")
	case n > 0 && x > 0:
		return nil, cloudwatch.InvalidCombination("Only one of the parameters Statistics and ExtendedStatistics may be specified.")
	}
	seconds := ceil(in.EndTime) - in.StartTime.Unix()
	if n := (seconds + int64(in.Period) - 1) / int64(in.Period); n > mostDatapoints {
		return nil, cloudwatch.InvalidCombination("You have requested up to %s datapoints, which exceeds the limit of 1,440. "+
			"You may reduce the datapoints requested by increasing Period, or decreasing the time range.", group(n))
	}
	extended := make(map[string]statistic)
	for i, name := range in.ExtendedStatistics {
		s, ok := parsePercentile(name)
		if !ok {
			return nil, cloudwatch.InvalidParameter("The value %q for parameter ExtendedStatistics.member.%d is not a statistic that is "+
				"served: they are percentiles such as p50 or p99.9.", quoted(name), i+1)
		}
		extended[name] = s
	}
	return extended, nil
}

// ceil returns a time in whole seconds, rounded up: an end is exclusive.
func ceil(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// group returns n with a comma before every three digits.
func group(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
