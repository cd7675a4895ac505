package front

import (
	"bytes"
	"errors"
)

// maxHeaderLines is more than any client sends; a limit on bytes alone would allow thousands of empty ones.
const maxHeaderLines = 128

// The faults of a header. Each is a shape that some servers read differently from others.
var (
	errLineEnding    = errors.New("a header line does not end in CRLF")
	errFolding       = errors.New("a header line is folded")
	errHeaderName    = errors.New("a header name is not a token")
	errHeaderValue   = errors.New("a header value has a control character")
	errHeaderLines   = errors.New("there are too many header lines")
	errLength        = errors.New("the content length is not one number")
	errCoding        = errors.New("the transfer coding is not chunked alone")
	errLengthAndCode = errors.New("there are both a content length and a transfer coding")
	errHost          = errors.New("there is not exactly one host")
)

// checkFraming refuses a header block ("Name: value\r\n" lines and an empty one) on whose meaning, or on the length of
// whose body, two servers could disagree.
func checkFraming(block []byte) error {
	var seen framing
	for lines := 0; ; lines++ {
		end := bytes.IndexByte(block, '\n')
		if end < 1 || block[end-1] != '\r' {
			return errLineEnding
		}
		if end == 1 {
			return seen.verdict()
		}
		if lines == maxHeaderLines {
			return errHeaderLines
		}
		if err := seen.line(block[:end-1]); err != nil {
			return err
		}
		block = block[end+1:]
	}
}

// framing counts what says where a body ends, and for whom it is.
type framing struct{ lengths, codings, hosts int }

func (f *framing) line(line []byte) error {
	colon := bytes.IndexByte(line, ':')
	switch {
	case line[0] == ' ' || line[0] == '\t':
		return errFolding
	case colon < 1 || !isToken(line[:colon]):
		return errHeaderName
	case !isText(line[colon+1:]):
		return errHeaderValue
	}
	name := line[:colon]
	switch len(name) {
	case len("host"):
		if equalFold(name, "host") {
			f.hosts++
		}
	case len("content-length"):
		if equalFold(name, "content-length") {
			f.lengths++
			if !isNumber(bytes.Trim(line[colon+1:], " \t")) {
				return errLength
			}
		}
	case len("transfer-encoding"):
		if equalFold(name, "transfer-encoding") {
			f.codings++
			if !equalFold(bytes.Trim(line[colon+1:], " \t"), "chunked") {
				return errCoding
			}
		}
	}
	return nil
}

func (f *framing) verdict() error {
	switch {
	case f.lengths > 1:
		return errLength
	case f.codings > 1:
		return errCoding
	case f.lengths > 0 && f.codings > 0:
		return errLengthAndCode
	case f.hosts != 1:
		return errHost
	}
	return nil
}

// equalFold compares b with a text in lower case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func isNumber(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

func isToken(b []byte) bool {
	for _, c := range b {
		if !tokenBytes[c] {
			return false
		}
	}
	return true
}

func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// tokenBytes are the bytes of which RFC 9110 makes names.
var tokenBytes = func() [256]bool {
	var t [256]bool
	for c := range 256 {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			t[c] = true
		case bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), byte(c)) >= 0:
			t[c] = true
		}
	}
	return t
}()
