package front

import (
	"gnomon/http1"
	"gnomon/reactor"
)

// directRead is from when on the rest of a body is read to where it belongs instead of being copied there.
const directRead = 16 << 10

// A message is a request that does not come all at once. Its zero value is none.
type message struct {
	head   []byte
	length int64 // of the body, or http1.Chunked
	body   []byte
	chunks http1.Chunks
}

// begin has a head, and a body of that length to come.
func (m *message) begin(head []byte, length int64, from *reactor.Loop) {
	*m = message{head: append([]byte(nil), head...), length: length}
	if length > 0 {
		m.body = from.Take(int(length))
	}
}

// space is where the next bytes are to be read into.
func (m *message) space(scratch []byte) []byte {
	if m.length-int64(len(m.body)) > directRead {
		return m.body[len(m.body):m.length]
	}
	return scratch
}

// extend reports whether data was read to where it belongs, and is part of the body then.
func (m *message) extend(data []byte) bool {
	n := len(m.body)
	if n == cap(m.body) || m.length <= int64(n) || &m.body[: n+1 : n+1][n] != &data[0] {
		return false
	}
	m.body = m.body[:n+len(data)]
	return true
}

// take adds data. It returns how much of it belongs to the body, and whether that is complete.
func (m *message) take(data []byte) (n int, done bool, err error) {
	if m.length >= 0 {
		n = min(len(data), int(m.length)-len(m.body))
		m.body = append(m.body, data[:n]...)
		return n, int64(len(m.body)) == m.length, nil
	}
	for !done && n < len(data) {
		run, used, end, err := m.chunks.Next(data[n:])
		if err != nil {
			return n, false, err
		}
		m.body = append(m.body, run...)
		n += used
		done = end
		if used == 0 {
			break
		}
	}
	return n, done, nil
}
