// Package wire reads HTTP/1.1 messages for as little processor time as can be: on a machine that is measured, the time
// belongs to what is measured.
//
// Start at [Read]. Chunked bodies and messages without a Content-Length that have a body all the same are not known
// here; neither models nor proxies in a benchmark have any.
package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// A Message is a request or an answer.
type Message struct {
	First []byte // the first line without its end, in the slice that was given for it
	Body  int64  // bytes that went to the writer
}

// BufferSize is what readers of large bodies should have.
const BufferSize = 64 << 10

var lengthName = []byte("content-length:")

// Read reads one message and writes its body to body, piece by piece. The slice line is room for the first line, such as
// that of the last message; it may be nil.
func Read(br *bufio.Reader, line []byte, body io.Writer) (Message, error) {
	first, err := br.ReadSlice('\n')
	if err != nil {
		return Message{}, err
	}
	m := Message{First: append(line[:0], bytes.TrimRight(first, "\r\n")...)}
	if m.Body, err = readHead(br); err != nil {
		return m, err
	}
	for left := m.Body; left > 0; {
		// Peeking before looking at what is buffered: an empty buffer is filled by it.
		if _, err := br.Peek(1); err != nil {
			return m, err
		}
		piece, _ := br.Peek(int(min(left, int64(br.Buffered()))))
		if _, err := body.Write(piece); err != nil {
			return m, err
		}
		n, _ := br.Discard(len(piece))
		left -= int64(n)
	}
	return m, nil
}

// readHead reads header fields, and the empty line behind them, and returns the length of the body.
func readHead(br *bufio.Reader) (int64, error) {
	for length := int64(0); ; {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			return length, nil
		}
		if len(line) > len(lengthName) && bytes.EqualFold(line[:len(lengthName)], lengthName) {
			for _, d := range bytes.TrimSpace(line[len(lengthName):]) {
				if d < '0' || d > '9' || length > 1<<40 {
					return 0, fmt.Errorf("the length of a body is %q", line)
				}
				length = 10*length + int64(d-'0')
			}
		}
	}
}
