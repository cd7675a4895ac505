package meter

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"gnomon"
)

func TestCollector(t *testing.T) {
	m := newTestMeter(t, newMemory(), Options{})
	r, mi := m.Series(production), m.Mirror(mirrorID)
	flush(t, m) // the mirror is known then
	for _, status := range []int{200, 200, 503} {
		mi.Begin()
		r.Record(answer(time.Now(), 3*time.Millisecond, status))
	}
	mi.End(gnomon.BucketMirrored)
	mi.End(gnomon.BucketQueueFull)

	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(m.Collector()); err != nil {
		t.Fatal(err)
	}
	got := gathered(t, reg)
	want := []string{
		`gnomon_answer_bytes_total{prices,old} 30`,
		`gnomon_mirror_pending{prices} 1`,
		`gnomon_mirror_requests_total{mirrored,prices} 1`,
		`gnomon_mirror_requests_total{queue_full,prices} 1`,
		`gnomon_model_latency_seconds{prices,old} 3 0.009000 le0.0025:0 le0.005:3`,
		`gnomon_overhead_latency_seconds{prices,old} 3 0.000150 le0.0025:3 le0.005:3`,
		`gnomon_request_bytes_total{prices,old} 300`,
		`gnomon_requests_total{prices,2xx,old} 2`,
		`gnomon_requests_total{prices,5xx,old} 1`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// gathered returns the metrics that are not 0, sorted, with their labels' values by the labels' names.
func gathered(t *testing.T, reg *prometheus.Registry) []string {
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetValue())
			}
			s := fmt.Sprintf("%s{%s}", f.GetName(), strings.Join(labels, ","))
			switch {
			case m.Histogram != nil:
				s += fmt.Sprintf(" %d %.6f", m.Histogram.GetSampleCount(), m.Histogram.GetSampleSum())
				for _, b := range m.Histogram.Bucket {
					if le := b.GetUpperBound(); le == 0.0025 || le == 0.005 {
						s += fmt.Sprintf(" le%g:%d", le, b.GetCumulativeCount())
					}
				}
			case m.Counter.GetValue()+m.Gauge.GetValue() == 0:
				continue
			default:
				s += fmt.Sprintf(" %g", m.Counter.GetValue()+m.Gauge.GetValue())
			}
			all = append(all, s)
		}
	}
	slices.Sort(all)
	return all
}
