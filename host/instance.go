package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"gnomon"
)

// An instance is one model server over all its restarts. Its run goroutine alone decides what becomes of it.
type instance struct {
	host   *Host
	id     gnomon.InstanceID
	ctx    context.Context
	cancel context.CancelCauseFunc
	wanted chan struct{} // the wanted class has changed; holds one

	spec Spec            // host.mu guards it: Ensure changes the class
	view gnomon.Instance // host.mu guards it; only run changes it, but Stop enters Stopping

	served bool  // was in service at least once; only run uses it
	died   error // how the server last ended by itself; only run uses it
}

func newInstance(h *Host, s Spec) *instance {
	ctx, cancel := context.WithCancelCause(h.ctx)
	return &instance{
		host: h, id: s.ID(), ctx: ctx, cancel: cancel, wanted: make(chan struct{}, 1), spec: s,
		view: gnomon.Instance{
			ID: s.ID(), EndpointID: s.EndpointID, Variant: s.Variant, Class: s.Class, State: gnomon.InstanceStarting,
		},
	}
}

// want records the wanted class. The caller holds host.mu.
func (i *instance) want(c gnomon.Class) {
	i.spec.Class = c
	if i.view.Class == c {
		return
	}
	select {
	case i.wanted <- struct{}{}:
	default: // one look is enough for any number of changes
	}
}

// run lives the instance's life. It ends with the host, or when the instance is gone.
func (i *instance) run() {
	i.live()
	if context.Cause(i.ctx) == errStopped {
		i.finish()
	}
}

// live starts the server again and again, until the instance is asked to end or has failed for good.
func (i *instance) live() {
	pause := backoff{min: i.host.opts.MinBackoff, max: i.host.opts.MaxBackoff}
	var deadline time.Time
	for {
		address, err := i.start()
		if deadline.IsZero() || i.served {
			deadline = time.Now().Add(orDefault(i.spec.StartupTimeout, i.host.opts.StartupTimeout))
		}
		if err == nil {
			began := time.Now()
			err = i.watch(address, deadline)
			if time.Since(began) > pause.max {
				pause.reset()
			}
		}
		if i.ctx.Err() != nil {
			return
		}
		if _, ok := errors.AsType[*exitError](err); ok {
			i.died = err
		}
		wait := pause.next()
		if f, ok := i.hopeless(err, time.Now().Add(wait), deadline); ok {
			i.fail(f)
			<-i.ctx.Done()
			return
		}
		i.again(err, wait)
		if !sleep(i.ctx, wait) {
			return
		}
	}
}

// start asks the driver for a running server. The driver's deadline covers laying out the artifacts.
func (i *instance) start() (string, error) {
	i.host.mu.Lock()
	s := i.spec
	i.host.mu.Unlock()
	limit := orDefault(s.DownloadTimeout, i.host.opts.DownloadTimeout)
	ctx, cancel := context.WithTimeout(i.ctx, limit)
	defer cancel()
	address, err := i.host.driver.Start(ctx, s)
	if err != nil {
		if ctx.Err() == context.DeadlineExceeded {
			err = Fail(gnomon.FailedDownload, "It was not done after %s.", limit)
		}
		return "", err
	}
	i.set("server started", func(v *gnomon.Instance) { v.Class = s.Class })
	return address, nil
}

// A pingError says that a started server did not get into service, or back into it, in time.
type pingError struct{ last error }

func (e *pingError) Error() string { return "no good answer to GET /ping: " + e.last.Error() }

// An exitError says that a server ended by itself.
type exitError struct{ Exit }

func (e *exitError) Error() string { return "the server ended: " + e.Detail }

// watch pings a started server for as long as it runs. It returns why the server has to be started again.
func (i *instance) watch(address string, deadline time.Time) error {
	alive, died := context.WithCancelCause(i.ctx)
	var waiter sync.WaitGroup
	defer waiter.Wait()
	defer died(nil)
	waiter.Go(func() {
		if exit, err := i.host.driver.Wait(alive, i.id); err == nil {
			died(&exitError{exit})
		}
	})
	p := &pulse{deadline: deadline}
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-alive.Done():
			return context.Cause(alive)
		case <-i.wanted:
			i.reclass(alive)
		case <-tick.C:
			err := i.host.ping(alive, address)
			if alive.Err() != nil {
				continue
			}
			wait, last := i.feel(p, address, err)
			if last {
				return i.giveUp(err)
			}
			tick.Reset(wait)
		}
	}
}

// A pulse is what the pings of one server have shown so far.
type pulse struct {
	bad      int       // in a row
	deadline time.Time // for a good one, while the server is out of service
}

// feel draws the consequences of one ping. It returns when to ping next, or that it has been the last.
func (i *instance) feel(p *pulse, address string, err error) (wait time.Duration, last bool) {
	o := i.host.opts
	switch {
	case err == nil:
		p.bad = 0
		i.inService(address)
		return o.PingInterval, false
	case !i.is(gnomon.InstanceInService):
		return o.StartingPing, time.Now().After(p.deadline)
	}
	if p.bad++; p.bad >= o.BadPings {
		p.deadline = time.Now().Add(o.Patience)
		i.leave(fmt.Sprintf("%d bad pings in a row: %v", p.bad, err))
	}
	return min(time.Second, o.PingInterval), false
}

// giveUp ends a server that answers no pings, so that a new one can take its place.
func (i *instance) giveUp(last error) error {
	if i.served {
		if err := i.host.driver.Stop(i.ctx, i.id, i.host.opts.StopGrace); err != nil {
			return err
		}
	}
	return &pingError{last}
}

// hopeless decides whether an instance that was never in service has failed, given why its server is not running and
// when it would be started next.
func (i *instance) hopeless(err error, next, deadline time.Time) (gnomon.Failure, bool) {
	if i.served {
		return gnomon.Failure{}, false
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f.Failure, true
	}
	_, silent := errors.AsType[*pingError](err)
	if !silent && next.Before(deadline) {
		return gnomon.Failure{}, false
	}
	if silent && i.died != nil {
		err = i.died // time ran out while it was started once more; why it died before says more
	}
	if _, ok := errors.AsType[*exitError](err); ok || silent {
		return gnomon.Failure{Kind: gnomon.FailedPing, Detail: err.Error()}, true
	}
	return gnomon.Failure{Kind: gnomon.FailedImage, Detail: err.Error()}, true
}

// fail enters Failed and ends the server, if it runs.
func (i *instance) fail(f gnomon.Failure) {
	i.set(f.Detail, func(v *gnomon.Instance) {
		v.State, v.Address, v.Failure = gnomon.InstanceFailed, "", &f
	})
	if err := i.host.driver.Stop(i.ctx, i.id, i.host.opts.StopGrace); err != nil && i.ctx.Err() == nil {
		i.host.log.Error("stop of a failed instance", "instance", i.id.String(), "err", err)
	}
}

// finish ends the server and forgets the instance. It does not give up before the host ends.
func (i *instance) finish() {
	pause := backoff{min: i.host.opts.MinBackoff, max: i.host.opts.MaxBackoff}
	for {
		err := i.host.driver.Stop(i.host.ctx, i.id, i.host.opts.StopGrace)
		if err == nil {
			err = i.host.driver.Remove(i.host.ctx, i.id)
		}
		if err == nil || i.host.ctx.Err() != nil {
			break
		}
		i.host.log.Error("stop of an instance", "instance", i.id.String(), "err", err)
		if !sleep(i.host.ctx, pause.next()) {
			break
		}
	}
	i.host.mu.Lock()
	delete(i.host.instances, i.id)
	i.host.mu.Unlock()
	i.host.log.Info("instance is gone", "instance", i.id.String())
	i.host.changed(i.view.EndpointID)
}

// reclass gives a running server the class that is wanted, if the driver can.
func (i *instance) reclass(ctx context.Context) {
	i.host.mu.Lock()
	c, is := i.spec.Class, i.view.Class
	i.host.mu.Unlock()
	if c == is {
		return
	}
	err := errors.ErrUnsupported
	if r, ok := i.host.driver.(Reclasser); ok {
		err = r.SetClass(ctx, i.id, c)
	}
	if err != nil {
		i.host.log.Warn("class of a running instance stays", "instance", i.id.String(), "class", is, "wanted", c, "err", err)
		return
	}
	i.set("class changed", func(v *gnomon.Instance) { v.Class = c })
}

func (i *instance) inService(address string) {
	i.served = true
	i.set("answers pings", func(v *gnomon.Instance) { v.State, v.Address = gnomon.InstanceInService, address })
}

func (i *instance) leave(why string) {
	i.set(why, func(v *gnomon.Instance) { v.State, v.Address = gnomon.InstanceRestarting, "" })
}

// again says that the server will be started once more.
func (i *instance) again(err error, wait time.Duration) {
	i.set(fmt.Sprintf("%v; next start in %s", err, wait.Round(time.Millisecond)), func(v *gnomon.Instance) {
		v.Address = ""
		v.Restarts++
		if i.served {
			v.State = gnomon.InstanceRestarting
		}
	})
}

func (i *instance) is(s gnomon.InstanceState) bool {
	i.host.mu.Lock()
	defer i.host.mu.Unlock()
	return i.view.State == s
}

// set changes what the host tells of the instance. Once it is Stopping, nothing changes it any more.
func (i *instance) set(why string, change func(*gnomon.Instance)) {
	i.host.mu.Lock()
	old := i.view
	if old.State != gnomon.InstanceStopping {
		change(&i.view)
	}
	now := i.view
	i.host.mu.Unlock()
	if now == old {
		return
	}
	if now.State != old.State || now.Restarts != old.Restarts {
		level := slog.LevelInfo
		if now.Restarts != old.Restarts || now.State == gnomon.InstanceFailed || now.State == gnomon.InstanceRestarting {
			level = slog.LevelWarn
		}
		i.host.log.Log(i.host.ctx, level, "instance", "instance", i.id.String(), "from", old.State, "to", now.State, "why", why)
	}
	i.host.changed(now.EndpointID)
}

// ping asks a server for its health, as SageMaker's container contract has it: status 200, in time.
func (h *Host) ping(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/ping", nil)
	if err != nil {
		return err
	}
	res, err := h.pinger.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET http://%s/ping: status %d, want 200", address, res.StatusCode)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	return err
}

// A backoff is a row of pauses that double, each with up to a quarter more or less so that many instances that died
// together do not start together.
type backoff struct{ min, max, last time.Duration }

func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, b.min), b.max)
	return time.Duration(float64(b.last) * (0.75 + rand.Float64()/2))
}

func (b *backoff) reset() { b.last = 0 }

// sleep waits. It reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func orDefault(d, def time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return def
}
