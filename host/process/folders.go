package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gnomon"
)

// folders is the directory of one instance.
type folders string

func (f folders) lock() string  { return filepath.Join(string(f), "lock") }
func (f folders) state() string { return filepath.Join(string(f), "state.json") }
func (f folders) home() string  { return filepath.Join(string(f), "home") }
func (f folders) temp() string  { return filepath.Join(string(f), "tmp") }

// files holds the artifacts as a container finds them under /opt/ml. It is there only when it is complete.
func (f folders) files() string   { return filepath.Join(string(f), "ml") }
func (f folders) model() string   { return filepath.Join(f.files(), "model") }
func (f folders) sources() string { return filepath.Join(f.files(), "additional-model-data-sources") }

// ofServer returns the folders that are the server's own.
func (f folders) ofServer() []string { return []string{f.files(), f.home(), f.temp()} }

// layOut makes the instance's folders and fetches its artifacts, unless an earlier start has.
func (f folders) layOut(ctx context.Context, from Objects, artifacts []gnomon.Artifact, limit Limits) error {
	for _, dir := range []string{f.home(), f.temp()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if _, err := os.Stat(f.files()); err == nil {
		return nil
	}
	partial := f.files() + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(partial, "model"), 0o755); err != nil {
		return err
	}
	budget := limit.budget()
	for _, a := range artifacts {
		into := filepath.Join(partial, "model")
		if a.Channel != "" {
			if !filepath.IsLocal(a.Channel) || filepath.Base(a.Channel) != a.Channel {
				return fmt.Errorf("channel %q is not a folder's name", a.Channel)
			}
			into = filepath.Join(partial, "additional-model-data-sources", a.Channel)
		}
		if err := fetch(ctx, from, a, into, budget); err != nil {
			return fmt.Errorf("%s: %w", a.URI, err)
		}
	}
	return os.Rename(partial, f.files())
}
