package front

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"github.com/valyala/fasthttp"
)

// A fault is an error as AWS's clients understand it.
type fault struct {
	status  int
	name    string
	message string
}

var tooManyConnections = fault{503, "ServiceUnavailable", "There are too many connections."}

// faultOf puts into AWS's words why a request could not be read.
func (s *Server) faultOf(h *fasthttp.RequestHeader, err error) fault {
	_, tooLong := errors.AsType[*fasthttp.ErrSmallBuffer](err)
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case tooLong:
		return fault{431, "MalformedHttpRequestException", "The request header is too large."}
	case errors.Is(err, errBudget):
		return fault{503, "ServiceUnavailable", "Too much is being received at once. Please try again."}
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return s.tooLarge(h)
	case isNet && timeout.Timeout(), errors.Is(err, fasthttp.ErrTimeout):
		return fault{408, "RequestTimeoutException", "The request was not received in time."}
	}
	return fault{400, "MalformedHttpRequestException", "The request is not valid HTTP."}
}

// tooLarge distinguishes the two planes. When a chunked body breaks the limit, fasthttp has forgotten the header, which
// then looks like one for / without a body; such bodies are the runtime's, since no client sends chunks to the other.
func (s *Server) tooLarge(h *fasthttp.RequestHeader) fault {
	forgotten := string(h.RequestURI()) == "/" && h.ContentLength() <= 0
	if forgotten || bytes.HasPrefix(h.RequestURI(), runtimePrefix) {
		return fault{400, "ValidationError", fmt.Sprintf("1 validation error detected: Value at 'body' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", s.opts.MaxRuntimeBody)}
	}
	return fault{413, "RequestEntityTooLargeException", fmt.Sprintf("The request body is larger than %d bytes.", s.opts.MaxControlBody)}
}

// malformed refuses a request that was read, but perhaps not as its sender meant it, and the connection with it.
func malformed(ctx *fasthttp.RequestCtx, err error) {
	answer(ctx, fault{400, "MalformedHttpRequestException", "The request is not valid HTTP: " + err.Error() + "."})
	ctx.SetConnectionClose()
}

func answer(ctx *fasthttp.RequestCtx, f fault) {
	ctx.SetStatusCode(f.status)
	ctx.SetContentType("application/json")
	ctx.Response.Header.Set("x-amzn-errortype", f.name)
	ctx.SetBody(f.json())
}

func (f fault) json() []byte {
	b, err := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string `json:",omitempty"`
	}{f.name, f.message})
	if err != nil {
		panic(err) // two strings always marshal
	}
	return b
}
