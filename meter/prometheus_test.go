package meter

import (
	"fmt"
	"runtime"
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
	r, mi := m.Series(production), m.Mirror(copying)
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
		`gnomon_mirror_pending{prices,try,new} 1`,
		`gnomon_mirror_requests_total{mirrored,prices,try,new} 1`,
		`gnomon_mirror_requests_total{queue_full,prices,try,new} 1`,
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

// A production leg that is compared with two shadows is one request, and in the accounting of both.
func TestCollector_TellsMirrorsApart(t *testing.T) {
	m := newTestMeter(t, newMemory(), Options{})
	own := production
	own.Mirrors = gnomon.NewMirrors("e1/new", "e1/newer")
	r := m.Series(own)
	one := m.Mirror(gnomon.Mirror{ID: "e1/new", Endpoint: "prices", Shadow: "new"})
	two := m.Mirror(gnomon.Mirror{ID: "e1/newer", Endpoint: "prices", Shadow: "newer"})
	flush(t, m)
	for range 2 {
		r.Record(answer(time.Now(), time.Millisecond, 200))
		one.Begin()
		two.Begin()
		two.End(gnomon.BucketMirrored)
	}
	one.End(gnomon.BucketSampledOut)
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(m.Collector())
	want := []string{
		`gnomon_mirror_pending{prices,,new} 1`,
		`gnomon_mirror_requests_total{mirrored,prices,,newer} 2`,
		`gnomon_mirror_requests_total{sampled_out,prices,,new} 1`,
		`gnomon_requests_total{prices,2xx,old} 2`,
	}
	got := slices.DeleteFunc(gathered(t, reg), func(s string) bool {
		return !strings.HasPrefix(s, "gnomon_mirror") && !strings.HasPrefix(s, "gnomon_requests")
	})
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// An endpoint may be made anew under its name: what its old shadow counted must not leave a counter that goes on.
func TestCollector_NeverFalls(t *testing.T) {
	m := newTestMeter(t, newMemory(), Options{})
	copied := func(id gnomon.MirrorID) gnomon.MirrorRecorder {
		r := m.Mirror(gnomon.Mirror{ID: id, Endpoint: "prices", Shadow: "new"})
		r.Begin()
		r.End(gnomon.BucketMirrored)
		return r
	}
	count := func() int64 {
		flush(t, m)
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.tallies()[names{endpoint: "prices", shadow: "new"}].requests
	}
	copied("e1/new")
	kept := copied("e2/new")
	forgotten := func(n int) {
		deadline := time.Now().Add(10 * time.Second)
		for len(m.mirrors) > n {
			if time.Now().After(deadline) {
				t.Fatalf("%d mirrors are still in memory", len(m.mirrors))
			}
			runtime.GC()
			runtime.Gosched()
			m.mu.Lock()
			m.forget(time.Now().Add(2 * forgetMirrorAfter))
			m.mu.Unlock()
		}
	}
	if n := count(); n != 2 {
		t.Errorf("counted %d, want 2", n)
	}
	forgotten(1)
	if n := count(); n != 2 {
		t.Errorf("counted %d after the old mirror was forgotten, want 2", n)
	}
	runtime.KeepAlive(kept)
	kept = nil
	forgotten(0)
	if n := len(m.retired); n != 0 {
		t.Errorf("%d names are kept for ever", n)
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
