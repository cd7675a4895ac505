package http1

import (
	"bytes"
	"encoding/binary"
	"math"
)

// maxHeaderLines is more than anyone sends; a limit on bytes alone would allow thousands of empty ones.
const maxHeaderLines = 128

// Next takes the first line off a header block: its name, and its value without the blanks around it. rest is empty after
// the last line, and name if there was none. The block must have been parsed.
func Next(block []byte) (name, value, rest []byte) {
	if len(block) <= len("\r\n") {
		return nil, nil, nil
	}
	line, rest := cutLine(block)
	if len(rest) == len("\r\n") {
		rest = nil
	}
	colon := bytes.IndexByte(line, ':')
	return line[:colon], trim(line[colon+1:]), rest
}

// EqualFold compares a name with one in lower case. Only ASCII letters have a case.
func EqualFold(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if toLower(c) != lower[i] {
			return false
		}
	}
	return true
}

// headEnd returns where the head that begins at start ends, 0 if b does not hold its end. It only looks at line ends, so
// that a head that comes in many pieces costs little each time.
func headEnd(b []byte, start, max int) (int, error) {
	within := b[:min(len(b), max)]
	for lines := 0; start < len(within); lines++ {
		i := bytes.IndexByte(within[start:], '\n')
		if i < 0 {
			break
		}
		if i == 0 || within[start+i-1] != '\r' {
			return 0, errLineEnding
		}
		start += i + 1
		if i == 1 {
			return start, nil
		}
		if lines > maxHeaderLines { // the first is none of the header
			return 0, errHeaderLines
		}
	}
	if len(b) > max {
		return 0, ErrTooLarge
	}
	return 0, nil
}

// cutLine cuts a block, of which every line ends in CRLF, behind the first of them.
func cutLine(block []byte) (line, rest []byte) {
	i := bytes.IndexByte(block, '\n')
	return block[:i-1], block[i+1:]
}

// framing is what a header block says about where the body ends, for whom it is and what comes after it.
type framing struct {
	hosts, lengths, codings  int // lines of each
	host                     []byte
	length                   int64
	close, keepAlive         bool
	expect, otherExpectation bool
}

// read reads a block that headEnd has found the end of.
func (f *framing) read(block []byte, minor int) error {
	for len(block) > len("\r\n") {
		var line []byte
		line, block = cutLine(block)
		if err := f.line(line); err != nil {
			return err
		}
	}
	switch {
	case f.lengths > 1:
		return errLength
	case f.codings > 1:
		return errCoding
	case f.lengths > 0 && f.codings > 0:
		return errLengthAndCode
	case f.codings > 0 && minor == 0:
		return errCodingVersion
	}
	return nil
}

func (f *framing) line(line []byte) error {
	colon := tokenLength(line)
	switch {
	case line[0] == ' ' || line[0] == '\t':
		return errFolding
	case colon == 0 || colon == len(line) || line[colon] != ':':
		return errHeaderName
	case !isText(line[colon+1:]):
		return errHeaderValue
	}
	name := line[:colon]
	switch len(name) { // most names are told from these by their length
	case len("host"), len("expect"), len("connection"), len("content-length"), len("transfer-encoding"):
		return f.field(name, trim(line[colon+1:]))
	}
	return nil
}

func (f *framing) field(name, value []byte) error {
	switch {
	case EqualFold(name, "host"):
		f.hosts++
		f.host = value
	case EqualFold(name, "connection"):
		f.connection(value)
	case EqualFold(name, "expect"):
		f.expect = true
		f.otherExpectation = f.otherExpectation || !EqualFold(value, "100-continue")
	case EqualFold(name, "content-length"):
		f.lengths++
		var ok bool
		if f.length, ok = number(value); !ok {
			return errLength
		}
	case EqualFold(name, "transfer-encoding"):
		f.codings++
		if !EqualFold(value, "chunked") {
			return errCoding
		}
	}
	return nil
}

// connection notes the two options, of a comma-separated list, that say what comes after the message.
func (f *framing) connection(list []byte) {
	for len(list) > 0 {
		option := list
		if i := bytes.IndexByte(list, ','); i >= 0 {
			option, list = list[:i], list[i+1:]
		} else {
			list = nil
		}
		option = trim(option)
		f.close = f.close || EqualFold(option, "close")
		f.keepAlive = f.keepAlive || EqualFold(option, "keep-alive")
	}
}

// closes reports whether the connection ends with the message.
func (f *framing) closes(minor int) bool {
	return f.close || minor == 0 && !f.keepAlive
}

// minor reads "HTTP/1.0" or "HTTP/1.1".
func minor(version []byte) (int, bool) {
	switch string(version) {
	case "HTTP/1.1":
		return 1, true
	case "HTTP/1.0":
		return 0, true
	}
	return 0, false
}

// number reads digits, and nothing but digits.
func number(b []byte) (int64, bool) {
	var n int64
	for _, c := range b {
		d := int64(c) - '0'
		if d < 0 || d > 9 || n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(b) > 0
}

func trim(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func equalFolded(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if toLower(a[i]) != toLower(b[i]) {
			return false
		}
	}
	return true
}

func toLower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// isControl reports whether a value cannot hold c. What is not ASCII it can.
func isControl(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }

// isVisible reports whether all of b is ASCII that leaves ink.
func isVisible(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// isText reports whether no byte of b is a control character. Most of a head are values, and most values have none, not
// even a tab, so it first looks at eight bytes at once.
func isText(b []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(b) >= 8 {
		x := binary.LittleEndian.Uint64(b)
		del := x ^ 0x7f*ones
		if ((x-' '*ones)&^x|(del-ones)&^del)&highs != 0 && !isTextBytes(b[:8]) {
			return false
		}
		b = b[8:]
	}
	return isTextBytes(b)
}

func isTextBytes(b []byte) bool {
	for _, c := range b {
		if isControl(c) {
			return false
		}
	}
	return true
}

// tokenLength returns how many bytes at the beginning of b can be of one name.
func tokenLength(b []byte) int {
	for i, c := range b {
		if !tokenBytes[c] {
			return i
		}
	}
	return len(b)
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
