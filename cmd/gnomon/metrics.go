package main

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"gnomon/meter"
	"gnomon/router"
)

// newRegistry has what /metrics shows: the meter's numbers, the router's state, and what the process holds itself.
func newRegistry(m *meter.Meter, r *router.Router) (*prometheus.Registry, error) {
	registry := prometheus.NewRegistry()
	var err error
	for _, c := range []prometheus.Collector{
		m.Collector(), routerCollector{r}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		err = errors.Join(err, registry.Register(c))
	}
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return registry, nil
}

// A routerCollector shows the router's state to Prometheus.
type routerCollector struct{ router *router.Router }

// ofMirror are the labels of a mirror, as the meter has them too. The endpoint's own shadows have no experiment.
var ofMirror = []string{"endpoint", "experiment", "shadow"}

var (
	inFlight     = prometheus.NewDesc("gnomon_instance_in_flight", "Requests and copies an instance still has to answer.", []string{"instance"}, nil)
	connections  = prometheus.NewDesc("gnomon_instance_connections", "Open connections to an instance, in use or idle.", []string{"instance"}, nil)
	waiting      = prometheus.NewDesc("gnomon_mirror_queue_length", "Copies that wait for a worker.", ofMirror, nil)
	busy         = prometheus.NewDesc("gnomon_mirror_workers_busy", "Copies that are under way.", ofMirror, nil)
	breakerOpen  = prometheus.NewDesc("gnomon_mirror_breaker_open", "1 while a shadow that kept failing gets no copies, or single ones as probes.", ofMirror, nil)
	mirrorMemory = prometheus.NewDesc("gnomon_mirror_memory_bytes", "Bytes of all copies under way and their answers.", nil, nil)
)

// Describe names the metrics.
func (c routerCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{inFlight, connections, waiting, busy, breakerOpen, mirrorMemory} {
		ch <- d
	}
}

// Collect sends their values now.
func (c routerCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := c.router.Stats()
	gauge(mirrorMemory, float64(s.MirrorMemory))
	for _, i := range s.Instances {
		if i.Retired {
			continue // its successor at another address may bear the same name
		}
		gauge(inFlight, float64(i.InFlight), i.ID.String())
		gauge(connections, float64(i.Connections), i.ID.String())
	}
	for _, m := range s.Mirrors {
		names := []string{string(m.Endpoint), string(m.Experiment), string(m.Shadow)}
		gauge(waiting, float64(m.Waiting), names...)
		gauge(busy, float64(m.Busy), names...)
		open := 0.0
		if m.Breaker != router.BreakerClosed {
			open = 1
		}
		gauge(breakerOpen, open, names...)
	}
}
