package main

import (
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"gnomon"
	"gnomon/capture"
	"gnomon/control"
	"gnomon/objects"
)

// A captureReader answers what was captured in an experiment, a line of JSON at a time.
type captureReader struct {
	experiments control.Experiments
	table       *objects.Table
	log         *slog.Logger
	turn        chan struct{} // who reads events holds it: each reader takes memory
}

// A capturedEvent is a line of /gnomon/v1/experiments/{name}/captures. The last line has only an Error, if there was one that
// ended the answer, or none of these and Done.
type capturedEvent struct {
	EventID          string       `json:"event_id,omitempty"`
	Time             time.Time    `json:"time,omitzero"` // when the request began
	InferenceID      string       `json:"inference_id,omitempty"`
	CustomAttributes string       `json:"custom_attributes,omitempty"`
	Production       *capturedLeg `json:"production,omitempty"` // absent: not captured
	Shadow           *capturedLeg `json:"shadow,omitempty"`     // likewise

	Error string `json:"error,omitempty"` // what cannot be read; others come after it
	Done  bool   `json:"done,omitempty"`  // that was all
}

type capturedLeg struct {
	Input              *capturedBody `json:"input,omitempty"`
	Output             *capturedBody `json:"output,omitempty"` // absent: not captured, or the model did not answer with 2xx
	ModelLatencyMicros int64         `json:"model_latency_micros,omitempty"`
	Status             int           `json:"status,omitempty"` // of the model's answer
	Fault              string        `json:"fault,omitempty"`  // why there was none
	Object             string        `json:"object"`
}

type capturedBody struct {
	ContentType string           `json:"content_type"`
	Text        string           `json:"text,omitempty"` // of CSV and JSON
	Data        []byte           `json:"data,omitempty"` // of anything else, as base64
	Encoding    capture.Encoding `json:"encoding"`
}

func showLeg(l *capture.Leg) *capturedLeg {
	if l == nil {
		return nil
	}
	out := &capturedLeg{Input: showBody(l.Input), Output: showBody(l.Output), Object: l.Object}
	if t := l.Times; t != nil {
		out.ModelLatencyMicros, out.Status, out.Fault = t.Latency.Microseconds(), t.Status, t.FaultName()
	}
	return out
}

func showBody(p *capture.Payload) *capturedBody {
	switch {
	case p == nil:
		return nil
	case p.Encoding == capture.Base64:
		return &capturedBody{ContentType: p.ContentType, Encoding: p.Encoding, Data: p.Data}
	}
	return &capturedBody{ContentType: p.ContentType, Encoding: p.Encoding, Text: string(p.Data)}
}

func showEvent(e capture.Event) capturedEvent {
	l := e.Production
	if l == nil {
		l = e.Shadow
	}
	out := capturedEvent{
		EventID: l.EventID, Time: l.Time, InferenceID: l.InferenceID, CustomAttributes: l.CustomAttributes,
		Production: showLeg(e.Production), Shadow: showLeg(e.Shadow),
	}
	if l.Times != nil {
		out.Time = l.Times.Began
	}
	return out
}

// captured is where an experiment's captures are.
type captured struct {
	production, shadow gnomon.CaptureStream
	window             capture.Window
}

// find looks for an experiment that captures.
func (c captureReader) find(ctx context.Context, name string) (captured, error) {
	v, err := c.experiments.Get(ctx, gnomon.ExperimentName(name))
	if err != nil {
		return captured{}, err
	}
	x := v.Experiment
	if x.Capture == nil {
		return captured{}, &gnomon.Error{Code: gnomon.NotFound, Message: "Inference experiment " + name + " has no DataStorageConfig, so nothing was captured."}
	}
	stream := func(v gnomon.VariantName) gnomon.CaptureStream {
		return gnomon.CaptureStream{Endpoint: x.Endpoint, Variant: v, DataCapture: *x.Capture}
	}
	return captured{stream(x.Production.Name), stream(x.Shadow.Name), capture.Window{From: x.Schedule.Start, To: x.Schedule.End}}, nil
}

// events answers with one line per event, production and shadow beside each other.
func (c captureReader) events(w http.ResponseWriter, r *http.Request) {
	found, err := c.find(r.Context(), r.PathValue("name"))
	if err != nil {
		refuse(w, r, "captures", err, c.log)
		return
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-r.Context().Done():
		return
	}
	answerLines(w, func(yield func(any) bool) {
		for e, err := range capture.Join(r.Context(), c.table, found.production, found.shadow, found.window) {
			line := capturedEvent{}
			if err != nil {
				line.Error = err.Error()
			} else {
				line = showEvent(e)
			}
			if !yield(line) || r.Context().Err() != nil {
				return
			}
		}
		yield(capturedEvent{Done: true})
	})
}

// A capturedObject is a line of /gnomon/v1/experiments/{name}/captures/objects.
type capturedObject struct {
	URI      string    `json:"uri,omitempty"`
	Bytes    int64     `json:"bytes,omitempty"`
	Modified time.Time `json:"modified,omitzero"`

	Error string `json:"error,omitempty"`
	Done  bool   `json:"done,omitempty"`
}

// objects answers with one line per object.
func (c captureReader) objects(w http.ResponseWriter, r *http.Request) {
	found, err := c.find(r.Context(), r.PathValue("name"))
	if err != nil {
		refuse(w, r, "captured objects", err, c.log)
		return
	}
	answerLines(w, func(yield func(any) bool) {
		for _, s := range []gnomon.CaptureStream{found.production, found.shadow} {
			for o, err := range capture.List(r.Context(), c.table, s, found.window) {
				line := capturedObject{URI: o.URI, Bytes: o.Size, Modified: o.ModTime}
				if err != nil {
					line = capturedObject{Error: err.Error()}
				}
				if !yield(line) {
					return
				}
			}
		}
		yield(capturedObject{Done: true})
	})
}

// answerLines writes what comes, each on a line of its own.
func answerLines(w http.ResponseWriter, all iter.Seq[any]) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	for line := range all {
		if out.Encode(line) != nil {
			return // the caller has left
		}
	}
}
