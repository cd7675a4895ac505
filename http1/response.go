package http1

// A Response is the head of an answer. Its slices alias the parsed bytes.
type Response struct {
	Status int    // 100 to 999
	Minor  int    // HTTP/1.Minor: 0 or 1
	Header []byte // the lines "Name: value\r\n" as they were sent, and the final empty line; see [Next]
	// Length is that of the body in bytes, or Chunked, or UntilClose. It is 0 where the status allows no body (1xx, 204,
	// 304). Nor has the answer to HEAD one, whatever its Length; the head does not say what it answers.
	Length int64
	Close  bool // the connection ends with this answer
}

// Parse reads the head at the beginning of b as [Request.Parse] does that of a request. Before it there may be nothing.
func (r *Response) Parse(b []byte, max int) (n int, err error) {
	n, err = headEnd(b, 0, max)
	if n == 0 || err != nil {
		return 0, err
	}
	line, block := cutLine(b[:n])
	parsed := Response{Header: block}
	if err := parsed.statusLine(line); err != nil {
		return 0, err
	}
	if err := parsed.header(); err != nil {
		return 0, err
	}
	*r = parsed
	return n, nil
}

// statusLine reads "HTTP/1.x 200 reason". Many leave out the reason, and some the blank before it.
func (r *Response) statusLine(line []byte) error {
	const version, status = len("HTTP/1.x"), len("HTTP/1.x 200")
	if len(line) < status || string(line[:5]) != "HTTP/" || line[version] != ' ' {
		return errStatusLine
	}
	var ok bool
	if r.Minor, ok = minor(line[:version]); !ok {
		return errVersion
	}
	code, ok := number(line[version+1 : status])
	if !ok || code < 100 || len(line) > status && line[status] != ' ' || !isText(line[status:]) {
		return errStatusLine
	}
	r.Status = int(code)
	return nil
}

func (r *Response) header() error {
	var f framing
	if err := f.read(r.Header, r.Minor); err != nil {
		return err
	}
	r.Close = f.closes(r.Minor)
	switch {
	case r.Status < 200 || r.Status == 204 || r.Status == 304:
		r.Length = 0
	case f.codings > 0:
		r.Length = Chunked
	case f.lengths > 0:
		r.Length = f.length
	default:
		r.Length, r.Close = UntilClose, true
	}
	return nil
}
