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
	"testing"
	"time"

	"gnomon"
	"gnomon/router"
)

func TestLeg_SurvivesConnectionsThatTheModelCloses(t *testing.T) {
	var opened atomic.Int64
	address := raw(t, func(c net.Conn, br *bufio.Reader) {
		opened.Add(1)
		body, err := take(br)
		if err != nil {
			return
		}
		reply(c, body) // and hang up, without having said so
	})
	s := newSystem(t, router.Options{})
	s.Publish(routes(address))
	for i := range 200 {
		if got := s.invoke(t, fmt.Sprint(i)); got.status != 200 || got.body != fmt.Sprint(i) {
			t.Fatalf("request %d: got %d %q", i, got.status, got.body)
		}
	}
	if n := opened.Load(); n < 200 {
		t.Errorf("%d connections for 200 requests: nothing was stale", n)
	}
}

func TestLeg_RetriesOnAConnectionThatDiesWithTheRequest(t *testing.T) {
	var requests atomic.Int64
	address := raw(t, func(c net.Conn, br *bufio.Reader) {
		for {
			body, err := take(br)
			if err != nil || requests.Add(1) == 2 {
				return // the second request finds the connection good, and then it is closed
			}
			reply(c, body)
		}
	})
	s := newSystem(t, router.Options{})
	s.Publish(routes(address))
	for _, body := range []string{"a", "b", "c"} {
		if got := s.invoke(t, body); got.body != body {
			t.Fatalf("got %d %q", got.status, got.body)
		}
	}
	if n := requests.Load(); n != 4 {
		t.Errorf("the model saw %d requests", n)
	}
}

func TestLeg_RetriesOnceOnly(t *testing.T) {
	var requests atomic.Int64
	address := raw(t, func(c net.Conn, br *bufio.Reader) {
		for {
			body, err := take(br)
			if err != nil || requests.Add(1) > 1 {
				return
			}
			reply(c, body)
		}
	})
	s := newSystem(t, router.Options{})
	s.Publish(routes(address))
	s.invoke(t, "a")
	if got := s.invoke(t, "b"); got.status != 424 {
		t.Errorf("got %d %q", got.status, got.body)
	}
	if n := requests.Load(); n != 3 {
		t.Errorf("the model saw %d requests", n)
	}
}

// A connection that dies late leaves the second try what is left of the time, not all of it again.
func TestLeg_RetriesWithinItsTime(t *testing.T) {
	const limit = 500 * time.Millisecond
	var requests atomic.Int64
	s := newSystem(t, router.Options{InvocationTimeout: limit})
	s.Publish(routes(raw(t, func(c net.Conn, br *bufio.Reader) {
		for {
			body, err := take(br)
			if err != nil {
				return
			}
			switch requests.Add(1) {
			case 1:
				reply(c, body)
			case 2:
				<-time.After(limit * 4 / 5)
				return
			default:
				<-time.After(4 * limit)
				return
			}
		}
	})))
	s.invoke(t, "a")
	began := time.Now()
	got := s.invoke(t, "b")
	if took := time.Since(began); got.status != 424 || requests.Load() != 3 || took > limit*3/2 {
		t.Errorf("got %d after %v and %d requests", got.status, took, requests.Load())
	}
}

func TestLeg_NeverTakesASurplusAnswerForItsOwn(t *testing.T) {
	address := raw(t, func(c net.Conn, br *bufio.Reader) {
		for {
			body, err := take(br)
			if err != nil {
				return
			}
			text := "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
			fmt.Fprintf(c, text+text, len(body), body, len(body)+4, "not "+body)
		}
	})
	s := newSystem(t, router.Options{})
	s.Publish(routes(address))
	for i := range 200 {
		if got := s.invoke(t, fmt.Sprint(i)); got.body != fmt.Sprint(i) {
			t.Fatalf("request %d got %q", i, got.body)
		}
	}
}

// An answer that comes in two pieces may leave an event behind when both are read at once: a connection is not lost for it.
func TestLeg_KeepsAConnectionOverAnOldEvent(t *testing.T) {
	asked, second := make(chan struct{}), make(chan struct{})
	var dialled atomic.Int64
	s := newSystem(t, router.Options{})
	s.Publish(routes(raw(t, func(c net.Conn, br *bufio.Reader) {
		dialled.Add(1)
		for {
			if _, err := take(br); err != nil {
				return
			}
			asked <- struct{}{}
			<-asked
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
			asked <- struct{}{}
			<-second
			io.WriteString(c, "ok")
			second <- struct{}{}
		}
	})))
	loop := s.loops.Loops()[0]
	for range 3 {
		done := make(chan answer, 1)
		go func() { done <- s.invoke(t, "x") }()
		<-asked
		held, free := make(chan struct{}), make(chan struct{})
		loop.Post(func() { close(held); <-free }) // until there is an event of the first piece, behind one of ours
		<-held
		loop.Post(func() { second <- struct{}{}; <-second }) // in the same turn, before the first piece is read
		asked <- struct{}{}
		<-asked
		close(free)
		if got := <-done; got.body != "ok" {
			t.Fatalf("%+v", got)
		}
	}
	if n := dialled.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestLeg_NeverTakesALateSurplusAnswerForItsOwn(t *testing.T) {
	sent := make(chan struct{})
	address := raw(t, func(c net.Conn, br *bufio.Reader) {
		for {
			body, err := take(br)
			if err != nil {
				return
			}
			reply(c, body)
			<-sent // the caller has its answer
			reply(c, "surplus of "+body)
			sent <- struct{}{}
		}
	})
	s := newSystem(t, router.Options{})
	s.Publish(routes(address))
	for _, body := range []string{"a", "b", "c"} {
		if got := s.invoke(t, body); got.body != body {
			t.Fatalf("%s got %q", body, got.body)
		}
		sent <- struct{}{}
		<-sent
	}
}

// A surplus that comes behind the answer that was read, and before the next request is begun, within one turn of the loop, which
// has no event of it.
func TestLeg_NeverTakesASurplusOfTheSameTurnForItsOwn(t *testing.T) {
	asked, answer, surplus := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s := newSystem(t, router.Options{})
	s.Publish(routes(raw(t, func(c net.Conn, br *bufio.Reader) {
		body, err := take(br)
		if err != nil || body != "a" {
			reply(c, body)
			return
		}
		asked <- struct{}{}
		<-answer
		reply(c, body)
		answer <- struct{}{}
		<-surplus
		reply(c, "surplus")
		surplus <- struct{}{}
		take(br)
	})))
	other, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	answers := bufio.NewReader(other)
	ask := func(body string) {
		fmt.Fprintf(other, "POST /endpoints/e/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	answered := func() string {
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	ask("w")
	if b := answered(); b != "w" {
		t.Fatalf("got %q", b)
	}

	done := make(chan string, 1)
	go func() { done <- s.invoke(t, "a").body }()
	<-asked
	held, free := make(chan struct{}), make(chan struct{})
	s.loops.Loops()[0].Post(func() { close(held); <-free })
	<-held
	answer <- struct{}{}
	<-answer
	ask("b") // so that the next turn has the answer and, behind it, this
	legs := s.counts.legs(plainSeries())
	told := func() {
		legs.told.Store(nil)
		surplus <- struct{}{}
		<-surplus
	}
	legs.told.Store(&told)
	close(free)
	if a, b := <-done, answered(); a != "a" || b != "b" {
		t.Errorf("got %q and %q", a, b)
	}
}

// The rest of a large answer is read to where it belongs, and no more than that: what lies behind it has no event of its own.
func TestLeg_NeverTakesWhatLiesBehindALargeAnswerForItsOwn(t *testing.T) {
	s := newSystem(t, router.Options{})
	s.Publish(routes(raw(t, func(c net.Conn, br *bufio.Reader) {
		for {
			body, err := take(br)
			if err != nil {
				return
			}
			const text = "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
			long := body + strings.Repeat("x", 200_000)
			fmt.Fprintf(c, text+text, len(long), long, 7, "surplus")
		}
	})))
	for i := range 50 {
		if got := s.invoke(t, fmt.Sprint(i)); !strings.HasPrefix(got.body, fmt.Sprint(i)+"x") {
			t.Fatalf("request %d got %.20q", i, got.body)
		}
	}
}

func TestLeg_SkipsInterimAnswers(t *testing.T) {
	address := raw(t, func(c net.Conn, br *bufio.Reader) {
		for {
			body, err := take(br)
			if err != nil {
				return
			}
			io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
			reply(c, body)
		}
	})
	s := newSystem(t, router.Options{})
	s.Publish(routes(address))
	for _, body := range []string{"a", "b"} {
		if got := s.invoke(t, body); got.body != body || got.header.Get("Link") != "" {
			t.Errorf("got %+v", got)
		}
	}
}

func TestLeg_TakesEveryFramingOfAnAnswer(t *testing.T) {
	for name, text := range map[string]string{
		"length":        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"chunks":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
		"until closing": "HTTP/1.0 200 OK\r\n\r\nhello",
	} {
		t.Run(name, func(t *testing.T) {
			address := raw(t, func(c net.Conn, br *bufio.Reader) {
				if _, err := take(br); err == nil {
					io.WriteString(c, text)
				}
			})
			s := newSystem(t, router.Options{})
			s.Publish(routes(address))
			for range 2 {
				if got := s.invoke(t, "x"); got.status != 200 || got.body != "hello" {
					t.Errorf("got %d %q", got.status, got.body)
				}
			}
		})
	}
}

func TestLeg_TakesAnAnswerToARequestThatIsNotReadToItsEnd(t *testing.T) {
	address := raw(t, func(c net.Conn, br *bufio.Reader) {
		if _, err := http.ReadRequest(br); err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, br)
	})
	s := newSystem(t, router.Options{})
	s.Publish(routes(address))
	got := s.invoke(t, strings.Repeat("x", 4<<20))
	if f := failureOf(t, got); got.status != 424 || *f.OriginalStatusCode != 413 || f.OriginalMessage != "no" {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestLeg_TriesAnotherInstanceWhenOneTakesNoConnection(t *testing.T) {
	gone := listen(t)
	gone.Close()
	s := newSystem(t, router.Options{})
	s.Publish(mirrored(routes(gone.Addr().String(), model(t, echo)), 1, model(t, echo)))
	for range 20 {
		if got := s.invoke(t, "x"); got.status != 200 {
			t.Fatalf("got %d %s", got.status, got.body)
		}
	}
	s.counts.mirror("m").wait(t)
	if n := s.counts.mirror("m").begun.Load(); n != 20 {
		t.Errorf("%d of 20 requests are in the accounting", n)
	}
	for i := range 2 {
		if n := s.InFlight(instance("main", i)); n != 0 {
			t.Errorf("%d claims are left of instance %d", n, i)
		}
	}
}

func TestLeg_IsRefusedWhenAllInstancesAreFull(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	address := model(t, func(w http.ResponseWriter, r *http.Request) { entered <- struct{}{}; <-release })
	s := newSystem(t, router.Options{MaxInFlight: 2})
	s.Publish(routes(address))
	var waiting sync.WaitGroup
	for range 2 {
		waiting.Go(func() { s.invoke(t, "x") })
		<-entered
	}
	if n := s.InFlight(instance("main", 0)); n != 2 {
		t.Errorf("%d in flight", n)
	}
	if got := s.invoke(t, "x"); got.status != 503 || failureOf(t, got).Type != "ServiceUnavailable" {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if leg := s.counts.legs(plainSeries()).latest(); leg.Fault != gnomon.FaultNoInstance {
		t.Errorf("recorded %+v", leg)
	}
	close(release)
	waiting.Wait()
}

// TestLeg_AnInstanceThatDiesCostsNoRequest has one of two instances read every request and hang up.
func TestLeg_AnInstanceThatDiesCostsNoRequest(t *testing.T) {
	var died atomic.Int64
	dying := raw(t, func(c net.Conn, br *bufio.Reader) {
		if _, err := take(br); err == nil {
			died.Add(1)
		}
	})
	s := newSystem(t, router.Options{})
	s.Publish(routes(dying, model(t, echo)))
	for range 50 {
		if got := s.invoke(t, "x"); got.status != 200 || got.body != "echo:x" {
			t.Fatalf("got %d %q", got.status, got.body)
		}
	}
	if died.Load() == 0 {
		t.Error("the instance that dies was never asked")
	}
	if n := s.counts.legs(plainSeries()).n.Load(); n != 50 {
		t.Errorf("%d legs were recorded for 50 requests", n)
	}
	// A request that ends every model which reads it is not passed on for ever.
	died.Store(0)
	s.Publish(routes(dying, raw(t, func(c net.Conn, br *bufio.Reader) { take(br); died.Add(1) }), raw(t, func(c net.Conn, br *bufio.Reader) { take(br); died.Add(1) })))
	if got := s.invoke(t, "x"); got.status != 424 || died.Load() != 2 {
		t.Errorf("got %d, and %d instances were asked", got.status, died.Load())
	}
	for i := range 3 {
		eventually(t, "every claim is given back", func() bool { return s.InFlight(instance("main", i)) == 0 })
	}
}

// TestLeg_WithoutProductionIsUnderTestAllTheSame has no instance of production in service: each request is in a bucket, as is its
// leg in the test.
func TestLeg_WithoutProductionIsUnderTestAllTheSame(t *testing.T) {
	s := newSystem(t, router.Options{})
	s.Publish(mirrored(routes(), 1, model(t, echo)))
	if got := s.invoke(t, "x"); got.status != 503 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	m := s.counts.mirror("m")
	m.wait(t)
	tested := plainSeries()
	tested.Mirrors = gnomon.NewMirrors("m")
	if n := s.counts.legs(tested).n.Load(); n != 1 || m.begun.Load() != 1 || m.of(gnomon.BucketMirrored) != 1 {
		t.Errorf("%d legs, %d requests, %d mirrored", n, m.begun.Load(), m.of(gnomon.BucketMirrored))
	}
}

func TestLeg_GoesToTheInstanceWithTheFewestRequests(t *testing.T) {
	entered, release := make(chan int), make(chan struct{})
	r := routes()
	v := variant("main")
	v.Routing = gnomon.LeastOutstandingRequests
	for i := range 3 {
		address := model(t, func(w http.ResponseWriter, r *http.Request) { entered <- i; <-release })
		v.Instances = append(v.Instances, gnomon.InstanceRoute{ID: instance("main", i), Address: address})
	}
	r.Endpoints[0].Production[0] = v
	s := newSystem(t, router.Options{})
	s.Publish(r)
	var waiting sync.WaitGroup
	var seen [3]int
	for range 9 {
		waiting.Go(func() { s.invoke(t, "x") })
		seen[<-entered]++
	}
	if seen != [3]int{3, 3, 3} {
		t.Errorf("the instances got %v", seen)
	}
	close(release)
	waiting.Wait()
}

func TestLeg_LargeBodiesPassBothWays(t *testing.T) {
	s := newSystem(t, router.Options{})
	s.Publish(mirrored(routes(model(t, echo)), 1, model(t, echo)))
	for _, n := range []int{0, 1, 4095, 4096, 70 << 10, 5 << 20} {
		body := strings.Repeat("abcdefg", n/7+1)[:n]
		if got := s.invoke(t, body); got.body != "echo:"+body {
			t.Fatalf("%d bytes: got %d, %d bytes", n, got.status, len(got.body))
		}
	}
	m := s.counts.mirror("m")
	m.wait(t)
	if n := m.of(gnomon.BucketMirrored); n != 6 {
		t.Errorf("%d copies were answered", n)
	}
	eventually(t, "the memory is given back", func() bool { return s.Stats().MirrorMemory == 0 })
}

func TestLeg_TakesAnAnswerThatIsThereBeforeTheRequest(t *testing.T) {
	said := make(chan struct{})
	s, l := quiet(t, routes(raw(t, func(c net.Conn, br *bufio.Reader) {
		io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
		c.(*net.TCPConn).CloseWrite()
		close(said)
		io.Copy(io.Discard, br)
	})))
	c := newCaller(t, s, l)
	l.Post(func() { c.begin(); <-said })
	select {
	case status := <-c.answer:
		if status != 424 {
			t.Errorf("got %d", status)
		}
	case <-time.After(10 * time.Second):
		t.Error("the answer is not read")
	}
}

func TestLeg_KeepsNoConnectionThatIsClosed(t *testing.T) {
	var requests atomic.Int64
	said := make(chan struct{})
	s, l := quiet(t, routes(raw(t, func(c net.Conn, br *bufio.Reader) {
		for {
			if _, err := take(br); err != nil {
				return
			}
			reply(c, "x")
			if requests.Add(1) == 2 {
				c.Close()
				close(said)
			}
		}
	})))
	c := newCaller(t, s, l)
	c.call(t)
	l.Post(func() { c.begin(); <-said })
	if status := <-c.answer; status != 200 {
		t.Fatalf("got %d", status)
	}
	eventually(t, "the connection is let go of", func() bool { return s.Stats().Instances[0].Connections == 0 })
}
