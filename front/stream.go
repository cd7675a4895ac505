package front

import (
	"strconv"
	"time"
)

// Stream implements [Caller]. A client of HTTP/1.0 learns from the end of the connection that the answer is over.
func (c *client) Stream(status int, fields []byte, source interface {
	Resume()
	Gone()
}) bool {
	if c.state != stateBusy {
		return false
	}
	l := c.lane
	c.last = c.last || l.draining || c.head.Minor == 0
	l.appendHead(status, c.id[:], fields)
	if c.head.Minor > 0 {
		l.head = append(l.head, "Transfer-Encoding: chunked\r\n"...)
	}
	l.head = append(c.appendConnection(l.head), "\r\n"...)
	c.state, c.source = stateStream, source
	c.put(l.head, nil, nil, nil, nil)
	return true
}

var lineEnd = []byte("\r\n")

// Send implements [Caller].
func (c *client) Send(a, b, d []byte) bool {
	if c.state != stateStream {
		return true
	}
	if c.head.Minor == 0 {
		return c.put(a, b, d, nil, nil)
	}
	size := strconv.AppendInt(c.lane.length[:0], int64(len(a)+len(b)+len(d)), 16)
	return c.put(append(size, "\r\n"...), a, b, d, lineEnd)
}

// put writes parts of a stream behind what waits already. It reports whether nothing waits.
func (c *client) put(a, b, d, e, f []byte) bool {
	if len(c.out) > 0 {
		c.out = append(append(append(append(append(c.out, a...), b...), d...), e...), f...)
		return false
	}
	n, err := c.conn.Write(a, b, d, e, f)
	if err != nil {
		c.lane.loop.Later(c.leave) // not now: who sends is in the middle of something
		return false
	}
	if n < len(a)+len(b)+len(d)+len(e)+len(f) {
		if !c.hold(n, a, b, d, e, f) {
			c.lane.loop.Later(c.leave)
		}
		return false
	}
	return true
}

// End implements [Caller].
func (c *client) End() {
	if c.state != stateStream {
		return
	}
	c.source = nil
	c.state = stateWrite
	if c.head.Minor > 0 {
		c.put([]byte("0\r\n\r\n"), nil, nil, nil, nil)
	}
	if len(c.out) == 0 && c.state == stateWrite {
		c.conn.Expire(time.Time{})
		c.written()
	}
}
