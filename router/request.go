package router

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"gnomon/http1"
)

// The header fields of InvokeEndpoint.
const (
	fieldContentType = iota
	fieldAccept
	fieldCustomAttributes
	fieldInferenceID
	fieldSessionID
	fieldPrefixAwareID
	fieldTargetVariant
	fieldTargetModel
	fieldTargetContainer
	fieldExplanations
	fieldComponent
	fieldStreamAccept // stands for fieldAccept in a request for a stream
	fields
)

// A field is one header of the request, with AWS's constraints on it.
type field struct {
	header  string // in lower case
	forward string // the line's beginning for the model; empty: it is not for the model
	member  string // in messages
	min     int    // bytes
	max     int
	pattern pattern
}

// A pattern is one of AWS's regular expressions with a function that does the same.
type pattern struct {
	text  string
	match func([]byte) bool
}

var (
	ascii     = pattern{`\p{ASCII}*`, isASCII}
	printable = pattern{`\A\S[\p{Print}]*\z`, isPrintable}
	name      = pattern{`^[a-zA-Z0-9](-*[a-zA-Z0-9])*`, isName}
	session   = pattern{`^(NEW_SESSION)$|^[a-zA-Z0-9](-*[a-zA-Z0-9])*$`, func(b []byte) bool { return string(b) == "NEW_SESSION" || isName(b) }}
)

var known = [fields]field{
	fieldContentType:      {"content-type", "Content-Type: ", "contentType", 0, 1024, ascii},
	fieldAccept:           {"accept", "Accept: ", "accept", 0, 1024, ascii},
	fieldCustomAttributes: {"x-amzn-sagemaker-custom-attributes", "X-Amzn-SageMaker-Custom-Attributes: ", "customAttributes", 0, 1024, ascii},
	fieldInferenceID:      {"x-amzn-sagemaker-inference-id", "X-Amzn-SageMaker-Inference-Id: ", "inferenceId", 1, 64, printable},
	fieldSessionID:        {"x-amzn-sagemaker-session-id", "X-Amzn-SageMaker-Session-Id: ", "sessionId", 0, 256, session},
	fieldPrefixAwareID:    {"x-amzn-sagemaker-prefix-aware-id", "X-Amzn-SageMaker-Prefix-Aware-Id: ", "prefixAwareId", 0, 1024, ascii},
	fieldTargetVariant:    {"x-amzn-sagemaker-target-variant", "", "targetVariant", 0, 63, name},
	fieldTargetModel:      {"x-amzn-sagemaker-target-model", "", "targetModel", 1, 1024, printable},
	fieldTargetContainer:  {"x-amzn-sagemaker-target-container-hostname", "", "targetContainerHostname", 0, 63, name},
	fieldExplanations:     {"x-amzn-sagemaker-enable-explanations", "", "enableExplanations", 1, 64, ascii},
	fieldComponent:        {"x-amzn-sagemaker-inference-component", "", "inferenceComponentName", 0, 63, name},
	fieldStreamAccept:     {"x-amzn-sagemaker-accept", "", "accept", 0, 1024, ascii},
}

var endpointName = field{member: "endpointName", min: 1, max: 63, pattern: name}

// A request is what an invocation says beside its body. The slices are of the buffers it was read from; nil is absent.
type request struct {
	Request
	endpoint []byte
	stream   bool // the answer is wanted as a stream
	async    bool // it is wanted in a file, some time
	values   [fields][]byte
	twice    bool // a field is there more than once
}

// The operations on an endpoint, by what stands behind its name in the path.
const (
	pathInvoke = "/invocations"
	pathStream = "/invocations-response-stream"
	pathAsync  = "/async-invocations"
)

// parsePath takes /endpoints/{name}/{operation} apart; a query is nothing to it. It reports false for other paths.
func parsePath(uri []byte) (endpoint []byte, operation string, ok bool) {
	if query := bytes.IndexByte(uri, '?'); query >= 0 {
		uri = uri[:query]
	}
	rest, ok := bytes.CutPrefix(uri, []byte("/endpoints/"))
	slash := bytes.IndexByte(rest, '/')
	if !ok || slash < 0 {
		return nil, "", false
	}
	for _, operation := range [...]string{pathInvoke, pathStream, pathAsync} {
		if string(rest[slash:]) == operation {
			return rest[:slash], operation, true
		}
	}
	return nil, "", false
}

// parse reads the request line and the header. An error is one that needs nobody's permission to be told.
func (q *request) parse(head *http1.Request) error {
	var operation string
	var ok bool
	if q.endpoint, operation, ok = parsePath(head.Target); !ok || string(head.Method) != "POST" {
		return errUnknownOperation()
	}
	q.stream = operation == pathStream
	q.async = operation == pathAsync
	q.parseHeaders(head.Header)
	return nil
}

// fault returns what is wrong with the request, if anything is.
func (q *request) fault() error {
	if q.async {
		return errValidation("Endpoint " + string(q.endpoint) + " is not an asynchronous endpoint: asynchronous inference is not served. Call InvokeEndpoint.")
	}
	if q.twice {
		return errValidation("A header of the request is there twice.")
	}
	if fault := q.check(); fault != "" {
		return errValidation(fault)
	}
	return q.refuse()
}

// refuse says no to members that only mean something to kinds of endpoints that there are none of here.
func (q *request) refuse() error {
	switch {
	case len(q.values[fieldTargetModel]) > 0:
		return errValidation("Target model header is set on the request, but endpoint " + string(q.endpoint) + " is not a multi-model endpoint.")
	case len(q.values[fieldTargetContainer]) > 0:
		return errValidation("Target container header is set on the request, but endpoint " + string(q.endpoint) + " is not a multi-container endpoint.")
	case len(q.values[fieldComponent]) > 0:
		return errValidation("Inference component name header is set on the request, but endpoint " + string(q.endpoint) + " has no inference components.")
	case len(q.values[fieldExplanations]) > 0:
		return errValidation("Enable explanations header is set on the request, but endpoint " + string(q.endpoint) + " has no explainer configured.")
	}
	return nil
}

// parseHeaders reads the fields from a header block.
func (q *request) parseHeaders(block []byte) {
	for len(block) > 2 {
		var name, value []byte
		name, value, block = http1.Next(block)
		i := q.fieldOf(name)
		if i < 0 {
			continue
		}
		q.twice = q.twice || q.values[i] != nil
		if value == nil {
			value = []byte{}
		}
		q.values[i] = value
	}
}

// fieldOf finds a header's field, or returns -1.
func (q *request) fieldOf(header []byte) int {
	if c := header[0] | 0x20; c != 'x' && c != 'c' && c != 'a' {
		return -1
	}
	for i := range known {
		if h := known[i].header; len(h) == len(header) && http1.EqualFold(header, h) {
			if i == fieldAccept && q.stream {
				return -1 // it is about the stream; what the model is to answer with has a name of its own
			}
			if i == fieldStreamAccept {
				if !q.stream {
					return -1
				}
				return fieldAccept
			}
			return i
		}
	}
	return -1
}

// check returns what is wrong with the request's members, in AWS's words, or an empty string.
func (q *request) check() string {
	var faults []string
	faults = endpointName.check(faults, q.endpoint)
	for i := range known {
		if q.values[i] != nil {
			faults = known[i].check(faults, q.values[i])
		}
	}
	switch len(faults) {
	case 0:
		return ""
	case 1:
		return "1 validation error detected: " + faults[0]
	}
	return fmt.Sprintf("%d validation errors detected: %s", len(faults), strings.Join(faults, "; "))
}

func (f *field) check(faults []string, v []byte) []string {
	constraint := ""
	switch {
	case len(v) > f.max:
		constraint = fmt.Sprintf("Member must have length less than or equal to %d", f.max)
	case len(v) < f.min:
		constraint = fmt.Sprintf("Member must have length greater than or equal to %d", f.min)
	case len(v) > 0 && !f.pattern.match(v):
		constraint = "Member must satisfy regular expression pattern: " + f.pattern.text
	default:
		return faults
	}
	return append(faults, fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: %s", v, f.member, constraint))
}

// appendHead appends the header lines for the model, with the empty line. What is not listed here does not travel:
// credentials and cookies are the router's business, and connections are each hop's own.
func (q *request) appendHead(dst, id []byte, length int) []byte {
	for i := range known {
		if f := &known[i]; f.forward != "" && q.values[i] != nil {
			dst = append(dst, f.forward...)
			dst = append(dst, q.values[i]...)
			dst = append(dst, "\r\n"...)
		}
	}
	dst = append(dst, "X-Amzn-RequestId: "...)
	dst = append(dst, id...)
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(length), 10)
	return append(dst, "\r\n\r\n"...)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

func isPrintable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(b) > 0 && b[0] != ' '
}

func isName(b []byte) bool {
	for _, c := range b {
		if c != '-' && !isAlphanumeric(c) {
			return false
		}
	}
	return len(b) > 0 && b[0] != '-' && b[len(b)-1] != '-'
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}
