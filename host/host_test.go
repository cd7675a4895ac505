package host

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gnomon"
)

// A fake is a driver without servers: a test says what its calls return and how its servers answer pings.
type fake struct {
	mu       sync.Mutex
	startErr error
	stopErr  error
	classErr error
	answer   func() (status int, err error)
	ends     map[gnomon.InstanceID]chan struct{}
	detail   string
	found    []Spec

	starts, stops, removed, closed int
	grace                          time.Duration
}

func newFake() *fake {
	return &fake{ends: make(map[gnomon.InstanceID]chan struct{}), answer: func() (int, error) { return http.StatusOK, nil }}
}

func (f *fake) Start(_ context.Context, s Spec) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.starts++
	if f.startErr != nil {
		return "", f.startErr
	}
	f.ends[s.ID()] = make(chan struct{})
	return "model:8080", nil
}

func (f *fake) Wait(ctx context.Context, id gnomon.InstanceID) (Exit, error) {
	f.mu.Lock()
	end := f.ends[id]
	f.mu.Unlock()
	select {
	case <-end:
		return Exit{Detail: f.detail}, nil
	case <-ctx.Done():
		return Exit{}, ctx.Err()
	}
}

func (f *fake) Stop(_ context.Context, id gnomon.InstanceID, grace time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stops++
	f.grace = grace
	if f.stopErr != nil {
		return f.stopErr
	}
	f.end(id)
	return nil
}

// end ends the server of an instance. The caller holds f.mu.
func (f *fake) end(id gnomon.InstanceID) {
	if c, ok := f.ends[id]; ok {
		delete(f.ends, id)
		close(c)
	}
}

func (f *fake) Remove(context.Context, gnomon.InstanceID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.removed++
	return nil
}

func (f *fake) List(context.Context) ([]Spec, error) { return f.found, nil }

func (f *fake) SetClass(context.Context, gnomon.InstanceID, gnomon.Class) error { return f.classErr }

func (f *fake) Close() error {
	f.closed++
	return nil
}

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// RoundTrip answers the host's pings.
func (f *fake) RoundTrip(*http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	status, err := f.answer()
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(""))}, nil
}

// inBubble runs a host over f in a bubble of fake time.
func inBubble(t *testing.T, f *fake, story func(t *testing.T, h *Host)) {
	synctest.Test(t, func(t *testing.T) { inBubbleOf(t, f, f, story) })
}

// inBubbleOf does so over a driver that is made of f, in a bubble already.
func inBubbleOf(t *testing.T, d Driver, f *fake, story func(t *testing.T, h *Host)) {
	h := New(d, slog.New(slog.NewTextHandler(t.Output(), nil)), Options{})
	h.pinger.Transport = f
	ctx, end := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- h.Run(ctx) }()
	story(t, h)
	end()
	if err := <-ran; err != nil {
		t.Errorf("Run: %v", err)
	}
	if f.closed != 1 {
		t.Errorf("the driver was closed %d times", f.closed)
	}
}

func fleet(count int) gnomon.Fleet {
	return gnomon.Fleet{ID: "f", EndpointID: "e", Variant: "v", Class: gnomon.Production, Count: count}
}

// after lets time pass and returns the only instance.
func after(t *testing.T, h *Host, d time.Duration) gnomon.Instance {
	t.Helper()
	time.Sleep(d)
	synctest.Wait()
	all := h.Instances()
	if len(all) != 1 {
		t.Fatalf("instances %+v, want one", all)
	}
	return all[0]
}

func want(t *testing.T, i gnomon.Instance, s gnomon.InstanceState) {
	t.Helper()
	if i.State != s {
		t.Fatalf("%s (%+v), want %s", i.State, i.Failure, s)
	}
	if (i.Address != "") != (s == gnomon.InstanceInService) {
		t.Errorf("%s with address %q", s, i.Address)
	}
}

func TestHost_HasEightMinutesToTheFirstPing(t *testing.T) {
	f := newFake()
	f.answer = func() (int, error) { return 0, errors.New("connection refused") }
	inBubble(t, f, func(t *testing.T, h *Host) {
		h.Ensure(t.Context(), fleet(1))
		want(t, after(t, h, 8*time.Minute-time.Second), gnomon.InstanceStarting)
		i := after(t, h, 2*time.Second)
		want(t, i, gnomon.InstanceFailed)
		if i.Failure.Kind != gnomon.FailedPing || !strings.Contains(i.Failure.Detail, "refused") || f.stops == 0 {
			t.Errorf("failure %+v, stops %d", i.Failure, f.stops)
		}
		want(t, after(t, h, 24*time.Hour), gnomon.InstanceFailed)
	})
}

func TestHost_GivesAFleetItsOwnStartupTimeout(t *testing.T) {
	f := newFake()
	f.answer = func() (int, error) { return 503, nil }
	inBubble(t, f, func(t *testing.T, h *Host) {
		slow := fleet(1)
		slow.StartupTimeout = time.Hour
		h.Ensure(t.Context(), slow)
		want(t, after(t, h, 59*time.Minute), gnomon.InstanceStarting)
		f.set(func() { f.answer = func() (int, error) { return 200, nil } })
		want(t, after(t, h, time.Second), gnomon.InstanceInService)
	})
}

func TestHost_TriesAStartAgainUntilTheDeadline(t *testing.T) {
	f := newFake()
	f.startErr = errors.New("no more processes")
	inBubble(t, f, func(t *testing.T, h *Host) {
		h.Ensure(t.Context(), fleet(1))
		want(t, after(t, h, 5*time.Minute), gnomon.InstanceStarting)
		i := after(t, h, 4*time.Minute)
		want(t, i, gnomon.InstanceFailed)
		if i.Failure.Kind != gnomon.FailedImage || !strings.Contains(i.Failure.Detail, "no more processes") {
			t.Errorf("failure %+v", i.Failure)
		}
		if f.starts < 10 || f.starts > 30 {
			t.Errorf("%d starts in eight minutes: the pauses do not grow from half a second to a minute", f.starts)
		}
	})
}

func TestHost_FailsAtOnceWhereTryingAgainIsOfNoUse(t *testing.T) {
	f := newFake()
	f.startErr = Fail(gnomon.FailedDownload, "no such object %s", "s3://a/b")
	inBubble(t, f, func(t *testing.T, h *Host) {
		h.Ensure(t.Context(), fleet(1))
		i := after(t, h, 0)
		want(t, i, gnomon.InstanceFailed)
		if *i.Failure != (gnomon.Failure{Kind: gnomon.FailedDownload, Detail: "no such object s3://a/b"}) || f.starts != 1 {
			t.Errorf("failure %+v after %d starts", i.Failure, f.starts)
		}
	})
}

func TestHost_NeverGivesUpOnOneThatWasInService(t *testing.T) {
	f := newFake()
	f.detail = "exit status 1"
	inBubble(t, f, func(t *testing.T, h *Host) {
		h.Ensure(t.Context(), fleet(1))
		i := after(t, h, time.Second)
		want(t, i, gnomon.InstanceInService)
		f.set(func() {
			f.startErr = Fail(gnomon.FailedImage, "gone")
			f.end(i.ID)
		})
		want(t, after(t, h, 0), gnomon.InstanceRestarting)
		i = after(t, h, 24*time.Hour)
		want(t, i, gnomon.InstanceRestarting)
		if i.Restarts < 24*60*2/3 {
			t.Errorf("%d restarts in a day: the pauses are longer than a minute", i.Restarts)
		}
		f.set(func() { f.startErr = nil })
		want(t, after(t, h, 2*time.Minute), gnomon.InstanceInService)
	})
}

func TestHost_ForgivesAFewBadPings(t *testing.T) {
	f := newFake()
	inBubble(t, f, func(t *testing.T, h *Host) {
		h.Ensure(t.Context(), fleet(1))
		want(t, after(t, h, time.Second), gnomon.InstanceInService)
		n := 0
		f.set(func() {
			f.answer = func() (int, error) {
				if n++; n%3 != 0 {
					return 500, nil
				}
				return 200, nil
			}
		})
		for range 60 {
			want(t, after(t, h, time.Second), gnomon.InstanceInService)
		}
		f.set(func() { f.answer = func() (int, error) { return 500, nil } })
		want(t, after(t, h, 8*time.Second), gnomon.InstanceRestarting)
		f.set(func() { f.answer = func() (int, error) { return 200, nil } })
		i := after(t, h, 2*time.Second)
		want(t, i, gnomon.InstanceInService)
		if i.Restarts != 0 || f.starts != 1 {
			t.Errorf("%d restarts, %d starts: it had recovered", i.Restarts, f.starts)
		}
	})
}

func TestHost_TellsTheClassAnInstanceReallyHas(t *testing.T) {
	f := newFake()
	f.classErr = errors.New("operation not permitted")
	inBubble(t, f, func(t *testing.T, h *Host) {
		shadow, promoted := fleet(1), fleet(1)
		shadow.Class = gnomon.Shadow
		h.Ensure(t.Context(), shadow)
		after(t, h, time.Second)
		h.Ensure(t.Context(), promoted)
		if i := after(t, h, time.Second); i.Class != gnomon.Shadow {
			t.Errorf("class %s, though it could not be changed", i.Class)
		}
		f.set(func() { f.end(gnomon.InstanceID{Fleet: "f"}) })
		if i := after(t, h, time.Minute); i.Class != gnomon.Production || i.Restarts != 1 {
			t.Errorf("after a new start: %+v", i)
		}
		f.classErr = nil
		h.Ensure(t.Context(), shadow)
		if i := after(t, h, time.Second); i.Class != gnomon.Shadow || i.Restarts != 1 {
			t.Errorf("after it could be changed: %+v", i)
		}
	})
}

func TestHost_StopsForAsLongAsItTakes(t *testing.T) {
	f := newFake()
	f.stopErr = errors.New("busy")
	inBubble(t, f, func(t *testing.T, h *Host) {
		h.Ensure(t.Context(), fleet(1))
		i := after(t, h, time.Second)
		h.Stop(t.Context(), i.ID)
		h.Ensure(t.Context(), fleet(1))
		want(t, after(t, h, time.Hour), gnomon.InstanceStopping)
		f.set(func() { f.stopErr = nil })
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if all := h.Instances(); len(all) != 0 || f.removed != 1 || f.grace != 30*time.Second {
			t.Errorf("instances %+v, removed %d, grace %s", all, f.removed, f.grace)
		}
	})
}

func TestHost_TakesOverWhatRuns(t *testing.T) {
	f := newFake()
	f.found = []Spec{{Fleet: fleet(1), Ordinal: 0}, {Fleet: gnomon.Fleet{ID: "old", EndpointID: "e"}, Ordinal: 3}}
	inBubble(t, f, func(t *testing.T, h *Host) {
		synctest.Wait()
		h.Ensure(t.Context(), fleet(1))
		synctest.Wait()
		if all := h.EndpointInstances("e"); len(all) != 2 || f.starts != 2 {
			t.Errorf("instances %+v after %d starts", all, f.starts)
		}
		h.Stop(t.Context(), gnomon.InstanceID{Fleet: "old", Ordinal: 3})
		want(t, after(t, h, time.Second), gnomon.InstanceInService)
	})
}

func TestHost_NotifiesOfEveryChange(t *testing.T) {
	f := newFake()
	inBubble(t, f, func(t *testing.T, h *Host) {
		var mu sync.Mutex
		var seen []gnomon.InstanceState
		h.Notify(func(endpointID string) {
			state := gnomon.InstanceState("gone")
			for _, i := range h.EndpointInstances(endpointID) {
				state = i.State
			}
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, state)
		})
		h.Ensure(t.Context(), fleet(1))
		i := after(t, h, time.Second)
		f.set(func() { f.end(i.ID) })
		after(t, h, time.Second)
		h.Stop(t.Context(), i.ID)
		synctest.Wait()
		wantSeen := []gnomon.InstanceState{"Starting", "InService", "Restarting", "InService", "Stopping", "gone"}
		next := 0
		mu.Lock()
		defer mu.Unlock()
		for _, s := range seen {
			if next < len(wantSeen) && s == wantSeen[next] {
				next++
			}
		}
		if next != len(wantSeen) {
			t.Errorf("told of %v, want %v in this order", seen, wantSeen)
		}
	})
}

func TestHost_ClosedRefuses(t *testing.T) {
	f := newFake()
	var closed *Host
	inBubble(t, f, func(t *testing.T, h *Host) {
		closed = h
		h.Ensure(t.Context(), fleet(2))
		synctest.Wait()
	})
	if f.stops != 0 {
		t.Errorf("Run's end stopped %d instances: that is the driver's to decide", f.stops)
	}
	if err := closed.Ensure(t.Context(), fleet(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("Ensure: %v", err)
	}
	if err := closed.Stop(t.Context(), gnomon.InstanceID{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Stop: %v", err)
	}
}

func TestBackoff(t *testing.T) {
	b := backoff{min: time.Second, max: 10 * time.Second}
	for n, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		want *= time.Second
		if got := b.next(); got < want*3/4 || got > want*5/4 {
			t.Errorf("pause %d is %s, want about %s", n, got, want)
		}
	}
	b.reset()
	if got := b.next(); got > 5*time.Second/4 {
		t.Errorf("after reset: %s", got)
	}
}
