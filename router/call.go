package router

import (
	"errors"
	"os"
	"sync"
	"time"

	"gnomon"

	"github.com/valyala/fasthttp"
)

// A call is one leg: one request to one instance, in two steps so that something can be done while the model works.
type call struct {
	in      *instance
	pool    *pool
	x       *exchange
	answer  *fasthttp.Response
	timeout time.Duration
	limit   int     // of the answer's body
	memory  *budget // for the answer; nil: not counted
	leash   *leash  // nil: nobody may shorten the call

	conn    *conn
	started time.Time // when the request was written
	took    time.Duration
	fault   gnomon.LegFault
	starved bool // the call ended because memory ran out, which is not the model's fault
}

// send writes the request. If it reports false, the leg has ended and fault says how; the model has seen nothing then,
// unless it took nothing of the request for the whole timeout.
func (c *call) send() bool {
	if err := c.start(false); err != nil {
		c.fail(c.faultOf(err))
		return false
	}
	return true
}

// start connects and writes. A write that breaks is no error yet: a model may answer, and hang up, before it has read
// a request it does not want.
func (c *call) start(fresh bool) error {
	var err error
	c.conn, err = c.pool.get(fresh)
	c.started = time.Now()
	if err != nil {
		return err
	}
	c.conn.begin(c.started, c.memory)
	if err := c.leash.hold(c.conn, c.started.Add(c.timeout)); err != nil {
		return nil
	}
	if err := c.conn.write(c.in.line, c.x.head, c.x.body); isTimeout(err) {
		c.took = time.Since(c.started)
		return err
	}
	return nil
}

// receive reads the answer. If it reports false, fault says why there is none.
func (c *call) receive() bool {
	err := c.answer.ReadLimitBody(c.conn.br, c.limit)
	if err != nil && c.conn.reused && c.conn.got == 0 && !isTimeout(c.conn.readErr) {
		// The model closed the connection while the request was on its way: it has not seen it.
		c.leash.let()
		c.conn.drop()
		if err := c.start(true); err != nil {
			c.fail(c.faultOf(err))
			return false
		}
		err = c.answer.ReadLimitBody(c.conn.br, c.limit)
	}
	c.took = time.Since(c.started)
	if err != nil || c.answer.StatusCode() < 200 {
		c.fail(c.faultOf(c.conn.readErr))
		return false
	}
	c.keep()
	return true
}

// faultOf tells a model that cannot be talked to from one that talks nonsense: err is the connection's.
func (c *call) faultOf(err error) gnomon.LegFault {
	c.starved = errors.Is(err, errMemory)
	switch {
	case err == nil:
		return gnomon.FaultProtocol
	case c.conn != nil && isTimeout(err):
		return gnomon.FaultTimeout
	}
	return gnomon.FaultConnection
}

// fail ends the leg without an answer.
func (c *call) fail(f gnomon.LegFault) {
	c.fault = f
	c.answer.Reset()
	c.leash.let()
	if c.conn != nil {
		c.conn.drop()
	}
}

// keep puts the connection back if nothing can be left on it.
func (c *call) keep() {
	c.conn.settle()
	c.leash.let()
	if c.answer.ConnectionClose() || c.conn.readErr != nil || c.conn.br.Buffered() > 0 {
		c.conn.drop()
		return
	}
	c.pool.put(c.conn)
}

// leg is what the call comes to in numbers, with what the router itself took.
func (c *call) leg(overhead time.Duration) gnomon.Leg {
	l := gnomon.Leg{
		Started:      c.started,
		ModelLatency: c.took,
		Overhead:     max(0, overhead),
		Fault:        c.fault,
		RequestBytes: len(c.x.body),
	}
	if c.fault == gnomon.NoFault {
		l.Status, l.AnswerBytes = c.answer.StatusCode(), len(c.answer.Body())
	}
	return l
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// A leash lets someone else shorten the calls of a worker. A nil leash lets nobody.
type leash struct {
	mu    sync.Mutex
	conn  *conn
	until time.Time // zero: no limit
}

// hold gives c a deadline, or an earlier one if the leash is shorter.
func (l *leash) hold(c *conn, deadline time.Time) error {
	if l == nil {
		return c.SetDeadline(deadline)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.until.IsZero() && l.until.Before(deadline) {
		deadline = l.until
	}
	l.conn = c
	return c.SetDeadline(deadline)
}

// let must come before anyone else can get the connection.
func (l *leash) let() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = nil
}

// shorten makes the call under way, and all later ones, end by t.
func (l *leash) shorten(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = t
	if l.conn != nil {
		l.conn.SetDeadline(t)
	}
}
