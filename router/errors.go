package router

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"gnomon"
)

// An Error is what a caller of InvokeEndpoint gets instead of an answer.
type Error struct {
	Status  int
	Name    string // AWS's
	Message string

	// Of a ModelError only:
	OriginalStatusCode int
	OriginalMessage    string
	LogStreamARN       string
	ErrorCode          string
}

// Error returns the name and the message.
func (e *Error) Error() string { return e.Name + ": " + e.Message }

// maxMessage is the length AWS gives to the messages of a ModelError.
const maxMessage = 2048

func errValidation(message string) *Error {
	return &Error{Status: 400, Name: "ValidationError", Message: message}
}

func errUnknownOperation() *Error {
	return &Error{Status: 404, Name: "UnknownOperationException", Message: "The requested operation is not recognized by the service."}
}

func errInternal() *Error { return &Error{Status: 500, Name: "InternalFailure"} }

func (r *Router) errNoEndpoint(name []byte) *Error {
	return errValidation(fmt.Sprintf("Endpoint %s of account %s not found.", name, r.opts.Partition.Account))
}

func errNoInstance(endpoint gnomon.EndpointName, variant string) *Error {
	return &Error{Status: 503, Name: "ServiceUnavailable",
		Message: fmt.Sprintf("No instance of variant %s of endpoint %s can take the request. Please try again.", variant, endpoint)}
}

// timedOut is what AWS says in a container's stead.
const timedOut = "Your invocation timed out while waiting for a response from container primary. Review the latency metrics " +
	"for each container in Amazon CloudWatch, resolve the issue, and try again."

// errModel turns a leg that brought no good answer into a ModelError.
func (r *Router) errModel(endpoint gnomon.EndpointName, g *leg) *Error {
	status, said := 0, ""
	switch g.fault {
	case gnomon.NoFault:
		status, said = g.in.head.Status, string(g.in.body)
	case gnomon.FaultTimeout:
		said = timedOut
	case gnomon.FaultProtocol:
		said = "The container did not answer in HTTP, or its answer is too large."
	default:
		said = "The container could not be reached, or it broke the connection before it had answered."
	}
	side, code := "server", "INTERNAL_FAILURE_FROM_MODEL"
	if status >= 400 && status <= 499 {
		side, code = "client", "CLIENT_ERROR_FROM_MODEL"
	}
	p := r.opts.Partition
	before := fmt.Sprintf("Received %s error (%d) from primary with message \"", side, status)
	after := fmt.Sprintf("\". See https://%[1]s.console.aws.amazon.com/cloudwatch/home?region=%[1]s#logEventViewer:group=/aws/sagemaker/Endpoints/%[2]s "+
		"in account %[3]s for more information.", p.Region, endpoint, p.Account)
	return &Error{
		Status: 424, Name: "ModelError",
		Message:            before + clip(said, maxMessage-len(before)-len(after)) + after,
		OriginalStatusCode: status,
		OriginalMessage:    clip(said, maxMessage),
		LogStreamARN:       fmt.Sprintf("arn:%s:logs:%s:%s:log-group:/aws/sagemaker/Endpoints/%s", p.Name, p.Region, p.Account, endpoint),
		ErrorCode:          code,
	}
}

// clip cuts s to at most n bytes of valid UTF-8.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:max(0, n)]
		return strings.ToValidUTF8(s, "")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// appendFields appends the header lines that go with e.
func (e *Error) appendFields(dst []byte) []byte {
	return append(append(append(dst, "Content-Type: application/json\r\nx-amzn-errortype: "...), e.Name...), "\r\n"...)
}

func (e *Error) json() []byte {
	shape := struct {
		Type               string `json:"__type"`
		Message            string `json:",omitempty"`
		ErrorCode          string `json:",omitempty"`
		OriginalStatusCode *int   `json:",omitempty"`
		OriginalMessage    string `json:",omitempty"`
		LogStreamARN       string `json:"LogStreamArn,omitempty"`
	}{Type: e.Name, Message: e.Message}
	if e.Name == "ModelError" {
		shape.ErrorCode, shape.OriginalStatusCode = e.ErrorCode, &e.OriginalStatusCode
		shape.OriginalMessage, shape.LogStreamARN = e.OriginalMessage, e.LogStreamARN
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // an answer that a model gave is to be read by people
	if err := enc.Encode(shape); err != nil {
		panic(err) // strings and a number always marshal
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
