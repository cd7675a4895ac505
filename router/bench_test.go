package router_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"gnomon"
	"gnomon/http1"
	"gnomon/reactor"
	"gnomon/router"
)

// frugal is a model that allocates nothing, so that what is counted is the router's.
func frugal(t testing.TB) string {
	const body = `{"predictions":[0.1234567890123]}`
	out := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	return raw(t, func(c net.Conn, br *bufio.Reader) {
		for {
			length := 0
			for {
				line, err := br.ReadSlice('\n')
				if err != nil {
					return
				}
				if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
					for _, d := range bytes.TrimSpace(v) {
						length = 10*length + int(d-'0')
					}
				}
				if len(line) == 2 {
					break
				}
			}
			if _, err := br.Discard(length); err != nil {
				return
			}
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	})
}

// A caller makes the same request again and again, on the router's loop and without a socket of its own.
type caller struct {
	req    router.Request
	loop   *reactor.Loop
	begin  func()
	answer chan int
}

func newCaller(t testing.TB, s *router.Router, l *reactor.Loop) *caller {
	body := []byte(`{"x":"` + strings.Repeat("1234567,", 350) + `"}`)
	head := new(http1.Request)
	if _, err := head.Parse(fmt.Appendf(nil, "POST /endpoints/e/invocations HTTP/1.1\r\nHost: a\r\nUser-Agent: aws-sdk-go-v2/1.47.7\r\n"+
		"Content-Type: application/json\r\nAccept: application/json\r\nX-Amzn-SageMaker-Inference-Id: 12345678\r\n"+
		"amz-sdk-invocation-id: 0f6a1a52\r\namz-sdk-request: attempt=1\r\nContent-Length: %d\r\n\r\n", len(body)), 16<<10); err != nil {
		t.Fatal(err)
	}
	c := &caller{loop: l, answer: make(chan int, 1)}
	c.req = router.Request{ID: []byte("0f6a1a52-3c5e-4a0c-9a2b-1d2e3f405162"), Head: head, Body: body}
	c.begin = func() { s.Begin(l, c.req, c) }
	return c
}

func (c *caller) Answer(status int, _, _ []byte)         { c.answer <- status }
func (c *caller) Stream(int, []byte, router.Source) bool { return false }
func (c *caller) Send([]byte, []byte, []byte) bool       { return true }
func (c *caller) End()                                   {}

func (c *caller) call(t testing.TB) {
	c.loop.Post(c.begin)
	if status := <-c.answer; status != 200 {
		t.Fatalf("got %d", status)
	}
}

// quietCounts records nothing, and so allocates nothing.
type quietCounts struct{}

func (quietCounts) Series(gnomon.Series) gnomon.LegRecorder    { return quietCounts{} }
func (quietCounts) Mirror(gnomon.Mirror) gnomon.MirrorRecorder { return quietCounts{} }
func (quietCounts) Record(gnomon.Leg)                          {}
func (quietCounts) Begin()                                     {}
func (quietCounts) End(gnomon.Bucket)                          {}

// quiet runs a router on one loop, which it returns too.
func quiet(t testing.TB, r gnomon.Routes) (*router.Router, *reactor.Loop) {
	group, err := reactor.NewGroup(1)
	if err != nil {
		t.Fatal(err)
	}
	s := router.New(router.Options{}, group, quietCounts{}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { group.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	s.Publish(r)
	return s, group.Loops()[0]
}

func BenchmarkBegin(b *testing.B) {
	for name, r := range map[string]gnomon.Routes{
		"plain":    routes(frugal(b)),
		"mirrored": mirrored(routes(frugal(b)), 1, frugal(b)),
	} {
		b.Run(name, func(b *testing.B) {
			s, l := quiet(b, r)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for c := newCaller(b, s, l); pb.Next(); {
					c.call(b)
				}
			})
		})
	}
}
