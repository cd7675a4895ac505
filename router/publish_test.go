package router_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gnomon"
	"gnomon/reactor"
	"gnomon/router"

	"github.com/google/go-cmp/cmp"
)

func TestPublish_UnderLoadLosesNothing(t *testing.T) {
	var addresses []string
	var gone [4]atomic.Bool // the router has let go of it
	for i := range 4 {
		addresses = append(addresses, model(t, func(w http.ResponseWriter, r *http.Request) {
			if gone[i].Load() {
				t.Errorf("instance %d is asked after it was let go of", i)
			}
			echo(w, r)
		}))
	}
	shadow := model(t, echo)
	s := newSystemOn(t, router.Options{}, 2)
	publish := func(round int) {
		at := round % 4
		gone[at].Store(false)
		v := variant("main")
		v.Instances = []gnomon.InstanceRoute{{ID: instance("main", at), Address: addresses[at]}}
		r := routes()
		r.Endpoints[0].Production[0] = v
		if round%3 != 0 {
			r = mirrored(r, 0.5, shadow)
			r.Endpoints[0].Mirrors[0].ID = gnomon.MirrorID(fmt.Sprint("m", round%2))
		}
		s.Publish(r)
	}
	publish(0)
	done, swapped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(swapped)
		for round := 1; ; round++ {
			publish(round)
			out := (round - 1) % 4
			eventually(t, "the instance is let go of", func() bool { return s.InFlight(instance("main", out)) == 0 })
			gone[out].Store(true)
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	const callers, each = 8, 500
	var calling sync.WaitGroup
	for c := range callers {
		calling.Go(func() {
			for i := range each {
				body := fmt.Sprintf("%d/%d", c, i)
				if got := s.invoke(t, body); got.status != 200 || got.body != "echo:"+body {
					t.Errorf("got %d %q", got.status, got.body)
				}
			}
		})
	}
	calling.Wait()
	close(done)
	<-swapped
	var legs int64
	for _, series := range []gnomon.Series{plainSeries(), {EndpointID: "e1", Endpoint: "e", Variant: "main", Mirrors: "m0"}, {EndpointID: "e1", Endpoint: "e", Variant: "main", Mirrors: "m1"}} {
		legs += s.counts.legs(series).n.Load()
	}
	if legs != callers*each {
		t.Errorf("%d of %d requests are recorded", legs, callers*each)
	}
	for _, id := range []gnomon.MirrorID{"m0", "m1"} {
		s.counts.mirror(id).wait(t)
	}
}

func TestPublish_LetsGoOfAnInstance(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	address := model(t, func(w http.ResponseWriter, r *http.Request) { entered <- struct{}{}; <-release })
	s := newSystem(t, router.Options{})
	s.Publish(routes(address))
	answered := make(chan answer, 1)
	go func() { answered <- s.invoke(t, "x") }()
	<-entered
	s.Publish(routes())
	if n := s.InFlight(instance("main", 0)); n != 1 {
		t.Errorf("%d in flight", n)
	}
	if got := s.invoke(t, "x"); got.status != 503 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	close(release)
	if got := <-answered; got.status != 200 {
		t.Errorf("the request under way got %d %s", got.status, got.body)
	}
	eventually(t, "nothing is in flight", func() bool { return s.InFlight(instance("main", 0)) == 0 })
	eventually(t, "it is forgotten with its connections", func() bool { return len(s.Stats().Instances) == 0 })
}

func TestPublish_KeepsWhatStays(t *testing.T) {
	s := newSystem(t, router.Options{BreakerFaults: 1, BreakerPause: time.Hour})
	gone := listen(t)
	gone.Close()
	main := model(t, echo)
	s.Publish(mirrored(routes(main), 1, gone.Addr().String()))
	s.invoke(t, "x")
	s.counts.mirror("m").wait(t)
	before := s.Stats()
	s.Publish(mirrored(routes(main), 0.5, gone.Addr().String()))
	if diff := cmp.Diff(before, s.Stats(), cmp.Transformer("byAddress", func(list []router.InstanceStats) map[string]router.InstanceStats {
		all := make(map[string]router.InstanceStats)
		for _, i := range list {
			all[i.Address] = i
		}
		return all
	})); diff != "" {
		t.Errorf("publishing again has changed (-before +after):\n%s", diff)
	}
	if before.Mirrors[0].Breaker != router.BreakerOpen {
		t.Errorf("the breaker was %s", before.Mirrors[0].Breaker)
	}
}

func TestPublish_StopsTheCopiesOfAMirrorThatIsGone(t *testing.T) {
	address, entered, _ := stuck(t)
	s := newSystem(t, router.Options{MirrorWorkers: 2, MirrorGrace: 20 * time.Millisecond})
	main := model(t, echo)
	s.Publish(mirrored(routes(main), 1, address))
	for range 6 {
		s.invoke(t, "x")
	}
	<-entered
	<-entered
	s.Publish(routes(main))
	m := s.counts.mirror("m")
	m.wait(t)
	if diff := cmp.Diff(map[gnomon.Bucket]int64{gnomon.BucketStopped: 6}, m.tally()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	eventually(t, "the shadow is let go of", func() bool { return s.InFlight(instance("shade", 0)) == 0 })
	s.Publish(mirrored(routes(main), 1, model(t, echo)))
	s.invoke(t, "x")
	m.wait(t)
	if n := m.of(gnomon.BucketMirrored); n != 1 {
		t.Errorf("a mirror that came back copies nothing: %v", m.tally())
	}
}

func TestRun_EndsWithEveryCopyInABucket(t *testing.T) {
	address, entered, _ := stuck(t)
	c := newCounts()
	group, err := reactor.NewGroup(1)
	if err != nil {
		t.Fatal(err)
	}
	r := router.New(router.Options{MirrorWorkers: 1, MirrorGrace: 20 * time.Millisecond}, group, c, slog.New(slog.DiscardHandler))
	looping, endLoops := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { group.Run(looping) })
	defer loops.Wait()
	defer endLoops()
	r.Publish(mirrored(routes(frugal(t)), 1, address))
	caller := newCaller(t, r, group.Loops()[0])
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	caller.call(t)
	<-entered
	caller.call(t) // its copy waits
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	caller.call(t) // after it, nothing is copied
	r.Publish(mirrored(routes(frugal(t)), 1, address))
	caller.call(t)
	other := mirrored(routes(frugal(t)), 1, address)
	other.Endpoints[0].Mirrors[0].ID = "m2"
	r.Publish(other)
	caller.call(t)
	for id, n := range map[gnomon.MirrorID]int64{"m": 4, "m2": 1} {
		if diff := cmp.Diff(map[gnomon.Bucket]int64{gnomon.BucketStopped: n}, c.mirror(id).tally()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
}
