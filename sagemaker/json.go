package sagemaker

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"
)

// Marshal returns v, an input or output, as JSON. Absent members are left out and
// equal values give equal bytes, so a request that was accepted can be kept, told
// apart from another, and read again by [Unmarshal].
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Unmarshal reads into v what [Marshal] wrote. It checks no constraint: what
// arrives from outside goes through [Decode].
func Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

// Decode reads the body of a request for operation into in, a pointer to that
// operation's input. Nothing is read that does not keep every constraint of the
// model: an *Error of code SerializationException says that the body is not JSON
// or has a value of the wrong type, one of code ValidationException lists every
// constraint that is not kept, one of code UnknownOperationException says that
// the operation is not served. Members that the model does not know are ignored;
// of a member that is given twice the last counts. An empty body is an empty object.
func Decode(operation string, body []byte, in any) error {
	op, ok := find(operation)
	if !ok {
		return unknownOperation()
	}
	tree, err := parse(body)
	if err != nil {
		return err
	}
	known, err := check(op.Input.Shape, tree)
	if err != nil {
		return err
	}
	// Package json matches names regardless of case. The tree holds none but the
	// model's own names, so a member cannot be overwritten by its lower-case twin
	// that was never checked.
	data, err := json.Marshal(known)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, in)
}

// parse reads body as generic JSON with numbers as they were written.
func parse(body []byte) (any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return map[string]any{}, nil
	}
	if !utf8.Valid(body) {
		return nil, serializationError("The request body is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, serializationError("The request body is not valid JSON: " + err.Error())
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, serializationError("The request body is more than one JSON value")
	}
	return v, nil
}
