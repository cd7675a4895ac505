package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gnomon"
	"gnomon/cloudwatch"
	"gnomon/meter"
)

// A stage is metrics over a real meter, whose minutes begin at a whole hour of fake time.
type stage struct {
	*Metrics
	t     *testing.T
	meter *meter.Meter
	began time.Time
}

// onStage runs a story in a bubble of fake time. Nothing is ever saved: all is in memory.
func onStage(t *testing.T, story func(s *stage)) {
	synctest.Test(t, func(t *testing.T) {
		m := meter.New(meter.Options{}, empty{}, slog.New(slog.DiscardHandler))
		story(&stage{
			Metrics: New(m, gnomon.Partition{Name: "aws", Region: "us-east-1", Account: "123456789012"}),
			t:       t, meter: m, began: time.Now().Truncate(time.Hour),
		})
	})
}

// empty is a store with nothing in it.
type empty struct{ meter.Store }

func (empty) Rows(context.Context, meter.Filter, func(meter.Row) error) error { return nil }

func (empty) Activity(context.Context, time.Time) ([]meter.Activity, error) { return nil, nil }

func series(variant gnomon.VariantName) gnomon.Series {
	return gnomon.Series{EndpointID: "1", Endpoint: "shop", Variant: variant}
}

// leg records one of a variant, so long after the stage began.
func (s *stage) leg(variant gnomon.VariantName, after time.Duration, l gnomon.Leg) {
	l.Started = s.began.Add(after)
	s.meter.Series(series(variant)).Record(l)
}

// answered records n legs that took 1 ms.
func (s *stage) answered(after time.Duration, n, status int) {
	for range n {
		s.leg("A", after, gnomon.Leg{Status: status, ModelLatency: time.Millisecond})
	}
}

func (s *stage) look(after time.Duration, inService int, used ...gnomon.Use) {
	s.meter.Look(gnomon.Census{Series: series("A"), At: s.began.Add(after), InService: inService, Used: used})
}

func dimensions(variant string) []cloudwatch.Dimension {
	return []cloudwatch.Dimension{{Name: "VariantName", Value: variant}, {Name: "EndpointName", Value: "shop"}}
}

// ask is a query for one statistic of a metric of variant A.
func ask(id, metric, stat string, period int) cloudwatch.MetricDataQuery {
	namespace := invocationSpace
	if strings.HasSuffix(metric, "Utilization") {
		namespace = instanceSpace
	}
	return cloudwatch.MetricDataQuery{ID: id, MetricStat: &cloudwatch.MetricStat{
		Metric: cloudwatch.Metric{Namespace: namespace, MetricName: metric, Dimensions: dimensions("A")}, Period: period, Stat: stat,
	}}
}

// data asks from the stage's beginning, for so long.
func (s *stage) data(d time.Duration, queries ...cloudwatch.MetricDataQuery) *cloudwatch.GetMetricDataInput {
	return &cloudwatch.GetMetricDataInput{
		StartTime: s.began, EndTime: s.began.Add(d), MetricDataQueries: queries, ScanBy: cloudwatch.Ascending,
	}
}

func (s *stage) get(in *cloudwatch.GetMetricDataInput) *cloudwatch.GetMetricDataOutput {
	s.t.Helper()
	out, err := s.GetMetricData(s.t.Context(), in)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// values wants the values of one query, over three hours in periods.
func (s *stage) values(metric, stat string, period int, want ...float64) {
	s.t.Helper()
	got := s.get(s.data(3*time.Hour, ask("q", metric, stat, period))).MetricDataResults[0]
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) })
	if diff := cmp.Diff(want, got.Values, near); diff != "" {
		s.t.Errorf("%s of %s (-want +got):\n%s", stat, metric, diff)
	}
}

func TestMetrics_CountAsSageMakerDocuments(t *testing.T) {
	onStage(t, func(s *stage) {
		s.look(0, 2)
		s.answered(0, 6, 200)
		s.answered(time.Second, 2, 404)
		s.answered(time.Second, 1, 503)
		s.leg("A", 2*time.Second, gnomon.Leg{Fault: gnomon.FaultTimeout, ModelLatency: time.Minute})
		s.leg("A", 3*time.Second, gnomon.Leg{Fault: gnomon.FaultNoInstance})
		s.leg("B", 3*time.Second, gnomon.Leg{Status: 200})
		for _, c := range []struct {
			metric                          string
			sum, average, minimum, maximum  float64
			samples, half, percentOfPercent float64
		}{
			{"Invocations", 11, 1, 1, 1, 11, 1, 1},
			{"InvocationsPerInstance", 5.5, 0.5, 0.5, 0.5, 11, 0.5, 0.5},
			{"Invocation4XXErrors", 2, 2.0 / 11, 0, 1, 11, 0, 1},
			{"Invocation5XXErrors", 1, 1.0 / 11, 0, 1, 11, 0, 1},
			{"InvocationModelErrors", 4, 4.0 / 11, 0, 1, 11, 0, 1},
		} {
			s.values(c.metric, "Sum", 60, c.sum)
			s.values(c.metric, "Average", 60, c.average)
			s.values(c.metric, "Minimum", 60, c.minimum)
			s.values(c.metric, "Maximum", 60, c.maximum)
			s.values(c.metric, "SampleCount", 60, c.samples)
			s.values(c.metric, "p50", 60, c.half)
			s.values(c.metric, "p100", 60, c.percentOfPercent)
		}
		s.values("ModelLatency", "SampleCount", 60, 10)
		s.values("ModelLatency", "Maximum", 60, 60e6)
		s.values("ModelLatency", "Minimum", 60, 1000)
		s.values("ModelLatency", "Sum", 60, 60e6+9000)
		s.values("OverheadLatency", "Sum", 60)
		s.values("MidStreamErrors", "Sum", 60)
		s.values("CPUUtilization", "Average", 60)
	})
}

func TestMetrics_OfStreams(t *testing.T) {
	onStage(t, func(s *stage) {
		ms := time.Millisecond
		s.leg("A", 0, gnomon.Leg{Status: 200, ModelLatency: 30 * ms, Overhead: ms, Chunks: 3, FirstChunk: 10 * ms, FirstChunkOverhead: ms})
		s.leg("A", 0, gnomon.Leg{Status: 200, ModelLatency: 30 * ms, Overhead: ms, Chunks: 1, FirstChunk: 20 * ms, FirstChunkOverhead: 2 * ms, Broken: true})
		s.values("MidStreamErrors", "Sum", 60, 1)
		s.values("MidStreamErrors", "Average", 60, 0.5)
		s.values("FirstChunkLatency", "Sum", 60, 33e3)
		s.values("FirstChunkModelLatency", "Sum", 60, 30e3)
		s.values("FirstChunkOverheadLatency", "Sum", 60, 3e3)
		s.values("OverheadLatency", "Average", 60, 1000)
	})
}

func TestMetrics_OfInstances(t *testing.T) {
	onStage(t, func(s *stage) {
		s.look(0, 2, gnomon.Use{CPU: 180, Memory: 10, Disk: 1}, gnomon.Use{CPU: 20, Memory: 30, Disk: 1})
		s.look(10*time.Second, 2, gnomon.Use{CPU: 100, Memory: 20, Disk: 1})
		s.look(time.Minute, 1, gnomon.Use{CPU: 0, Memory: 20, Disk: 2})
		s.values("CPUUtilization", "Average", 60, 100, 0)
		s.values("CPUUtilization", "Maximum", 60, 180, 0)
		s.values("CPUUtilization", "SampleCount", 60, 3, 1)
		s.values("MemoryUtilization", "Minimum", 60, 10, 20)
		s.values("DiskUtilization", "Average", 60, 1, 2)
		s.values("Invocations", "Sum", 60)
	})
}

func TestMetrics_PerInstanceGoesByTheLastLook(t *testing.T) {
	onStage(t, func(s *stage) {
		s.look(0, 2)
		s.answered(0, 4, 200)
		s.answered(time.Minute, 4, 200) // nobody looked: still two
		s.look(2*time.Minute, 4)
		s.look(2*time.Minute+10*time.Second, 2)
		s.answered(2*time.Minute, 6, 200) // three on average
		s.values("InvocationsPerInstance", "Sum", 60, 2, 2, 2)
		s.values("InvocationsPerInstance", "Sum", 300, 6)
		s.values("InvocationsPerInstance", "Minimum", 300, 1.0/3)
		in := s.data(time.Hour, ask("q", "InvocationsPerInstance", "Sum", 60))
		in.StartTime = s.began.Add(time.Minute) // the look is before the first period
		if got := s.get(in).MetricDataResults[0].Values; len(got) != 2 || got[0] != 2 {
			t.Errorf("%v, want 2 and 2", got)
		}
	})
}

// TestMetrics_PercentilesAreWithinOnePercent compares them with exact ones, over several minutes together.
func TestMetrics_PercentilesAreWithinOnePercent(t *testing.T) {
	onStage(t, func(s *stage) {
		r := rand.New(rand.NewPCG(1, 2))
		var exact []float64
		for range 20_000 {
			took := time.Duration(math.Exp(r.NormFloat64()*1.5) * float64(20*time.Millisecond))
			exact = append(exact, float64(took)/1e3)
			s.leg("A", time.Duration(r.IntN(300))*time.Second, gnomon.Leg{Status: 200, ModelLatency: took})
		}
		slices.Sort(exact)
		for stat, q := range map[string]float64{"p0": 0, "p1": .01, "p10": .1, "p50": .5, "p90": .9, "p99": .99, "p99.9": .999, "p99.99": .9999, "p100": 1} {
			want := exact[int(q*float64(len(exact)-1))]
			got := s.get(s.data(time.Hour, ask("q", "ModelLatency", stat, 3600))).MetricDataResults[0].Values[0]
			if math.Abs(got-want) > 0.01*want {
				t.Errorf("%s is %g µs, exactly %g", stat, got, want)
			}
		}
	})
}

func TestGetMetricStatistics_Tells(t *testing.T) {
	onStage(t, func(s *stage) {
		s.answered(0, 2, 200)
		s.answered(59*time.Second, 1, 200)
		s.answered(7*time.Minute, 4, 200)
		in := &cloudwatch.GetMetricStatisticsInput{
			Namespace: invocationSpace, MetricName: "Invocations", Dimensions: dimensions("A"), Period: 60,
			StartTime: s.began.Add(30 * time.Second), EndTime: s.began.Add(10 * time.Minute), Statistics: []string{"Sum", "Average"},
		}
		at := func(d time.Duration, n float64) cloudwatch.Datapoint {
			return cloudwatch.Datapoint{Timestamp: s.began.Add(d).UTC(), Sum: &n, Average: new(1.0), Unit: "None"}
		}
		told := func(want ...cloudwatch.Datapoint) {
			t.Helper()
			out, err := s.GetMetricStatistics(s.t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&cloudwatch.GetMetricStatisticsOutput{Label: "Invocations", Datapoints: want}, out); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		told(at(0, 3), at(7*time.Minute, 4)) // the start is rounded down
		in.Period = 300
		told(at(0, 3), at(5*time.Minute, 4))
		in.StartTime = s.began.Add(time.Minute + time.Second) // and periods begin there
		told(at(6*time.Minute, 4))
		in.Period, in.StartTime = 1, s.began
		told(at(0, 3), at(7*time.Minute, 4)) // a minute's numbers are at its beginning
		in.EndTime = s.began.Add(7 * time.Minute)
		told(at(0, 3)) // the end is exclusive
		in.Unit = "Count"
		told()
		in.Unit, in.Dimensions = "None", in.Dimensions[:1]
		told()
		in.Dimensions, in.MetricName = dimensions("A"), "Invocations"
		told(at(0, 3))
	})
}

func TestGetMetricStatistics_TellsPercentiles(t *testing.T) {
	onStage(t, func(s *stage) {
		s.answered(0, 2, 200)
		out, err := s.GetMetricStatistics(s.t.Context(), &cloudwatch.GetMetricStatisticsInput{
			Namespace: invocationSpace, MetricName: "ModelLatency", Dimensions: dimensions("A"), Period: 60,
			StartTime: s.began, EndTime: s.began.Add(time.Hour), ExtendedStatistics: []string{"p50", "p99.99"}, Unit: "Microseconds",
		})
		want := []cloudwatch.Datapoint{{
			Timestamp: s.began.UTC(), Unit: "Microseconds", ExtendedStatistics: map[string]float64{"p50": 1000, "p99.99": 1000},
		}}
		if diff := cmp.Diff(want, out.Datapoints); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestGetMetricStatistics_Refuses(t *testing.T) {
	noon := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	m := New(nil, gnomon.Partition{})
	for name, c := range map[string]struct {
		change     func(*cloudwatch.GetMetricStatisticsInput)
		code, text string
	}{
		"NoSpan":     {func(in *cloudwatch.GetMetricStatisticsInput) { in.EndTime = noon }, "InvalidParameterCombinationException", "StartTime must be less than"},
		"Period":     {func(in *cloudwatch.GetMetricStatisticsInput) { in.Period = 90 }, "InvalidParameterValueException", "multiple of 60"},
		"Statistics": {func(in *cloudwatch.GetMetricStatisticsInput) { in.Statistics = nil }, "InvalidParameterCombinationException", "At least one"},
		"Both":       {func(in *cloudwatch.GetMetricStatisticsInput) { in.ExtendedStatistics = []string{"p1"} }, "InvalidParameterCombinationException", "Only one"},
		"TooMany": {func(in *cloudwatch.GetMetricStatisticsInput) {
			in.EndTime = noon.Add(1440*time.Minute + time.Nanosecond)
		}, "InvalidParameterCombinationException", "up to 1,441 datapoints"},
		"ForAges": {func(in *cloudwatch.GetMetricStatisticsInput) { in.StartTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC) }, "InvalidParameterCombinationException", "datapoints"},
		"Trimmed": {func(in *cloudwatch.GetMetricStatisticsInput) {
			in.Statistics, in.ExtendedStatistics = nil, []string{"p99", "tm99"}
		}, "InvalidParameterValueException", `"tm99" for parameter ExtendedStatistics.member.2`},
	} {
		t.Run(name, func(t *testing.T) {
			in := &cloudwatch.GetMetricStatisticsInput{
				Namespace: invocationSpace, MetricName: "Invocations", Period: 60, StartTime: noon, EndTime: noon.Add(time.Hour), Statistics: []string{"Sum"},
			}
			if _, err := m.GetMetricStatistics(t.Context(), in); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			c.change(in)
			_, err := m.GetMetricStatistics(t.Context(), in)
			refused(t, err, c.code, c.text)
		})
	}
}

func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	e, ok := errors.AsType[*cloudwatch.Error](err)
	if !ok || e.Code != code || !strings.Contains(e.Message, text) {
		t.Errorf("got %v, want %s with %q", err, code, text)
	}
}

func TestGetMetricData_Refuses(t *testing.T) {
	onStage(t, func(s *stage) {
		change := func(f func(*cloudwatch.MetricDataQuery)) cloudwatch.MetricDataQuery {
			q := ask("a", "Invocations", "Sum", 60)
			f(&q)
			return q
		}
		good := ask("b", "Invocations", "Sum", 60)
		for text, q := range map[string]cloudwatch.MetricDataQuery{
			"One of the parameters MetricDataQueries.member.2.MetricStat and MetricDataQueries.member.2.Expression must":   {ID: "a"},
			"The parameter MetricDataQueries.member.2.Expression is not served: neither metric math nor SEARCH":            {ID: "a", Expression: "SUM(METRICS())"},
			"Only one of the parameters MetricDataQueries.member.2.MetricStat":                                             change(func(q *cloudwatch.MetricDataQuery) { q.Expression = "b" }),
			"MetricDataQueries.member.2.Period goes with Expression only":                                                  change(func(q *cloudwatch.MetricDataQuery) { q.Period = new(60) }),
			"MetricDataQueries.member.2.MetricStat.Period must be 1, 5, 10, 20, 30 or a multiple of 60.":                   change(func(q *cloudwatch.MetricDataQuery) { q.MetricStat.Period = 2 }),
			"MetricDataQueries.member.2.MetricStat.Metric.Namespace and":                                                   change(func(q *cloudwatch.MetricDataQuery) { q.MetricStat.Metric.Namespace = "" }),
			"The value tm99 for parameter MetricDataQueries.member.2.MetricStat.Stat is not a valid statistic: served are": change(func(q *cloudwatch.MetricDataQuery) { q.MetricStat.Stat = "tm99" }),
			"The value p101 for parameter MetricDataQueries.member.2.MetricStat.Stat is not a valid statistic":             change(func(q *cloudwatch.MetricDataQuery) { q.MetricStat.Stat = "p101" }),
			"The dynamic label ${MAX_TIME} in MetricDataQueries.member.2.Label is not served":                              change(func(q *cloudwatch.MetricDataQuery) { q.Label = new("x ${MAX_TIME}") }),
			"The values for parameter Id in MetricDataQueries are not unique: b is there more than once":                   good,
		} {
			_, err := s.GetMetricData(s.t.Context(), s.data(time.Hour, good, q))
			refused(t, err, "ValidationException", text)
		}
		hidden := change(func(q *cloudwatch.MetricDataQuery) { q.ReturnData = new(false) })
		_, err := s.GetMetricData(s.t.Context(), s.data(time.Hour, hidden))
		refused(t, err, "ValidationException", "must have ReturnData true")
		_, err = s.GetMetricData(s.t.Context(), s.data(0))
		refused(t, err, "ValidationException", "StartTime must not equal parameter EndTime.\nThe collection MetricDataQueries must not be empty.")
		_, err = s.GetMetricData(s.t.Context(), s.data(-time.Hour, good))
		refused(t, err, "ValidationException", "StartTime must be less than")
		for _, n := range []int{0, -1, 100_801} {
			in := s.data(time.Hour, good)
			in.MaxDatapoints = &n
			_, err = s.GetMetricData(s.t.Context(), in)
			refused(t, err, "ValidationException", "between 1 and 100800")
		}
	})
}

func TestGetMetricData_Tells(t *testing.T) {
	onStage(t, func(s *stage) {
		s.answered(0, 1, 200)
		s.answered(2*time.Minute, 3, 200)
		foreign, nobody, unit := ask("foreign", "Invocations", "Sum", 60), ask("nobody", "Invocations", "Sum", 60), ask("unit", "Invocations", "Sum", 60)
		foreign.AccountID = "1"
		nobody.MetricStat.Metric.Dimensions = dimensions("nobody")
		unit.MetricStat.Unit = "Count"
		hidden, own := ask("hidden", "Invocations", "Sum", 60), ask("own", "Invocations", "Sum", 60)
		hidden.ReturnData = new(false)
		own.AccountID, own.Label = "123456789012", new("${LABEL} of ${PROP('Dim.VariantName')}${PROP('Dim.None')}, ${PROP('Stat')} in ${PROP('Region')}")
		in := s.data(time.Hour, own, foreign, hidden, nobody, unit)
		in.ScanBy = ""
		got := s.get(in)
		want := []cloudwatch.MetricDataResult{
			{
				ID: "own", Label: "Invocations of A, Sum in us-east-1", StatusCode: cloudwatch.Complete,
				Timestamps: []time.Time{s.began.Add(2 * time.Minute).UTC(), s.began.UTC()}, Values: []float64{3, 1},
			},
			{ID: "foreign", Label: "Invocations", StatusCode: cloudwatch.Forbidden},
			{ID: "nobody", Label: "Invocations", StatusCode: cloudwatch.Complete},
			{ID: "unit", Label: "Invocations", StatusCode: cloudwatch.Complete},
		}
		if diff := cmp.Diff(&cloudwatch.GetMetricDataOutput{MetricDataResults: want}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestGetMetricData_Pages reads the same answer in pages of every size, while more comes in.
func TestGetMetricData_Pages(t *testing.T) {
	onStage(t, func(s *stage) {
		const minutes = 7
		for i := range minutes {
			s.answered(time.Duration(i)*2*time.Minute, i+1, 200)
		}
		for _, order := range []string{cloudwatch.Ascending, cloudwatch.Descending} {
			in := s.data(time.Hour, ask("a", "Invocations", "Sum", 60), ask("b", "ModelLatency", "SampleCount", 120), ask("none", "OverheadLatency", "Sum", 60))
			in.ScanBy = order
			want := s.get(in).MetricDataResults
			for size := 1; size <= 2*minutes+1; size++ {
				in.MaxDatapoints, in.NextToken = &size, ""
				var got []cloudwatch.MetricDataResult
				for pages := 0; ; pages++ {
					out := s.get(in)
					n := 0
					for _, r := range out.MetricDataResults {
						n += len(r.Values)
						if i := len(got) - 1; i >= 0 && got[i].ID == r.ID {
							got[i].Values, got[i].Timestamps = append(got[i].Values, r.Values...), append(got[i].Timestamps, r.Timestamps...)
							got[i].StatusCode = r.StatusCode
							continue
						}
						got = append(got, r)
					}
					if n > size || pages > 2*minutes+1 {
						t.Fatalf("%s, page %d of %d points has %d", order, pages, size, n)
					}
					if in.NextToken = out.NextToken; in.NextToken == "" {
						break
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s, pages of %d points (-want +got):\n%s", order, size, diff)
				}
			}
		}
		in := s.data(time.Hour, ask("a", "Invocations", "Sum", 60))
		in.MaxDatapoints = new(1)
		token := s.get(in).NextToken
		in.MetricDataQueries[0].ID = "other"
		for _, token := range []string{token, "x", "%", "e30", strings.Repeat("A", 5000)} {
			in.NextToken = token
			_, err := s.GetMetricData(s.t.Context(), in)
			refused(t, err, "InvalidNextToken", "NextToken")
		}
	})
}

func TestBegin_RoundsAsCloudWatchDoes(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		days   int
		at     string
		period int
		want   string
	}{
		{0, "12:32:34", 60, "12:32:00"}, {0, "12:32:34", 300, "12:32:00"}, {0, "12:32:34", 1, "12:32:00"},
		{16, "12:32:34", 300, "12:30:00"}, {64, "12:32:34", 3600, "12:00:00"},
		{0, "01:05:23", 10, "01:05:20"}, {0, "15:07:17", 5, "15:07:15"}, {64, "15:07:47", 30, "15:07:30"},
	} {
		clock, err := time.Parse(time.TimeOnly, c.at)
		if err != nil {
			t.Fatal(err)
		}
		day := now.AddDate(0, 0, -c.days-1).Truncate(24 * time.Hour)
		start := day.Add(time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute + time.Duration(clock.Second())*time.Second)
		if got := time.Unix(begin(start, c.period, now), 0).UTC(); got.Format(time.TimeOnly) != c.want || got.Sub(start).Abs() > time.Hour {
			t.Errorf("%s, %d days ago, by %d s: %s, want %s", c.at, c.days, c.period, got, c.want)
		}
	}
}

func TestParseStatistic(t *testing.T) {
	for _, good := range []string{"Sum", "Average", "Minimum", "Maximum", "SampleCount", "p0", "p50", "p99.9", "p99.0123456789", "p100", "p5."} {
		if _, ok := parseStatistic(good); !ok {
			t.Errorf("%s is refused", good)
		}
	}
	for _, bad := range []string{"", "sum", "p", "p100.1", "p101", "p-1", "p1e1", "p50%", "tm99", "tc99", "ts99", "wm99", "IQM", "PR(1:2)", "TM(1%:2%)", "p99.01234567891"} {
		if _, ok := parseStatistic(bad); ok {
			t.Errorf("%s is accepted", bad)
		}
	}
}

// A counting meter counts how often it is read.
type counting struct {
	Meter
	reads int
}

func (c *counting) Minutes(ctx context.Context, e gnomon.EndpointName, v gnomon.VariantName, from, to time.Time, fn func(meter.Minute) error) error {
	c.reads++
	return c.Meter.Minutes(ctx, e, v, from, to, fn)
}

func TestGetMetricData_ReadsTheSameNumbersOnce(t *testing.T) {
	onStage(t, func(s *stage) {
		s.answered(0, 3, 200)
		s.leg("B", time.Minute, gnomon.Leg{Status: 200, ModelLatency: time.Millisecond})
		c := &counting{Meter: s.Metrics.meter}
		s.Metrics.meter = c
		other := ask("other", "Invocations", "Sum", 60)
		other.MetricStat.Metric.Dimensions = dimensions("B")
		in := s.data(time.Hour, ask("a", "Invocations", "Sum", 60), other, ask("b", "ModelLatency", "p50", 60), ask("c", "Invocation4XXErrors", "Sum", 60),
			ask("d", "Invocations", "Sum", 120), ask("e", "CPUUtilization", "Average", 60))
		for _, order := range []string{cloudwatch.Ascending, cloudwatch.Descending} {
			in.ScanBy = order
			var got []string
			c.reads = 0
			for _, r := range s.get(in).MetricDataResults {
				got = append(got, fmt.Sprint(r.ID, r.Values))
			}
			if want := []string{"a[3]", "other[1]", "b[1000]", "c[0]", "d[3]", "e[]"}; !slices.Equal(got, want) || c.reads != 3 {
				t.Errorf("%s: %v in %d reads, want %v in 3: one by variant and period", order, got, c.reads, want)
			}
		}
		in.MaxDatapoints, c.reads = new(120), 0 // room for two queries of sixty periods
		if s.get(in); c.reads != 5 {
			t.Errorf("%d reads, want 5: only the first two fit together", c.reads)
		}
	})
}
