// Package testbed builds and runs what benchmarks measure, and what they measure it with: the gnomon server, nginx, and
// models that behave or do not.
//
// Start at [New]. gnomon.go runs servers and client.go drives them, by their command line, their API and their metrics as
// any client would: nothing here knows more of Gnomon than how requests are signed. process.go has what they cost.
package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A Bed has everything that was started, and a directory for what that writes. [Bed.Close] ends all of it.
type Bed struct {
	Dir         string
	Gnomon      string // where the programs are
	Faultserver string
	Model       string
	Caller      string
	started     group
	count       int // of names given away
}

// New builds the programs. If gnomon is not empty, it is a gnomon that is built already.
func New(ctx context.Context, gnomon string) (*Bed, error) {
	dir, err := os.MkdirTemp("", "gnomon-bench-")
	if err != nil {
		return nil, err
	}
	b := &Bed{
		Dir: dir, Gnomon: filepath.Join(dir, "gnomon"),
		Faultserver: filepath.Join(dir, "faultserver"), Model: filepath.Join(dir, "model"),
		Caller: filepath.Join(dir, "caller"),
	}
	packages := []string{"gnomon/examples/faultserver", "gnomon/bench/model", "gnomon/bench/caller"}
	if gnomon == "" {
		packages = append(packages, "gnomon/cmd/gnomon")
	} else if b.Gnomon, err = exec.LookPath(gnomon); err == nil {
		b.Gnomon, err = filepath.Abs(b.Gnomon)
	}
	if err == nil {
		err = build(ctx, dir, packages)
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func build(ctx context.Context, dir string, packages []string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-o", dir + "/"}, packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %v: %w\n%s", packages, err, out)
	}
	return nil
}

// Close ends what was started, the last first, waits for it, and removes the directory.
func (b *Bed) Close() error {
	b.started.stop()
	return os.RemoveAll(b.Dir)
}

// name makes a name unlike all others of the bed.
func (b *Bed) name(what string) string {
	b.count++
	return fmt.Sprintf("%s%d", what, b.count)
}

// within tries f until it returns nil, for as long as the limit says.
func within(ctx context.Context, limit time.Duration, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %w", limit, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
