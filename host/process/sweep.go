package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// sweep ends and deletes the instances of an earlier Gnomon.
func (d *Driver) sweep(ctx context.Context) error {
	dir := filepath.Join(d.opts.Dir, "instances")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := sweepInstance(onDisk(filepath.Join(dir, e.Name()))); err != nil {
			return fmt.Errorf("instance %s of an earlier run: %w", e.Name(), err)
		}
	}
	d.sweepGroups()
	return errors.Join(d.clearMemory(), d.pruneLogs())
}

// sweepInstance waits for the instance's shim, which ends with its Gnomon, and does its work if it was killed.
func sweepInstance(f folders) error {
	lock, err := takeLock(f, lockWait)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := endRemains(f); err != nil {
		return err
	}
	return f.remove()
}

// sweepGroups deletes the control groups of instances that are gone.
func (d *Driver) sweepGroups() {
	for _, parent := range slices.Compact([]string{d.groups.cpu, d.groups.memory}) {
		if parent == "" {
			continue
		}
		left, err := filepath.Glob(filepath.Join(parent, d.prefix+"*"))
		if err != nil {
			continue
		}
		for _, dir := range left {
			if err := clearGroup(dir); err != nil {
				d.log.Warn("control group of an earlier run", "group", dir, "err", err)
			}
		}
	}
}

// clearGroup kills what is in a group and deletes it.
func clearGroup(dir string) error {
	for deadline := time.Now().Add(remainsWait); ; time.Sleep(5 * time.Millisecond) {
		for _, pid := range processesIn(dir) {
			if p, ok := readProc(pid); ok {
				killExactly(p, func(proc) bool { return slices.Contains(processesIn(dir), pid) })
			}
		}
		err := os.Remove(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) || time.Now().After(deadline) {
			return err
		}
	}
}

// pruneLogs deletes the oldest logs of instances that are gone.
func (d *Driver) pruneLogs() error {
	entries, err := os.ReadDir(filepath.Join(d.opts.Dir, "logs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	type log struct {
		path    string
		written time.Time
	}
	var gone []log
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(d.opts.Dir, "instances", e.Name())); err == nil {
			continue
		}
		path := filepath.Join(d.opts.Dir, "logs", e.Name())
		l := log{path: path}
		if st, err := os.Stat(filepath.Join(path, "log")); err == nil {
			l.written = st.ModTime()
		}
		gone = append(gone, l)
	}
	slices.SortFunc(gone, func(a, b log) int {
		return cmp.Or(b.written.Compare(a.written), strings.Compare(a.path, b.path))
	})
	var errs []error
	for _, l := range gone[min(len(gone), d.opts.KeptLogs):] {
		errs = append(errs, os.RemoveAll(l.path))
	}
	return errors.Join(errs...)
}
