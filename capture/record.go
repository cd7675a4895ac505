package capture

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A Record is one line of an object, as AWS writes it: what one variant was sent and what it answered. Input or Output is
// nil where it was not captured.
type Record struct {
	EventID          string
	InferenceID      string // empty: the caller gave none
	CustomAttributes string // likewise
	Time             time.Time
	Input, Output    *Payload
}

// A Payload is a body with its content type.
type Payload struct {
	ContentType string
	Encoding    Encoding
	Data        []byte // decoded
}

// An Encoding says how a body is written into a record.
type Encoding string

// The encodings.
const (
	CSV    Encoding = "CSV"
	JSON   Encoding = "JSON"
	Base64 Encoding = "BASE64"
)

// contentTypes are those that are written as text. All else is Base64. They are one goroutine's.
type contentTypes struct {
	csv, json []string            // lower case, without parameters
	seen      map[string]Encoding // by content types as callers write them, which takes longer to find out than to write a body
}

// maxSeen bounds how many content types are remembered.
const maxSeen = 64

func newContentTypes(csv, json []string) *contentTypes {
	plain := func(all []string) []string {
		var out []string
		for _, t := range all {
			out = append(out, withoutParameters(t))
		}
		return out
	}
	return &contentTypes{plain(csv), plain(json), make(map[string]Encoding)}
}

// of is how bodies of the content type are written.
func (c *contentTypes) of(contentType string) Encoding {
	if len(c.csv) == 0 && len(c.json) == 0 {
		return Base64
	}
	is := withoutParameters(contentType)
	switch {
	case slices.Contains(c.json, is):
		return JSON
	case slices.Contains(c.csv, is):
		return CSV
	}
	return Base64
}

// encoding is how a body of the content type is written. What is listed as text but is not UTF-8 is Base64 all the same:
// JSON cannot hold it.
func (c *contentTypes) encoding(contentType, body []byte) Encoding {
	e, ok := c.seen[string(contentType)]
	if !ok {
		if len(c.seen) == maxSeen {
			clear(c.seen)
		}
		e = c.of(string(contentType))
		c.seen[string(contentType)] = e
	}
	if e != Base64 && !utf8.Valid(body) {
		return Base64
	}
	return e
}

// withoutParameters is a content type for comparing: "text/csv" of "Text/CSV; charset=utf-8".
func withoutParameters(t string) string {
	if bare, _, err := mime.ParseMediaType(t); err == nil {
		return bare
	}
	bare, _, _ := strings.Cut(t, ";")
	return strings.ToLower(strings.TrimSpace(bare))
}

// eventVersion is AWS's version of the record.
const eventVersion = "0"

// A line is a record that is about to be written. Its parts are someone else's memory.
type line struct {
	eventID, inferenceID, customAttributes []byte
	time                                   time.Time
	input, output                          body
}

type body struct {
	contentType []byte
	encoding    Encoding // empty: it was not captured
	data        []byte
}

// append writes the record and the end of the line.
func (l *line) append(dst []byte) []byte {
	dst = append(dst, `{"captureData":{`...)
	if l.input.encoding != "" {
		dst = l.input.append(append(dst, `"endpointInput":`...), "INPUT")
	}
	if l.output.encoding != "" {
		if l.input.encoding != "" {
			dst = append(dst, ',')
		}
		dst = l.output.append(append(dst, `"endpointOutput":`...), "OUTPUT")
	}
	dst = appendString(append(dst, `},"eventMetadata":{"eventId":`...), l.eventID)
	if len(l.inferenceID) > 0 {
		dst = appendString(append(dst, `,"inferenceId":`...), l.inferenceID)
	}
	if len(l.customAttributes) > 0 {
		dst = append(appendString(append(dst, `,"customAttributes":[`...), l.customAttributes), ']')
	}
	dst = l.time.UTC().AppendFormat(append(dst, `,"inferenceTime":"`...), "2006-01-02T15:04:05Z")
	return append(dst, `"},"eventVersion":"`+eventVersion+"\"}\n"...)
}

func (b *body) append(dst []byte, mode string) []byte {
	dst = appendString(append(dst, `{"observedContentType":`...), b.contentType)
	dst = append(append(append(dst, `,"mode":"`...), mode...), `","data":`...)
	if b.encoding == Base64 {
		dst = append(base64.StdEncoding.AppendEncode(append(dst, '"'), b.data), '"')
	} else {
		dst = appendString(dst, b.data)
	}
	return append(append(append(dst, `,"encoding":"`...), b.encoding...), `"}`...)
}

// appendString appends s as a JSON string, in which what is not UTF-8 becomes U+FFFD.
func appendString[T string | []byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		for i+8 <= len(s) && plain(eight(s[i:i+8])) {
			i += 8
		}
		if i == len(s) {
			break
		}
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(append(dst, s[start:i]...), "\ufffd"...)
			i++
			start = i
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&0xf])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

// eight is the first eight bytes of s, the first of them lowest.
func eight[T string | []byte](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// plain reports whether none of the eight bytes needs a closer look: all are ASCII, and none is a control character, a quote or
// a backslash. Each term has the high bit of a byte set where that byte is one of those; the first such byte is never missed, and
// of those above it some that are none may be found.
func plain(eight uint64) bool {
	const each = 0x0101010101010101 // times a byte: that byte eight times
	control := eight - each*' '
	quote := eight ^ each*'"' - each
	backslash := eight ^ each*'\\' - each
	return (eight|control|quote|backslash)&(each*0x80) == 0
}

// wire is a record as encoding/json reads it.
type wire struct {
	CaptureData struct {
		EndpointInput  *wirePayload `json:"endpointInput"`
		EndpointOutput *wirePayload `json:"endpointOutput"`
	} `json:"captureData"`
	EventMetadata struct {
		EventID          string     `json:"eventId"`
		InferenceID      string     `json:"inferenceId"`
		CustomAttributes attributes `json:"customAttributes"`
		InferenceTime    string     `json:"inferenceTime"`
	} `json:"eventMetadata"`
	EventVersion string `json:"eventVersion"`
}

// attributes are a list of one, as the preprocessing scripts of AWS's documentation read them. A string alone will do too.
type attributes string

func (a *attributes) UnmarshalJSON(b []byte) error {
	var list []string
	if json.Unmarshal(b, &list) == nil {
		*a = attributes(strings.Join(list, ","))
		return nil
	}
	return json.Unmarshal(b, (*string)(a))
}

type wirePayload struct {
	ObservedContentType string `json:"observedContentType"`
	Data                string `json:"data"`
	Encoding            string `json:"encoding"`
}

// Parse reads one line of an object.
func Parse(line []byte) (Record, error) {
	var w wire
	if err := json.Unmarshal(line, &w); err != nil {
		return Record{}, fmt.Errorf("read captured record: %w", err)
	}
	m := w.EventMetadata
	at, err := time.Parse(time.RFC3339, m.InferenceTime)
	switch {
	case m.EventID == "":
		return Record{}, fmt.Errorf("read captured record: it has no eventId")
	case err != nil:
		return Record{}, fmt.Errorf("read captured record %s: %w", m.EventID, err)
	}
	r := Record{EventID: m.EventID, InferenceID: m.InferenceID, CustomAttributes: string(m.CustomAttributes), Time: at.UTC()}
	if r.Input, err = w.CaptureData.EndpointInput.decode(); err == nil {
		r.Output, err = w.CaptureData.EndpointOutput.decode()
	}
	if err != nil {
		return Record{}, fmt.Errorf("read captured record %s: %w", m.EventID, err)
	}
	return r, nil
}

func (w *wirePayload) decode() (*Payload, error) {
	if w == nil {
		return nil, nil
	}
	p := &Payload{ContentType: w.ObservedContentType, Encoding: Encoding(w.Encoding)}
	switch p.Encoding {
	case CSV, JSON:
		p.Data = []byte(w.Data)
	case Base64:
		var err error
		if p.Data, err = base64.StdEncoding.DecodeString(w.Data); err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
	default:
		return nil, fmt.Errorf("encoding %q is not one of CSV, JSON and BASE64", w.Encoding)
	}
	return p, nil
}
