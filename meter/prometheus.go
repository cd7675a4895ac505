package meter

import (
	"github.com/prometheus/client_golang/prometheus"

	"gnomon"
)

// A Collector gives Prometheus what a [Meter] counted since the process began. It is registered by whoever serves
// /metrics. Times are in seconds, as is Prometheus's custom.
//
//	gnomon_requests_total{endpoint,variant,outcome}   legs; outcome is 2xx, 4xx, 5xx, other, timeout, connection,
//	                                                  protocol or no_instance
//	gnomon_request_bytes_total{endpoint,variant}      bodies sent to models
//	gnomon_answer_bytes_total{endpoint,variant}       bodies that came back
//	gnomon_model_latency_seconds{endpoint,variant}    histogram of AWS's ModelLatency
//	gnomon_overhead_latency_seconds{endpoint,variant} histogram of AWS's OverheadLatency
//	gnomon_first_chunk_model_latency_seconds{endpoint,variant}
//	                                                  histogram of AWS's FirstChunkModelLatency, of streamed answers
//	gnomon_inter_chunk_latency_seconds{endpoint,variant}
//	                                                  histogram of each streamed answer's mean time between chunks
//	gnomon_mid_stream_errors_total{endpoint,variant}  streamed answers that ended in the middle
//	gnomon_mirror_requests_total{endpoint,experiment,shadow,bucket}
//	                                                  production requests of mirrored endpoints, by what became of
//	                                                  the copy for that shadow; the endpoint's own shadows have no
//	                                                  experiment
//	gnomon_mirror_pending{endpoint,experiment,shadow} copies under way
//
// The names of an endpoint or a mirror that is gone vanish after a while; should it come back, its counters begin at 0.
type Collector struct {
	m                          *Meter
	requests, sent, received   *prometheus.Desc
	latency, overhead          *prometheus.Desc
	firstChunk, interChunk     *prometheus.Desc
	midStream                  *prometheus.Desc
	mirrorRequests, mirrorOpen *prometheus.Desc
}

// Collector returns a collector of m's numbers.
func (m *Meter) Collector() *Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("gnomon_"+name, help, labels, nil)
	}
	return &Collector{
		m:          m,
		requests:   desc("requests_total", "Requests sent to a variant, by outcome.", "endpoint", "variant", "outcome"),
		sent:       desc("request_bytes_total", "Bytes of bodies sent to a variant.", "endpoint", "variant"),
		received:   desc("answer_bytes_total", "Bytes of bodies that a variant answered.", "endpoint", "variant"),
		latency:    desc("model_latency_seconds", "Time a variant's model took to answer.", "endpoint", "variant"),
		overhead:   desc("overhead_latency_seconds", "Time a request took beyond its model.", "endpoint", "variant"),
		firstChunk: desc("first_chunk_model_latency_seconds", "Time a variant's model took to the first chunk of a streamed answer.", "endpoint", "variant"),
		interChunk: desc("inter_chunk_latency_seconds", "Mean time between the chunks of a streamed answer.", "endpoint", "variant"),
		midStream:  desc("mid_stream_errors_total", "Streamed answers that ended in the middle.", "endpoint", "variant"),
		mirrorRequests: desc("mirror_requests_total",
			"Production requests while an endpoint is mirrored, by what became of the copy for a shadow.", "endpoint", "experiment", "shadow", "bucket"),
		mirrorOpen: desc("mirror_pending", "Copies for a shadow under way.", "endpoint", "experiment", "shadow"),
	}
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.requests, c.sent, c.received, c.latency, c.overhead, c.firstChunk, c.interChunk, c.midStream, c.mirrorRequests, c.mirrorOpen,
	} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	for _, m := range c.metrics() {
		ch <- m
	}
}

// metrics makes all metrics before any is handed over: the Meter is not held up by a slow reader.
func (c *Collector) metrics() []prometheus.Metric {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.m.drainAll()
	var all []prometheus.Metric
	for v, n := range c.m.totals {
		all = c.variant(all, string(v.endpoint), string(v.name), n)
	}
	for n, t := range c.m.tallies() {
		endpoint, experiment, shadow := string(n.endpoint), string(n.experiment), string(n.shadow)
		for i, b := range gnomon.Buckets()[:endedBuckets] {
			all = append(all, counter(c.mirrorRequests, t.ended[i], endpoint, experiment, shadow, string(b)))
		}
		all = append(all, prometheus.MustNewConstMetric(
			c.mirrorOpen, prometheus.GaugeValue, float64(t.pending()), endpoint, experiment, shadow))
	}
	return all
}

func (c *Collector) variant(all []prometheus.Metric, endpoint, variant string, n *Numbers) []prometheus.Metric {
	for _, o := range []struct {
		outcome string
		count   int64
	}{
		{"2xx", n.Answers2xx},
		{"4xx", n.Answers4xx},
		{"5xx", n.Answers5xx},
		{"other", n.AnswersOther},
		{"timeout", n.Timeouts},
		{"connection", n.ConnectionFaults},
		{"protocol", n.ProtocolFaults},
		{"no_instance", n.NoInstance},
	} {
		all = append(all, counter(c.requests, o.count, endpoint, variant, o.outcome))
	}
	all = append(all,
		counter(c.sent, n.RequestBytes, endpoint, variant),
		counter(c.received, n.AnswerBytes, endpoint, variant),
		histogram(c.latency, &n.Latency, endpoint, variant),
		histogram(c.overhead, &n.Overhead, endpoint, variant),
	)
	if n.Streams.FirstChunkModel.Count() == 0 {
		return all
	}
	return append(all,
		histogram(c.firstChunk, &n.Streams.FirstChunkModel, endpoint, variant),
		histogram(c.interChunk, &n.Streams.InterChunk, endpoint, variant),
		counter(c.midStream, n.MidStreamErrors, endpoint, variant),
	)
}

func counter(d *prometheus.Desc, n int64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

// histogram puts a sketch's bins into few buckets, up to the 60 seconds that AWS gives a model.
func histogram(d *prometheus.Desc, dist *Distribution, labels ...string) prometheus.Metric {
	const µs = 1e6
	bounds := []float64{100, 250, 500, 1e3, 2.5e3, 5e3, 10e3, 25e3, 50e3, 100e3, 250e3, 500e3, 1e6, 2.5e6, 5e6, 10e6, 30e6, 60e6}
	buckets := make(map[float64]uint64, len(bounds))
	dist.below(bounds, func(bound float64, count int64) { buckets[bound/µs] = uint64(count) })
	return prometheus.MustNewConstHistogram(d, uint64(dist.Count()), dist.Sum()/µs, buckets, labels...)
}

// tallies adds up by their names what mirrors counted in this process. The caller holds mu.
func (m *Meter) tallies() map[names]tally {
	all := make(map[names]tally)
	for n, t := range m.retired {
		all[n] = *t
	}
	for _, mi := range m.mirrors {
		if mi.names != (names{}) {
			t := all[mi.names]
			t.add(mi.count())
			all[mi.names] = t
		}
	}
	return all
}
