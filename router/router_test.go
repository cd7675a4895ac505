package router_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gnomon"
	"gnomon/front"
	"gnomon/reactor"
	"gnomon/router"
)

// counts is a recorder that only counts.
type counts struct {
	mu      sync.Mutex
	series  map[gnomon.Series]*legs
	mirrors map[gnomon.MirrorID]*buckets
}

func newCounts() *counts {
	return &counts{series: make(map[gnomon.Series]*legs), mirrors: make(map[gnomon.MirrorID]*buckets)}
}

func (c *counts) Series(s gnomon.Series) gnomon.LegRecorder { return c.legs(s) }

func (c *counts) legs(s gnomon.Series) *legs {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.series[s] == nil {
		c.series[s] = new(legs)
	}
	return c.series[s]
}

func (c *counts) Mirror(m gnomon.Mirror) gnomon.MirrorRecorder { return c.mirror(m.ID) }

func (c *counts) mirror(id gnomon.MirrorID) *buckets {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mirrors[id] == nil {
		c.mirrors[id] = &buckets{ends: make(map[gnomon.Bucket]*atomic.Int64)}
		for _, b := range gnomon.Buckets() {
			c.mirrors[id].ends[b] = new(atomic.Int64)
		}
	}
	return c.mirrors[id]
}

type legs struct {
	n    atomic.Int64
	told atomic.Pointer[func()] // called on the loop when a leg is recorded; nil: nothing is
	mu   sync.Mutex
	last gnomon.Leg
}

func (l *legs) Record(leg gnomon.Leg) {
	l.n.Add(1)
	l.mu.Lock()
	l.last = leg
	l.mu.Unlock()
	if told := l.told.Load(); told != nil {
		(*told)()
	}
}

func (l *legs) latest() gnomon.Leg {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

type buckets struct {
	begun atomic.Int64
	ends  map[gnomon.Bucket]*atomic.Int64 // the map itself does not change
}

func (b *buckets) Begin()                 { b.begun.Add(1) }
func (b *buckets) End(name gnomon.Bucket) { b.ends[name].Add(1) }

// sum reads the ends first: what ends between the two reads has begun before.
func (b *buckets) sum() (ended, begun int64) {
	for _, n := range b.ends {
		ended += n.Load()
	}
	return ended, b.begun.Load()
}

func (b *buckets) of(name gnomon.Bucket) int64 { return b.ends[name].Load() }

// wait returns when every request is in a bucket.
func (b *buckets) wait(t testing.TB) {
	t.Helper()
	eventually(t, "every request in a bucket", func() bool { ended, begun := b.sum(); return ended == begun })
}

// A system is a router behind a real server.
type system struct {
	*router.Router
	counts *counts
	loops  *reactor.Group
	addr   string
	client *http.Client
}

// newSystem runs a router with these options until the test ends.
func newSystem(t testing.TB, opts router.Options) *system {
	t.Helper()
	opts.Partition = gnomon.Partition{Name: "aws", Region: "us-east-1", Account: "123456789012"}
	return newSystemOn(t, opts, 1)
}

// newSystemOn is newSystem on a number of loops, among which queues and workers are shared out.
func newSystemOn(t testing.TB, opts router.Options, loops int) *system {
	t.Helper()
	group, err := reactor.NewGroup(loops)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	c := newCounts()
	s := &system{Router: router.New(opts, group, c, log), counts: c, loops: group}
	server := front.New(front.Options{Loops: group, Log: log, Control: http.NotFoundHandler(), MaxRuntimeBody: 32 << 20,
		DrainTimeout: time.Second, Runtime: func(l *reactor.Loop, q front.Request, caller front.Caller) {
			s.Begin(l, router.Request(q), caller)
		}})
	ln := listen(t)
	s.addr = ln.Addr().String()
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	var ends []func()
	for _, run := range []func(context.Context) error{group.Run, s.Run, func(ctx context.Context) error { return server.Serve(ctx, ln) }} {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); run(ctx) }()
		ends = append(ends, func() { cancel(); <-done })
	}
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i]()
		}
	})
	return s
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// An answer is what a caller got.
type answer struct {
	status int
	header http.Header
	body   string
}

// invoke posts a body to endpoint e. Headers are "name: value".
func (s *system) invoke(t testing.TB, body string, headers ...string) answer {
	t.Helper()
	return s.do(t, "POST", "/endpoints/e/invocations", body, headers...)
}

func (s *system) do(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header[name] = append(req.Header[name], value)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Error(err)
		return answer{}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	resp.Header.Del("Date")
	resp.Header.Del("X-Amzn-Requestid")
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// model serves h and returns its address.
func model(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	ln := listen(t)
	server := &http.Server{Handler: h}
	go server.Serve(ln)
	t.Cleanup(func() { server.Close() })
	return ln.Addr().String()
}

// echo answers with what it was sent.
func echo(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "echo:%s", b)
}

// raw serves every connection with f, which gets the requests' reader.
func raw(t testing.TB, f func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	ln := listen(t)
	var open sync.Map
	t.Cleanup(func() {
		ln.Close()
		open.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
	})
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			open.Store(c, nil)
			go func() {
				defer c.Close()
				f(c, bufio.NewReader(c))
			}()
		}
	}()
	return ln.Addr().String()
}

// take reads one request and returns its body.
func take(br *bufio.Reader) (string, error) {
	r, err := http.ReadRequest(br)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r.Body)
	return string(b), err
}

func reply(c net.Conn, body string) {
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// routes are those of endpoint e with variant "main" on these addresses.
func routes(addresses ...string) gnomon.Routes {
	return gnomon.Routes{Endpoints: []gnomon.EndpointRoute{{
		Name: "e", ID: "e1", Production: []gnomon.VariantRoute{variant("main", addresses...)},
	}}}
}

func variant(name gnomon.VariantName, addresses ...string) gnomon.VariantRoute {
	v := gnomon.VariantRoute{Name: name, Weight: 1}
	for i, a := range addresses {
		v.Instances = append(v.Instances, gnomon.InstanceRoute{ID: instance(name, i), Address: a})
	}
	return v
}

func instance(name gnomon.VariantName, i int) gnomon.InstanceID {
	return gnomon.InstanceID{Fleet: gnomon.FleetID("f-" + name), Ordinal: i}
}

// mirrored adds a mirror "m" to the shadow on these addresses.
func mirrored(r gnomon.Routes, fraction float64, addresses ...string) gnomon.Routes {
	r.Endpoints[0].Mirrors = []gnomon.MirrorRoute{{ID: "m", Source: "main", Shadow: variant("shade", addresses...), Fraction: fraction, Salt: "m"}}
	return r
}

func plainSeries() gnomon.Series {
	return gnomon.Series{EndpointID: "e1", Endpoint: "e", Variant: "main"}
}

func TestInvoke_AnswersWithTheModelsBytes(t *testing.T) {
	s := newSystem(t, router.Options{})
	s.Publish(routes(model(t, echo)))
	got := s.invoke(t, "hello", "Content-Type: application/json")
	if got.status != 200 || got.body != "echo:hello" {
		t.Fatalf("got %d %q", got.status, got.body)
	}
	if v := got.header.Get("x-Amzn-Invoked-Production-Variant"); v != "main" {
		t.Errorf("variant %q", v)
	}
	if v := got.header.Get("Content-Type"); v != "application/json" {
		t.Errorf("content type %q", v)
	}
	leg := s.counts.legs(plainSeries()).latest()
	if leg.Status != 200 || leg.RequestBytes != 5 || leg.AnswerBytes != 10 || leg.ModelLatency <= 0 {
		t.Errorf("recorded %+v", leg)
	}
}

func TestMirror_CopiesEveryRequest(t *testing.T) {
	s := newSystem(t, router.Options{})
	var seen atomic.Int64
	shadow := model(t, func(w http.ResponseWriter, r *http.Request) { seen.Add(1); echo(w, r) })
	s.Publish(mirrored(routes(model(t, echo)), 1, shadow))
	for range 50 {
		if got := s.invoke(t, "x"); got.body != "echo:x" {
			t.Fatalf("got %d %q", got.status, got.body)
		}
	}
	m := s.counts.mirror("m")
	m.wait(t)
	if seen.Load() != 50 || m.of(gnomon.BucketMirrored) != 50 {
		t.Errorf("the shadow saw %d, mirrored %d", seen.Load(), m.of(gnomon.BucketMirrored))
	}
}
