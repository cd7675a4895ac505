package front

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// errBudget is what a connection's Read returns when the bodies of all connections together have become too much.
var errBudget = errors.New("body budget used up")

// smallBody is how much of a request each connection may hold outside the budget: most requests never touch it.
const smallBody = 64 << 10

// lingering bounds how long, and for how much, a refused client is still listened to. Closing a connection that has
// unread data resets it, and the client would lose the answer that says why.
const (
	lingering      = time.Second
	lingeringBytes = 64 << 20
)

// How old a connection must be, and how often it is looked, when those that were never used are closed.
const (
	unusedAge  = 100 * time.Millisecond
	unusedLook = 50 * time.Millisecond
)

// conns are all connections of a server.
type conns struct {
	max          int64
	writeTimeout time.Duration
	open         atomic.Int64
	budget       budget

	mu  sync.Mutex
	all map[*conn]struct{}
}

func newConns(o Options) *conns {
	return &conns{
		max:          int64(o.MaxConnections),
		writeTimeout: o.WriteTimeout,
		budget:       budget{limit: o.BodyBudget},
		all:          make(map[*conn]struct{}),
	}
}

// listen returns ln with its connections held to the limits.
func (s *conns) listen(ln net.Listener) net.Listener { return listener{ln, s} }

// cut closes every connection and returns how many there were.
func (s *conns) cut() int {
	s.mu.Lock()
	all := make([]*conn, 0, len(s.all))
	for c := range s.all {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		c.Close()
	}
	return len(all)
}

// closeUnused closes the connections on which nothing has ever come, but for those so young that something may be on
// its way. Shutting down, fasthttp would wait for their first request until the header's time is over.
func (s *conns) closeUnused() {
	s.mu.Lock()
	var unused []*conn
	for c := range s.all {
		if !c.used.Load() && time.Since(c.since) > unusedAge {
			unused = append(unused, c)
		}
	}
	s.mu.Unlock()
	for _, c := range unused {
		c.Close()
	}
}

type listener struct {
	net.Listener
	conns *conns
}

// Accept answers connections beyond the maximum itself and returns the next one within.
func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.conns.open.Add(1) > l.conns.max {
			l.conns.open.Add(-1)
			refuse(c)
			continue
		}
		kept := &conn{Conn: c, conns: l.conns, since: time.Now()}
		l.conns.mu.Lock()
		l.conns.all[kept] = struct{}{}
		l.conns.mu.Unlock()
		return kept, nil
	}
}

// refuse says that there are too many connections. The few bytes fit a fresh connection's send buffer; the deadline is
// for one with TLS, which has to shake hands first.
func refuse(c net.Conn) {
	c.SetDeadline(time.Now().Add(100 * time.Millisecond))
	body := tooManyConnections.json()
	fmt.Fprintf(c, "HTTP/1.1 %d Service Unavailable\r\nContent-Type: application/json\r\nx-amzn-errortype: %s\r\n"+
		"Connection: close\r\nContent-Length: %d\r\n\r\n%s", tooManyConnections.status, tooManyConnections.name, len(body), body)
	c.Close()
}

// A conn counts what it has received of the current request and charges the budget for it. Reads are where that can be
// seen for announced and for chunked bodies alike: fasthttp reads large bodies straight into the buffer it made for
// them, so the length asked for is what has been allocated.
type conn struct {
	net.Conn
	conns *conns
	id    [36]byte // of the current request

	since time.Time   // when it was opened
	used  atomic.Bool // something has come on it

	received int          // since the current request began
	handed   bool         // net/http has the connection now; its request is complete
	refused  bool         // the request was not read to its end
	charged  atomic.Int64 // to the budget; Close may come from elsewhere
	closed   atomic.Bool
}

func (c *conn) Read(p []byte) (int, error) {
	if !c.handed {
		if !c.charge(c.received + len(p)) {
			return 0, errBudget
		}
	}
	n, err := c.Conn.Read(p)
	if n > 0 && !c.used.Load() {
		c.used.Store(true)
	}
	if !c.handed {
		c.received += n
	}
	return n, err
}

// charge makes the budget hold n bytes for the request. It reports false if they are too many.
func (c *conn) charge(n int) bool {
	more := int64(n) - smallBody - c.charged.Load()
	if more <= 0 {
		return true
	}
	if !c.conns.budget.take(more) {
		return false
	}
	c.charged.Add(more)
	return true
}

// settle ends the current request.
func (c *conn) settle() {
	c.received = 0
	c.release()
}

func (c *conn) release() {
	if n := c.charged.Load(); n > 0 {
		c.conns.budget.give(c.charged.Swap(0))
	}
}

func (c *conn) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.conns.writeTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close may be called more than once, and by others than the connection's own goroutine.
func (c *conn) Close() error {
	c.release()
	if !c.closed.CompareAndSwap(false, true) {
		return c.Conn.Close()
	}
	if c.refused {
		c.linger()
	}
	c.conns.open.Add(-1)
	c.conns.mu.Lock()
	delete(c.conns.all, c)
	c.conns.mu.Unlock()
	return c.Conn.Close()
}

func (c *conn) linger() {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if c.Conn.SetReadDeadline(time.Now().Add(lingering)) == nil {
		io.CopyN(io.Discard, c.Conn, lingeringBytes)
	}
}

// A budget is a number of bytes that many share.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }
