package process

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"gnomon"
)

// period is over how long a group's processor time is counted. It is short, because a group that has used up its share
// stands still for the rest of it, which a machine of that size would not.
const periodMicroseconds = 20_000

// groups is where Gnomon may make control groups of its own. Groups are flat: an instance's is a sibling of Gnomon's
// own tasks, so that a shadow's weight counts against them too.
type groups struct {
	cpu, memory string // folders below which groups are made; empty: no such control
	unified     bool   // version 2, where both are one
	own         string // the group that Gnomon itself had to go into; empty: its threads are the groups' siblings
}

// findGroups returns the folders in which groups may be made. One's own group is taken only if it is the root of what
// one sees, as in a container, or if systemd has delegated it; any other belongs to whoever made it, and making groups
// in it would confuse them. parent, when not empty, is a folder of version 2 that someone has set aside.
func findGroups(parent string) groups {
	switch parent {
	case "":
	case "off":
		return groups{}
	default:
		return usable(groups{cpu: parent, memory: parent, unified: true})
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return groups{}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return groups{}
	}
	return usable(locateGroups(string(own), string(mounts)))
}

// locateGroups reads the two files of /proc that say which groups a process is in and where they are mounted.
func locateGroups(own, mounts string) groups {
	paths := make(map[string]string) // by controller; "" is version 2
	for line := range strings.Lines(own) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		for c := range strings.SplitSeq(f[1], ",") {
			paths[c] = f[2]
		}
	}
	var g groups
	sc := bufio.NewScanner(strings.NewReader(mounts))
	for sc.Scan() {
		root, point, kind, options, ok := parseMount(sc.Text())
		if !ok {
			continue
		}
		folder := func(controller string) string {
			rel, err := filepath.Rel(root, paths[controller])
			if err != nil || strings.HasPrefix(rel, "..") {
				return ""
			}
			if dir := filepath.Join(point, rel); rel == "." || delegated(dir) {
				return dir
			}
			return ""
		}
		switch {
		case kind == "cgroup" && slices.Contains(options, "cpu"):
			g.cpu = folder("cpu")
		case kind == "cgroup" && slices.Contains(options, "memory"):
			g.memory = folder("memory")
		case kind == "cgroup2" && paths["cpu"] == "":
			g = groups{cpu: folder(""), memory: folder(""), unified: true}
		}
	}
	return g
}

func parseMount(line string) (root, point, kind string, options []string, ok bool) {
	before, after, ok := strings.Cut(line, " - ")
	f, a := strings.Fields(before), strings.Fields(after)
	if !ok || len(f) < 5 || len(a) < 3 {
		return "", "", "", nil, false
	}
	return f[3], f[4], a[0], strings.Split(a[2], ","), true
}

// delegated reports whether systemd says that the group's inside is its processes' own affair.
func delegated(dir string) bool {
	for _, attr := range []string{"trusted.delegate", "user.delegate"} {
		v := make([]byte, 1)
		if n, err := unix.Getxattr(dir, attr, v); err == nil && n == 1 && v[0] == '1' {
			return true
		}
	}
	return false
}

// usable keeps the folders in which a group can really be made and limited.
func usable(g groups) groups {
	if g.unified && g.cpu != "" {
		own, err := enable(g.cpu)
		if err != nil {
			return groups{}
		}
		g.own = own
	}
	try := func(parent, file, value string) string {
		if parent == "" {
			return ""
		}
		dir := filepath.Join(parent, fmt.Sprintf("gnomon-try-%d", os.Getpid()))
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return ""
		}
		defer os.Remove(dir)
		if err := write(dir, file, value); err != nil {
			return ""
		}
		return parent
	}
	if g.unified {
		g.cpu, g.memory = try(g.cpu, "cpu.max", "max"), try(g.memory, "memory.max", "max")
		return g
	}
	g.cpu, g.memory = try(g.cpu, "cpu.cfs_quota_us", "-1"), try(g.memory, "memory.limit_in_bytes", "-1")
	return g
}

// enable lets the groups in a folder of version 2 have controls. A group with groups in it may hold no process, so
// those in it, which are Gnomon's own, go into one of theirs, which is returned.
func enable(dir string) (own string, err error) {
	if err := write(dir, "cgroup.subtree_control", "+cpu +memory"); err == nil {
		return "", nil
	}
	own = filepath.Join(dir, "gnomon")
	if err := os.Mkdir(own, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	for _, pid := range processesIn(dir) {
		if err := write(own, "cgroup.procs", strconv.Itoa(pid)); err != nil && !errors.Is(err, unix.ESRCH) {
			return "", err
		}
	}
	return own, write(dir, "cgroup.subtree_control", "+cpu +memory")
}

// A group is the control groups of one instance. The zero value is none, and all its methods then do nothing.
type group struct {
	CPU     string // empty: none
	Memory  string // empty: none
	Unified bool
	VCPU    int
}

// size is an instance type, as far as this machine can be one.
type size struct {
	vcpu   int    // 0: all there are
	memory uint64 // bytes; 0: all there is
}

// make makes the group of an instance and sets its limits and weight.
func (g groups) make(name string, s size, c gnomon.Class) (group, error) {
	one := group{Unified: g.unified, VCPU: s.vcpu}
	for _, part := range []struct {
		parent string
		dir    *string
	}{{g.cpu, &one.CPU}, {g.memory, &one.Memory}} {
		if part.parent == "" {
			continue
		}
		dir := filepath.Join(part.parent, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return group{}, errors.Join(err, one.remove())
		}
		*part.dir = dir
	}
	if err := errors.Join(one.limit(s), one.weigh(c)); err != nil {
		return group{}, errors.Join(err, one.remove())
	}
	return one, nil
}

func (g group) limit(s size) error {
	quota, memory := strconv.Itoa(s.vcpu*periodMicroseconds), strconv.FormatUint(s.memory, 10)
	var errs []error
	switch {
	case g.CPU == "" || s.vcpu == 0:
	case g.Unified:
		errs = append(errs, write(g.CPU, "cpu.max", fmt.Sprintf("%s %d", quota, periodMicroseconds)))
	default:
		errs = append(errs, write(g.CPU, "cpu.cfs_period_us", strconv.Itoa(periodMicroseconds)),
			write(g.CPU, "cpu.cfs_quota_us", quota))
	}
	switch {
	case g.Memory == "" || s.memory == 0:
	case g.Unified:
		errs = append(errs, write(g.Memory, "memory.max", memory))
		write(g.Memory, "memory.swap.max", "0") // there is none where swap is not counted
	default:
		errs = append(errs, write(g.Memory, "memory.limit_in_bytes", memory))
		write(g.Memory, "memory.memsw.limit_in_bytes", memory)
	}
	return errors.Join(errs...)
}

// weigh sets the group's weight against all other groups and processes of the machine. A shadow's is idle: it runs when
// nothing else wants to, and a waking server of production displaces it at once.
func (g group) weigh(c gnomon.Class) error {
	if g.CPU == "" {
		return nil
	}
	file, weight, low := "cpu.shares", 1024*cmp.Or(g.VCPU, 1), 2
	if g.Unified {
		file, weight, low = "cpu.weight", min(100*cmp.Or(g.VCPU, 1), 10_000), 1
	}
	if c == gnomon.Shadow {
		if err := write(g.CPU, "cpu.idle", "1"); err == nil {
			return nil // an idle group has no other weight
		}
		return write(g.CPU, file, strconv.Itoa(low))
	}
	if err := write(g.CPU, "cpu.idle", "0"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return write(g.CPU, file, strconv.Itoa(min(weight, math.MaxInt32)))
}

// join moves the calling process into the group.
func (g group) join() error {
	for _, dir := range g.dirs() {
		if err := write(dir, "cgroup.procs", strconv.Itoa(os.Getpid())); err != nil {
			return fmt.Errorf("join group: %w", err)
		}
	}
	return nil
}

// remove deletes the group. It must be empty.
func (g group) remove() error {
	var errs []error
	for _, dir := range g.dirs() {
		if err := os.Remove(dir); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (g group) dirs() []string {
	dirs := slices.Compact([]string{g.CPU, g.Memory})
	return slices.DeleteFunc(dirs, func(d string) bool { return d == "" })
}

// processesIn lists the processes that are in a group.
func processesIn(dir string) []int {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var pids []int
	for f := range bytes.FieldsSeq(b) {
		if pid, err := strconv.Atoi(string(f)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// write writes to a control file; it never makes one.
func write(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}
