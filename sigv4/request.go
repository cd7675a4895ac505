package sigv4

import (
	"bytes"
	"cmp"
	"net/http"
)

// A Request is the part of an HTTP request that a signature covers. Its
// slices are only read, so they may alias the server's buffers.
type Request struct {
	Method []byte
	// RequestURI is the path and query exactly as they stood in the request
	// line, neither decoded nor cleaned.
	RequestURI []byte
	// Header holds every header line, Host among them, a name's values in the
	// order they were sent.
	Header []Header
	Body   []byte
}

// A Header is one header line. Names match whatever their case.
type Header struct{ Name, Value []byte }

// Reset empties the request, keeping the memory of its header list.
func (r *Request) Reset() {
	clear(r.Header)
	*r = Request{Header: r.Header[:0]}
}

// AddRaw adds the lines of a raw header block ("Name: value\r\n"…), without
// copying them. It reports whether every line was a header; a folded line is
// not. An empty line ends the block.
func (r *Request) AddRaw(block []byte) bool {
	for len(block) > 0 {
		var line []byte
		line, block, _ = bytes.Cut(block, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			return true
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || isSpace(line[0]) || isSpace(line[colon-1]) {
			return false
		}
		r.Header = append(r.Header, Header{Name: line[:colon], Value: line[colon+1:]})
	}
	return true
}

// FromHTTP returns the view of a request that a server received or a client
// is about to send. The body is passed beside it because reading r.Body here
// would take it from the handler.
func FromHTTP(r *http.Request, body []byte) *Request {
	view := &Request{
		Method:     []byte(cmp.Or(r.Method, http.MethodGet)),
		RequestURI: []byte(r.RequestURI),
		Body:       body,
	}
	host := r.Host
	if r.RequestURI == "" { // a client's request
		view.RequestURI = []byte(r.URL.RequestURI())
		host = cmp.Or(host, r.URL.Host)
	}
	view.Header = append(view.Header, Header{Name: []byte("Host"), Value: []byte(host)})
	for name, values := range r.Header {
		for _, value := range values {
			view.Header = append(view.Header, Header{Name: []byte(name), Value: []byte(value)})
		}
	}
	return view
}

// surveyed is what one pass over the headers finds.
type surveyed struct {
	authorization  []byte
	authorizations int
	date           []byte // X-Amz-Date, or Date if there is none
	amzDate        bool
	token          []byte
	hash           []byte
	hasHash        bool
	amz            int // header lines whose name begins with x-amz-
}

func survey(headers []Header) surveyed {
	var s surveyed
	for _, h := range headers {
		switch {
		case len(h.Name) == 4 && equalFold(h.Name, "date"):
			if !s.amzDate {
				s.date = h.Value
			}
		case len(h.Name) == 13 && equalFold(h.Name, "authorization"):
			s.authorization = h.Value
			s.authorizations++
		case isAmz(h.Name):
			s.amz++
			s.noteAmz(h)
		}
	}
	s.authorization = trim(s.authorization)
	s.date = trim(s.date)
	return s
}

func (s *surveyed) noteAmz(h Header) {
	switch {
	case equalFold(h.Name, "x-amz-date"):
		s.date, s.amzDate = h.Value, true
	case equalFold(h.Name, "x-amz-security-token"):
		s.token = trim(h.Value)
	case equalFold(h.Name, "x-amz-content-sha256"):
		s.hash, s.hasHash = trim(h.Value), true
	}
}

const amzPrefix = "x-amz-"

// isAmz reports whether a header of this name must be signed.
func isAmz(name []byte) bool {
	return len(name) > len(amzPrefix) && equalFold(name[:len(amzPrefix)], amzPrefix)
}

// equalFold compares a name with a lower-case one. bytes.EqualFold would also
// fold the Kelvin sign into k.
func equalFold[T string | []byte](name []byte, lower T) bool {
	if len(name) != len(lower) {
		return false
	}
	for i := range len(lower) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}
