package router

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
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
}

var endpointName = field{member: "endpointName", min: 1, max: 63, pattern: name}

// A request is what InvokeEndpoint says beside its body. The slices are of the buffers it was read from; nil is absent.
type request struct {
	endpoint []byte
	values   [fields][]byte
}

// parsePath takes /endpoints/{name}/invocations apart; a query is nothing to it. It reports false for other paths.
func parsePath(uri []byte) (endpoint []byte, ok bool) {
	if query := bytes.IndexByte(uri, '?'); query >= 0 {
		uri = uri[:query]
	}
	rest, ok := bytes.CutPrefix(uri, []byte("/endpoints/"))
	if !ok {
		return nil, false
	}
	endpoint, ok = bytes.CutSuffix(rest, []byte("/invocations"))
	return endpoint, ok && bytes.IndexByte(endpoint, '/') < 0
}

// parseHeaders reads the fields from a raw header block. That is what the signature is checked on, and unlike the
// server's own view it has no trailers in it, which nobody signs. It reports false if a field comes twice.
func (q *request) parseHeaders(block []byte) bool {
	for len(block) > 0 {
		end := bytes.IndexByte(block, '\n')
		if end < 0 {
			end = len(block) - 1
		}
		line := block[:end+1]
		block = block[end+1:]
		colon := bytes.IndexByte(line, ':')
		if colon < 1 {
			continue
		}
		if i := fieldOf(line[:colon]); i >= 0 {
			if q.values[i] != nil {
				return false
			}
			q.values[i] = bytes.Trim(line[colon+1:], " \t\r\n")
			if q.values[i] == nil {
				q.values[i] = []byte{}
			}
		}
	}
	return true
}

// fieldOf finds a header's field, or returns -1.
func fieldOf(header []byte) int {
	if c := header[0] | 0x20; c != 'x' && c != 'c' && c != 'a' {
		return -1
	}
	for i := range known {
		if h := known[i].header; len(h) == len(header) && bytes.EqualFold([]byte(h), header) {
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
