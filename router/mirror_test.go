package router_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gnomon"
	"gnomon/router"

	"github.com/google/go-cmp/cmp"
)

// tally is what the buckets hold, without the empty ones.
func (b *buckets) tally() map[gnomon.Bucket]int64 {
	all := make(map[gnomon.Bucket]int64)
	for name, n := range b.ends {
		if v := n.Load(); v > 0 {
			all[name] = v
		}
	}
	return all
}

// bad are shadows with whatever can be wrong with one, and the bucket of each copy.
func bad(t *testing.T) map[string]struct {
	address string
	bucket  gnomon.Bucket
} {
	gone := listen(t)
	gone.Close()
	type shadow = struct {
		address string
		bucket  gnomon.Bucket
	}
	return map[string]shadow{
		"hung":     {raw(t, func(c net.Conn, br *bufio.Reader) { io.Copy(io.Discard, br) }), gnomon.BucketShadowTimeout},
		"not read": {raw(t, func(c net.Conn, br *bufio.Reader) { <-t.Context().Done() }), gnomon.BucketShadowTimeout},
		"dripping": {raw(t, func(c net.Conn, br *bufio.Reader) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
			for err := error(nil); err == nil; _, err = io.WriteString(c, "x") {
				<-time.After(5 * time.Millisecond)
			}
		}), gnomon.BucketShadowTimeout},
		"reset": {raw(t, func(c net.Conn, br *bufio.Reader) { take(br); c.(*net.TCPConn).SetLinger(0) }), gnomon.BucketShadowUnreachable},
		"gone":  {gone.Addr().String(), gnomon.BucketShadowUnreachable},
		"garbage": {raw(t, func(c net.Conn, br *bufio.Reader) {
			take(br)
			io.WriteString(c, "\x00\x01\x02 garbage \r\n\r\n")
		}), gnomon.BucketShadowError},
		"endless": {raw(t, func(c net.Conn, br *bufio.Reader) {
			take(br)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for err := error(nil); err == nil; _, err = io.WriteString(c, "400\r\n"+strings.Repeat("x", 1024)+"\r\n") {
			}
		}), gnomon.BucketShadowError},
		"endless header": {raw(t, func(c net.Conn, br *bufio.Reader) {
			take(br)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for err := error(nil); err == nil; _, err = io.WriteString(c, "X-A: b\r\n") {
			}
		}), gnomon.BucketShadowError},
		"huge": {raw(t, func(c net.Conn, br *bufio.Reader) {
			take(br)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
			io.Copy(io.Discard, br)
		}), gnomon.BucketShadowError},
		"failing": {model(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }), gnomon.BucketShadowError},
	}
}

func TestMirror_BadShadowsDoNothingToProduction(t *testing.T) {
	production := model(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		echo(w, r)
	})
	for name, shadow := range bad(t) {
		t.Run(name, func(t *testing.T) {
			opts := router.Options{
				ShadowTimeout: 100 * time.Millisecond, MaxShadowAnswer: 64 << 10, MirrorWorkers: 8,
				BreakerFaults: 1 << 30, // every copy is to be sent
			}
			s, alone := newSystem(t, opts), newSystem(t, opts)
			s.Publish(mirrored(routes(production), 1, shadow.address))
			alone.Publish(routes(production))
			const n = 32
			for i := range n {
				body := strings.Repeat(fmt.Sprint(i, " "), 1000)
				with, without := s.invoke(t, body), alone.invoke(t, body)
				with.header.Del("Date")
				without.header.Del("Date")
				if with.status != without.status || with.body != without.body || !cmp.Equal(with.header, without.header) {
					t.Fatalf("request %d: with the shadow %d %d bytes %v; without %d %d bytes %v", i,
						with.status, len(with.body), with.header, without.status, len(without.body), without.header)
				}
			}
			m := s.counts.mirror("m")
			m.wait(t)
			if diff := cmp.Diff(map[gnomon.Bucket]int64{shadow.bucket: n}, m.tally()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if legs := s.counts.legs(shadeSeries()).n.Load(); legs != n {
				t.Errorf("%d shadow legs are recorded", legs)
			}
			eventually(t, "the memory is given back", func() bool { return s.Stats().MirrorMemory == 0 })
		})
	}
}

func shadeSeries() gnomon.Series {
	return gnomon.Series{EndpointID: "e1", Endpoint: "e", Variant: "shade", Mirrors: "m"}
}

func testedSeries() gnomon.Series {
	s := plainSeries()
	s.Mirrors = "m"
	return s
}

// flaky is a shadow of which two in five copies go wrong in one way or another.
func flaky(t *testing.T) string {
	var turn atomic.Int64
	return raw(t, func(c net.Conn, br *bufio.Reader) {
		for {
			body, err := take(br)
			if err != nil {
				return
			}
			switch turn.Add(1) % 5 {
			case 0:
				return
			case 1:
				io.WriteString(c, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
			case 2:
				io.WriteString(c, "nonsense\r\n\r\n")
				return
			default:
				reply(c, body)
			}
		}
	})
}

// watch checks, until it is stopped, that no bucket holds a request that has not begun.
func (b *buckets) watch(t *testing.T) (stop func()) {
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			if ended, begun := b.sum(); ended > begun {
				t.Errorf("%d requests have begun, %d are in a bucket", begun, ended)
			}
			select {
			case <-done:
				return
			case <-time.After(100 * time.Microsecond):
			}
		}
	}()
	return func() { close(done); <-watched }
}

func TestMirror_AccountsForEveryRequestAtEveryInstant(t *testing.T) {
	s := newSystemOn(t, router.Options{MirrorQueue: 8, MirrorWorkers: 2, MaxShadowBody: 100, BreakerFaults: 3, BreakerPause: 5 * time.Millisecond}, 2)
	s.Publish(mirrored(routes(model(t, echo)), 0.7, flaky(t)))
	m := s.counts.mirror("m")
	stop := m.watch(t)
	const callers, each = 8, 250
	var calling sync.WaitGroup
	for range callers {
		calling.Go(func() {
			for i := range each {
				body := strings.Repeat("x", 1+i%10*12)
				if got := s.invoke(t, body); got.body != "echo:"+body {
					t.Errorf("got %d %q", got.status, got.body)
				}
			}
		})
	}
	calling.Wait()
	m.wait(t)
	stop()
	if _, begun := m.sum(); begun != callers*each {
		t.Errorf("%d requests have begun", begun)
	}
	if n := s.counts.legs(testedSeries()).n.Load(); n != callers*each {
		t.Errorf("%d production legs are under test", n)
	}
	got := m.tally()
	sent := got[gnomon.BucketMirrored] + got[gnomon.BucketShadowError] + got[gnomon.BucketShadowTimeout] + got[gnomon.BucketShadowUnreachable]
	if n := s.counts.legs(shadeSeries()).n.Load(); n != sent {
		t.Errorf("%d shadow legs, but %v", n, got)
	}
	for _, b := range []gnomon.Bucket{gnomon.BucketMirrored, gnomon.BucketShadowError, gnomon.BucketSampledOut, gnomon.BucketTooLarge} {
		if got[b] == 0 {
			t.Errorf("no request is in %s: %v", b, got)
		}
	}
}

// stuck is a shadow that answers nothing until it is released, and says when it is asked.
func stuck(t *testing.T) (address string, entered chan struct{}, release func()) {
	entered, released := make(chan struct{}, 1000), make(chan struct{})
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	return model(t, func(w http.ResponseWriter, r *http.Request) { entered <- struct{}{}; <-released }), entered, release
}

func TestMirror_NamesWhyARequestIsNotCopied(t *testing.T) {
	production := model(t, echo)
	for _, tc := range []struct {
		bucket gnomon.Bucket
		opts   router.Options
		change func(*gnomon.MirrorRoute)
	}{
		{gnomon.BucketSampledOut, router.Options{}, func(m *gnomon.MirrorRoute) { m.Fraction = 0 }},
		{gnomon.BucketTooLarge, router.Options{MaxShadowBody: 3}, func(m *gnomon.MirrorRoute) {}},
		{gnomon.BucketStopped, router.Options{}, func(m *gnomon.MirrorRoute) { m.Paused = true }},
		{gnomon.BucketStopped, router.Options{}, func(m *gnomon.MirrorRoute) { m.Until = time.Now().Add(-time.Second) }},
		{gnomon.BucketShadowNotReady, router.Options{}, func(m *gnomon.MirrorRoute) { m.Shadow.Instances = nil }},
		{gnomon.BucketQueueFull, router.Options{MirrorMemory: 3}, func(m *gnomon.MirrorRoute) {}},
	} {
		t.Run(string(tc.bucket), func(t *testing.T) {
			s := newSystem(t, tc.opts)
			r := mirrored(routes(production), 1, model(t, echo))
			tc.change(&r.Endpoints[0].Mirrors[0])
			s.Publish(r)
			for range 5 {
				s.invoke(t, "body")
			}
			if diff := cmp.Diff(map[gnomon.Bucket]int64{tc.bucket: 5}, s.counts.mirror("m").tally()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			series := testedSeries()
			if tc.bucket == gnomon.BucketStopped {
				series = plainSeries()
			}
			if n := s.counts.legs(series).n.Load(); n != 5 {
				t.Errorf("%d production legs in %+v", n, series)
			}
		})
	}
}

func TestMirror_CountsWhatDoesNotFitItsQueue(t *testing.T) {
	address, entered, release := stuck(t)
	s := newSystem(t, router.Options{MirrorQueue: 2, MirrorWorkers: 1})
	s.Publish(mirrored(routes(model(t, echo)), 1, address))
	s.invoke(t, "x")
	<-entered
	for range 5 {
		s.invoke(t, "x")
	}
	m := s.counts.mirror("m")
	if diff := cmp.Diff(map[gnomon.Bucket]int64{gnomon.BucketQueueFull: 3}, m.tally()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := s.Stats().Mirrors[0]
	if got.Waiting != 2 || got.Busy != 1 || got.Breaker != router.BreakerClosed {
		t.Errorf("%+v", got)
	}
	release()
	m.wait(t)
	if n := m.of(gnomon.BucketMirrored); n != 3 {
		t.Errorf("%d copies were answered", n)
	}
}

func TestMirror_HoldsItsRate(t *testing.T) {
	s := newSystem(t, router.Options{})
	r := mirrored(routes(model(t, echo)), 1, model(t, echo))
	r.Endpoints[0].Mirrors[0].MaxRate = 0.01
	s.Publish(r)
	for range 10 {
		s.invoke(t, "x")
	}
	m := s.counts.mirror("m")
	m.wait(t)
	if diff := cmp.Diff(map[gnomon.Bucket]int64{gnomon.BucketMirrored: 1, gnomon.BucketRateCapped: 9}, m.tally()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMirror_BreakerSparesAShadowThatIsGone(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	address := raw(t, func(c net.Conn, br *bufio.Reader) {
		for !broken.Load() {
			body, err := take(br)
			if err != nil {
				return
			}
			reply(c, body)
		}
	})
	s := newSystem(t, router.Options{BreakerFaults: 3, BreakerPause: 20 * time.Millisecond, MirrorWorkers: 1})
	s.Publish(mirrored(routes(model(t, echo)), 1, address))
	m := s.counts.mirror("m")
	for range 3 {
		s.invoke(t, "x")
		m.wait(t)
	}
	if got := s.Stats().Mirrors[0].Breaker; got == router.BreakerClosed {
		t.Fatalf("the breaker is %s", got)
	}
	eventually(t, "a request that is not copied", func() bool {
		s.invoke(t, "x")
		return m.of(gnomon.BucketShadowNotReady) > 0
	})
	broken.Store(false)
	eventually(t, "a probe that closes the breaker", func() bool {
		s.invoke(t, "x")
		m.wait(t)
		return s.Stats().Mirrors[0].Breaker == router.BreakerClosed
	})
	before := m.of(gnomon.BucketMirrored)
	s.invoke(t, "x")
	m.wait(t)
	if m.of(gnomon.BucketMirrored) != before+1 {
		t.Errorf("still not copied: %v", m.tally())
	}
}

func TestMirror_CopiesTheSourceVariantOnly(t *testing.T) {
	s := newSystem(t, router.Options{})
	r := mirrored(routes(model(t, echo)), 1, model(t, echo))
	r.Endpoints[0].Production = append(r.Endpoints[0].Production, variant("other", model(t, echo)))
	s.Publish(r)
	for range 3 {
		s.invoke(t, "x", "X-Amzn-SageMaker-Target-Variant: other")
	}
	s.invoke(t, "x", "X-Amzn-SageMaker-Target-Variant: main")
	if n := s.counts.mirror("m").begun.Load(); n != 1 {
		t.Errorf("%d requests are in the accounting", n)
	}
}

func TestMirror_MeasuresBothLegsFromTheirRequest(t *testing.T) {
	const pause = 30 * time.Millisecond
	slow := func(w http.ResponseWriter, r *http.Request) { <-time.After(pause); echo(w, r) }
	s := newSystem(t, router.Options{MirrorWorkers: 1})
	s.Publish(mirrored(routes(model(t, echo)), 1, model(t, slow)))
	for range 4 { // the last waits for three others before it is sent
		s.invoke(t, "x")
	}
	s.counts.mirror("m").wait(t)
	if leg := s.counts.legs(shadeSeries()).latest(); leg.ModelLatency < pause || leg.ModelLatency > 3*pause || leg.Overhead != 0 || leg.AnswerBytes != 6 {
		t.Errorf("recorded %+v", leg)
	}
}

func TestMirror_BreakerTriesAgainWhenItsProbeWasNotSent(t *testing.T) {
	gone := listen(t)
	gone.Close()
	s := newSystem(t, router.Options{BreakerFaults: 1, BreakerPause: time.Millisecond, MirrorMemory: 2000})
	main := model(t, echo)
	s.Publish(mirrored(routes(main), 1, gone.Addr().String()))
	s.invoke(t, "x")
	m := s.counts.mirror("m")
	m.wait(t)
	eventually(t, "a probe that is too much for the memory", func() bool {
		s.invoke(t, strings.Repeat("x", 5000))
		return m.of(gnomon.BucketQueueFull) > 0
	})
	s.Publish(mirrored(routes(main), 1, model(t, echo)))
	eventually(t, "another probe", func() bool {
		s.invoke(t, "x")
		m.wait(t)
		return m.of(gnomon.BucketMirrored) > 0
	})
}

// A noting is a model that notes the ids of the requests it gets.
type noting struct {
	mu  sync.Mutex
	ids map[string]int
}

func (n *noting) serve(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	n.ids[r.Header.Get("X-Amzn-RequestId")]++
	n.mu.Unlock()
	echo(w, r)
}

// shadowed adds mirrors "m0", "m1" … with one salt to shadows "shade0", "shade1" …, at those addresses and fractions.
func shadowed(r gnomon.Routes, addresses []string, fractions ...float64) gnomon.Routes {
	for i, f := range fractions {
		r.Endpoints[0].Mirrors = append(r.Endpoints[0].Mirrors, gnomon.MirrorRoute{
			ID: gnomon.MirrorID(fmt.Sprint("m", i)), Source: "main", Fraction: f, Salt: "e1",
			Shadow: variant(gnomon.VariantName(fmt.Sprint("shade", i)), addresses[i]),
		})
	}
	return r
}

func TestMirror_ShowsSeveralShadowsTheSameRequests(t *testing.T) {
	s := newSystem(t, router.Options{})
	var shadows [3]noting
	var addresses []string
	for i := range shadows {
		shadows[i].ids = make(map[string]int)
		addresses = append(addresses, model(t, shadows[i].serve))
	}
	s.Publish(shadowed(routes(model(t, echo)), addresses, 0.3, 0.6, 1))
	const n = 300
	for range n {
		if got := s.invoke(t, "x"); got.body != "echo:x" {
			t.Fatalf("got %d %q", got.status, got.body)
		}
	}
	for i := range shadows {
		s.counts.mirror(gnomon.MirrorID(fmt.Sprint("m", i))).wait(t)
	}
	for i := range shadows {
		shadows[i].mu.Lock()
		defer shadows[i].mu.Unlock()
	}
	for i := range shadows {
		m := s.counts.mirror(gnomon.MirrorID(fmt.Sprint("m", i)))
		if _, begun := m.sum(); begun != n || m.of(gnomon.BucketMirrored) != int64(len(shadows[i].ids)) {
			t.Errorf("%d requests are accounted for, the shadow saw %d: %v", begun, len(shadows[i].ids), m.tally())
		}
		for id, times := range shadows[i].ids {
			if times != 1 || i+1 < len(shadows) && shadows[i+1].ids[id] != 1 {
				t.Errorf("shadow %d saw %s %d times, the next %d times", i, id, times, shadows[(i+1)%len(shadows)].ids[id])
			}
		}
	}
	if a, b := len(shadows[0].ids), len(shadows[1].ids); a < 50 || a > 130 || b < 130 || b > 230 {
		t.Errorf("the samples have %d and %d of %d", a, b, n)
	}
	tested := plainSeries()
	tested.Mirrors = gnomon.NewMirrors("m0", "m1", "m2")
	if got := s.counts.legs(tested).n.Load(); got != n {
		t.Errorf("%d production legs are recorded as compared with all of them, want each of %d once", got, n)
	}
}

// One of two shadows is gone and soon gets only probes. That is nothing to the other.
func TestMirror_ABadShadowDoesNothingToAnother(t *testing.T) {
	s := newSystem(t, router.Options{BreakerFaults: 3, BreakerPause: 10 * time.Millisecond, MirrorWorkers: 4})
	gone := listen(t)
	gone.Close()
	s.Publish(shadowed(routes(model(t, echo)), []string{gone.Addr().String(), model(t, echo)}, 1, 1))
	const n = 200
	for i := range n {
		body := fmt.Sprint(i)
		if got := s.invoke(t, body); got.body != "echo:"+body {
			t.Fatalf("got %d %q", got.status, got.body)
		}
		if i%20 == 0 {
			<-time.After(15 * time.Millisecond) // so that there is a probe now and then
		}
	}
	for i, want := range []map[gnomon.Bucket]bool{{gnomon.BucketShadowUnreachable: true, gnomon.BucketShadowNotReady: true}, {gnomon.BucketMirrored: true}} {
		m := s.counts.mirror(gnomon.MirrorID(fmt.Sprint("m", i)))
		m.wait(t)
		for b, count := range m.tally() {
			if !want[b] {
				t.Errorf("mirror %d has %d in %s", i, count, b)
			}
		}
	}
	for _, m := range s.Stats().Mirrors {
		if want := gnomon.VariantName("shade" + string(m.ID[1:])); m.Endpoint != "e" || m.Experiment != "" || m.Shadow != want {
			t.Errorf("the state of %s is told as that of %+v", m.ID, m.Mirror)
		}
	}
}

func deaf(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", sa.(*syscall.SockaddrInet4).Port)
	for range 16 {
		c, err := net.DialTimeout("tcp", address, 100*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the backlog does not fill up")
	return ""
}

func TestMirror_AccountsByTheRouteThatIsTaken(t *testing.T) {
	s := newSystem(t, router.Options{ConnectTimeout: 500 * time.Millisecond})
	lost, good := deaf(t), model(t, echo)
	s.Publish(routes(lost))
	done := make(chan answer, 1)
	go func() { done <- s.invoke(t, "x") }()
	eventually(t, "the request is under way", func() bool { return s.InFlight(instance("main", 0)) == 1 })
	s.Publish(mirrored(routes(good), 1, model(t, echo)))
	if got := <-done; got.body != "echo:x" {
		t.Fatalf("got %d %q", got.status, got.body)
	}
	m := s.counts.mirror("m")
	m.wait(t)
	if legs, begun := s.counts.legs(testedSeries()).n.Load(), m.begun.Load(); legs != begun {
		t.Errorf("%d production legs are under test, %d requests are in the accounting", legs, begun)
	}
}

func TestMirror_OpensFewConnectionsAtOnce(t *testing.T) {
	s := newSystem(t, router.Options{ConnectTimeout: 5 * time.Second, MirrorGrace: time.Millisecond})
	s.Publish(mirrored(routes(model(t, echo)), 1, deaf(t)))
	for range 40 {
		s.invoke(t, "x")
	}
	for _, in := range s.Stats().Instances {
		if in.ID.Fleet == "f-shade" && in.Connections > 8 {
			t.Errorf("%d connections are being opened", in.Connections)
		}
	}
}
