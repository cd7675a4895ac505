package router_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gnomon"
	"gnomon/router"

	"github.com/google/go-cmp/cmp"
)

// kept is a capturer that keeps everything.
type kept struct {
	mu   sync.Mutex
	legs map[gnomon.VariantName][]keptLeg
	lost map[gnomon.VariantName]int
}

// A keptLeg is a captured one in memory of its own.
type keptLeg struct {
	ID, Inference, Attributes, InputType, Input, OutputType, Output string
	Answered                                                        bool
	Status                                                          int
}

func newKept() *kept {
	return &kept{legs: make(map[gnomon.VariantName][]keptLeg), lost: make(map[gnomon.VariantName]int)}
}

type keptStream struct {
	*kept
	of gnomon.CaptureStream
}

func (k *kept) Stream(of gnomon.CaptureStream) gnomon.CaptureRecorder { return keptStream{k, of} }

func (s keptStream) Capture(l *gnomon.CapturedLeg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.legs[s.of.Variant] = append(s.legs[s.of.Variant], keptLeg{
		string(l.EventID), string(l.InferenceID), string(l.CustomAttributes), string(l.InputType), string(l.Input), string(l.OutputType), string(l.Output),
		l.Answered, l.Status,
	})
}

func (s keptStream) Lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost[s.of.Variant]++
}

// of waits for n legs of a variant, ordered by what they were sent.
func (k *kept) of(t *testing.T, v gnomon.VariantName, n int) []keptLeg {
	t.Helper()
	var legs []keptLeg
	eventually(t, fmt.Sprintf("%d legs of %s are captured", n, v), func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		legs = slices.Clone(k.legs[v])
		return len(legs) >= n
	})
	slices.SortFunc(legs, func(a, b keptLeg) int { return strings.Compare(a.Input, b.Input) })
	return legs
}

// capturing adds capture of a share of the requests.
func capturing(r gnomon.Routes, percent int) gnomon.Routes {
	r.Endpoints[0].Capture = &gnomon.CaptureRoute{Salt: "e1", DataCapture: gnomon.DataCapture{
		Enabled: true, SamplingPercent: percent, Destination: "s3://b/p", Input: true, Output: true,
	}}
	return r
}

func TestCapture_BothVariants(t *testing.T) {
	k := newKept()
	s := newSystem(t, router.Options{Capturer: k})
	shadow := model(t, func(w http.ResponseWriter, r *http.Request) {
		if b, _ := io.ReadAll(r.Body); string(b) == "bad" {
			w.WriteHeader(500)
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "shadow's")
	})
	s.Publish(capturing(mirrored(routes(model(t, echo)), 1, shadow), 100))
	for _, body := range []string{"bad", "good"} {
		s.invoke(t, body, "Content-Type: text/csv", "X-Amzn-SageMaker-Inference-Id: mine-"+body, "X-Amzn-SageMaker-Custom-Attributes: c=1")
	}
	production, beside := k.of(t, "main", 2), k.of(t, "shade", 2)
	for i, body := range []string{"bad", "good"} {
		id := production[i].ID
		if len(id) != 36 {
			t.Errorf("the event is %q", id)
		}
		want := keptLeg{id, "mine-" + body, "c=1", "text/csv", body, "application/json", "echo:" + body, true, 200}
		if diff := cmp.Diff(want, production[i]); diff != "" {
			t.Errorf("production (-want +got):\n%s", diff)
		}
		want.OutputType, want.Output = "text/plain", "shadow's"
		if body == "bad" {
			want.OutputType, want.Answered, want.Status = "", false, 500
			beside[i].Output, want.Output, beside[i].OutputType = "", "", "" // of no meaning
		}
		if diff := cmp.Diff(want, beside[i]); diff != "" {
			t.Errorf("shadow (-want +got):\n%s", diff)
		}
	}
}

// TestCapture_Bodies has bodies and answers of all sizes, in pieces and whole, pipelined, so that any memory which is used again
// too early shows.
func TestCapture_Bodies(t *testing.T) {
	k := newKept()
	s := newSystem(t, router.Options{Capturer: k})
	s.Publish(capturing(mirrored(routes(model(t, echo)), 1, model(t, echo)), 100))
	sizes := []int{0, 1, 100, 3000, 60_000, 70_000, 1 << 20, 3 << 20}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for _, n := range sizes {
				body := strings.Repeat(string(rune('a'+worker)), n)
				if got := s.invoke(t, body, "Content-Type: text/plain"); got.body != "echo:"+body {
					t.Errorf("%d bytes: the answer is wrong", n)
				}
			}
		})
	}
	all.Wait()
	var want []string
	for worker := range 4 {
		for _, n := range sizes {
			want = append(want, strings.Repeat(string(rune('a'+worker)), n))
		}
	}
	slices.Sort(want)
	for _, v := range []gnomon.VariantName{"main", "shade"} {
		for i, leg := range k.of(t, v, len(want)) {
			if leg.Input != want[i] || leg.Output != "echo:"+want[i] || leg.OutputType != "application/json" {
				t.Errorf("%s: %d bytes were captured as %d and %d, %q", v, len(want[i]), len(leg.Input), len(leg.Output), leg.OutputType)
			}
		}
	}
}

// TestCapture_Pipelined answers while the next request is there already, which is read as soon as the first is answered.
func TestCapture_Pipelined(t *testing.T) {
	k := newKept()
	s := newSystem(t, router.Options{Capturer: k})
	s.Publish(capturing(routes(model(t, echo)), 100))
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const n = 400 // more than is read at once
	padding := strings.Repeat("p", 1000)
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "POST /endpoints/e/invocations HTTP/1.1\r\nHost: a\r\nContent-Type: text/x-%03d\r\nContent-Length: 1003\r\n\r\n%03d%s",
			i, i, padding)
	}
	go io.WriteString(c, text.String())
	for i, leg := range k.of(t, "main", n) {
		if number := fmt.Sprintf("%03d", i); leg.Input != number+padding || leg.Output != "echo:"+number+padding || leg.InputType != "text/x-"+number {
			t.Errorf("%s was captured as %.40q", number, fmt.Sprint(leg))
		}
	}
}

func TestCapture_Streams(t *testing.T) {
	k := newKept()
	s := newSystem(t, router.Options{Capturer: k, KeptMemory: 1 << 20})
	streams := model(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			w.Write(b)
			w.(http.Flusher).Flush()
		}
	})
	s.Publish(capturing(mirrored(routes(streams), 1, streams), 100))
	for _, body := range []string{"x", strings.Repeat("y", 500_000)} {
		_, next := s.stream(t, body)
		rest(t, next)
	}
	for _, v := range []gnomon.VariantName{"main", "shade"} {
		if legs := k.of(t, v, 1); legs[0].Output != "xxx" || legs[0].OutputType != "text/event-stream" || legs[0].InputType != "text/plain" {
			t.Errorf("%s: %+v", v, legs[0])
		}
		eventually(t, "an answer over the memory is lost, and counted", func() bool {
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.lost[v] == 1
		})
	}
}

func TestCapture_Samples(t *testing.T) {
	k := newKept()
	s := newSystem(t, router.Options{Capturer: k})
	s.Publish(capturing(mirrored(routes(model(t, echo)), 1, model(t, echo)), 30))
	const n = 400
	for range n {
		s.invoke(t, "x")
	}
	s.counts.mirror("m").wait(t)
	production, beside := k.of(t, "main", 1), k.of(t, "shade", 1)
	ids := func(legs []keptLeg) []string {
		var all []string
		for _, l := range legs {
			all = append(all, l.ID)
		}
		slices.Sort(all)
		return all
	}
	if len(production) < n*20/100 || len(production) > n*40/100 {
		t.Errorf("%d of %d requests are captured at 30 %%", len(production), n)
	}
	if diff := cmp.Diff(ids(production), ids(beside)); diff != "" {
		t.Errorf("the variants have different samples:\n%s", diff)
	}
	off := capturing(routes(model(t, echo)), 100)
	off.Endpoints[0].Capture.Enabled = false
	s.Publish(off)
	s.invoke(t, "off")
	s.Publish(capturing(routes(model(t, echo)), 0))
	s.invoke(t, "off")
	if got := k.of(t, "main", 1); len(got) != len(production) {
		t.Errorf("%d more are captured than should be", len(got)-len(production))
	}
}

// TestCapture_WithoutProduction has no instance that production's leg could go to: both legs are captured all the same.
func TestCapture_WithoutProduction(t *testing.T) {
	k := newKept()
	s := newSystem(t, router.Options{Capturer: k})
	s.Publish(capturing(mirrored(routes(), 1, model(t, echo)), 100))
	if got := s.invoke(t, "x"); got.status != 503 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	production, beside := k.of(t, "main", 1)[0], k.of(t, "shade", 1)[0]
	if production.Answered || production.Input != "x" || production.ID != beside.ID || beside.Output != "echo:x" {
		t.Errorf("production %+v, shadow %+v", production, beside)
	}
}

// TestCapture_BrokenOff has a shadow that says something with header lines before its answer, and then nothing; and a caller
// that leaves a stream.
func TestCapture_BrokenOff(t *testing.T) {
	k := newKept()
	s := newSystem(t, router.Options{Capturer: k, ShadowTimeout: 50 * time.Millisecond})
	shadow := raw(t, func(c net.Conn, br *bufio.Reader) {
		take(br)
		fmt.Fprint(c, "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\nContent-Type: text/plain\r\n\r\n")
		io.Copy(io.Discard, br)
	})
	s.Publish(capturing(mirrored(routes(model(t, echo)), 1, shadow), 100))
	const n = 20
	for i := range n {
		s.invoke(t, strings.Repeat("x", 100*i), "Content-Type: text/plain") // which the loop's memory is used again for
	}
	s.counts.mirror("m").wait(t)
	for _, l := range k.of(t, "shade", n) {
		if l.Answered || l.Status != 0 || l.OutputType != "" {
			t.Errorf("captured as %+v", l)
		}
	}
	eventually(t, "every claim is given back", func() bool { return s.InFlight(instance("shade", 0)) == 0 && s.Stats().MirrorMemory == 0 })

	release := make(chan struct{})
	s.Publish(capturing(routes(model(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "half")
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})), 100))
	resp, next := s.stream(t, "stream")
	next()
	resp.Body.Close()
	for _, l := range k.of(t, "main", n+1) {
		if l.Input == "stream" && l.Answered {
			t.Errorf("half an answer is captured as %+v", l)
		}
	}
	close(release)
}

// TestCapture_AStreamThatSaysItIsHuge has a model announce more than there is memory for: what is kept of it is lost, and no more.
func TestCapture_AStreamThatSaysItIsHuge(t *testing.T) {
	k := newKept()
	s := newSystem(t, router.Options{Capturer: k})
	s.Publish(capturing(routes(raw(t, func(c net.Conn, br *bufio.Reader) {
		take(br)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\nhello", int64(1)<<50)
		c.Close()
	})), 100))
	_, next := s.stream(t, "x")
	if parts, exceptions := rest(t, next); parts != "hello" || len(exceptions) != 1 {
		t.Errorf("%q, %v", parts, exceptions)
	}
	eventually(t, "the answer is lost", func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.lost["main"] == 1
	})
}
