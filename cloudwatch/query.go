package cloudwatch

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// query is AWS's oldest protocol: a form in, XML out. https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
type query struct{}

// A form is a tree whose leaves are all strings, and whose lists are maps of numbers.
type form map[string]any

const (
	namespaceURL = "http://monitoring.amazonaws.com/doc/2010-08-01/"
	// The largest request that passes has 500 queries of 30 dimensions; deeper than six structures none is.
	maxParameters = 40_000
	maxSegments   = 16
)

func (query) contentType() string { return "text/xml" }

func (query) request(_ *http.Request, body []byte) (string, func() (any, error), error) {
	if n := bytes.Count(body, []byte("&")); n >= maxParameters {
		return "", nil, malformed("The request has %d parameters; at most %d are taken", n+1, maxParameters)
	}
	given, err := url.ParseQuery(string(body))
	if err != nil {
		return "", nil, malformed("The body is no form: %s", clip(err.Error()))
	}
	tree := make(map[string]any)
	for name, values := range given {
		if len(values) > 1 {
			return "", nil, malformed("The parameter %s is given %d times", clip(name), len(values))
		}
		if !utf8.ValidString(name) || !utf8.ValidString(values[0]) {
			return "", nil, malformed("The parameter %s is not UTF-8", clip(name))
		}
		if err := plant(tree, name, values[0]); err != nil {
			return "", nil, err
		}
	}
	if v, ok := tree["Version"].(string); !ok || v != apiVersion {
		return "", nil, &Error{Code: codeUnknownOperation, Message: "Could not find the version of the request; served is " + apiVersion}
	}
	action, ok := tree["Action"].(string)
	if !ok {
		return "", nil, &Error{Code: codeUnknownOperation, Message: "The parameter Action is required."}
	}
	return action, func() (any, error) { return form(tree), nil }, nil
}

// plant puts a value at the place in the tree that its name says, such as Dimensions.member.1.Name.
func plant(tree map[string]any, name, value string) error {
	segments := strings.Split(name, ".")
	if len(segments) > maxSegments {
		return malformed("The parameter %s is nested too deeply", clip(name))
	}
	last := len(segments) - 1
	for _, s := range segments[:last] {
		next, ok := tree[s]
		if !ok {
			next = make(map[string]any)
			tree[s] = next
		}
		if tree, ok = next.(map[string]any); !ok {
			return malformed("The parameter %s is inside of one that has a value", clip(name))
		}
	}
	if _, ok := tree[segments[last]]; ok {
		return malformed("The parameter %s has a value and others inside of it", clip(name))
	}
	tree[segments[last]] = value
	return nil
}

func (query) answer(operation, requestID string, output any) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<%sResponse xmlns="%s">`, operation, namespaceURL)
	if err := writeXML(&b, operation+"Result", reflect.ValueOf(output)); err != nil {
		return nil, err
	}
	b.WriteString("<ResponseMetadata>")
	element(&b, "RequestId", requestID)
	fmt.Fprintf(&b, "</ResponseMetadata></%sResponse>\n", operation)
	return b.Bytes(), nil
}

func (query) failure(e *Error, requestID string) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<ErrorResponse xmlns="%s"><Error>`, namespaceURL)
	element(&b, "Type", e.fault())
	element(&b, "Code", e.queryCode())
	element(&b, "Message", e.Message)
	b.WriteString("</Error>")
	element(&b, "RequestId", requestID)
	b.WriteString("</ErrorResponse>\n")
	return b.Bytes(), nil
}

func element(b *bytes.Buffer, name, text string) {
	b.WriteString("<" + name + ">")
	_ = xml.EscapeText(b, []byte(text)) // a buffer takes everything
	b.WriteString("</" + name + ">")
}

// writeXML writes a value as an element of that name.
func writeXML(b *bytes.Buffer, name string, v reflect.Value) error {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case v.Type() == timeType:
		element(b, name, v.Interface().(time.Time).UTC().Format(time.RFC3339Nano))
	case v.Kind() == reflect.Struct:
		b.WriteString("<" + name + ">")
		for _, m := range membersOf(v.Type()) {
			if f := v.Field(m.index); shown(m, f) {
				if err := writeXML(b, m.name, f); err != nil {
					return err
				}
			}
		}
		b.WriteString("</" + name + ">")
	case v.Kind() == reflect.Slice:
		b.WriteString("<" + name + ">")
		for i := range v.Len() {
			if err := writeXML(b, "member", v.Index(i)); err != nil {
				return err
			}
		}
		b.WriteString("</" + name + ">")
	case v.Kind() == reflect.Map:
		b.WriteString("<" + name + ">")
		for _, key := range sortedKeys(v) {
			b.WriteString("<entry>")
			element(b, "key", key.String())
			if err := writeXML(b, "value", v.MapIndex(key)); err != nil {
				return err
			}
			b.WriteString("</entry>")
		}
		b.WriteString("</" + name + ">")
	case v.Kind() == reflect.String:
		element(b, name, v.String())
	case v.Kind() == reflect.Float64:
		element(b, name, strconv.FormatFloat(v.Float(), 'f', -1, 64))
	default:
		return fmt.Errorf("%s: no XML for %s", name, v.Type())
	}
	return nil
}
