package main

import (
	"log/slog"
	"net/http"
	"path"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gnomon/cloudwatch"
	"gnomon/control"
	"gnomon/metrics"
	"gnomon/sagemaker"
)

// handler returns what answers everything outside of the runtime. Everything but the two health paths, and /metrics
// when it is set open, must be signed.
func (h *house) handler(c *config, g *gate, operations sagemaker.Handler, gathered prometheus.Gatherer, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	api := byService(g.signed(sagemaker.NewServer(operations, sagemaker.Options{Log: log})),
		g.signedMetrics(cloudwatch.NewServer(metrics.New(h.meter, c.partition()), cloudwatch.Options{Log: log})))
	mux.Handle("/", api)
	mux.Handle("GET /gnomon/v1/experiments/{name}/comparison", g.signed(compare(h.find, log)))
	captures := captureReader{control.Experiments{Plane: h.plane}, h.objects, log, make(chan struct{}, 1)}
	mux.Handle("GET /gnomon/v1/experiments/{name}/captures", g.signed(http.HandlerFunc(captures.events)))
	mux.Handle("GET /gnomon/v1/experiments/{name}/captures/objects", g.signed(http.HandlerFunc(captures.objects)))
	switch shown := promhttp.HandlerFor(gathered, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}); c.Metrics {
	case "open":
		mux.Handle("GET /metrics", shown)
	case "signed":
		mux.Handle("GET /metrics", g.signed(shown))
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !h.endpoints.Ready() {
			http.Error(w, "the endpoints' models are being started", http.StatusServiceUnavailable)
			return
		}
		w.Write([]byte("ok\n"))
	})
	return unredirected(mux, api)
}

// byService hands CloudWatch's requests to metrics and all others to api.
func byService(api, metrics http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cloudwatch.Accepts(r) {
			metrics.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// unredirected hands paths that a ServeMux would redirect, such as /x/../y, to the API, which refuses them in its own
// shape: its clients follow no redirects.
func unredirected(mux, api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := r.URL.EscapedPath()
		if clean := path.Clean(given); clean != given && clean+"/" != given {
			api.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
