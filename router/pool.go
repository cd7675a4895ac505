package router

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A pool keeps the connections to one instance.
type pool struct {
	address        string
	connectTimeout time.Duration
	maxIdle        int
	open           atomic.Int64

	mu     sync.Mutex
	idle   []*conn // the one used last is at the end
	closed bool
}

// get returns a connection on which nothing is under way. If fresh is set, it is a new one.
func (p *pool) get(fresh bool) (*conn, error) {
	for !fresh {
		c := p.pop()
		if c == nil {
			break
		}
		if c.quiet() {
			c.reused = true
			return c, nil
		}
		c.drop()
	}
	nc, err := net.DialTimeout("tcp", p.address, p.connectTimeout)
	if err != nil {
		return nil, err
	}
	p.open.Add(1)
	return newConn(nc, p), nil
}

func (p *pool) pop() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return c
}

// put keeps c for the next call.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	keep := !p.closed && len(p.idle) < p.maxIdle
	if keep {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if !keep {
		c.drop()
	}
}

// sweep closes connections that have been idle since before t.
func (p *pool) sweep(t time.Time) {
	p.mu.Lock()
	n := 0
	for n < len(p.idle) && p.idle[n].used.Before(t) {
		n++
	}
	old := append([]*conn(nil), p.idle[:n]...)
	p.idle = append(p.idle[:0], p.idle[n:]...)
	p.mu.Unlock()
	for _, c := range old {
		c.drop()
	}
}

// close closes the idle connections now and all others when they are put back.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	old := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range old {
		c.drop()
	}
}

func (p *pool) idleConnections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// errMemory is what a read returns when the mirrors' memory is used up.
var errMemory = errors.New("mirror memory used up")

// smallAnswer is what an answer may hold outside the memory budget.
const smallAnswer = 16 << 10

// A conn is a connection to a model, with the reader that may hold bytes of it.
type conn struct {
	net.Conn
	pool   *pool
	br     *bufio.Reader
	raw    syscall.RawConn
	peek   func(fd uintptr) // kept, since a new closure per call would be a new allocation
	silent bool             // what peek found
	reused bool
	used   time.Time // when the last call began

	// Of the call under way:
	got     int     // bytes
	readErr error   // nil: whatever was wrong, it was not the connection
	memory  *budget // nil: not counted
	charged int64
	vec     [3][]byte
	bufs    net.Buffers
}

func newConn(nc net.Conn, p *pool) *conn {
	c := &conn{Conn: nc, pool: p}
	c.br = bufio.NewReaderSize(c, 4096)
	if sc, ok := nc.(syscall.Conn); ok {
		c.raw, _ = sc.SyscallConn() // fails only for a connection that is closed, and that shows at once
	}
	var one [1]byte
	c.peek = func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		c.silent = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
	}
	return c
}

// quiet reports whether the model has neither closed the connection nor said anything that nobody asked for. Such an
// answer would otherwise be taken for the next caller's.
func (c *conn) quiet() bool {
	if c.raw == nil {
		return false
	}
	c.silent = false
	return c.raw.Control(c.peek) == nil && c.silent
}

// Read counts, charges and remembers what went wrong.
func (c *conn) Read(p []byte) (int, error) {
	if c.memory != nil {
		if more := int64(c.got+len(p)) - smallAnswer - c.charged; more > 0 {
			if !c.memory.take(more) {
				c.readErr = errMemory
				return 0, errMemory
			}
			c.charged += more
		}
	}
	n, err := c.Conn.Read(p)
	c.got += n
	if err != nil {
		c.readErr = err
	}
	return n, err
}

// begin prepares c for a call.
func (c *conn) begin(now time.Time, memory *budget) {
	c.used, c.got, c.readErr, c.memory = now, 0, nil, memory
}

// settle gives back what the call has charged.
func (c *conn) settle() {
	if c.charged > 0 {
		c.memory.give(c.charged)
		c.charged = 0
	}
}

// write sends the parts in one go, without copying them together.
func (c *conn) write(line, head, body []byte) error {
	c.vec = [3][]byte{line, head, body}
	c.bufs = c.vec[:]
	_, err := c.bufs.WriteTo(c.Conn)
	c.vec = [3][]byte{}
	return err
}

func (c *conn) drop() {
	c.settle()
	c.pool.open.Add(-1)
	c.Conn.Close()
}
