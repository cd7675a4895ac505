package router_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"

	"gnomon"
	"gnomon/router"

	"github.com/valyala/fasthttp"
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

// A caller makes the same request again and again, without a socket.
type caller struct {
	ctx  fasthttp.RequestCtx
	raw  []byte
	src  *bytes.Reader
	br   *bufio.Reader
	body []byte
	id   []byte
}

func newCaller() *caller {
	c := &caller{body: []byte(`{"x":"` + strings.Repeat("1234567,", 350) + `"}`), id: []byte("0f6a1a52-3c5e-4a0c-9a2b-1d2e3f405162")}
	c.raw = fmt.Appendf(nil, "POST /endpoints/e/invocations HTTP/1.1\r\nHost: a\r\nUser-Agent: aws-sdk-go-v2/1.47.7\r\n"+
		"Content-Type: application/json\r\nAccept: application/json\r\nX-Amzn-SageMaker-Inference-Id: 12345678\r\n"+
		"amz-sdk-invocation-id: 0f6a1a52\r\namz-sdk-request: attempt=1\r\nContent-Length: %d\r\n\r\n", len(c.body))
	c.src = bytes.NewReader(c.raw)
	c.br = bufio.NewReader(c.src)
	c.ctx.Init2(nil, nil, false)
	return c
}

func (c *caller) call(t testing.TB, s *router.Router) {
	c.src.Reset(c.raw)
	c.br.Reset(c.src)
	c.ctx.Request.Reset()
	c.ctx.Response.Reset()
	if err := c.ctx.Request.Header.Read(c.br); err != nil {
		t.Fatal(err)
	}
	c.ctx.Request.SetBody(c.body)
	s.Serve(&c.ctx, c.id)
	if c.ctx.Response.StatusCode() != 200 {
		t.Fatalf("got %d %s", c.ctx.Response.StatusCode(), c.ctx.Response.Body())
	}
}

// quietCounts records nothing, and so allocates nothing.
type quietCounts struct{}

func (quietCounts) Series(gnomon.Series) gnomon.LegRecorder    { return quietCounts{} }
func (quietCounts) Mirror(gnomon.Mirror) gnomon.MirrorRecorder { return quietCounts{} }
func (quietCounts) Record(gnomon.Leg)                          {}
func (quietCounts) Begin()                                     {}
func (quietCounts) End(gnomon.Bucket)                          {}

func quiet(t testing.TB, r gnomon.Routes) *router.Router {
	s := router.New(router.Options{}, quietCounts{}, slog.New(slog.DiscardHandler))
	ctx := t.Context()
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	t.Cleanup(func() { <-done })
	s.Publish(r)
	return s
}

func BenchmarkServe(b *testing.B) {
	for name, r := range map[string]gnomon.Routes{
		"plain":    routes(frugal(b)),
		"mirrored": mirrored(routes(frugal(b)), 1, frugal(b)),
	} {
		b.Run(name, func(b *testing.B) {
			s := quiet(b, r)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for c := newCaller(); pb.Next(); {
					c.call(b, s)
				}
			})
		})
	}
}
