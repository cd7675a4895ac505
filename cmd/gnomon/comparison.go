package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"gnomon"
	"gnomon/control"
	"gnomon/meter"
	"gnomon/sagemaker"
	"gnomon/stats"
	"gnomon/verdict"
)

// A comparison is what /gnomon/v1/experiments/{name}/comparison answers: the experiment's state and its numbers.
type comparison struct {
	Name            gnomon.ExperimentName   `json:"name"`
	Endpoint        gnomon.EndpointName     `json:"endpoint"`
	Status          gnomon.ExperimentStatus `json:"status"`
	StatusReason    string                  `json:"status_reason,omitempty"`
	Outcome         gnomon.Outcome          `json:"outcome,omitempty"`   // once it has ended
	SamplingPercent int                     `json:"sampling_percentage"` // as the API has it
	SampledPercent  float64                 `json:"sampled_percentage"`  // what it is to the point, where a tag says it
	MaxRate         float64                 `json:"max_rate,omitzero"`   // copies per second; absent: no cap
	StartTime       time.Time               `json:"start_time"`
	EndTime         time.Time               `json:"end_time"`
	Warnings        []string                `json:"warnings,omitempty"`
	Verdict         verdict.Judged          `json:"verdict"`
	Evidence        verdict.Report          `json:"evidence"` // that the verdict rests on
	meter.Comparison
}

func (c comparison) writeHead(w io.Writer) error {
	status := string(c.Status)
	if c.Outcome != "" {
		status += ", " + string(c.Outcome)
	}
	_, err := fmt.Fprintf(w, "Inference experiment %s on endpoint %s: %s\nfrom %s to %s, %g %% of the requests copied%s\n",
		c.Name, c.Endpoint, status, c.StartTime.Format(time.RFC3339), c.EndTime.Format(time.RFC3339), c.SampledPercent, c.bound())
	if err == nil && c.StatusReason != "" {
		_, err = fmt.Fprintf(w, "reason: %s\n", c.StatusReason)
	}
	for _, warning := range c.Warnings {
		if err == nil {
			_, err = fmt.Fprintf(w, "warning: %s\n", warning)
		}
	}
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	return err
}

// bound says what bounds the copying besides the sample.
func (c comparison) bound() string {
	if c.MaxRate == 0 {
		return ""
	}
	return fmt.Sprintf(", at most %g per second", c.MaxRate)
}

// find returns the comparison of an experiment.
func (h *house) find(ctx context.Context, name string) (comparison, error) {
	v, err := control.Experiments{Plane: h.plane}.Get(ctx, gnomon.ExperimentName(name))
	if err != nil {
		return comparison{}, err
	}
	x := v.Experiment
	numbers, err := h.meter.Report(ctx, x.Mirror(), x.Production.Name, x.Shadow.Name)
	if err != nil {
		return comparison{}, err
	}
	trial := gnomon.Trial{
		Mirror:     gnomon.Mirror{ID: x.Mirror(), Endpoint: x.Endpoint, Experiment: x.Name, Shadow: x.Shadow.Name},
		Production: x.Production.Name, Answers: x.Settings.Answers, Judging: x.Settings.Judging,
	}
	judged, err := h.verdicts.Report(ctx, trial, verdict.Guards{Load: loadOf(x, numbers.Accounting)})
	return comparison{
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
	asked := a.Requests - a.Buckets[gnomon.BucketStopped]
	if asked == 0 || x.Production.Count == 0 || x.Shadow.Count == 0 {
		return 0
	}
	return float64(copied) / float64(x.Shadow.Count) / (float64(asked) / float64(x.Production.Count))
}

// band is between which shares of n latencies a quantile of a variant is: for all quantiles and at all times together with a
// probability of 95 %, as far as the latencies are independent and of one distribution.
func band(n int64, q float64) (lower, upper float64) { return stats.QuantileBand(n, q, 0.05) }

// compare answers with the comparison of the experiment in the request's path.
func compare(find func(context.Context, string) (comparison, error), log *slog.Logger) http.Handler {
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
