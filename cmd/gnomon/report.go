package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"gnomon/access"
	"gnomon/meter"
	"gnomon/sigv4"
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
	c, err := r.load()
	if err != nil {
		return err
	}
	keys, err := access.Load(c.keysPath())
	if err != nil {
		return fmt.Errorf("%w; the report is asked for with the access key in the data directory", err)
	}
	base := c.running()
	if r.URL != "" {
		base = r.URL
	}
	body, err := fetchComparison(ctx, base, c.Region, keys.First(), r.Name)
	if err != nil {
		return err
	}
	return writeReport(os.Stdout, body, r.Format)
}

// writeReport writes what [fetchComparison] returned.
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
	return meter.WriteText(w, seen.Comparison)
}

// fetchComparison asks the server for /gnomon/v1/experiments/{name}/comparison.
func fetchComparison(ctx context.Context, base, region string, key access.Key, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	target := base + "/gnomon/v1/experiments/" + url.PathEscape(name) + "/comparison"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the report: %w", err)
	}
	signer := sigv4.Signer{AccessKeyID: key.AccessKeyID, Key: sigv4.Key{Secret: key.SecretAccessKey}, Region: region, Service: signingService}
	if err := signer.Sign(req, nil); err != nil {
		return nil, fmt.Errorf("ask for the report: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for the report: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("ask for the report: %w", err)
	}
	if res.StatusCode == http.StatusOK {
		return body, nil
	}
	var refused struct {
		Type    string `json:"__type"`
		Message string
	}
	if err := json.Unmarshal(body, &refused); err != nil || refused.Type == "" {
		return nil, fmt.Errorf("ask for the report: the server answered %s", res.Status)
	}
	if refused.Type == sigv4.UnrecognizedClient {
		return nil, fmt.Errorf("%s: the server at %s does not know the access key %s: has it another data directory?", refused.Type, base, key.AccessKeyID)
	}
	return nil, fmt.Errorf("%s: %s", refused.Type, refused.Message)
}
