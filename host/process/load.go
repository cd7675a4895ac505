package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gnomon"
	"gnomon/host"
)

const (
	ticksPerSecond = 100         // USER_HZ, in which /proc counts: the same on every Linux
	diskEvery      = time.Minute // folders are not walked more often
	mostFiles      = 100_000     // of an instance that are counted
)

// Measure tells what instances use. Of processors and memory, that is what everything under an instance's shim uses, with
// one look at /proc for all of them.
func (d *Driver) Measure(ctx context.Context, ids []gnomon.InstanceID) (map[gnomon.InstanceID]host.Load, error) {
	family := relate(processes())
	loads := make(map[gnomon.InstanceID]host.Load)
	var errs []error
	for _, id := range ids {
		sv, ok := d.server(id)
		if ctx.Err() != nil {
			return loads, errors.Join(append(errs, ctx.Err())...)
		}
		if !ok || !sv.runs() || sv.pid.Load() == 0 {
			continue
		}
		cpu, bytes := family.use(int(sv.pid.Load()))
		if in, ok := sv.group.memory(); ok {
			bytes = in
		}
		disk, err := sv.disk.of(sv.folder.Own, d.logFolder(id))
		if err != nil {
			errs = append(errs, fmt.Errorf("disk of %s: %w", id, err))
		}
		loads[id] = host.Load{
			CPU: cpu, Memory: min(100, 100*float64(bytes)/float64(sv.memory)), Disk: disk, Waited: family.waited(int(sv.pid.Load())),
		}
	}
	return loads, errors.Join(errs...)
}

// A family is all processes, by pid, and their children.
type family struct {
	members  map[int]proc
	children map[int][]int
}

func relate(all []proc) family {
	f := family{make(map[int]proc, len(all)), make(map[int][]int)}
	for _, p := range all {
		f.members[p.pid] = p
		f.children[p.parent] = append(f.children[p.parent], p.pid)
	}
	return f
}

// use returns what the descendants of a shim have used of processors, those that have ended too, and the bytes that they
// have in memory; what several of them share is counted for each.
func (f family) use(shim int) (cpu time.Duration, bytes uint64) {
	ticks, pages := f.members[shim].reaped, uint64(0)
	kids := f.children[shim]
	for len(kids) > 0 {
		p := f.members[kids[0]]
		kids = append(kids[1:], f.children[p.pid]...)
		ticks += p.ticks + p.reaped
		pages += p.pages
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, pages * uint64(os.Getpagesize())
}

// waited returns for how long the threads of a shim's descendants, one after the other, have waited for a processor. It is 0
// where the kernel does not keep count.
func (f family) waited(shim int) time.Duration {
	var all time.Duration
	for kids := f.children[shim]; len(kids) > 0; kids = append(kids[1:], f.children[kids[0]]...) {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*/schedstat", kids[0]))
		if err != nil {
			continue
		}
		for _, t := range threads {
			b, _ := os.ReadFile(t) // of one that has just ended there is nothing
			if n := bytes.Fields(b); len(n) == 3 {
				ns, _ := strconv.ParseInt(string(n[1]), 10, 64)
				all += time.Duration(ns)
			}
		}
	}
	return all
}

// memory returns the bytes that the group has in memory, without files that could be dropped at once. It reports false if
// there is no such group.
func (g group) memory() (uint64, bool) {
	if g.Memory == "" {
		return 0, false
	}
	file, inactive := "memory.usage_in_bytes", "total_inactive_file"
	if g.Unified {
		file, inactive = "memory.current", "inactive_file"
	}
	b, err := os.ReadFile(filepath.Join(g.Memory, file))
	if err != nil {
		return 0, false
	}
	all, err := strconv.ParseUint(string(bytes.TrimSpace(b)), 10, 64)
	if err != nil {
		return 0, false
	}
	stat, err := os.ReadFile(filepath.Join(g.Memory, "memory.stat"))
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(stat) {
		f := bytes.Fields(line)
		if len(f) == 2 && string(f[0]) == inactive {
			n, err := strconv.ParseUint(string(f[1]), 10, 64)
			return all - min(n, all), err == nil
		}
	}
	return all, true
}

// A diskUse is what an instance's folders took when last looked at. Only the host's one look at a time uses it.
type diskUse struct {
	at      time.Time
	percent float64
}

// of returns the folders' share of the disk that the first is on.
func (u *diskUse) of(folders ...string) (float64, error) {
	if !u.at.IsZero() && time.Since(u.at) < diskEvery {
		return u.percent, nil
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(folders[0], &disk); err != nil {
		return 0, err
	}
	var used int64
	files := 0
	for _, dir := range folders {
		err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
			if err != nil {
				return nil // it has just been deleted, or is none of ours to see
			}
			if files++; files > mostFiles {
				return fs.SkipAll
			}
			if info, err := e.Info(); err == nil {
				if st, ok := info.Sys().(*syscall.Stat_t); ok {
					used += st.Blocks * 512
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	u.at, u.percent = time.Now(), 0
	if all := float64(disk.Blocks) * float64(disk.Bsize); all > 0 {
		u.percent = min(100, 100*float64(used)/all)
	}
	return u.percent, nil
}
