package cloudwatch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// awsJSON is AWS JSON 1.0. https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
type awsJSON struct{}

// maxDepth is how deeply lists and structures may be nested; the deepest input has seven levels.
const maxDepth = 32

func (awsJSON) contentType() string { return "application/x-amz-json-1.0" }

func (p awsJSON) request(r *http.Request, body []byte) (string, func() (any, error), error) {
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), shapePrefix+".")
	if !ok || !hasMedia(r, p.contentType()) {
		return "", nil, &Error{
			Code:    codeUnknownOperation,
			Message: "The requested operation is not recognized by the service: the content type must be " + p.contentType(),
		}
	}
	return operation, func() (any, error) { return parseJSON(body) }, nil
}

func parseJSON(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	tree, err := readJSON(d, 0)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return tree, nil
		}
		err = errors.New("there is something behind the input")
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return nil, e
	}
	return nil, malformed("The body is no JSON: %s", clip(err.Error()))
}

// readJSON reads one value. Unlike encoding/json it refuses members that are there twice, since two readers could take
// different ones, and depths that nothing needs.
func readJSON(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if depth == maxDepth {
			return nil, malformed("The input is nested too deeply")
		}
		if t == '{' {
			return readObject(d, depth+1)
		}
		return readArray(d, depth+1)
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n, nil
		}
		f, err := t.Float64()
		if err != nil {
			return nil, malformed("The number %s is too large", clip(t.String()))
		}
		return f, nil
	}
	return t, nil
}

func readObject(d *json.Decoder, depth int) (any, error) {
	all := make(map[string]any)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := key.(string)
		if _, ok := all[name]; ok {
			return nil, malformed("The member %s is given twice", clip(name))
		}
		if all[name], err = readJSON(d, depth); err != nil {
			return nil, err
		}
		setTime(all, name)
	}
	_, err := d.Token()
	return all, err
}

func readArray(d *json.Decoder, depth int) (any, error) {
	all := []any{}
	for d.More() {
		v, err := readJSON(d, depth)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	_, err := d.Token()
	return all, err
}

// setTime makes a time of a number where the model has a time: they are seconds since 1970.
func setTime(all map[string]any, name string) {
	if name != "StartTime" && name != "EndTime" {
		return
	}
	var seconds float64
	switch v := all[name].(type) {
	case int64:
		seconds = float64(v)
	case float64:
		seconds = v
	default:
		return
	}
	if t, ok := unixTime(seconds); ok {
		all[name] = t
	}
}

func (awsJSON) answer(_, _ string, output any) ([]byte, error) {
	return json.Marshal(plain(reflect.ValueOf(output), func(t time.Time) any {
		return json.Number(strconv.FormatFloat(float64(t.UnixMilli())/1e3, 'f', -1, 64))
	}))
}

func (awsJSON) failure(e *Error, _ string) ([]byte, error) { return json.Marshal(failureOf(e)) }

// failureOf returns an error as the newer protocols have it.
func failureOf(e *Error) map[string]any {
	message := "message"
	if e.Code == codeInternal {
		message = "Message" // as the model has it
	}
	return map[string]any{"__type": "com.amazonaws.cloudwatch#" + e.Code, message: e.Message}
}
