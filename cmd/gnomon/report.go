package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"

	"gnomon/meter"
	"gnomon/verdict"
)

// A reportCommand asks a running server for the numbers of an experiment.
type reportCommand struct {
	configFlags
	Name   string `arg:"" help:"Name of the inference experiment."`
	Format string `help:"text or json." enum:"text,json" default:"text"`
	URL    string `help:"Where the server is; default: where the one over the data directory says."`
}

// Run prints the report.
func (r *reportCommand) Run(ctx context.Context) error {
	body, err := r.ask(ctx, r.URL, "/gnomon/v1/experiments/"+url.PathEscape(r.Name)+"/comparison")
	if err != nil {
		return fmt.Errorf("ask for the report: %w", err)
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("ask for the report: %w", err)
	}
	return writeReport(os.Stdout, text, r.Format)
}

// writeReport writes what /gnomon/v1/experiments/{name}/comparison answers.
func writeReport(w io.Writer, body []byte, format string) error {
	if format == "json" {
		_, err := w.Write(append(body, '\n'))
		return err
	}
	var seen comparison
	if err := json.Unmarshal(body, &seen); err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	if err := seen.writeHead(w); err != nil {
		return err
	}
	if err := verdict.WriteText(w, seen.Verdict, seen.Evidence); err != nil {
		return err
	}
	return meter.WriteText(w, seen.Comparison)
}
