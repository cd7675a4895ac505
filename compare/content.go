package compare

import (
	"bytes"
	"strings"

	"gnomon"
)

// formats are the kinds of content types that say what an answer is. Others do not: text is what many servers call whatever
// they send, and octet-stream means nothing.
var formats = map[string]Kind{
	"application/json": JSON, "text/json": JSON,
	"application/jsonlines": Lines, "application/jsonl": Lines, "application/x-jsonlines": Lines,
	"application/x-ndjson": Lines, "application/ndjson": Lines,
	"text/csv": CSV, "application/csv": CSV,
	"application/x-npy":   NPY,
	"text/event-stream":   Stream,
	"application/xml":     Text,
	"application/xml-dtd": Text,
}

// kindOf returns what a content type says of an answer, and whether it is one that says what it is.
func kindOf(contentType string) (k Kind, certain bool) {
	if k, ok := formats[contentType]; ok { // as it mostly is
		return k, k != Text
	}
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	switch k, ok := formats[media]; {
	case ok:
		return k, k != Text
	case strings.HasSuffix(media, "+json"):
		return JSON, true
	case strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+xml"):
		return Text, false
	}
	return Bytes, false
}

// kind returns how the two are to be compared. It reports false if their content types are of two kinds.
func (c *Comparer) kind(production, shadow *Answer) (k Kind, ok bool) {
	a, certainA := kindOf(production.ContentType)
	b, certainB := kindOf(shadow.ContentType)
	switch c.answers.Kind {
	case gnomon.AnswersJSON:
		if a == Lines || b == Lines {
			return Lines, true
		}
		return JSON, true
	case gnomon.AnswersCSV:
		return CSV, true
	case gnomon.AnswersNPY:
		return NPY, true
	case gnomon.AnswersTop:
		return Labels, !certainA || !certainB || a == b || json(a) && json(b)
	case gnomon.AnswersText:
		if events(production, a) && events(shadow, b) {
			return Stream, true
		}
		return Text, true
	case gnomon.AnswersBytes:
		return Bytes, true
	}
	switch {
	case events(production, a) && events(shadow, b):
		return Stream, true
	case certainA && certainB:
		if json(a) && json(b) && a != b {
			return Lines, true
		}
		return a, a == b
	case certainA:
		return a, true
	case certainB:
		return b, true
	case a == Text || b == Text || production.Streamed && shadow.Streamed:
		return Text, true
	}
	return Bytes, true
}

func json(k Kind) bool { return k == JSON || k == Lines }

// events reports whether an answer of that kind is a stream of events: by its content type, or by how a streamed answer
// begins, since what models stream goes by many types.
func events(a *Answer, k Kind) bool {
	if k == Stream {
		return true
	}
	body := bytes.TrimLeft(a.Body, " \r\n")
	return a.Streamed && (bytes.HasPrefix(body, []byte("data:")) || bytes.HasPrefix(body, []byte("event:")) ||
		k == Lines && bytes.HasPrefix(body, []byte("{")))
}

// labelFormat returns what an answer with labels is in: what its content type says, or what it looks like.
func labelFormat(a *Answer) Kind {
	if k, certain := kindOf(a.ContentType); certain && k != Stream {
		return k
	}
	body := bytes.TrimLeft(a.Body, " \t\r\n")
	switch {
	case bytes.HasPrefix(body, []byte(npyMagic)):
		return NPY
	case len(body) > 0 && (body[0] == '{' || body[0] == '[' || body[0] == '"'):
		return Lines // which one document is, too
	}
	return CSV
}
