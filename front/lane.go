package front

import (
	"net/http"
	"strconv"
	"time"

	"gnomon/reactor"
)

// A lane is the server's part on one loop.
type lane struct {
	server   *Server
	loop     *reactor.Loop
	clients  map[*client]struct{}
	draining bool

	head   []byte // of the answer that is being written
	date   []byte // "Date: …\r\n" of dated
	dated  int64  // Unix seconds
	length [20]byte
}

// add makes a new connection a client.
func (l *lane) add(fd int) {
	c := &client{lane: l, since: l.loop.Now()}
	c.goOnLater = c.goOn
	conn, err := l.loop.Adopt(fd, c)
	if err != nil {
		l.server.open.Add(-1)
		l.server.opts.Log.Warn("connection", "error", err)
		return
	}
	c.conn = conn
	l.clients[c] = struct{}{}
	conn.Expire(c.since.Add(l.server.opts.HeaderTimeout))
}

// restingAge is how long a connection must be at rest to be closed for it: a request may be on its way on one that was just
// opened, or just had an answer.
const restingAge = 100 * time.Millisecond

// drain closes what is at rest, unless a request that was not read yet is there, and returns how many clients are left.
// They end with the answer they wait for.
func (l *lane) drain() int {
	l.draining = true
	for c := range l.clients {
		if c.atRest() && l.loop.Now().Sub(c.since) > restingAge && c.conn.Quiet() {
			c.close()
		}
	}
	return len(l.clients)
}

// cut closes everything and returns how much that was.
func (l *lane) cut() int {
	n := len(l.clients)
	for c := range l.clients {
		c.leave()
	}
	return n
}

// appendHead makes the head of an answer up to its framing.
func (l *lane) appendHead(status int, id, fields []byte) {
	b := append(l.head[:0], "HTTP/1.1 "...)
	if status == 200 {
		b = append(b, "200 OK\r\n"...)
	} else {
		b = append(strconv.AppendInt(b, int64(status), 10), ' ')
		b = append(append(b, http.StatusText(status)...), "\r\n"...)
	}
	b = append(append(append(b, "x-amzn-RequestId: "...), id...), "\r\n"...)
	b = append(b, l.now()...)
	l.head = append(b, fields...)
}

// now is the line with the date.
func (l *lane) now() []byte {
	if t := l.loop.Now(); t.Unix() != l.dated {
		l.dated = t.Unix()
		l.date = append(t.UTC().AppendFormat(append(l.date[:0], "Date: "...), http.TimeFormat), "\r\n"...)
	}
	return l.date
}

func appendLength(b []byte, n int) []byte {
	return append(strconv.AppendInt(append(b, "Content-Length: "...), int64(n), 10), "\r\n"...)
}
