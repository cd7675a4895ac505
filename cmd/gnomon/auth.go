package main

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"gnomon"
	"gnomon/access"
	"gnomon/cloudwatch"
	"gnomon/http1"
	"gnomon/router"
	"gnomon/sagemaker"
	"gnomon/sigv4"
)

// signingService is the service name in signatures of the control plane and of the runtime alike.
const signingService = "sagemaker"

// A gate lets signed requests through, on both faces.
type gate struct {
	verifier *sigv4.Verifier // nil: everyone may pass
	metrics  *sigv4.Verifier // of CloudWatch's requests, whose service is another; nil likewise
	views    sync.Pool       // of *sigv4.Request
}

func newGate(c *config, keys *access.Keys) *gate {
	g := &gate{views: sync.Pool{New: func() any { return new(sigv4.Request) }}}
	if c.Auth == "sigv4" {
		g.verifier = sigv4.NewVerifier(lookup{keys}, c.Region, signingService)
		g.metrics = sigv4.NewVerifier(lookup{keys}, c.Region, cloudwatch.Service)
	}
	return g
}

// lookup is how the verifier sees the access keys.
type lookup struct{ keys *access.Keys }

func (l lookup) Key(id string) (sigv4.Key, bool) {
	k, ok := l.keys.Lookup(id)
	return sigv4.Key{Secret: k.SecretAccessKey}, ok
}

// runtime returns how requests of the runtime are checked; nil if everyone may pass.
func (g *gate) runtime() func(*http1.Request, []byte, gnomon.EndpointName) error {
	if g.verifier == nil {
		return nil
	}
	return g.invoke
}

// invoke checks a request of the runtime.
func (g *gate) invoke(head *http1.Request, body []byte, _ gnomon.EndpointName) error {
	view := g.views.Get().(*sigv4.Request)
	defer g.views.Put(view)
	view.Reset()
	view.Method, view.RequestURI, view.Body = head.Method, head.Target, body
	if !view.AddRaw(head.Header) {
		return &router.Error{Status: http.StatusBadRequest, Name: sigv4.IncompleteSignature, Message: "The headers of the request cannot be read."}
	}
	_, err := g.verifier.Verify(view)
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return &router.Error{Status: e.Status, Name: e.Code, Message: e.Message}
	}
	return err
}

// signed lets only signed requests through to next.
func (g *gate) signed(next http.Handler) http.Handler {
	return verified(g.verifier, next, func(w http.ResponseWriter, _ *http.Request, e *sigv4.Error) {
		sagemaker.WriteError(w, &sagemaker.Error{Code: e.Code, Message: e.Message, Status: e.Status})
	})
}

// signedMetrics lets only requests that are signed for CloudWatch through to next.
func (g *gate) signedMetrics(next http.Handler) http.Handler {
	return verified(g.metrics, next, func(w http.ResponseWriter, r *http.Request, e *sigv4.Error) {
		cloudwatch.WriteError(w, r, &cloudwatch.Error{Code: e.Code, Message: e.Message, Status: e.Status})
	})
}

func verified(v *sigv4.Verifier, next http.Handler, refuse func(http.ResponseWriter, *http.Request, *sigv4.Error)) http.Handler {
	if v == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // the front has limited it
		if err != nil {
			refuse(w, r, &sigv4.Error{Code: sagemaker.CodeSerialization, Message: "The body cannot be read."})
			return
		}
		if _, err := v.Verify(sigv4.FromHTTP(r, body)); err != nil {
			e, ok := errors.AsType[*sigv4.Error](err)
			if !ok {
				e = &sigv4.Error{Code: sagemaker.CodeInternalFailure, Status: http.StatusInternalServerError}
			}
			refuse(w, r, e)
			return
		}
		r.Body = &readBody{body: body}
		next.ServeHTTP(w, r)
	})
}

// readBody is a body that has been read already.
type readBody struct{ body []byte }

func (b *readBody) Read(p []byte) (int, error) {
	if len(b.body) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.body)
	b.body = b.body[n:]
	return n, nil
}

func (b *readBody) Close() error { return nil }
