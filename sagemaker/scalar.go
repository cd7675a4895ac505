package sagemaker

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gnomon/sagemaker/internal/schema"
)

// scalar returns what the constraints of s look at in v, or an error if v is not
// of the type of s. Integers are taken as they are written: 5.0 and 5e0 are none.
func scalar(s *schema.Shape, path string, v any) (schema.Value, error) {
	switch v := v.(type) {
	case string:
		if s.Type == "string" {
			return schema.Text(v), nil
		}
	case bool:
		if s.Type == "boolean" {
			return schema.Value{}, nil
		}
	case json.Number:
		switch s.Type {
		case "integer":
			if n, err := strconv.ParseInt(v.String(), 10, 32); err == nil {
				return schema.Value{Size: float64(n)}, nil
			}
		case "float":
			if f, err := strconv.ParseFloat(v.String(), 32); err == nil {
				return schema.Value{Size: f}, nil
			}
		case "timestamp":
			if _, err := parseTime(v.String()); err == nil {
				return schema.Value{}, nil
			}
		}
	}
	return schema.Value{}, wrongType(s, path, v)
}

// wrongType says that v cannot be an s, in the manner of AWS's parsers, which
// name tokens and types but, unlike this one, not the place.
func wrongType(s *schema.Shape, path string, v any) *Error {
	var text string
	switch v := v.(type) {
	case []any:
		text = "Start of list found where not expected"
	case map[string]any:
		text = "Start of structure or map found where not expected"
	case json.Number:
		text = fmt.Sprintf("NUMBER_VALUE %s can not be converted to %s", clip(v.String()), typeName(s))
	case string:
		text = "STRING_VALUE can not be converted to " + typeName(s)
	case bool:
		text = strings.ToUpper(strconv.FormatBool(v)) + "_VALUE can not be converted to " + typeName(s)
	default:
		text = "NULL_VALUE can not be converted to " + typeName(s)
	}
	if path != "" {
		text += " at '" + clip(path) + "'"
	}
	return serializationError(text)
}

func typeName(s *schema.Shape) string {
	switch s.Type {
	case "integer":
		return "an Integer"
	case "timestamp":
		return "a Timestamp in seconds since the epoch"
	}
	return "a " + strings.ToUpper(s.Type[:1]) + s.Type[1:]
}

// longestValue is how much of a value an answer repeats, in code points.
const longestValue = 256

func clip(s string) string {
	n := 0
	for i := range s {
		if n == longestValue {
			return s[:i] + "..."
		}
		n++
	}
	return s
}

// quote renders v as it stands in AWS's validation messages: lists and maps as
// Java prints them, and null without quotes.
func quote(v any) string {
	if v == nil {
		return "null"
	}
	var b strings.Builder
	render(&b, v)
	return "'" + clip(b.String()) + "'"
}

func render(b *strings.Builder, v any) {
	// A value may be as large as a request; beyond this nothing is shown anyway,
	// a code point having at most four bytes.
	if b.Len() > 4*longestValue {
		return
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case []any:
		sep := "["
		for _, x := range v {
			b.WriteString(sep)
			render(b, x)
			sep = ", "
		}
		if len(v) == 0 {
			b.WriteString(sep)
		}
		b.WriteString("]")
	case map[string]any:
		b.WriteString("{")
		sep := ""
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b.WriteString(sep + key + "=")
			render(b, v[key])
			sep = ", "
		}
		b.WriteString("}")
	default:
		fmt.Fprint(b, v)
	}
}
