package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"gnomon"
	"gnomon/control"
	"gnomon/meter"
	"gnomon/report"
	"gnomon/sagemaker"
	"gnomon/stats"
	"gnomon/verdict"
)

// find returns the comparison of an experiment.
func (h *house) find(ctx context.Context, name string) (report.Comparison, error) {
	v, err := control.Experiments{Plane: h.plane}.Get(ctx, gnomon.ExperimentName(name))
	if err != nil {
		return report.Comparison{}, err
	}
	x := v.Experiment
	numbers, err := h.meter.Report(ctx, x.Mirror(), x.Production.Name, x.Shadow.Name)
	if err != nil {
		return report.Comparison{}, err
	}
	trial := gnomon.Trial{
		Mirror:     gnomon.Mirror{ID: x.Mirror(), Endpoint: x.Endpoint, Experiment: x.Name, Shadow: x.Shadow.Name},
		Production: x.Production.Name, Answers: x.Settings.Answers, Judging: x.Settings.Judging,
	}
	judged, err := h.verdicts.Report(ctx, trial, verdict.Guards{Load: loadOf(x, numbers.Accounting)})
	return report.Comparison{
		Name: x.Name, Endpoint: x.Endpoint, Status: x.Status, StatusReason: x.Reason, Outcome: x.Outcome,
		SamplingPercent: x.SamplingPercent, SampledPercent: x.SampledPercent(), MaxRate: x.Settings.MaxRate, StartTime: x.Schedule.Start, EndTime: x.Schedule.End,
		Warnings: x.Warnings, Verdict: judged.Verdict, Evidence: judged, Comparison: numbers,
	}, err
}

// loadOf is how many requests an instance of the shadow has had for each of an instance of production; 0: unknown.
func loadOf(x *gnomon.Experiment, a meter.Accounting) float64 {
	copied := a.Buckets[gnomon.BucketPending]
	for _, b := range []gnomon.Bucket{gnomon.BucketMirrored, gnomon.BucketShadowError, gnomon.BucketShadowTimeout, gnomon.BucketShadowUnreachable} {
		copied += a.Buckets[b]
	}
	asked := float64(a.Requests-a.Buckets[gnomon.BucketStopped]) + x.Settings.Judging.NoiseFloor*float64(copied) // once more
	if asked == 0 || x.Production.Count == 0 || x.Shadow.Count == 0 {
		return 0
	}
	return float64(copied) / float64(x.Shadow.Count) / (asked / float64(x.Production.Count))
}

// band is between which shares of n latencies a quantile of a variant is, as the report says it.
func band(n int64, q float64) (lower, upper float64) {
	return stats.QuantileBand(n, q, report.QuantileLevel)
}

// compare answers with the comparison of the experiment in the request's path.
func compare(find func(context.Context, string) (report.Comparison, error), log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := find(r.Context(), r.PathValue("name"))
		if err != nil {
			refuse(w, r, "comparison", err, log)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(c); err != nil {
			log.Debug("comparison", "error", err) // the caller has left
		}
	})
}

// refuse answers a request for something of an experiment that cannot be told.
func refuse(w http.ResponseWriter, r *http.Request, what string, err error, log *slog.Logger) {
	if e, ok := errors.AsType[*gnomon.Error](err); ok && errors.Is(err, gnomon.NotFound) {
		sagemaker.WriteError(w, &sagemaker.Error{Code: sagemaker.CodeResourceNotFound, Message: e.Message, Status: http.StatusNotFound})
		return
	}
	if r.Context().Err() != nil {
		return // the caller has left
	}
	log.Error(what, "name", r.PathValue("name"), "error", err)
	sagemaker.WriteError(w, &sagemaker.Error{Code: sagemaker.CodeInternalFailure, Message: "Internal failure", Status: http.StatusInternalServerError})
}
