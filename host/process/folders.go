package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gnomon"
)

// folders are the directories of one instance: Own has what is Gnomon's, and Server what the server sees. They are one, unless
// what the server sees must not be on a disk.
type folders struct{ Own, Server string }

func (f folders) lock() string   { return filepath.Join(f.Own, "lock") }
func (f folders) state() string  { return filepath.Join(f.Own, "state.json") }
func (f folders) sealed() string { return filepath.Join(f.Own, "ml.sealed") }
func (f folders) home() string   { return filepath.Join(f.Server, "home") }
func (f folders) temp() string   { return filepath.Join(f.Server, "tmp") }

// files holds the artifacts as a container finds them under /opt/ml. It is there only when it is complete.
func (f folders) files() string   { return filepath.Join(f.Server, "ml") }
func (f folders) model() string   { return filepath.Join(f.files(), "model") }
func (f folders) sources() string { return filepath.Join(f.files(), "additional-model-data-sources") }

// ofServer returns the folders that are the server's own.
func (f folders) ofServer() []string { return []string{f.files(), f.home(), f.temp()} }

// remove deletes them.
func (f folders) remove() error {
	if err := os.RemoveAll(f.Server); err != nil {
		return err
	}
	return os.RemoveAll(f.Own)
}

// layOut makes the instance's folders and fetches its artifacts, unless an earlier start has.
func (f folders) layOut(ctx context.Context, from Objects, artifacts []gnomon.Artifact, limit Limits) error {
	for _, dir := range []string{f.Own, f.home(), f.temp()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if _, err := os.Stat(f.files()); err == nil {
		return nil
	}
	return whole(f.files(), func(partial string) error { return fetchAll(ctx, from, artifacts, partial, limit.budget()) })
}

// whole makes a folder that is there only when all of it is.
func whole(dir string, fill func(partial string) error) error {
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.MkdirAll(partial, 0o755); err != nil {
		return err
	}
	if err := fill(partial); err != nil {
		return err
	}
	return os.Rename(partial, dir)
}

// fetchAll lays out artifacts under a folder.
func fetchAll(ctx context.Context, from Objects, artifacts []gnomon.Artifact, dir string, b *budget) error {
	if err := os.MkdirAll(filepath.Join(dir, "model"), 0o755); err != nil {
		return err
	}
	for _, a := range artifacts {
		into := filepath.Join(dir, "model")
		if a.Channel != "" {
			if !filepath.IsLocal(a.Channel) || filepath.Base(a.Channel) != a.Channel {
				return fmt.Errorf("channel %q is not a folder's name", a.Channel)
			}
			into = filepath.Join(dir, "additional-model-data-sources", a.Channel)
		}
		if err := fetch(ctx, from, a, into, b); err != nil {
			return fmt.Errorf("%s: %w", a.URI, err)
		}
	}
	return nil
}
