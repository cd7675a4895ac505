package http1

import "bytes"

// A Request is the head of a request. Its slices alias the parsed bytes.
type Request struct {
	Method []byte
	// Target is the path and the query as they were sent. Of an absolute target ("http://host/path?query") it is the
	// part from the path on, "/" if there is none. What has neither form ("*", "host:port") is left as it is.
	Target []byte
	Minor  int    // HTTP/1.Minor: 0 or 1
	Header []byte // the lines "Name: value\r\n" as they were sent, and the final empty line; see [Next]
	Length int64  // of the body in bytes, 0 if there is none, or Chunked
	Close  bool   // the client wants the connection closed after the answer
	Expect bool   // it waits for a 100 (Continue) before it sends the body; never in HTTP/1.0
}

// Parse reads the head at the beginning of b and returns how many bytes that is, the empty line included and an empty
// line before it too. While b holds no complete head, that is 0 and r is as it was. A head may be max bytes long; where
// more than that are there, the error is ErrTooLarge. Every other error is an *Error. After an error nothing on the
// connection can be trusted.
//
// What is wrong is found when the head is complete, but a line end without CR, too many lines and a beginning that is not
// HTTP (that of TLS, say) as soon as they are there: their senders might wait for an answer.
func (r *Request) Parse(b []byte, max int) (n int, err error) {
	start := 0
	switch {
	case len(b) == 0 || len(b) == 1 && b[0] == '\r':
	case b[0] == '\r' && b[1] == '\n': // old clients end a body with an empty line too many
		start = 2
	}
	if len(b) > start && b[start] != '\n' && !tokenBytes[b[start]] && len(b)+start > 1 {
		return 0, errRequestLine
	}
	n, err = headEnd(b, start, max)
	if n == 0 || err != nil {
		return 0, err
	}
	line, block := cutLine(b[start:n])
	parsed := Request{Header: block}
	if err := parsed.requestLine(line); err != nil {
		return 0, err
	}
	if err := parsed.header(); err != nil {
		return 0, err
	}
	*r = parsed
	return n, nil
}

// requestLine reads "METHOD target HTTP/1.x". What stands between the first blank and the version is the target, and
// since that has no blanks in it there are just the two.
func (r *Request) requestLine(line []byte) error {
	method := tokenLength(line)
	version := len(line) - len(" HTTP/1.x")
	if method == 0 || method >= version || line[method] != ' ' || string(line[version:version+6]) != " HTTP/" {
		return errRequestLine
	}
	r.Method, r.Target = line[:method], line[method+1:version]
	if len(r.Target) == 0 || !isVisible(r.Target) {
		return errTarget
	}
	var ok bool
	if r.Minor, ok = minor(line[version+1:]); !ok {
		return errVersion
	}
	return nil
}

func (r *Request) header() error {
	var f framing
	if err := f.read(r.Header, r.Minor); err != nil {
		return err
	}
	switch {
	case f.hosts > 1 || f.hosts == 0 && r.Minor > 0:
		return errHost
	case f.otherExpectation:
		return errExpectation
	}
	if f.codings > 0 {
		r.Length = Chunked
	} else {
		r.Length = f.length
	}
	r.Close = f.closes(r.Minor)
	r.Expect = f.expect && r.Minor > 0
	return r.absolute(f.host)
}

// absolute takes scheme and host off a target that has them. The host must be that of the header: RFC 9112 lets the
// target win, but not every server does.
func (r *Request) absolute(host []byte) error {
	if r.Target[0] == '/' {
		return nil
	}
	scheme := bytes.Index(r.Target, []byte("://"))
	if scheme < 0 {
		return nil
	}
	if s := r.Target[:scheme]; !EqualFold(s, "http") && !EqualFold(s, "https") {
		return errTarget
	}
	authority := r.Target[scheme+len("://"):]
	path := r.Target[scheme+1:][:1] // one of the slashes before the host, for want of one behind it
	if i := bytes.IndexByte(authority, '/'); i >= 0 {
		authority, path = authority[:i], authority[i:]
	}
	// A query without a path would need a slash before it that nobody sent.
	if len(authority) == 0 || bytes.ContainsAny(authority, "?#@") {
		return errTarget
	}
	if !equalFolded(authority, host) {
		return errTargetHost
	}
	r.Target = path
	return nil
}
