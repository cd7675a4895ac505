// Package hosttest is the suite that every driver of package host passes: it drives a [host.Host] over the driver with
// real model servers and looks at what a user of it can see.
//
// Start at [Run]; a driver's test gives it a [Target]. The servers are [Serve], which the target's image must run.
package hosttest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"gnomon"
	"gnomon/host"
	"gnomon/objects"
)

// A Target is a driver under test.
type Target struct {
	// Open opens the driver. Every call within one test is over the same place, as when Gnomon is started again.
	Open func(t *testing.T, from *objects.Table) host.Driver
	// Image is one that runs Serve; no image is called "unknown".
	Image string
	// FixedClass says why the class of a running instance cannot be changed here; empty: it can.
	FixedClass string
	// Type is the instance type to run on; empty: ml.m5.large.
	Type gnomon.InstanceType
}

// A Running is a host under test, and what it tells of itself.
type Running struct {
	*host.Host
	t       *testing.T
	changes chan struct{}
	end     context.CancelFunc
	ended   chan error
}

// Start runs a host over a driver until the test ends, with clocks that suit a test.
func Start(t *testing.T, d host.Driver, o host.Options) *Running {
	t.Helper()
	o.PingInterval = cmp.Or(o.PingInterval, 20*time.Millisecond)
	o.StartingPing = cmp.Or(o.StartingPing, 10*time.Millisecond)
	o.StartupTimeout = cmp.Or(o.StartupTimeout, 30*time.Second)
	o.MinBackoff = cmp.Or(o.MinBackoff, 10*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, 100*time.Millisecond)
	ctx, end := context.WithCancel(context.Background())
	r := &Running{
		Host:    host.New(d, slog.New(slog.NewTextHandler(t.Output(), nil)), o),
		t:       t,
		changes: make(chan struct{}, 1),
		end:     end,
		ended:   make(chan error, 1),
	}
	r.Notify(func(string) {
		select {
		case r.changes <- struct{}{}:
		default:
		}
	})
	go func() { r.ended <- r.Run(ctx) }()
	t.Cleanup(func() { r.Close() })
	return r
}

// Close ends the host and waits for it.
func (r *Running) Close() {
	r.t.Helper()
	if r.ended == nil {
		return
	}
	r.end()
	if err := <-r.ended; err != nil {
		r.t.Errorf("Run: %v", err)
	}
	r.ended = nil
}

// Await waits until the instances are as ok wants them, and returns them.
func (r *Running) Await(what string, ok func([]gnomon.Instance) bool) []gnomon.Instance {
	r.t.Helper()
	timeout := time.After(60 * time.Second)
	for {
		all := r.Instances()
		if ok(all) {
			return all
		}
		select {
		case <-r.changes:
		case <-timeout:
			r.t.Fatalf("waited in vain for: %s; instances: %s", what, describe(all))
		}
	}
}

// AwaitOne waits until the only instance is in the state, and returns it.
func (r *Running) AwaitOne(s gnomon.InstanceState) gnomon.Instance {
	r.t.Helper()
	return r.Await(string(s), func(all []gnomon.Instance) bool { return len(all) == 1 && all[0].State == s })[0]
}

// AwaitGone waits until there is no instance.
func (r *Running) AwaitGone() {
	r.t.Helper()
	r.Await("no instance", func(all []gnomon.Instance) bool { return len(all) == 0 })
}

// MustEnsure asks for the fleet.
func (r *Running) MustEnsure(f gnomon.Fleet) {
	r.t.Helper()
	if err := r.Ensure(r.t.Context(), f); err != nil {
		r.t.Fatal(err)
	}
}

// MustStop asks for the instance's end.
func (r *Running) MustStop(id gnomon.InstanceID) {
	r.t.Helper()
	if err := r.Stop(r.t.Context(), id); err != nil {
		r.t.Fatal(err)
	}
}

// Log returns the instance's log.
func (r *Running) Log(id gnomon.InstanceID) string {
	r.t.Helper()
	l, err := r.Logs(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	defer l.Close()
	b, err := io.ReadAll(l)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// Call sends a request to an instance and returns the answer's body.
func Call(t *testing.T, i gnomon.Instance, path string) string {
	t.Helper()
	res, err := http.Post("http://"+i.Address+path, "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", path, res.Status, b)
	}
	return string(b)
}

func describe(all []gnomon.Instance) string {
	var b strings.Builder
	for _, i := range all {
		fmt.Fprintf(&b, "%s %s", i.ID, i.State)
		if i.Failure != nil {
			fmt.Fprintf(&b, " (%s: %s)", i.Failure.Kind, i.Failure.Detail)
		}
		b.WriteString("; ")
	}
	return b.String()
}

// Fleet returns a fleet of one instance of the image, in the given mode of [Serve].
func (tg Target) Fleet(mode string) gnomon.Fleet {
	return gnomon.NewFleet("0123456789abcdef", "shop", gnomon.Variant{
		Name: "AllTraffic", InstanceType: cmp.Or(tg.Type, "ml.m5.large"), Count: 1,
		Container: gnomon.Container{
			Image:       tg.Image,
			Environment: map[string]string{"HOSTTEST_MODE": mode},
		},
	}, gnomon.Production)
}
