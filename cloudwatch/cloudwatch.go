// Package cloudwatch is the wire of Amazon CloudWatch's metrics API, as far as it reads: GetMetricData,
// GetMetricStatistics and ListMetrics, in the three protocols that clients have spoken over the years.
//
// Start at [Server], which decodes a request, calls a [Handler] and encodes its answer. [Accepts] tells CloudWatch's
// requests from those of other services on the same port. shapes.go has the inputs and outputs, with what AWS's model
// and its service ask of each member; decode.go holds requests to it, encode.go writes answers. query.go, json.go and
// cbor.go each turn a body into one tree of plain values and answers into bytes.
//
// The package knows nothing of what a metric means, of signatures or of endpoints.
package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
)

// Service is the name that signatures of CloudWatch's requests are scoped to.
const Service = "monitoring"

const (
	shapePrefix     = "GraniteServiceVersion20100801" // CloudWatch's name in the newer protocols
	apiVersion      = "2010-08-01"
	requestIDHeader = "X-Amzn-Requestid"
	defaultMaxBody  = 1 << 20
)

// A Handler carries the operations out. An [*Error] is answered as it is, any other error is logged and answered with
// InternalServiceFault.
type Handler interface {
	GetMetricData(context.Context, *GetMetricDataInput) (*GetMetricDataOutput, error)
	GetMetricStatistics(context.Context, *GetMetricStatisticsInput) (*GetMetricStatisticsOutput, error)
	ListMetrics(context.Context, *ListMetricsInput) (*ListMetricsOutput, error)
}

// Options adjust a [Server]. The zero value works.
type Options struct {
	// Log gets a record of every error and panic that the caller is not told of. Nil discards them.
	Log *slog.Logger

	// MaxBody is the longest request body in bytes; 0 is 1 MiB.
	MaxBody int64
}

// A Server answers requests for which [Accepts] is true. Any number of goroutines may use it.
type Server struct {
	calls map[string]call
	opts  Options
}

// NewServer returns a server of h's operations. It expects the request's caller to be known and admitted already.
func NewServer(h Handler, o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxBody == 0 {
		o.MaxBody = defaultMaxBody
	}
	return &Server{opts: o, calls: map[string]call{
		"GetMetricData":       bind(codeValidation, h.GetMetricData),
		"GetMetricStatistics": bind(codeInvalidParameter, h.GetMetricStatistics),
		"ListMetrics":         bind(codeInvalidParameter, h.ListMetrics),
	}}
}

// Accepts reports whether a request is one of CloudWatch's by its look: a form or a target of CloudWatch at "/", or a
// path of Smithy's RPC.
func Accepts(r *http.Request) bool { return protocolOf(r) != nil }

// protocolOf returns the protocol of a request, nil if it is none of CloudWatch's.
func protocolOf(r *http.Request) protocol {
	switch {
	case strings.HasPrefix(r.URL.Path, "/service/"):
		return rpc{}
	case r.URL.Path != "/" || r.Method != http.MethodPost:
		return nil
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), shapePrefix+"."):
		return awsJSON{}
	case hasMedia(r, "application/x-www-form-urlencoded"):
		return query{}
	}
	return nil
}

func hasMedia(r *http.Request, want string) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == want
}

// A protocol is one way to write down requests and answers.
type protocol interface {
	// request returns the operation's name, and what reads its input as a tree: nil, bool, string, int64, float64,
	// time.Time, []any and map[string]any. One of a form is a [form].
	request(r *http.Request, body []byte) (operation string, input func() (any, error), err error)
	contentType() string
	answer(operation, requestID string, output any) ([]byte, error)
	failure(e *Error, requestID string) ([]byte, error)
}

// ServeHTTP answers one request, whose id is in the answer's x-amzn-RequestId header already.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.contain(w, r)
	p := protocolOf(r)
	if p == nil {
		p = awsJSON{} // it should not have come here; this refuses it
	}
	body, err := s.answer(w, r, p)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	mark(w, p)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the caller may be gone; there is nobody left to tell
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, p protocol) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.opts.MaxBody))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &Error{
			Code: codeTooLarge, Status: http.StatusRequestEntityTooLarge,
			Message: fmt.Sprintf("Request size exceeded %d bytes", tooLarge.Limit),
		}
	}
	if err != nil {
		return nil, malformed("The request body could not be read to its end")
	}
	operation, read, err := p.request(r, body)
	if err != nil {
		return nil, err
	}
	run, ok := s.calls[operation]
	if !ok {
		return nil, &Error{
			Code: codeUnknownOperation,
			Message: fmt.Sprintf("Could not find operation %s for version %s; served are %s",
				clip(operation), apiVersion, strings.Join(slices.Sorted(maps.Keys(s.calls)), ", ")),
		}
	}
	input, err := read()
	if err != nil {
		return nil, err
	}
	out, err := run(r.Context(), input)
	if err != nil {
		return nil, err
	}
	return p.answer(operation, w.Header().Get(requestIDHeader), out)
}

// A call decodes a tree, runs one method of a handler and returns its output.
type call func(ctx context.Context, input any) (any, error)

func bind[In, Out any](invalid string, method func(context.Context, *In) (*Out, error)) call {
	return func(ctx context.Context, input any) (any, error) {
		in := new(In)
		if err := decode(in, input, invalid); err != nil {
			return nil, err
		}
		out, err := method(ctx, in)
		if err == nil && out == nil {
			err = errors.New("neither output nor error")
		}
		return out, err
	}
}

// fail writes err if it is meant for the caller, else logs it and writes no more than that something is wrong here.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		if r.Context().Err() == nil {
			s.opts.Log.ErrorContext(r.Context(), "metrics call failed", "request_id", w.Header().Get(requestIDHeader), "err", err)
		}
		e = &Error{Code: codeInternal, Message: "Internal failure", Status: http.StatusInternalServerError}
	}
	WriteError(w, r, e)
}

// WriteError answers a request with e in the protocol that it speaks, for what is refused before a [Server] sees it.
func WriteError(w http.ResponseWriter, r *http.Request, e *Error) {
	p := protocolOf(r)
	if p == nil {
		p = awsJSON{}
	}
	body, err := p.failure(e, w.Header().Get(requestIDHeader))
	if err != nil {
		panic(err) // a few strings
	}
	mark(w, p)
	// Clients that came from the query protocol know errors by the names that they had there.
	w.Header().Set("X-Amzn-Query-Error", e.queryCode()+";"+e.fault())
	w.WriteHeader(e.status())
	_, _ = w.Write(body)
}

func mark(w http.ResponseWriter, p protocol) {
	w.Header().Set("Content-Type", p.contentType())
	if _, ok := p.(rpc); ok {
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	}
}

// contain makes a handler's panic the failure of its own caller only. Nothing is written before a handler returns.
func (s *Server) contain(w http.ResponseWriter, r *http.Request) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		s.fail(w, r, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	}
}
