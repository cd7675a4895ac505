// Package host keeps model servers running: it starts the instances of a fleet, watches their health, starts again
// those that die, and ends those that are not wanted any more.
//
// Start at [Host]: it owns the states and the clocks, and is the same whatever instances run on. A [Driver] does the
// rest: package process runs them as processes of this machine; hosttest is the suite that every driver passes. The
// package knows nothing of endpoints beyond their IDs, of routes or of requests.
package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"gnomon"
)

// Options are the clocks of a Host. A zero value means the default that stands behind it.
type Options struct {
	DownloadTimeout time.Duration // for a fleet that names none: until the server is started; 20 minutes
	StartupTimeout  time.Duration // for a fleet that names none: from then to the first good ping; 8 minutes
	StopGrace       time.Duration // from SIGTERM to SIGKILL; 30 s; below 0: there is none

	PingTimeout  time.Duration // an answer later than this is none; 2 s
	PingInterval time.Duration // between the pings of an instance in service; 5 s
	StartingPing time.Duration // between the pings of one that is not; 200 ms
	BadPings     int           // so many in a row take an instance out of service; 3
	Patience     time.Duration // one that is out of service for so long is started anew; 1 minute

	LookInterval time.Duration // between two looks at what instances use; 10 s

	MinBackoff time.Duration // before the first start after a death; 500 ms
	MaxBackoff time.Duration // the pauses double up to this; 1 minute
}

func (o Options) withDefaults() Options {
	o.DownloadTimeout = cmp.Or(o.DownloadTimeout, 20*time.Minute)
	o.StartupTimeout = cmp.Or(o.StartupTimeout, 8*time.Minute)
	o.StopGrace = cmp.Or(o.StopGrace, 30*time.Second)
	o.PingTimeout = cmp.Or(o.PingTimeout, 2*time.Second)
	o.PingInterval = cmp.Or(o.PingInterval, 5*time.Second)
	o.StartingPing = cmp.Or(o.StartingPing, 200*time.Millisecond)
	o.BadPings = cmp.Or(o.BadPings, 3)
	o.Patience = cmp.Or(o.Patience, time.Minute)
	o.LookInterval = cmp.Or(o.LookInterval, 10*time.Second)
	o.MinBackoff = cmp.Or(o.MinBackoff, 500*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, time.Minute)
	return o
}

// connectTimeout is how soon a model server must take a connection, by SageMaker's container contract.
const connectTimeout = 250 * time.Millisecond

// errStopped is why an instance's context ends when it is asked to end, rather than the host.
var errStopped = errors.New("asked to stop")

// ErrClosed is what a host answers once Run has returned.
var ErrClosed = errors.New("the host is closed")

// A Host runs instances through a driver. Each instance's state is owned by one goroutine; the methods only ask. All
// of them return at once and may be called by any number of goroutines, before Run as well.
type Host struct {
	driver Driver
	log    *slog.Logger
	opts   Options
	pinger *http.Client

	ctx   context.Context // of all instances; ends with Run
	end   context.CancelFunc
	tasks sync.WaitGroup

	mu        sync.Mutex
	running   bool
	closed    bool
	instances map[gnomon.InstanceID]*instance
	notify    func(endpointID string)
	observe   func(gnomon.Census)

	stirred chan struct{} // something has changed since the last look; holds one
}

// New returns a host over the driver.
func New(driver Driver, log *slog.Logger, opts Options) *Host {
	ctx, end := context.WithCancel(context.Background())
	opts = opts.withDefaults()
	return &Host{
		driver: driver,
		log:    log,
		opts:   opts,
		pinger: &http.Client{
			Timeout: opts.PingTimeout,
			Transport: &http.Transport{
				DialContext:       (&net.Dialer{Timeout: connectTimeout}).DialContext,
				DisableKeepAlives: true, // a ping also shows that new connections are taken
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		ctx:       ctx,
		end:       end,
		instances: make(map[gnomon.InstanceID]*instance),
		notify:    func(string) {},
		observe:   func(gnomon.Census) {},
		stirred:   make(chan struct{}, 1),
	}
}

// Run takes over what already runs, carries out what was and is asked for, and returns when ctx has ended and nothing
// of the host is under way any more. Whether instances outlive it is the driver's nature.
func (h *Host) Run(ctx context.Context) error {
	found, err := h.driver.List(ctx)
	if err != nil {
		return fmt.Errorf("list instances: %w", err)
	}
	h.open(found)
	h.tasks.Go(h.watch)
	<-ctx.Done()
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.end()
	h.tasks.Wait()
	if c, ok := h.driver.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// open starts the owners of all instances known so far and of those found.
func (h *Host) open(found []Spec) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running = true
	for _, s := range found {
		if _, ok := h.instances[s.ID()]; !ok {
			h.instances[s.ID()] = newInstance(h, s)
		}
	}
	for _, i := range h.instances {
		h.tasks.Go(i.run)
	}
}

// Notify sets the function that is called after every change of an instance's state, address or class, and after an
// instance is gone. It gets the ID of the instance's endpoint and must not block. It replaces the one set before.
func (h *Host) Notify(f func(endpointID string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notify = f
}

// changed tells of a change. It must not be called with h.mu held.
func (h *Host) changed(endpointID string) {
	h.mu.Lock()
	f := h.notify
	h.mu.Unlock()
	select {
	case h.stirred <- struct{}{}:
	default: // one look is enough for any number of changes
	}
	f(endpointID)
}

// Ensure asks for the instances of a fleet, with ordinals below its Count. Those that are not there are started, those
// that are there stay, whatever their state: one that is Failed stays so until it is stopped, and one that is Stopping
// has to be gone before a later Ensure starts it again. No instance is ever stopped. A changed Class is applied to
// running instances; [gnomon.Instance.Class] says which one an instance really runs with.
func (h *Host) Ensure(_ context.Context, f gnomon.Fleet) error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return ErrClosed
	}
	added := false
	for n := range f.Count {
		id := gnomon.InstanceID{Fleet: f.ID, Ordinal: n}
		if i, ok := h.instances[id]; ok {
			i.want(f.Class)
			continue
		}
		i := newInstance(h, Spec{Fleet: f, Ordinal: n})
		h.instances[id] = i
		added = true
		if h.running {
			h.tasks.Go(i.run)
		}
	}
	h.mu.Unlock()
	if added {
		h.changed(f.EndpointID)
	}
	return nil
}

// Stop asks an instance to end: SIGTERM, or its like, and SIGKILL after the grace. The instance is Stopping until
// nothing of it is left, and then not listed any more. Stopping what does not exist is no error.
func (h *Host) Stop(_ context.Context, id gnomon.InstanceID) error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return ErrClosed
	}
	i, ok := h.instances[id]
	if !ok || i.view.State == gnomon.InstanceStopping {
		h.mu.Unlock()
		return nil
	}
	i.view.State, i.view.Address = gnomon.InstanceStopping, ""
	h.mu.Unlock()
	i.cancel(errStopped)
	h.changed(i.view.EndpointID)
	return nil
}

// Instances returns all instances, in the order of their IDs.
func (h *Host) Instances() []gnomon.Instance {
	return h.list(func(gnomon.Instance) bool { return true })
}

// EndpointInstances returns the instances of one endpoint, in the order of their IDs.
func (h *Host) EndpointInstances(endpointID string) []gnomon.Instance {
	return h.list(func(i gnomon.Instance) bool { return i.EndpointID == endpointID })
}

func (h *Host) list(keep func(gnomon.Instance) bool) []gnomon.Instance {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []gnomon.Instance
	for _, i := range h.instances {
		if keep(i.view) {
			all = append(all, i.view)
		}
	}
	slices.SortFunc(all, func(a, b gnomon.Instance) int {
		return cmp.Or(cmp.Compare(a.ID.Fleet, b.ID.Fleet), cmp.Compare(a.ID.Ordinal, b.ID.Ordinal))
	})
	return all
}

// Logs returns what an instance's server has written to its standard output and error, oldest first, as far as it is
// kept. A driver may keep it for some time after the instance is gone. The error is [fs.ErrNotExist] when there is
// none.
func (h *Host) Logs(ctx context.Context, id gnomon.InstanceID) (io.ReadCloser, error) {
	l, ok := h.driver.(LogReader)
	if !ok {
		return nil, fmt.Errorf("logs of %s: %w", id, errors.ErrUnsupported)
	}
	return l.Logs(ctx, id)
}
