package main

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gnomon/control"
	"gnomon/sagemaker"
)

// handler returns what answers everything outside of the runtime. Everything but the two health paths, and /metrics
// when it is set open, must be signed.
func (h *house) handler(c *config, g *gate, operations sagemaker.Handler, metrics prometheus.Gatherer, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", g.signed(sagemaker.NewServer(operations, sagemaker.Options{Log: log})))
	mux.Handle("GET /gnomon/v1/experiments/{name}/comparison", g.signed(compare(control.Experiments{Plane: h.plane}, h.meter, log)))
	switch shown := promhttp.HandlerFor(metrics, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}); c.Metrics {
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
	return mux
}
