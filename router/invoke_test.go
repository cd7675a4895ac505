package router_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gnomon"
	"gnomon/http1"
	"gnomon/router"

	"github.com/google/go-cmp/cmp"
)

// failure is the body of an error.
type failure struct {
	Type               string `json:"__type"`
	Message            string
	OriginalStatusCode *int
	OriginalMessage    string
	LogStreamArn       string
	ErrorCode          string
}

// failureOf checks what all errors have in common.
func failureOf(t *testing.T, a answer) failure {
	t.Helper()
	var f failure
	if err := json.Unmarshal([]byte(a.body), &f); err != nil {
		t.Fatalf("%d %q: %v", a.status, a.body, err)
	}
	if got := a.header.Get("x-amzn-errortype"); got != f.Type {
		t.Errorf("the header says %q, the body %q", got, f.Type)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
	return f
}

func TestInvoke_RefusesInAWSsWords(t *testing.T) {
	s := newSystem(t, router.Options{})
	r := mirrored(routes(model(t, echo)), 1, model(t, echo))
	r.Endpoints = append(r.Endpoints, gnomon.EndpointRoute{Name: "empty", Production: []gnomon.VariantRoute{variant("main")}})
	s.Publish(r)
	const path = "/endpoints/e/invocations"
	long := strings.Repeat("a", 64)
	for _, tc := range []struct {
		name, method, path, header string
		status                     int
		typ, message               string
	}{
		{"unknown endpoint", "POST", "/endpoints/nope/invocations", "", 400, "ValidationError", "Endpoint nope of account 123456789012 not found."},
		{"endpoint in another case", "POST", "/endpoints/E/invocations", "", 400, "ValidationError", "Endpoint E of account 123456789012 not found."},
		{"no instance", "POST", "/endpoints/empty/invocations", "", 503, "ServiceUnavailable",
			"No instance of variant main of endpoint empty can take the request. Please try again."},
		{"wrong method", "GET", path, "", 404, "UnknownOperationException", "The requested operation is not recognized by the service."},
		{"wrong path", "POST", "/endpoints/e", "", 404, "UnknownOperationException", "The requested operation is not recognized by the service."},
		{"deeper path", "POST", "/endpoints/a/b/invocations", "", 404, "UnknownOperationException", "The requested operation is not recognized by the service."},
		{"asynchronous", "POST", "/endpoints/e/async-invocations", "", 400, "ValidationError",
			"Endpoint e is not an asynchronous endpoint: asynchronous inference is not served. Call InvokeEndpoint."},
		{"stream of an unknown endpoint", "POST", "/endpoints/nope/invocations-response-stream", "", 400, "ValidationError", "Endpoint nope of account 123456789012 not found."},
		{"bad endpoint name", "POST", "/endpoints/a_b/invocations", "", 400, "ValidationError",
			"1 validation error detected: Value 'a_b' at 'endpointName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9])*"},
		{"long endpoint name", "POST", "/endpoints/" + long + "/invocations", "", 400, "ValidationError",
			"1 validation error detected: Value '" + long + "' at 'endpointName' failed to satisfy constraint: Member must have length less than or equal to 63"},
		{"empty endpoint name", "POST", "/endpoints//invocations", "", 400, "ValidationError",
			"1 validation error detected: Value '' at 'endpointName' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"long inference id", "POST", path, "X-Amzn-SageMaker-Inference-Id: " + long + "b", 400, "ValidationError",
			"1 validation error detected: Value '" + long + "b' at 'inferenceId' failed to satisfy constraint: Member must have length less than or equal to 64"},
		{"empty inference id", "POST", path, "X-Amzn-SageMaker-Inference-Id: ", 400, "ValidationError",
			"1 validation error detected: Value '' at 'inferenceId' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"bad session", "POST", path, "X-Amzn-SageMaker-Session-Id: _", 400, "ValidationError",
			"1 validation error detected: Value '_' at 'sessionId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(NEW_SESSION)$|^[a-zA-Z0-9](-*[a-zA-Z0-9])*$"},
		{"unknown variant", "POST", path, "X-Amzn-SageMaker-Target-Variant: other", 400, "ValidationError", "Variant other is not a production variant of endpoint e."},
		{"shadow variant", "POST", path, "X-Amzn-SageMaker-Target-Variant: shade", 400, "ValidationError", "Variant shade is not a production variant of endpoint e."},
		{"target model", "POST", path, "X-Amzn-SageMaker-Target-Model: m.tar.gz", 400, "ValidationError",
			"Target model header is set on the request, but endpoint e is not a multi-model endpoint."},
		{"target container", "POST", path, "X-Amzn-SageMaker-Target-Container-Hostname: c", 400, "ValidationError",
			"Target container header is set on the request, but endpoint e is not a multi-container endpoint."},
		{"component", "POST", path, "X-Amzn-SageMaker-Inference-Component: c", 400, "ValidationError",
			"Inference component name header is set on the request, but endpoint e has no inference components."},
		{"explanations", "POST", path, "X-Amzn-SageMaker-Enable-Explanations: `true`", 400, "ValidationError",
			"Enable explanations header is set on the request, but endpoint e has no explainer configured."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var headers []string
			if tc.header != "" {
				headers = append(headers, tc.header)
			}
			got := s.do(t, tc.method, tc.path, "x", headers...)
			f := failureOf(t, got)
			if diff := cmp.Diff(failure{Type: tc.typ, Message: tc.message}, f); diff != "" || got.status != tc.status {
				t.Errorf("status %d (-want +got):\n%s", got.status, diff)
			}
		})
	}
	t.Run("several faults", func(t *testing.T) {
		f := failureOf(t, s.invoke(t, "x", "X-Amzn-SageMaker-Inference-Id: "+long+"b", "X-Amzn-SageMaker-Target-Variant: -"))
		if !strings.HasPrefix(f.Message, "2 validation errors detected: Value '") || !strings.Contains(f.Message, "to 64; Value '-' at 'targetVariant'") {
			t.Error(f.Message)
		}
	})
	t.Run("repeated header", func(t *testing.T) {
		if got := s.invoke(t, "x", "Accept: a", "Accept: b"); got.status != 400 {
			t.Errorf("got %d %s", got.status, got.body)
		}
	})
	if n := s.counts.mirror("m").begun.Load(); n != 0 {
		t.Errorf("%d refused requests are in the accounting", n)
	}
}

func TestInvoke_TargetsAVariant(t *testing.T) {
	s := newSystem(t, router.Options{})
	r := routes(model(t, echo))
	other := variant("other", model(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "other") }))
	other.Weight = 0
	r.Endpoints[0].Production = append(r.Endpoints[0].Production, other)
	s.Publish(r)
	got := s.invoke(t, "x", "X-Amzn-SageMaker-Target-Variant: other")
	if got.body != "other" || got.header.Get("x-Amzn-Invoked-Production-Variant") != "other" {
		t.Errorf("got %+v", got)
	}
	if got := s.invoke(t, "x"); got.body != "echo:x" {
		t.Errorf("got %+v", got)
	}
}

func TestInvoke_TurnsFailedLegsIntoModelErrors(t *testing.T) {
	tail := `. See https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logEventViewer:group=/aws/sagemaker/Endpoints/e in account 123456789012 for more information.`
	const (
		timedOut = "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
		broken   = "The container could not be reached, or it broke the connection before it had answered."
		nonsense = "The container did not answer in HTTP, or its answer is too large."
	)
	closed := listen(t)
	closed.Close()
	status := func(code int, body string) string {
		return model(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code); io.WriteString(w, body) })
	}
	says := func(text string) string {
		return raw(t, func(c net.Conn, br *bufio.Reader) { take(br); io.WriteString(c, text) })
	}
	for _, tc := range []struct {
		name, address string
		code          int
		kind, said    string
		errorCode     string
		fault         gnomon.LegFault
	}{
		{"client error", status(400, "bad <input>"), 400, "client", "bad <input>", "CLIENT_ERROR_FROM_MODEL", gnomon.NoFault},
		{"server error", status(503, "out of memory"), 503, "server", "out of memory", "INTERNAL_FAILURE_FROM_MODEL", gnomon.NoFault},
		{"redirection", status(302, ""), 302, "server", "", "INTERNAL_FAILURE_FROM_MODEL", gnomon.NoFault},
		{"timeout", raw(t, func(c net.Conn, br *bufio.Reader) { take(br); take(br) }), 0, "server", timedOut, "INTERNAL_FAILURE_FROM_MODEL", gnomon.FaultTimeout},
		{"timeout within the answer", raw(t, func(c net.Conn, br *bufio.Reader) {
			take(br)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
			take(br)
		}), 0, "server", timedOut, "INTERNAL_FAILURE_FROM_MODEL", gnomon.FaultTimeout},
		{"nobody there", closed.Addr().String(), 0, "server", broken, "INTERNAL_FAILURE_FROM_MODEL", gnomon.FaultConnection},
		{"hung up", raw(t, func(c net.Conn, br *bufio.Reader) { take(br) }), 0, "server", broken, "INTERNAL_FAILURE_FROM_MODEL", gnomon.FaultConnection},
		{"reset", raw(t, func(c net.Conn, br *bufio.Reader) { c.(*net.TCPConn).SetLinger(0) }), 0, "server", broken, "INTERNAL_FAILURE_FROM_MODEL", gnomon.FaultConnection},
		{"cut off", says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), 0, "server", broken, "INTERNAL_FAILURE_FROM_MODEL", gnomon.FaultConnection},
		{"not HTTP", says("220 mail.example.org ESMTP\r\n\r\n"), 0, "server", nonsense, "INTERNAL_FAILURE_FROM_MODEL", gnomon.FaultProtocol},
		{"too large", says("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"), 0, "server", nonsense, "INTERNAL_FAILURE_FROM_MODEL", gnomon.FaultProtocol},
		{"switching protocols", says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), 0, "server", nonsense, "INTERNAL_FAILURE_FROM_MODEL", gnomon.FaultProtocol},
		{"two lengths", says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 0, "server", nonsense, "INTERNAL_FAILURE_FROM_MODEL", gnomon.FaultProtocol},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSystem(t, router.Options{InvocationTimeout: 100 * time.Millisecond, MaxAnswer: 1000})
			s.Publish(routes(tc.address))
			got := s.invoke(t, "x")
			want := failure{
				Type:               "ModelError",
				Message:            fmt.Sprintf("Received %s error (%d) from primary with message \"%s\"%s", tc.kind, tc.code, tc.said, tail),
				OriginalStatusCode: &tc.code, OriginalMessage: tc.said, ErrorCode: tc.errorCode,
				LogStreamArn: "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/e",
			}
			if diff := cmp.Diff(want, failureOf(t, got)); diff != "" || got.status != 424 {
				t.Errorf("status %d (-want +got):\n%s", got.status, diff)
			}
			if leg := s.counts.legs(plainSeries()).latest(); leg.Fault != tc.fault || leg.Status != tc.code {
				t.Errorf("recorded %+v", leg)
			}
			if n := s.InFlight(instance("main", 0)); n != 0 {
				t.Errorf("%d claims are left", n)
			}
		})
	}
}

func TestInvoke_ClipsWhatAModelSays(t *testing.T) {
	s := newSystem(t, router.Options{})
	s.Publish(routes(model(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		io.WriteString(w, strings.Repeat("é", 3000)+"\xff")
	})))
	f := failureOf(t, s.invoke(t, "x"))
	if len(f.Message) > 2048 || len(f.Message) < 2040 || len(f.OriginalMessage) != 2048 {
		t.Errorf("lengths %d and %d", len(f.Message), len(f.OriginalMessage))
	}
	if !strings.HasSuffix(f.Message, "for more information.") || strings.Contains(f.Message, "\uFFFD") {
		t.Errorf("clipped at the wrong place: %s", f.Message)
	}
}

func TestInvoke_PassesOnlyAWSsHeaders(t *testing.T) {
	seen := make(chan *http.Request, 2)
	record := func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		for name, v := range map[string]string{
			"Content-Type":                       "text/csv",
			"X-Amzn-SageMaker-Custom-Attributes": "from=model",
			"X-Amzn-SageMaker-New-Session-Id":    "s1; Expires=2030-01-01T00:00:00Z",
			"X-Amzn-SageMaker-Closed-Session-Id": "s0",
			"Set-Cookie":                         "a=b",
			"X-Secret":                           "1",
			"Content-Encoding":                   "br",
			"X-Amzn-Invoked-Production-Variant":  "forged",
		} {
			w.Header().Set(name, v)
		}
		w.WriteHeader(201)
	}
	s := newSystem(t, router.Options{})
	s.Publish(mirrored(routes(model(t, record)), 1, model(t, record)))
	got := s.invoke(t, "x", "Content-Type: text/plain", "Accept: text/csv", "Authorization: AWS4-HMAC-SHA256 x", "Cookie: a=b",
		"X-Amzn-SageMaker-Custom-Attributes: a=1", "X-Amzn-SageMaker-Inference-Id: i1", "X-Amzn-SageMaker-Session-Id: NEW_SESSION",
		"X-Amzn-SageMaker-Prefix-Aware-Id: p1", "X-Amz-Date: now", "X-Amz-Security-Token: t", "Te: trailers", "Connection: keep-alive", "Accept-Encoding: gzip")
	want := http.Header{
		"Content-Type": {"text/plain"}, "Accept": {"text/csv"}, "X-Amzn-Sagemaker-Custom-Attributes": {"a=1"},
		"X-Amzn-Sagemaker-Inference-Id": {"i1"}, "X-Amzn-Sagemaker-Session-Id": {"NEW_SESSION"},
		"X-Amzn-Sagemaker-Prefix-Aware-Id": {"p1"}, "Content-Length": {"1"},
	}
	var ids []string
	for range 2 {
		r := <-seen
		ids = append(ids, r.Header.Get("X-Amzn-RequestId"))
		r.Header.Del("X-Amzn-RequestId")
		if diff := cmp.Diff(want, r.Header); diff != "" || r.RequestURI != "/invocations" || r.Method != "POST" {
			t.Errorf("%s %s (-want +got):\n%s", r.Method, r.RequestURI, diff)
		}
	}
	if ids[0] != ids[1] || len(ids[0]) != 36 {
		t.Errorf("the legs' request ids are %q", ids)
	}
	got.header.Del("Date")
	got.header.Del("Server")
	wantAnswer := http.Header{
		"Content-Type": {"text/csv"}, "X-Amzn-Sagemaker-Custom-Attributes": {"from=model"}, "Content-Length": {"0"},
		"X-Amzn-Sagemaker-New-Session-Id": {"s1; Expires=2030-01-01T00:00:00Z"}, "X-Amzn-Sagemaker-Closed-Session-Id": {"s0"},
		"X-Amzn-Invoked-Production-Variant": {"main"},
	}
	if diff := cmp.Diff(wantAnswer, got.header); diff != "" || got.status != 200 {
		t.Errorf("status %d (-want +got):\n%s", got.status, diff)
	}
}

func TestInvoke_AsksWhetherTheCallerMay(t *testing.T) {
	var mu sync.Mutex
	var asked []gnomon.EndpointName
	verdict := error(&router.Error{Status: 403, Name: "AccessDeniedException", Message: "no"})
	s := newSystem(t, router.Options{Authorize: func(_ *http1.Request, _ []byte, e gnomon.EndpointName) error {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, e)
		return verdict
	}})
	s.Publish(routes(model(t, echo)))
	for _, path := range []string{"/endpoints/e/invocations", "/endpoints/nope/invocations"} {
		got := s.do(t, "POST", path, "x")
		if diff := cmp.Diff(failure{Type: "AccessDeniedException", Message: "no"}, failureOf(t, got)); diff != "" || got.status != 403 {
			t.Errorf("status %d (-want +got):\n%s", got.status, diff)
		}
	}
	mu.Lock()
	verdict = errors.New("the key store is on fire")
	mu.Unlock()
	if got := s.invoke(t, "x"); got.status != 500 || got.body != `{"__type":"InternalFailure"}` {
		t.Errorf("got %d %s", got.status, got.body)
	}
	mu.Lock()
	verdict = nil
	mu.Unlock()
	if got := s.invoke(t, "x"); got.status != 200 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]gnomon.EndpointName{"e", "nope", "e", "e"}, asked); diff != "" {
		t.Errorf("asked about (-want +got):\n%s", diff)
	}
}

// A signature is checked on the loop or, for a large body, beside it.
func TestInvoke_ContainsAPanicOfTheCheck(t *testing.T) {
	s := newSystem(t, router.Options{Authorize: func(*http1.Request, []byte, gnomon.EndpointName) error { panic("check") }})
	s.Publish(routes(model(t, echo)))
	for _, n := range []int{1, 1 << 20} {
		if got := s.invoke(t, strings.Repeat("x", n)); got.status != 500 || got.body != `{"__type":"InternalFailure"}` {
			t.Errorf("%d bytes: %d %s", n, got.status, got.body)
		}
	}
}

func TestInvoke_ReadsNoTrailers(t *testing.T) {
	s := newSystem(t, router.Options{})
	s.Publish(routes(model(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Header.Get("X-Amzn-SageMaker-Custom-Attributes"))
	})))
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST /endpoints/e/invocations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Amzn-SageMaker-Custom-Attributes: unsigned\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode == 200 && string(b) != "" {
		t.Errorf("the model was sent %q", b)
	}
}
