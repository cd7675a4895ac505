package report

import (
	"fmt"
	"math"
	"testing"
	"time"

	"gnomon"
	"gnomon/compare"
	"gnomon/meter"
	"gnomon/verdict"
)

// example is a test that has gone on for a while: slower by more than the margin, with errors and answers undecided.
func example(t *testing.T) Comparison {
	t.Helper()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := Comparison{
		Name: "trees-1", Endpoint: "digits", Status: "Running", SamplingPercent: 50, SampledPercent: 50, MaxRate: 20,
		StartTime: noon, EndTime: noon.Add(7 * 24 * time.Hour),
		Warnings: []string{"The endpoint has one instance only."},
		Verdict:  verdict.Judged{Overall: verdict.Worse, Latency: verdict.Worse, Errors: verdict.Undecided, Answers: verdict.NoWorse},
		Evidence: verdict.Report{
			Why:      []string{"Latency is worse: the shadow takes +12.00 % longer.", "Errors cannot be told yet.", "Answers are no worse."},
			Warnings: []string{"12 of 4000 requests of the sample were not copied (queue_full 12)."},
			From:     noon, To: noon.Add(time.Hour), Pairs: 4000,
			Latency: courseTo(verdict.Worse, 4000, 0.05, 0.12), Answers: answersOf(),
			Errors: verdict.ErrorMetric{Metric: courseTo(verdict.Undecided, 4000, 0.01, 0.002), ShadowOnly: 8},
		},
	}
	c.Evidence.Latency.DecidedAfter = 800
	c.Variants = meter.Sides[gnomon.VariantName]{Production: "AllTraffic", Shadow: "Trees"}
	c.Accounting = meter.Accounting{Requests: 8000, Buckets: map[gnomon.Bucket]int64{
		gnomon.BucketMirrored: 3980, gnomon.BucketShadowError: 8, gnomon.BucketSampledOut: 4000, gnomon.BucketQueueFull: 12,
	}}
	c.Shapes = meter.Sides[meter.Shape]{Production: shape(2000, 8000), Shadow: shape(2400, 3988)}
	c.Latency = meter.Sides[meter.Latency]{
		Production: meter.Latency{Count: 8000, P50: 2000, P90: 2890, P99: 5000, P999: 7000, Mean: 2200, Max: 9000},
		Shadow:     meter.Latency{Count: 3988, P50: 2400, P90: 3470, P99: 6000, P999: 8400, Mean: 2640, Max: 11000},
	}
	c.Errors.Production.Invocations, c.Errors.Production.Answers2xx = 8000, 8000
	c.Errors.Shadow.Invocations, c.Errors.Shadow.Answers2xx, c.Errors.Shadow.Answers5xx = 3988, 3980, 8
	return c
}

// courseTo is a metric whose interval closes in on an effect.
func courseTo(v verdict.Verdict, values int64, margin, effect float64) verdict.Metric {
	m := verdict.Metric{Verdict: v, Values: values, Margin: margin, Effect: effect, Confidence: 0.983}
	for n := int64(1); ; n = min(max(n+1, n*5/4), values) {
		far := min(1, 3*effect*math.Sqrt(400/float64(n)))
		m.Course = append(m.Course, verdict.Point{Values: n, Effect: effect, Lower: effect - far, Upper: effect + far})
		if n == values {
			m.Lower, m.Upper = effect-far, effect+far
			return m
		}
	}
}

func answersOf() verdict.AnswerMetric {
	s := new(compare.Summary)
	for i := range 9 {
		s.Add(compare.New(gnomon.Answers{}).Compare(
			compare.Answer{ContentType: "application/json", Body: fmt.Appendf(nil, `{"label": "cat", "score": 0.%d}`, i+1)},
			compare.Answer{ContentType: "application/json", Body: fmt.Appendf(nil, `{"label": "dog", "score": 0.%d5}`, i+1)},
		), fmt.Sprintf("event-%d", i))
	}
	return verdict.AnswerMetric{Metric: courseTo(verdict.NoWorse, 3980, 0.05, 0.003), Agree: 3971, Differ: 9, Differences: s}
}

func shape(median float64, n int) meter.Shape {
	s := meter.Shape{Points: []meter.ShapePoint{{US: median / 4}}}
	for i := 1; i <= 100; i++ {
		z := 6*float64(i)/100 - 3
		s.Points = append(s.Points, meter.ShapePoint{US: median * math.Exp(0.4*z), Share: (1 + math.Erf(z/math.Sqrt2)) / 2})
	}
	s.Points = append(s.Points, meter.ShapePoint{US: median * 5, Share: 1})
	s.Bands = []meter.Band{
		{Quantile: 0.5, US: median, Lower: median * 0.9, Upper: new(median * 1.1)},
		{Quantile: 0.9, US: median * 1.67, Lower: median * 1.5, Upper: new(median * 2)},
		{Quantile: 0.99, US: median * 2.5, Lower: median * 2},
	}
	return s
}
