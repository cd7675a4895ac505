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

// compare answers with the comparison of the experiment in the request's path.
func compare(experiments control.Experiments, m *meter.Meter, log *slog.Logger) http.Handler {
	find := func(ctx context.Context, name string) (comparison, error) {
		v, err := experiments.Get(ctx, gnomon.ExperimentName(name))
		if err != nil {
			return comparison{}, err
		}
		x := v.Experiment
		numbers, err := m.Report(ctx, x.Mirror(), x.Production.Name, x.Shadow.Name)
		return comparison{
			Name: x.Name, Endpoint: x.Endpoint, Status: x.Status, StatusReason: x.Reason, Outcome: x.Outcome,
			SamplingPercent: x.SamplingPercent, SampledPercent: x.SampledPercent(), MaxRate: x.Settings.MaxRate, StartTime: x.Schedule.Start, EndTime: x.Schedule.End,
			Warnings: x.Warnings, Comparison: numbers,
		}, err
	}
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
