package sagemaker_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gnomon/sagemaker"
)

// post is a well-formed request for operation.
func post(operation, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "SageMaker."+operation)
	return r
}

// answer is what of an answer the tests look at.
type answer struct {
	Status      int
	ContentType string
	ErrorType   string
	Body        string
}

func serve(s http.Handler, r *http.Request) answer {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	h := w.Result().Header
	return answer{w.Code, h.Get("Content-Type"), h.Get("x-amzn-errortype"), w.Body.String()}
}

func failure(status int, code, message string) answer {
	return answer{status, "application/x-amz-json-1.1", code, fmt.Sprintf(`{"__type":%q,"Message":%q}`, code, message)}
}

func TestServer_Answers(t *testing.T) {
	const unknown = "The requested operation is not recognized by the service."
	modelNames := func(names ...string) func(*sagemaker.ListModelsInput) (*sagemaker.ListModelsOutput, error) {
		return func(*sagemaker.ListModelsInput) (*sagemaker.ListModelsOutput, error) {
			out := new(sagemaker.ListModelsOutput)
			for _, name := range names {
				out.Models = append(out.Models, sagemaker.ModelSummary{
					ModelName: name, ModelArn: "arn:" + name, CreationTime: sagemaker.NewTime(time.UnixMilli(1529870369986)),
				})
			}
			return out, nil
		}
	}
	change := func(r *http.Request, key, value string) *http.Request {
		r.Header.Set(key, value)
		return r
	}
	list := func() *http.Request { return post("ListModels", "{}") }
	get, elsewhere := list(), list()
	get.Method, elsewhere.URL.Path = http.MethodGet, "/models"
	for _, c := range []struct {
		name    string
		handler stub
		request *http.Request
		want    answer
	}{
		{
			"an output", stub{listModels: modelNames("a<b")}, list(),
			answer{200, "application/x-amz-json-1.1", "", `{"Models":[{"ModelName":"a<b","ModelArn":"arn:a<b","CreationTime":1529870369.986}]}`},
		}, {
			"a required list that is nil", stub{listModels: modelNames()}, list(),
			answer{200, "application/x-amz-json-1.1", "", `{"Models":[]}`},
		}, {
			"no output", stub{deleteModel: func(*sagemaker.DeleteModelInput) (*sagemaker.DeleteModelOutput, error) { return nil, nil }},
			post("DeleteModel", `{"ModelName": "m"}`),
			answer{Status: 200},
		}, {
			"parameters of the content type", stub{listModels: modelNames()}, change(list(), "Content-Type", `Application/X-Amz-Json-1.1; charset=utf-8`),
			answer{200, "application/x-amz-json-1.1", "", `{"Models":[]}`},
		}, {
			"an error for the caller", stub{deleteModel: func(in *sagemaker.DeleteModelInput) (*sagemaker.DeleteModelOutput, error) {
				return nil, fmt.Errorf("delete: %w", &sagemaker.Error{Code: "ResourceNotFound", Message: "no " + in.ModelName})
			}},
			post("DeleteModel", `{"ModelName": "m"}`),
			failure(400, "ResourceNotFound", "no m"),
		}, {
			"an error with a status", stub{deleteModel: func(*sagemaker.DeleteModelInput) (*sagemaker.DeleteModelOutput, error) {
				return nil, &sagemaker.Error{Code: sagemaker.CodeServiceUnavailable, Message: "later", Status: 503}
			}},
			post("DeleteModel", `{"ModelName": "m"}`),
			failure(503, "ServiceUnavailable", "later"),
		},
		{"a violation", stub{}, post("DeleteModel", `{}`),
			failure(400, "ValidationException", "1 validation error detected: Value null at 'modelName' failed to satisfy constraint: Member must not be null")},
		{"malformed JSON", stub{}, post("DeleteModel", `{`),
			failure(400, "SerializationException", "The request body is not valid JSON: unexpected EOF")},
		{"an operation of SageMaker that is not served", stub{}, post("CreateTrainingJob", `{}`), failure(400, "UnknownOperationException", unknown)},
		{"no target", stub{}, change(list(), "X-Amz-Target", ""), failure(400, "UnknownOperationException", unknown)},
		{"a target of another service", stub{}, change(list(), "X-Amz-Target", "DynamoDB.ListModels"), failure(400, "UnknownOperationException", unknown)},
		{"a bare target", stub{}, change(list(), "X-Amz-Target", "ListModels"), failure(400, "UnknownOperationException", unknown)},
		{"another content type", stub{}, change(list(), "Content-Type", "application/json"), failure(404, "UnknownOperationException", unknown)},
		{"no content type", stub{}, change(list(), "Content-Type", ""), failure(404, "UnknownOperationException", unknown)},
		{"JSON 1.0", stub{}, change(list(), "Content-Type", "application/x-amz-json-1.0"), failure(404, "UnknownOperationException", unknown)},
		{"GET", stub{}, get, failure(404, "UnknownOperationException", unknown)},
		{"another path", stub{}, elsewhere, failure(404, "UnknownOperationException", unknown)},
		{"a body that is not too long", stub{listModels: modelNames()}, post("ListModels", "{"+strings.Repeat(" ", 62)+"}"),
			answer{200, "application/x-amz-json-1.1", "", `{"Models":[]}`}},
		{"a body that is too long", stub{}, post("ListModels", "{"+strings.Repeat(" ", 63)+"}"),
			failure(413, "RequestEntityTooLargeException", "Request size exceeded 64 bytes")},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sagemaker.NewServer(c.handler, sagemaker.Options{MaxBody: 64})
			if diff := cmp.Diff(c.want, serve(s, c.request)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestServer_BodyCutOffIsTheCallersFault(t *testing.T) {
	r := post("ListModels", "")
	r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
	got := serve(sagemaker.NewServer(stub{}, sagemaker.Options{}), r)
	want := failure(400, "SerializationException", "The request body could not be read to its end")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestServer_KeepsInternalsToItsLog(t *testing.T) {
	type (
		in  = sagemaker.DeleteModelInput
		out = sagemaker.DeleteModelOutput
	)
	for name, handler := range map[string]sagemaker.Handler{
		"error": stub{deleteModel: func(*in) (*out, error) { return nil, errors.New("secret") }},
		"panic": stub{deleteModel: func(*in) (*out, error) { panic("secret") }},
		"neither output nor error": stub{listModels: func(*sagemaker.ListModelsInput) (*sagemaker.ListModelsOutput, error) {
			return nil, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			s := sagemaker.NewServer(handler, sagemaker.Options{
				Log: slog.New(slog.NewTextHandler(&log, nil)),
			})
			r, logged := post("DeleteModel", `{"ModelName": "m"}`), "secret"
			if strings.HasPrefix(name, "neither") {
				r, logged = post("ListModels", `{}`), "ListModels has neither output nor error"
			}
			named := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("x-amzn-RequestId", "id-7")
				s.ServeHTTP(w, r)
			})
			if diff := cmp.Diff(failure(500, "InternalFailure", "Internal failure"), serve(named, r)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, want := range []string{"request_id=id-7", logged, r.Header.Get("X-Amz-Target")} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("log has no %q:\n%s", want, &log)
				}
			}
		})
	}
}

func TestServer_LetsAHandlerAbort(t *testing.T) {
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("recovered %v, want http.ErrAbortHandler", p)
		}
	}()
	s := sagemaker.NewServer(stub{deleteModel: func(*sagemaker.DeleteModelInput) (*sagemaker.DeleteModelOutput, error) {
		panic(http.ErrAbortHandler)
	}}, sagemaker.Options{})
	serve(s, post("DeleteModel", `{"ModelName": "m"}`))
}

func TestServer_NamesRequests(t *testing.T) {
	id := func(given string) string {
		w := httptest.NewRecorder()
		if given != "" {
			w.Header().Set("x-amzn-RequestId", given)
		}
		sagemaker.NewServer(stub{}, sagemaker.Options{}).ServeHTTP(w, post("DeleteModel", `{}`))
		return w.Result().Header.Get("x-amzn-RequestId")
	}
	if got := id("mine"); got != "mine" {
		t.Errorf("request id %q, want the caller's own", got)
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	a, b := id(""), id("")
	if !uuid.MatchString(a) || !uuid.MatchString(b) || a == b {
		t.Errorf("request ids %q and %q, want two random UUIDs", a, b)
	}
}
