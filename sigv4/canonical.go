package sigv4

import (
	"bytes"
	"slices"
)

// A canonicalizer builds canonical requests in memory that it reuses.
type canonicalizer struct {
	buf   []byte
	query []byte
	pairs []queryPair
	// amz is how many x-amz- header lines went into the last request.
	amz int
}

// queryPair is one encoded parameter in canonicalizer.query: the name ends at
// equal, the value begins after it.
type queryPair struct{ start, equal, end int }

// request returns the canonical form of r, valid until the next call. The
// signed headers must be sorted, in lower case and without repetition.
func (c *canonicalizer) request(r *Request, signedHeaders, bodyHash []byte) ([]byte, error) {
	path, query, _ := bytes.Cut(r.RequestURI, []byte("?"))
	c.buf = append(c.buf[:0], r.Method...)
	c.buf = append(c.buf, '\n')
	c.buf = appendPath(c.buf, path)
	c.buf = append(c.buf, '\n')
	if !c.appendQuery(query) {
		return nil, errQuery()
	}
	c.buf = append(c.buf, '\n')
	c.amz = 0
	for names := signedHeaders; len(names) > 0; {
		var name []byte
		name, names, _ = bytes.Cut(names, []byte(";"))
		if !c.appendHeader(r.Header, name) {
			return nil, errAbsentHeader(name)
		}
	}
	c.buf = append(c.buf, '\n')
	c.buf = append(c.buf, signedHeaders...)
	c.buf = append(c.buf, '\n')
	c.buf = append(c.buf, bodyHash...)
	return c.buf, nil
}

// appendHeader appends the header's line, its values joined by commas in the
// order they were sent. It reports whether the header is there at all.
func (c *canonicalizer) appendHeader(headers []Header, name []byte) bool {
	found := 0
	for i := range headers {
		if !equalFold(headers[i].Name, name) {
			continue
		}
		if found == 0 {
			c.buf = append(c.buf, name...)
			c.buf = append(c.buf, ':')
		} else {
			c.buf = append(c.buf, ',')
		}
		found++
		c.buf = appendFolded(c.buf, headers[i].Value)
	}
	if isAmz(name) {
		c.amz += found
	}
	c.buf = append(c.buf, '\n')
	return found > 0
}

// appendFolded appends a header value without white space around it and with
// one space for each run of white space inside. AWS documents spaces only;
// botocore, the JavaScript SDK and the C runtime fold tabs too, and a tab
// inside a value signed by the Go SDK, which does not, has not been met.
func appendFolded(dst, value []byte) []byte {
	value = trim(value)
	for len(value) > 0 {
		end := 0
		for end < len(value) && !isSpace(value[end]) {
			end++
		}
		dst = append(dst, value[:end]...)
		if end == len(value) {
			break
		}
		dst = append(dst, ' ')
		value = trim(value[end:])
	}
	return dst
}

// appendPath appends the path with empty, "." and ".." segments resolved and
// every other segment, already encoded by the client, encoded once more, as
// all services but S3 want it.
func appendPath(dst, path []byte) []byte {
	start := len(dst)
	directory := bytes.HasSuffix(path, []byte("/"))
	for len(path) > 0 {
		var segment []byte
		segment, path, _ = bytes.Cut(path, []byte("/"))
		switch string(segment) {
		case "", ".":
		case "..":
			if slash := bytes.LastIndexByte(dst[start:], '/'); slash >= 0 {
				dst = dst[:start+slash]
			}
		default:
			dst = append(dst, '/')
			dst = appendEscaped(dst, segment)
		}
	}
	if directory || len(dst) == start {
		dst = append(dst, '/')
	}
	return dst
}

// appendQuery appends the query's parameters, decoded, encoded in the one
// canonical way, and only then sorted by name and value. It reports whether
// the query can be decoded.
func (c *canonicalizer) appendQuery(query []byte) bool {
	c.query, c.pairs = c.query[:0], c.pairs[:0]
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte("&"))
		if len(pair) == 0 {
			continue
		}
		name, value, _ := bytes.Cut(pair, []byte("="))
		p := queryPair{start: len(c.query)}
		ok := c.recode(name)
		p.equal = len(c.query)
		c.query = append(c.query, '=')
		ok = c.recode(value) && ok
		p.end = len(c.query)
		if !ok {
			return false
		}
		c.pairs = append(c.pairs, p)
	}
	slices.SortFunc(c.pairs, func(a, b queryPair) int {
		// Comparing "name=value" whole would put "a-b" before "a", for '-' < '='.
		if order := bytes.Compare(c.query[a.start:a.equal], c.query[b.start:b.equal]); order != 0 {
			return order
		}
		return bytes.Compare(c.query[a.equal:a.end], c.query[b.equal:b.end])
	})
	for i, p := range c.pairs {
		if i > 0 {
			c.buf = append(c.buf, '&')
		}
		c.buf = append(c.buf, c.query[p.start:p.end]...)
	}
	return true
}

// recode appends a name or value of the query to c.query in canonical
// encoding. A plus sign is a space, as in every decoder of query strings.
func (c *canonicalizer) recode(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		b := raw[i]
		switch {
		case b == '+':
			b = ' '
		case b == '%':
			if i+2 >= len(raw) {
				return false
			}
			high, low := unhex(raw[i+1]), unhex(raw[i+2])
			if high|low > 0xf {
				return false
			}
			b = high<<4 | low
			i += 2
		}
		c.query = appendEscapedByte(c.query, b)
	}
	return true
}

func appendEscaped(dst, raw []byte) []byte {
	for _, b := range raw {
		dst = appendEscapedByte(dst, b)
	}
	return dst
}

func appendEscapedByte(dst []byte, b byte) []byte {
	if 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' ||
		b == '-' || b == '.' || b == '_' || b == '~' {
		return append(dst, b)
	}
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[b>>4], digits[b&0xf])
}

// unhex returns the value of a hexadecimal digit, or 0xff.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}
