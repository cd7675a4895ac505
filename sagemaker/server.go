package sagemaker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/google/uuid"
)

const (
	contentType     = "application/x-amz-json-1.1"
	requestIDHeader = "X-Amzn-Requestid"
	targetPrefix    = "SageMaker."
	defaultMaxBody  = 1 << 20
)

// Options adjust a [Server]. The zero value works.
type Options struct {
	// Log gets a record of every error and panic that the caller is not told of.
	// Nil discards them.
	Log *slog.Logger

	// MaxBody is the longest request body in bytes; 0 is 1 MiB.
	MaxBody int64
}

// Server answers AWS JSON 1.1 requests. It is safe for use by many goroutines.
type Server struct {
	calls   map[string]call
	log     *slog.Logger
	maxBody int64
}

// NewServer returns a server of h's operations. It expects the request's caller
// to be known and admitted already.
func NewServer(h Handler, o Options) *Server {
	s := &Server{calls: calls(h), log: o.Log, maxBody: o.MaxBody}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.maxBody == 0 {
		s.maxBody = defaultMaxBody
	}
	return s
}

// ServeHTTP answers one request, whose id is in the answer's x-amzn-RequestId
// header already or else a random UUID: 200 with the operation's output, or an error in
// AWS's form. Whatever is no AWS JSON 1.1 request to "/" is an unknown operation.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := w.Header().Get(requestIDHeader)
	if id == "" {
		id = uuid.NewString()
		w.Header().Set(requestIDHeader, id)
	}
	defer s.contain(w, r, id)
	body, err := s.answer(w, r)
	if err != nil {
		s.fail(w, r, id, err)
		return
	}
	if body != nil {
		w.Header().Set("Content-Type", contentType)
	}
	w.WriteHeader(http.StatusOK)
	// The caller may be gone; there is nobody left to tell.
	_, _ = w.Write(body)
}

// answer returns the body of a success, nil if the operation has none.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if !isJSONCall(r) {
		e := unknownOperation()
		e.Status = http.StatusNotFound
		return nil, e
	}
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	call, known := s.calls[operation]
	if !ok || !known {
		return nil, unknownOperation()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.maxBody))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &Error{
			Code:    CodeRequestEntityTooLarge,
			Message: fmt.Sprintf("Request size exceeded %d bytes", tooLarge.Limit),
			Status:  http.StatusRequestEntityTooLarge,
		}
	}
	if err != nil {
		return nil, serializationError("The request body could not be read to its end")
	}
	return call(r.Context(), operation, body)
}

func isJSONCall(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return r.Method == http.MethodPost && r.URL.Path == "/" && err == nil && media == contentType
}

func unknownOperation() *Error {
	return &Error{Code: CodeUnknownOperation, Message: "The requested operation is not recognized by the service."}
}

// call decodes a body, runs one method of a handler, and encodes its output.
type call func(ctx context.Context, operation string, body []byte) ([]byte, error)

func bind[In, Out any](method func(context.Context, *In) (*Out, error)) call {
	return func(ctx context.Context, operation string, body []byte) ([]byte, error) {
		in := new(In)
		if err := Decode(operation, body, in); err != nil {
			return nil, err
		}
		out, err := method(ctx, in)
		if err != nil {
			return nil, err
		}
		if op, _ := find(operation); op.Output.Shape == nil {
			return nil, nil
		}
		if out == nil {
			return nil, fmt.Errorf("%s has neither output nor error", operation)
		}
		return encode(out)
	}
}

// encode is [Marshal] for answers: a required list of the output itself that a
// handler left nil is an empty one, since clients do not expect a null.
func encode[Out any](out *Out) ([]byte, error) {
	v := reflect.ValueOf(out).Elem()
	for f, field := range v.Fields() {
		required := !strings.HasSuffix(f.Tag.Get("json"), ",omitzero")
		if required && field.Kind() == reflect.Slice && field.IsNil() {
			field.Set(reflect.MakeSlice(field.Type(), 0, 0))
		}
	}
	return Marshal(out)
}

// fail writes err if it is meant for the caller, else logs it and writes no more
// than that something is wrong here.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, id string, err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		s.log.ErrorContext(r.Context(), "control plane call failed",
			"request_id", id, "target", r.Header.Get("X-Amz-Target"), "err", err)
		e = &Error{Code: CodeInternalFailure, Message: "Internal failure", Status: http.StatusInternalServerError}
	}
	WriteError(w, e)
}

// WriteError answers with e in AWS's form, for what is refused before a [Server]
// sees it.
func WriteError(w http.ResponseWriter, e *Error) {
	body, err := Marshal(struct {
		Type    string `json:"__type"`
		Message string
	}{e.Code, e.Message})
	if err != nil {
		panic(err) // two strings
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Errortype", e.Code)
	w.WriteHeader(e.status())
	_, _ = w.Write(body)
}

// contain makes a handler's panic the failure of its own caller only. Nothing is
// written before a handler returns, so there is an answer to give.
func (s *Server) contain(w http.ResponseWriter, r *http.Request, id string) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		s.fail(w, r, id, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	}
}
