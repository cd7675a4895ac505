package front

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"runtime/debug"

	"github.com/valyala/fasthttp"
)

var (
	runtimePrefix = []byte("/endpoints/")
	headerID      = []byte("x-amzn-RequestId")
)

// limits says, once a header is there, how much of a body may follow and how long that may take. Of a request whose
// framing is in doubt no body is read, since there might be none: handle refuses it, and knows it by the closing.
func (s *Server) limits(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if checkFraming(h.RawHeaders()) != nil {
		h.SetContentLength(0)
		h.SetConnectionClose()
	}
	return fasthttp.RequestConfig{ReadTimeout: s.opts.BodyTimeout, MaxRequestBodySize: s.maxBody(h)}
}

func (s *Server) maxBody(h *fasthttp.RequestHeader) int {
	if bytes.HasPrefix(h.RequestURI(), runtimePrefix) {
		return s.opts.MaxRuntimeBody
	}
	return s.opts.MaxControlBody
}

// handle takes every request that could be read.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	c := ctx.Conn().(*conn)
	newID(&c.id)
	ctx.Response.Header.SetCanonical(headerID, c.id[:])
	h := &ctx.Request.Header
	if h.ConnectionClose() {
		if err := checkFraming(h.RawHeaders()); err != nil {
			c.refused = true
			malformed(ctx, err)
			return
		}
	}
	if !bytes.HasPrefix(h.RequestURI(), runtimePrefix) {
		s.hand(ctx, c)
		return
	}
	defer s.settle(ctx, c)
	s.opts.Runtime(ctx, c.id[:])
}

// settle ends a request of the runtime, also one whose handler panicked: fasthttp would let that end the process.
func (s *Server) settle(ctx *fasthttp.RequestCtx, c *conn) {
	if v := recover(); v != nil {
		s.opts.Log.Error("runtime handler panicked", "request", string(c.id[:]), "panic", v, "stack", string(debug.Stack()))
		ctx.Response.Reset()
		ctx.Response.Header.SetCanonical(headerID, c.id[:])
		answer(ctx, fault{500, "InternalFailure", ""})
		ctx.SetConnectionClose()
	}
	shed(ctx)
	c.settle()
}

// shed lets go of a large body, which fasthttp would keep for the connection's next request.
func shed(ctx *fasthttp.RequestCtx) {
	if cap(ctx.Request.Body()) > smallBody {
		ctx.Request.SwapBody(nil)
	}
}

// unreadable answers a request that broke a limit or is not HTTP. fasthttp closes the connection afterwards.
func (s *Server) unreadable(ctx *fasthttp.RequestCtx, err error) {
	c, ok := ctx.Conn().(*conn)
	if !ok {
		return
	}
	newID(&c.id)
	ctx.Response.Reset()
	ctx.Response.Header.SetCanonical(headerID, c.id[:])
	c.refused = true
	shed(ctx)
	answer(ctx, s.faultOf(&ctx.Request.Header, err))
}

// newID writes a random UUID. It names a request and keeps no secret, so the cheap generator will do.
func newID(dst *[36]byte) {
	var b [16]byte
	hi, lo := rand.Uint64(), rand.Uint64()
	for i := range 8 {
		b[i], b[8+i] = byte(hi>>(8*i)), byte(lo>>(8*i))
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	hex.Encode(dst[0:8], b[0:4])
	hex.Encode(dst[9:13], b[4:6])
	hex.Encode(dst[14:18], b[6:8])
	hex.Encode(dst[19:23], b[8:10])
	hex.Encode(dst[24:36], b[10:16])
	dst[8], dst[13], dst[18], dst[23] = '-', '-', '-', '-'
}
