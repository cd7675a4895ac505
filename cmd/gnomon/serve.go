package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gnomon"
	"gnomon/access"
	"gnomon/api"
	"gnomon/capture"
	"gnomon/control"
	"gnomon/front"
	"gnomon/host"
	"gnomon/host/process"
	"gnomon/keys"
	"gnomon/meter"
	"gnomon/objects"
	"gnomon/reactor"
	"gnomon/router"
	"gnomon/sigv4"
	"gnomon/store"
	"gnomon/verdict"
)

// A serveCommand runs the server until it is told to end.
type serveCommand struct {
	configFlags
	LogLevel slog.Level `help:"debug, info, warn or error." default:"info" env:"GNOMON_LOG_LEVEL"`
}

// Run serves.
func (s *serveCommand) Run(ctx context.Context) error {
	c, err := s.load()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: s.LogLevel}))
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; another program may have the port: choose one with --listen", c.Listen, err)
	}
	c.Listen = ln.Addr().String() // the port may have been left to the system
	defer ln.Close()
	return serve(ctx, c, ln, log)
}

// A house is the rooms of one server, put together.
type house struct {
	db        *store.DB
	traffic   *store.Traffic
	objects   *objects.Table
	capture   *capture.Capture
	meter     *meter.Meter
	verdicts  *verdict.Verdicts
	router    *router.Router
	loops     *reactor.Group
	host      *host.Host
	plane     *control.Plane
	endpoints *control.EndpointReconciler
	front     *front.Server
}

// serve runs a server on the listener until ctx ends.
func serve(ctx context.Context, c *config, ln net.Listener, log *slog.Logger) error {
	unlock, err := lockData(c.DataDir)
	if err != nil {
		return err
	}
	defer unlock()
	keys, err := access.Create(c.keysPath(), sigv4.NewKey)
	if err != nil {
		return err
	}
	reserveHeap(log)
	h, err := build(ctx, c, keys, log)
	if err != nil {
		return errors.Join(err, h.close())
	}
	if err := errors.Join(writeSaid(c), writeURL(c)); err != nil {
		return errors.Join(err, h.close())
	}
	defer os.Remove(c.urlPath())
	log.Info("serving", "url", c.url(), "data", c.DataDir, "auth", c.Auth)
	return errors.Join(h.run(ctx, ln), h.close())
}

// lockData makes the data directory and takes it for this process: two servers over one would undo each other's work.
func lockData(dir string) (func(), error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("data directory %s: another gnomon is using it", dir)
		}
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// writeSaid tells commands beside the server, which may not know of its configuration, what goes into signatures and names.
func writeSaid(c *config) error {
	b, err := json.Marshal(said{c.Partition, c.Region, c.Account, c.role()})
	if err != nil {
		return err
	}
	return replaceFile(c.saidPath(), append(b, '\n'))
}

// writeURL tells commands beside the server where it is: its port may have been left to the system.
func writeURL(c *config) error { return replaceFile(c.urlPath(), []byte(c.url())) }

// replaceFile writes a file of the data directory, whole or not at all.
func replaceFile(path string, content []byte) error {
	temp := path + ".new"
	if err := os.WriteFile(temp, content, 0o600); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// build puts the rooms together. It starts nothing. When it fails, what it returns must be closed all the same.
func build(ctx context.Context, c *config, keys *access.Keys, log *slog.Logger) (*house, error) {
	h, ring := &house{}, c.keyring()
	var err error
	if h.db, err = store.Open(ctx, filepath.Join(c.DataDir, "control.db")); err != nil {
		return h, err
	}
	if h.traffic, err = store.OpenTraffic(ctx, filepath.Join(c.DataDir, "traffic.db")); err != nil {
		return h, err
	}
	if h.objects, err = objects.New(c.buckets(), ring); err != nil {
		return h, err
	}
	capturing := c.Limits.capture()
	capturing.Dir, capturing.Objects, capturing.Log = filepath.Join(c.DataDir, "spool"), captureObjects{h.objects}, log
	if h.capture, err = capture.New(capturing); err != nil {
		return h, err
	}
	h.verdicts = verdict.New(verdict.Options{
		Store: h.traffic, Log: log, LeastTime: time.Duration(c.Verdict.LeastTime), Memory: c.Limits.CompareMemory, Answer: c.Limits.CompareAnswer,
		Worse: func(of gnomon.Mirror) { h.plane.Experiments.Wake(string(of.Experiment)) },
	})
	h.meter = meter.New(meter.Options{
		KeepMinutes: time.Duration(c.Retention.Minutes), KeepHours: time.Duration(c.Retention.Hours), Judge: h.verdicts, Band: band,
	}, h.traffic, log)
	gate := newGate(c, keys)
	if h.loops, err = reactor.NewGroup(cmp.Or(c.Limits.Loops, max(1, runtime.GOMAXPROCS(0)/2))); err != nil {
		return h, err
	}
	h.loops.Contain(func(v any, stack []byte) {
		log.Error("event loop: a handler panicked", "panic", v, "stack", string(stack))
	})
	routing := c.Limits.router()
	routing.Partition, routing.Authorize, routing.Capturer, routing.Judge = c.partition(), gate.runtime(), h.capture, h.verdicts
	h.router = router.New(routing, h.loops, h.meter, log)
	driver, err := newDriver(c, h.objects, ring, log)
	if err != nil {
		return h, err
	}
	h.host = host.New(driver, log, host.Options{StopGrace: cmp.Or(time.Duration(*c.StopGrace), -1)})
	h.plane = &control.Plane{
		Store: h.db, Artifacts: artifacts{h.objects}, Images: driver, Captures: captures{h.capture, h.objects, ring}, Volumes: volumes{driver, ring}, Verdicts: h.verdicts,
		Log:       log,
		Endpoints: control.NewQueue(), Experiments: control.NewQueue(),
		Rules: control.Rules{
			Partition: c.partition(), Roles: c.roles(), Quotas: c.quotas(), StartLead: time.Duration(*c.StartLead),
			RestartPromoted: !driver.CanRaise(),
		},
	}
	h.endpoints = control.NewEndpointReconciler(h.plane, h.host, h.router)
	h.host.Notify(h.endpoints.Changed)
	h.host.Observe(func(c gnomon.Census) {
		h.meter.Look(c)
		h.verdicts.Look(c)
	})
	registry, err := newRegistry(h.meter, h.capture.Stats, h.router.Stats, func() front.Stats { return h.front.Stats() }) // there is one when it is asked
	if err != nil {
		return h, err
	}
	services := api.New(c.partition(), control.Models{Plane: h.plane}, control.EndpointConfigs{Plane: h.plane},
		control.Endpoints{Plane: h.plane}, control.Experiments{Plane: h.plane}, control.Tags{Plane: h.plane})
	listening := c.Limits.front()
	listening.Loops, listening.Log, listening.Control = h.loops, log, h.handler(c, gate, services, registry, log)
	listening.Runtime = func(l *reactor.Loop, q front.Request, caller front.Caller) {
		h.router.Begin(l, router.Request(q), caller)
	}
	h.front = front.New(listening)
	return h, nil
}

func newDriver(c *config, from *objects.Table, ring *keys.Ring, log *slog.Logger) (*process.Driver, error) {
	var images []process.Image
	for _, i := range c.Images {
		command := append([]string(nil), i.Command...)
		if strings.ContainsRune(command[0], filepath.Separator) && !filepath.IsAbs(command[0]) && i.Dir == "" {
			abs, err := filepath.Abs(filepath.Join(filepath.Dir(c.path), command[0]))
			if err != nil {
				return nil, fmt.Errorf("image %q: %w", i.Name, err)
			}
			command[0] = abs // beside the configuration file, wherever the server is started from
		}
		images = append(images, process.Image{Name: i.Name, Command: command, Env: i.Env, Dir: i.Dir})
	}
	return process.New(log, process.Options{
		Dir: filepath.Join(c.DataDir, "instances"), Images: images, Objects: from, Sealer: ring, Hide: []string{c.DataDir}, Strict: c.InstanceSize == "strict",
		ComeFirst: -*c.Nice,
	})
}

func (h *house) close() error {
	var err error
	if h.objects != nil {
		err = errors.Join(err, h.objects.Close())
	}
	if h.traffic != nil {
		err = errors.Join(err, h.traffic.Close())
	}
	if h.db != nil {
		err = errors.Join(err, h.db.Close())
	}
	return err
}

// forgetDeleted removes what was found in experiments that are no more: the server may have been killed before it had got to it.
func (h *house) forgetDeleted(ctx context.Context) error {
	there := make(map[gnomon.MirrorID]bool)
	err := h.db.Do(ctx, func(tx *gnomon.Tx) error {
		all, _, err := tx.Experiments.List(gnomon.Query{})
		for _, x := range all {
			there[x.Mirror()] = true
		}
		return err
	})
	if err != nil {
		return err
	}
	return h.traffic.KeepEvidence(ctx, func(id gnomon.MirrorID) bool { return there[id] })
}

// run runs the rooms until ctx ends or one of them fails, and then ends them from the outside in: what takes requests
// first, what answers them next, what keeps the numbers last.
func (h *house) run(ctx context.Context, ln net.Listener) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	experiments := control.NewExperimentReconciler(h.plane, h.meter)
	var endings []func() error
	start := func(run func(context.Context) error) {
		inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan error, 1)
		go func() {
			err := run(inner)
			if err == nil && inner.Err() == nil {
				err = errors.New("a part of the server ended by itself")
			}
			if err != nil {
				fail(err)
			}
			done <- err
		}()
		endings = append(endings, func() error { cancel(); return <-done })
	}
	if err := h.forgetDeleted(ctx); err != nil {
		return err
	}
	start(h.meter.Run)
	start(h.verdicts.Run)
	start(h.capture.Run)
	start(h.loops.Run)
	start(h.router.Run)
	start(h.host.Run)
	start(h.endpoints.Run)
	start(experiments.Run)
	start(func(ctx context.Context) error { return h.front.Serve(ctx, ln) })
	<-ctx.Done()
	var err error
	for i := len(endings) - 1; i >= 0; i-- {
		err = errors.Join(err, endings[i]())
	}
	return err
}

// captures let control ask how capturing goes, and whether it can be encrypted.
type captures struct {
	*capture.Capture
	table *objects.Table
	keys  *keys.Ring
}

// Check looks whether a destination can be written to, and for a key in the keyring. Those of S3 are S3's: what it says of them
// is seen when an object is uploaded.
func (c captures) Check(destination, kmsKey string) error {
	if err := c.table.Check(capture.Directory(destination)); err != nil {
		return err
	}
	if kmsKey == "" || c.table.InS3(destination) {
		return nil
	}
	_, err := c.keys.Find(kmsKey)
	return err
}

// volumes let control ask whether what instances keep can be encrypted.
type volumes struct {
	driver *process.Driver
	keys   *keys.Ring
}

// CheckKey looks for a key in the keyring, and whether there is a place for what it decrypts.
func (v volumes) CheckKey(name string) error {
	if err := v.driver.CanEncrypt(); err != nil {
		return err
	}
	_, err := v.keys.Find(name)
	return err
}

// captureObjects are the bucket table as capture knows it.
type captureObjects struct{ *objects.Table }

// Create begins an object, encrypted by a key unless that is empty.
func (o captureObjects) Create(ctx context.Context, uri, kmsKey string) (io.WriteCloser, error) {
	if kmsKey == "" {
		return o.Table.Create(ctx, uri)
	}
	return o.CreateEncrypted(ctx, uri, kmsKey)
}

// artifacts let control ask whether a model's files are there.
type artifacts struct{ table *objects.Table }

// Check reports what keeps the artifact from being read.
func (a artifacts) Check(ctx context.Context, artifact gnomon.Artifact) error {
	if !artifact.Prefix {
		_, err := a.table.Stat(ctx, artifact.URI)
		return err
	}
	for _, err := range a.table.List(ctx, artifact.URI) {
		return err
	}
	return fmt.Errorf("there is no object under %s", artifact.URI)
}
