// Package process is the host's driver for processes of this machine: an image is a command that the configuration
// names, an instance a process under a shim, an instance type a ceiling on processors and memory.
//
// Start at [Driver.Start], then [ShimMain], which is the program between Gnomon and each server: it holds the lock of
// the instance's folder, sees to its log, and leaves nothing of the server behind when the server or Gnomon ends,
// however that happens. The package needs Linux. It decides nothing about health or restarts: package host does.
package process

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"gnomon"
	"gnomon/host"
	"gnomon/objects"
)

// Options are what a Driver is made of. Dir and Objects must be set; the zero value of anything else means its default.
type Options struct {
	Dir     string  // for the folders of instances and their logs; made on demand; no other Gnomon may use it
	Images  []Image // the only ones that run; the first whose name fits is taken
	Objects Objects // where artifacts come from
	Limits  Limits  // of the artifacts of one instance

	// Sealer encrypts what is on disk of instances whose variant has a KmsKey. Their servers see what is in Memory, a folder that
	// memory backs; default /dev/shm.
	Sealer objects.Sealer
	Memory string

	// Hide are folders that exist and that servers must not see, such as Gnomon's data directory; Dir is always one,
	// but for the server's own part of it. No image's program or Dir may be in them. Without CAP_SYS_ADMIN nothing is
	// hidden, and New logs it.
	Hide []string
	// Strict refuses instance types that are larger than this machine. Otherwise they get all there is.
	Strict bool
	// Cgroup is a folder of the unified hierarchy set aside for Gnomon; empty: Gnomon's own group, if it is free to
	// make groups there; "off": none. Without groups, ceilings are affinity and a limit on each process's data.
	Cgroup string
	// ComeFirst is by how much the niceness of this process's threads is lowered, 0 to 20, so that Gnomon gets a processor before the
	// servers do, which keep what it was. Where the system does not allow it, New logs it.
	ComeFirst int

	LogBytes   int64         // of one file of an instance's log; 10 MiB
	LogFiles   int           // of an instance's log; 3
	KeptLogs   int           // logs of instances that are gone; 50
	CloseGrace time.Duration // from SIGTERM to SIGKILL when Gnomon ends; 5 s
	// ShimTimeout is how long a shim may take beyond a grace, to kill and to reap, before it is killed itself; 10 s.
	ShimTimeout time.Duration
	Shim        []string // the command that runs ShimMain; this program with the argument "shim"
}

// A Driver runs instances as processes. It is a [host.Driver], [host.Reclasser], [host.Measurer], [host.LogReader] and [io.Closer].
type Driver struct {
	opts   Options
	log    *slog.Logger
	groups groups
	nice   int    // of servers
	prefix string // of the names of this driver's control groups
	cpus   []int  // that Gnomon may run on
	memory uint64 // of the machine, in bytes

	memoryDir string // for what is decrypted
	noMemory  error  // why nothing can be

	mu       sync.Mutex
	closed   bool
	servers  map[gnomon.InstanceID]*server
	ports    map[int]bool // in use
	cpuUsers map[int]int  // servers bound to a processor
}

// New checks the options and what the machine offers, and makes Dir. It starts nothing.
func New(log *slog.Logger, opts Options) (*Driver, error) {
	opts.LogBytes = cmp.Or(opts.LogBytes, 10<<20)
	opts.LogFiles = cmp.Or(opts.LogFiles, 3)
	opts.KeptLogs = cmp.Or(opts.KeptLogs, 50)
	opts.CloseGrace = cmp.Or(opts.CloseGrace, 5*time.Second)
	opts.ShimTimeout = cmp.Or(opts.ShimTimeout, 10*time.Second)
	opts.Memory = cmp.Or(opts.Memory, "/dev/shm")
	if len(opts.Shim) == 0 {
		opts.Shim = []string{"/proc/self/exe", "shim"}
	}
	for _, i := range opts.Images {
		if err := i.check(); err != nil {
			return nil, err
		}
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if opts.Dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(opts.Dir))
	prefix := "gnomon-" + hex.EncodeToString(sum[:4])
	hidden := append(slices.Clone(opts.Hide), opts.Dir)
	memoryDir, noMemory := "", errors.New("there are no keys")
	if opts.Sealer != nil {
		memoryDir, noMemory = makeMemory(opts.Memory, prefix)
	}
	if noMemory == nil {
		hidden = append(hidden, memoryDir)
	}
	if opts.Hide, err = outermost(hidden); err != nil {
		return nil, fmt.Errorf("hide from servers: %w", err)
	}
	if !canHide() {
		log.Warn("model servers can see Gnomon's folders", "folders", opts.Hide)
		opts.Hide = nil
	}
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("get affinity: %w", err)
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return nil, fmt.Errorf("sysinfo: %w", err)
	}
	d := &Driver{
		opts:   opts,
		log:    log,
		groups: findGroups(opts.Cgroup),
		prefix: prefix + "-",
		memory: uint64(info.Totalram) * uint64(info.Unit),

		memoryDir: memoryDir, noMemory: noMemory,

		servers:  make(map[gnomon.InstanceID]*server),
		ports:    make(map[int]bool),
		cpuUsers: make(map[int]int),
	}
	for c := range 64 * len(set) {
		if set.IsSet(c) {
			d.cpus = append(d.cpus, c)
		}
	}
	log.Info("process host", "cpu", orNot(d.groups.cpu, "affinity and niceness"), "memory", orNot(d.groups.memory, "a limit per process"))
	if d.nice, err = d.groups.comeFirst(opts.ComeFirst); err != nil {
		log.Info("Gnomon does not get a processor before its models do: it needs CAP_SYS_NICE, or a limit on niceness that allows it", "err", err)
	}
	return d, nil
}

// orNot returns where, or what is used instead.
func orNot(where, instead string) string { return cmp.Or(where, instead) }

// Start lays out the instance's artifacts and starts its server under a shim.
func (d *Driver) Start(ctx context.Context, s host.Spec) (string, error) {
	if sv, ok := d.server(s.ID()); ok && sv.runs() {
		return sv.address(), nil
	}
	image, err := findImage(d.opts.Images, s.Container.Image)
	if err != nil {
		return "", err
	}
	program, err := image.program()
	if err != nil {
		return "", err
	}
	sz, err := d.size(s.InstanceType)
	if err != nil {
		return "", err
	}
	f, err := d.layOut(ctx, s)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(d.logFolder(s.ID()), 0o700); err != nil {
		return "", err
	}
	sv, err := d.reserve(s, f, sz)
	if err != nil {
		return "", err
	}
	port := strconv.Itoa(sv.port)
	mark := s.ID().String() + "." + gnomon.NewID()
	err = sv.launch(ctx, d.opts.Shim, plan{
		Folder: f, Args: image.arguments(program, s, f, port), Env: image.environment(s.Container, f, port, mark),
		Dir: cmp.Or(image.Dir, f.model()), Hide: d.opts.Hide, Mark: mark, Log: d.logPath(s.ID()), LogBytes: d.opts.LogBytes,
		LogFiles: d.opts.LogFiles, LockWait: lockWait, Class: s.Class, Nice: d.nice, Group: sv.group, CPUs: sv.cpus, MaxBytes: sv.maxBytes,
	})
	if err != nil {
		return "", err
	}
	return sv.address(), nil
}

// layOut makes the instance's folders with its artifacts in them.
func (d *Driver) layOut(ctx context.Context, s host.Spec) (folders, error) {
	f, err := d.folders(s.ID())
	if err != nil {
		return f, err
	}
	if s.KmsKey == "" {
		err = f.layOut(ctx, d.opts.Objects, s.Container.Artifacts, d.opts.Limits)
	} else {
		f.Server = d.inMemory(s.ID())
		err = d.layOutSealed(ctx, f, s.KmsKey, s.Container.Artifacts)
	}
	switch _, volume := errors.AsType[volumeError](err); {
	case err == nil:
		return f, nil
	case ctx.Err() != nil:
		return f, ctx.Err()
	case volume:
		return f, host.Fail(gnomon.FailedVolume, "%v.", err)
	}
	return f, host.Fail(gnomon.FailedDownload, "%v.", err)
}

// lockWait is how long an instance of an earlier Gnomon may take to be gone; its shim kills it at once.
const lockWait = 15 * time.Second

// Wait returns when the instance's server and all it started are gone.
func (d *Driver) Wait(ctx context.Context, id gnomon.InstanceID) (host.Exit, error) {
	sv, ok := d.server(id)
	if !ok {
		return host.Exit{Detail: "it was not started"}, nil
	}
	select {
	case <-sv.done:
		return host.Exit{Detail: sv.detail}, nil
	case <-ctx.Done():
		return host.Exit{}, ctx.Err()
	}
}

// Stop sends SIGTERM to the server's process group, and SIGKILL to all it has started after the grace.
func (d *Driver) Stop(ctx context.Context, id gnomon.InstanceID, grace time.Duration) error {
	sv, ok := d.server(id)
	if !ok {
		return nil
	}
	return sv.stop(ctx, grace)
}

// Remove deletes the instance's folder.
func (d *Driver) Remove(_ context.Context, id gnomon.InstanceID) error {
	f, err := d.folders(id)
	if err != nil {
		return nil // it cannot have been started
	}
	d.mu.Lock()
	delete(d.servers, id)
	d.mu.Unlock()
	if d.noMemory == nil {
		err = os.RemoveAll(d.inMemory(id))
	}
	if err := errors.Join(err, f.remove()); err != nil {
		return err
	}
	return d.pruneLogs()
}

// List ends what an earlier Gnomon has left and returns nothing: no process outlives the Gnomon that started it.
func (d *Driver) List(ctx context.Context) ([]host.Spec, error) {
	return nil, d.sweep(ctx)
}

// SetClass changes the priorities of a running instance. Raising those of a shadow needs CAP_SYS_NICE, unless there
// are control groups.
func (d *Driver) SetClass(ctx context.Context, id gnomon.InstanceID, c gnomon.Class) error {
	sv, ok := d.server(id)
	if !ok || !sv.runs() {
		return fmt.Errorf("set class of %s: it does not run", id)
	}
	return sv.setClass(ctx, c)
}

// Logs returns what is kept of an instance's log. It stays when the instance is gone, until there are KeptLogs newer.
func (d *Driver) Logs(ctx context.Context, id gnomon.InstanceID) (io.ReadCloser, error) {
	if _, err := d.folders(id); err != nil {
		return nil, err
	}
	return readLog(ctx, d.logPath(id), d.opts.LogFiles)
}

// Close ends all instances.
func (d *Driver) Close() error {
	d.mu.Lock()
	d.closed = true
	var all []*server
	for _, sv := range d.servers {
		all = append(all, sv)
	}
	d.mu.Unlock()
	errs := make([]error, len(all))
	var stops sync.WaitGroup
	for n, sv := range all {
		stops.Go(func() { errs[n] = sv.stop(context.Background(), d.opts.CloseGrace) })
	}
	stops.Wait()
	if err := d.clearMemory(); err != nil {
		return errors.Join(append(errs, err)...)
	}
	os.Remove(d.memoryDir) // nobody else's, and made anew when it is needed
	return errors.Join(errs...)
}

// server returns the server last started for an instance.
func (d *Driver) server(id gnomon.InstanceID) (*server, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	sv, ok := d.servers[id]
	return sv, ok
}

// folders returns the folder of an instance. It refuses names that are not a folder's.
func (d *Driver) folders(id gnomon.InstanceID) (folders, error) {
	name := id.String()
	if !filepath.IsLocal(name) || filepath.Base(name) != name {
		return folders{}, fmt.Errorf("instance %q: not a folder's name", name)
	}
	return onDisk(filepath.Join(d.opts.Dir, "instances", name)), nil
}

// onDisk are the folders of an instance all of which are in dir.
func onDisk(dir string) folders { return folders{Own: dir, Server: dir} }

func (d *Driver) logFolder(id gnomon.InstanceID) string {
	return filepath.Join(d.opts.Dir, "logs", id.String())
}

func (d *Driver) logPath(id gnomon.InstanceID) string { return filepath.Join(d.logFolder(id), "log") }

// size returns the ceilings of an instance type on this machine.
func (d *Driver) size(t gnomon.InstanceType) (size, error) {
	m, ok := t.Machine()
	if !ok {
		return size{}, host.Fail(gnomon.FailedCapacity, "There is no instance type %q.", t)
	}
	s := size{vcpu: m.VCPU, memory: uint64(m.MemoryBytes)}
	if d.opts.Strict && (s.vcpu > len(d.cpus) || s.memory > d.memory) {
		return size{}, host.Fail(gnomon.FailedCapacity,
			"%s has %d vCPU and %d MiB, this machine %d and %d MiB, and instance_size is strict.",
			t, s.vcpu, s.memory>>20, len(d.cpus), d.memory>>20)
	}
	if s.vcpu >= len(d.cpus) {
		s.vcpu = 0
	}
	if s.memory >= d.memory {
		s.memory = 0
	}
	return s, nil
}

// reserve takes a port, processors and groups for a server, and enters it.
func (d *Driver) reserve(s host.Spec, f folders, sz size) (*server, error) {
	g, err := d.groups.make(d.prefix+s.ID().String(), sz, s.Class)
	if err != nil {
		return nil, fmt.Errorf("make control group: %w", err)
	}
	sv := &server{
		id: s.ID(), folder: f, group: g, log: d.log, patience: d.opts.ShimTimeout, done: make(chan struct{}), classes: make(chan string, 1),
		begun: make(chan report, 1), memory: cmp.Or(sz.memory, d.memory),
	}
	if d.groups.memory == "" {
		sv.maxBytes = sz.memory
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errors.Join(host.ErrClosed, g.remove())
	}
	if sv.port, err = d.freePort(); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	d.ports[sv.port] = true
	if d.groups.cpu == "" {
		sv.cpus = d.leastUsed(sz.vcpu)
	}
	for _, c := range sv.cpus {
		d.cpuUsers[c]++
	}
	sv.release = func() { d.release(sv) }
	d.servers[sv.id] = sv
	return sv, nil
}

func (d *Driver) release(sv *server) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.ports, sv.port)
	for _, c := range sv.cpus {
		d.cpuUsers[c]--
	}
}

// freePort returns a port that nothing listens on. Something else may take it before the server does: then the server
// ends, and its next start gets another. The caller holds d.mu.
func (d *Driver) freePort() (int, error) {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, fmt.Errorf("find a port: %w", err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if !d.ports[port] {
			return port, nil
		}
	}
	return 0, errors.New("find a port: all that are free are promised to other instances")
}

// leastUsed returns n processors that the fewest servers are bound to. The caller holds d.mu.
func (d *Driver) leastUsed(n int) []int {
	if n == 0 {
		return nil
	}
	cpus := slices.Clone(d.cpus)
	slices.SortStableFunc(cpus, func(a, b int) int { return cmp.Compare(d.cpuUsers[a], d.cpuUsers[b]) })
	return cpus[:n]
}

var (
	_ host.Driver    = (*Driver)(nil)
	_ host.Reclasser = (*Driver)(nil)
	_ host.LogReader = (*Driver)(nil)
	_ host.Measurer  = (*Driver)(nil)
	_ io.Closer      = (*Driver)(nil)
)
