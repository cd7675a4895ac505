package main

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"gnomon/capture"
	"gnomon/front"
	"gnomon/meter"
	"gnomon/router"
)

// newRegistry has what /metrics shows: the meter's numbers, the state of router, listener and capture, and what the process
// holds itself. Whatever has a limit is shown with it.
func newRegistry(m *meter.Meter, capturing func() capture.Stats, routing func() router.Stats, listening func() front.Stats) (*prometheus.Registry, error) {
	registry := prometheus.NewRegistry()
	var err error
	for _, c := range []prometheus.Collector{
		m.Collector(), captureCollector(capturing), routerCollector(routing), frontCollector(listening),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		err = errors.Join(err, registry.Register(c))
	}
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return registry, nil
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func counter(ch chan<- prometheus.Metric, d *prometheus.Desc, n int64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

// A routerCollector shows the router's state to Prometheus.
type routerCollector func() router.Stats

// ofMirror are the labels of a mirror, as the meter has them too. The endpoint's own shadows have no experiment.
var ofMirror = []string{"endpoint", "experiment", "shadow"}

var (
	inFlight        = prometheus.NewDesc("gnomon_instance_in_flight", "Requests and copies an instance still has to answer.", []string{"instance"}, nil)
	connections     = prometheus.NewDesc("gnomon_instance_connections", "Open connections to an instance, in use or idle.", []string{"instance"}, nil)
	waiting         = prometheus.NewDesc("gnomon_mirror_queue_length", "Copies that wait for a worker.", ofMirror, nil)
	capacity        = prometheus.NewDesc("gnomon_mirror_queue_capacity", "Copies that may wait for a worker.", ofMirror, nil)
	busy            = prometheus.NewDesc("gnomon_mirror_workers_busy", "Copies that are under way.", ofMirror, nil)
	workers         = prometheus.NewDesc("gnomon_mirror_workers", "Copies that may be under way.", ofMirror, nil)
	breakerState    = prometheus.NewDesc("gnomon_mirror_breaker_state", "1 for the state the breaker is in: closed; open, when the shadow kept failing and gets no copies; or probing, when it gets one.", append([]string{"state"}, ofMirror...), nil)
	mirrorMemory    = prometheus.NewDesc("gnomon_mirror_memory_bytes", "Bytes that the bodies of all copies that wait or are under way lie in.", nil, nil)
	maxMirrorMemory = prometheus.NewDesc("gnomon_mirror_memory_max_bytes", "Bytes that they may hold.", nil, nil)
)

// Describe names the metrics.
func (c routerCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{inFlight, connections, waiting, capacity, busy, workers, breakerState, mirrorMemory, maxMirrorMemory} {
		ch <- d
	}
}

// Collect sends their values now.
func (c routerCollector) Collect(ch chan<- prometheus.Metric) {
	s := c()
	gauge(ch, mirrorMemory, float64(s.MirrorMemory))
	gauge(ch, maxMirrorMemory, float64(s.MaxMirrorMemory))
	for _, i := range s.Instances {
		if i.Retired {
			continue // its successor at another address may bear the same name
		}
		gauge(ch, inFlight, float64(i.InFlight), i.ID.String())
		gauge(ch, connections, float64(i.Connections), i.ID.String())
	}
	for _, m := range s.Mirrors {
		names := []string{string(m.Endpoint), string(m.Experiment), string(m.Shadow)}
		gauge(ch, waiting, float64(m.Waiting), names...)
		gauge(ch, capacity, float64(m.Capacity), names...)
		gauge(ch, busy, float64(m.Busy), names...)
		gauge(ch, workers, float64(m.Workers), names...)
		for _, state := range []router.BreakerState{router.BreakerClosed, router.BreakerOpen, router.BreakerProbing} {
			is := 0.0
			if m.Breaker == state {
				is = 1
			}
			gauge(ch, breakerState, is, append([]string{string(state)}, names...)...)
		}
	}
}

// A frontCollector shows the listener's state to Prometheus.
type frontCollector func() front.Stats

var (
	clients       = prometheus.NewDesc("gnomon_client_connections", "Open connections of callers.", nil, nil)
	maxClients    = prometheus.NewDesc("gnomon_client_connections_max", "Connections that callers may have open.", nil, nil)
	bodyBytes     = prometheus.NewDesc("gnomon_client_body_bytes", "Bytes of large bodies being received or worked on.", nil, nil)
	maxBodyBytes  = prometheus.NewDesc("gnomon_client_body_max_bytes", "Bytes that they may hold.", nil, nil)
	clientRefused = prometheus.NewDesc("gnomon_client_refused_total", "Requests and connections refused because they broke a limit or were not HTTP.", []string{"reason"}, nil)
)

// Describe names the metrics.
func (c frontCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{clients, maxClients, bodyBytes, maxBodyBytes, clientRefused} {
		ch <- d
	}
}

// Collect sends their values now.
func (c frontCollector) Collect(ch chan<- prometheus.Metric) {
	s := c()
	gauge(ch, clients, float64(s.Connections))
	gauge(ch, maxClients, float64(s.MaxConnections))
	gauge(ch, bodyBytes, float64(s.BodyBytes))
	gauge(ch, maxBodyBytes, float64(s.MaxBodyBytes))
	for reason, n := range s.Refused {
		counter(ch, clientRefused, n, reason)
	}
}

// A captureCollector shows to Prometheus how capturing goes.
type captureCollector func() capture.Stats

var (
	capturedRecords = prometheus.NewDesc("gnomon_capture_records_total", "Records written to the spool.", []string{"endpoint", "variant"}, nil)
	lostRecords     = prometheus.NewDesc("gnomon_capture_lost_total", "Records lost, since there was no room for them or they could not be written.", []string{"endpoint", "variant", "reason"}, nil)
	captureMemory   = prometheus.NewDesc("gnomon_capture_memory_bytes", "Bytes of records that wait to be written.", nil, nil)
	maxCapture      = prometheus.NewDesc("gnomon_capture_memory_max_bytes", "Bytes that they may hold.", nil, nil)
	spooled         = prometheus.NewDesc("gnomon_capture_spool_bytes", "Bytes of records that wait to be uploaded.", nil, nil)
	maxSpooled      = prometheus.NewDesc("gnomon_capture_spool_max_bytes", "Bytes that they may hold.", nil, nil)
	uploads         = prometheus.NewDesc("gnomon_capture_uploads_total", "Uploads of captured records, by result: ok or failed, which are tried again.", []string{"result"}, nil)
)

// Describe names the metrics.
func (c captureCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{capturedRecords, lostRecords, captureMemory, maxCapture, spooled, maxSpooled, uploads} {
		ch <- d
	}
}

// Collect sends their values now.
func (c captureCollector) Collect(ch chan<- prometheus.Metric) {
	s := c()
	gauge(ch, captureMemory, float64(s.Memory))
	gauge(ch, maxCapture, float64(s.MaxMemory))
	gauge(ch, spooled, float64(s.Spooled))
	gauge(ch, maxSpooled, float64(s.MaxSpooled))
	counter(ch, uploads, s.Uploaded, "ok")
	counter(ch, uploads, s.Failed, "failed")
	for _, of := range s.Streams {
		counter(ch, capturedRecords, of.Written, string(of.Endpoint), string(of.Variant))
		for reason, n := range of.Lost {
			counter(ch, lostRecords, n, string(of.Endpoint), string(of.Variant), reason)
		}
	}
}
