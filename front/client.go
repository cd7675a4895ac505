package front

import (
	"bytes"
	"errors"
	"runtime/debug"
	"time"

	"gnomon/http1"
	"gnomon/reactor"
)

var runtimePrefix = []byte("/endpoints/")

// A client is one connection that requests come on. Everything happens on its loop.
type client struct {
	lane  *lane
	conn  *reactor.Conn
	since time.Time // when it was opened, or had the last answer
	state clientState

	readable  bool   // there may be more to read than was read
	left      bool   // the client has closed its side: what it sent before may still be there to read
	advancing bool   // advance is running
	waiting   bool   // it has had its turn: goOnLater will be called
	in        []byte // what was read and not dealt with: what came behind a request,
	partial   bool   // or part of a head,
	timed     bool   // for the rest of which the time is running

	id      [36]byte // of the current request
	head    http1.Request
	message message // what of it has come, if that was not all at once
	charged int64   // to the budget
	last    bool    // the connection is closed after the answer
	bare    bool    // the answer has no body: the request is a HEAD

	out    []byte // of the answer, what the client has not taken yet
	held   int64  // of the budget, for that
	source interface {
		Resume()
		Gone()
	}
	discard int // bytes that a refused client may still send

	goOnLater func() // goOn, kept for the loop
}

type clientState uint8

const (
	stateHead   clientState = iota // waiting for a request, or for the rest of its head
	stateBody                      // waiting for the rest of its body
	stateBusy                      // the request is being answered
	stateWrite                     // the answer is being written
	stateStream                    // the answer is written as it comes
	stateLinger                    // the answer was a refusal: the client may finish sending
	stateClosed
)

// lingering bounds how long, and for how much, a refused client is still listened to. Closing a connection that has
// unread data resets it, and the client would lose the answer that says why.
const (
	lingering      = time.Second
	lingeringBytes = 64 << 20
)

// atRest reports whether nothing of a request has come. An empty line is nothing.
func (c *client) atRest() bool {
	return c.state == stateHead && (len(c.in) == 0 || string(c.in) == "\r\n")
}

func (c *client) reading() bool { return c.state == stateHead || c.state == stateBody }

// Ready implements [reactor.Handler].
func (c *client) Ready(e reactor.Events) {
	if e&reactor.Readable != 0 {
		c.readable = true
	}
	before := c.left
	c.left = c.left || e&reactor.Left != 0
	if e&reactor.Writable != 0 && len(c.out) > 0 {
		c.flush()
	}
	switch {
	case c.state == stateStream && (e&reactor.Gone != 0 || c.left && !before): // not if it had sent all it will before its stream began
		c.leave()
	case c.state == stateLinger:
		c.linger()
	default:
		c.advance()
	}
}

// Expired implements [reactor.Handler].
func (c *client) Expired() {
	if c.reading() && !c.atRest() {
		c.refuse(timedOut)
		return
	}
	c.leave()
}

// maxTurns is how often a client is read from, or has a request begun, before others have their turn.
const maxTurns = 8

// advance deals with what the client has sent, request by request, until there is no more or an answer is due.
func (c *client) advance() {
	if c.advancing || c.waiting {
		return
	}
	c.advancing = true
	for turns := 0; c.reading(); turns++ {
		if turns == maxTurns {
			c.putOff()
			break
		}
		if len(c.in) == 0 || c.partial {
			if !c.readable || !c.fill() {
				break
			}
			continue
		}
		data := c.in
		c.in = nil
		c.consume(data, true)
	}
	c.advancing = false
}

// putOff lets others have their turn first.
func (c *client) putOff() {
	c.waiting = true
	c.lane.loop.Later(c.goOnLater)
}

func (c *client) goOn() {
	c.waiting = false
	if c.state == stateLinger {
		c.linger()
		return
	}
	c.advance()
}

// fill reads once and deals with it. It reports false if there was nothing.
func (c *client) fill() bool {
	into := c.message.space(c.lane.loop.Scratch())
	n, err := c.conn.Read(into)
	c.readable = n == len(into) || c.left
	switch {
	case errors.Is(err, reactor.ErrAgain):
		return false
	case err != nil || n == 0:
		c.leave()
		return false
	}
	if c.message.extend(into[:n]) {
		c.body(nil, false)
		return true
	}
	if len(c.in) > 0 {
		data := append(c.in, into[:n]...)
		c.in = nil
		c.consume(data, true)
	} else {
		c.consume(into[:n], false)
	}
	return true
}

// consume deals with data at the place where reading has got to, and keeps what is left of it. Data that is not the
// client's own is the loop's scratch memory.
func (c *client) consume(data []byte, own bool) {
	if c.state == stateBody {
		c.body(data, own)
		return
	}
	n, err := c.head.Parse(data, c.lane.server.opts.MaxHeader)
	switch {
	case errors.Is(err, http1.ErrTooLarge):
		c.refuse(headerTooLarge)
		return
	case err != nil:
		c.refuse(malformed(err))
		return
	case n == 0:
		c.in = append(c.in, data...)
		c.partial = true
		if !c.timed && !c.atRest() {
			c.timed = true
			c.conn.Expire(c.lane.loop.Now().Add(c.lane.server.opts.HeaderTimeout))
		}
		return
	}
	c.partial, c.timed = false, false
	c.begin(data, n, own)
}

// keep keeps what came behind a request. Of many requests that came at once it is copied once.
func (c *client) keep(rest []byte, own bool) {
	switch {
	case len(rest) == 0:
	case own:
		c.in = rest
	default:
		c.in = append([]byte(nil), rest...)
	}
}

// begin begins a request whose head of n bytes is there.
func (c *client) begin(data []byte, n int, own bool) {
	newID(&c.id)
	c.bare = string(c.head.Method) == "HEAD"
	length := c.head.Length
	if length >= 0 && int64(len(data)-n) >= length && length <= smallBody && length <= int64(c.maxBody()) {
		end := n + int(length)
		c.keep(data[end:], own)
		c.serve(data[:n], data[n:end], false)
		return
	}
	if length > int64(c.maxBody()) {
		c.refuse(c.tooLarge())
		return
	}
	if !c.charge(length) {
		c.refuse(overBudget)
		return
	}
	if c.head.Expect && len(data) == n {
		c.conn.Write(continued) // a fresh send buffer takes it, or else the client goes on by itself
	}
	c.state = stateBody
	c.message.begin(data[:n], length, c.lane.loop)
	c.head.Parse(c.message.head, c.lane.server.opts.MaxHeader) // as before, in memory that stays
	c.conn.Expire(c.lane.loop.Now().Add(c.lane.server.opts.BodyTimeout))
	c.body(data[n:], own)
}

var continued = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// body takes data as the next part of the body.
func (c *client) body(data []byte, own bool) {
	n, done, err := c.message.take(data)
	switch {
	case err != nil:
		c.refuse(malformed(err))
	case len(c.message.body) > c.maxBody():
		c.refuse(c.tooLarge())
	case !c.charge(int64(len(c.message.body))):
		c.refuse(overBudget)
	case done:
		c.keep(data[n:], own)
		m := c.message
		c.message = message{}
		c.serve(m.head, m.body, true)
	}
}

func (c *client) isRuntime() bool { return bytes.HasPrefix(c.head.Target, runtimePrefix) }

func (c *client) maxBody() int {
	if c.isRuntime() {
		return c.lane.server.opts.MaxRuntimeBody
	}
	return c.lane.server.opts.MaxControlBody
}

// charge makes the budget hold n bytes for the request. It reports false if they are too many.
func (c *client) charge(n int64) bool {
	more := n - smallBody - c.charged
	if more <= 0 {
		return true
	}
	if !c.lane.server.bodies.Take(more) {
		return false
	}
	c.charged += more
	return true
}

// settle ends what a request holds.
func (c *client) settle() {
	c.unhold()
	if c.charged > 0 {
		c.lane.server.bodies.Give(c.charged)
		c.charged = 0
	}
	c.message = message{}
}

// serve has a request answered that is there to its end.
func (c *client) serve(head, body []byte, given bool) {
	c.state = stateBusy
	c.last = c.head.Close
	c.conn.Expire(time.Time{})
	if !c.isRuntime() {
		c.hand(head, body)
		return
	}
	defer c.contain()
	c.lane.server.opts.Runtime(c.lane.loop, Request{ID: c.id[:], Head: &c.head, Body: body, Given: given}, c)
}

// contain keeps a panic of the runtime to the request that it was about.
func (c *client) contain() {
	if v := recover(); v != nil {
		c.lane.server.opts.Log.Error("runtime panicked", "request", string(c.id[:]), "panic", v, "stack", string(debug.Stack()))
		if c.state != stateBusy {
			c.leave()
			return
		}
		c.refuse(panicked)
	}
}

// Answer implements [Caller].
func (c *client) Answer(status int, fields, body []byte) {
	if c.state != stateBusy {
		return // it has left, or been refused
	}
	c.write(status, fields, body)
}

func (c *client) write(status int, fields, body []byte) {
	l := c.lane
	c.last = c.last || l.draining
	l.appendHead(status, c.id[:], fields)
	l.head = appendLength(l.head, len(body))
	l.head = append(c.appendConnection(l.head), "\r\n"...)
	c.state = stateWrite
	if c.bare {
		body = nil // its length has been told
	}
	n, err := c.conn.Write(l.head, body)
	switch {
	case err != nil:
		c.leave()
	case n < len(l.head)+len(body):
		if !c.hold(n, l.head, body, nil, nil, nil) {
			c.leave()
		}
	default:
		c.written()
	}
}

// appendConnection says whether the connection stays, where that does not go without saying.
func (c *client) appendConnection(b []byte) []byte {
	switch {
	case c.last:
		return append(b, "Connection: close\r\n"...)
	case c.head.Minor == 0:
		return append(b, "Connection: keep-alive\r\n"...)
	}
	return b
}

// hold keeps what the client has not taken of the parts, of which it has taken n bytes. It reports false if the budget has no
// room for that: then the client, which is slow, has to go.
func (c *client) hold(n int, parts ...[]byte) bool {
	rest := -int64(n)
	for _, p := range parts {
		rest += int64(len(p))
	}
	if rest > smallBody {
		if !c.lane.server.bodies.Take(rest) {
			c.lane.server.refused[byBodyBudget].Add(1)
			return false
		}
		c.held += rest
	}
	for _, p := range parts {
		skip := min(n, len(p))
		n -= skip
		c.out = append(c.out, p[skip:]...)
	}
	c.conn.Expire(c.lane.loop.Now().Add(c.lane.server.opts.WriteTimeout))
	return true
}

// unhold ends what hold has taken of the budget.
func (c *client) unhold() {
	if c.held > 0 {
		c.lane.server.bodies.Give(c.held)
		c.held = 0
	}
}

// flush goes on writing.
func (c *client) flush() {
	n, err := c.conn.Write(c.out)
	if err != nil {
		c.leave()
		return
	}
	if n > 0 {
		c.conn.Expire(c.lane.loop.Now().Add(c.lane.server.opts.WriteTimeout))
	}
	if c.out = c.out[n:]; len(c.out) > 0 {
		return
	}
	c.out = nil
	c.unhold()
	switch c.state {
	case stateWrite:
		c.written()
	case stateStream:
		c.conn.Expire(time.Time{})
		c.source.Resume()
	}
}

// written ends a request whose answer the client has.
func (c *client) written() {
	c.settle()
	switch {
	case c.discard > 0:
		c.beginLingering()
		return
	case c.last && (len(c.in) > 0 || !c.conn.Quiet()): // the client sends ahead
		c.discard = lingeringBytes
		c.beginLingering()
		return
	case c.last:
		c.close()
		return
	}
	c.state, c.bare, c.since = stateHead, false, c.lane.loop.Now()
	c.conn.Expire(c.since.Add(c.lane.server.opts.IdleTimeout))
	c.advance()
}

// refuse answers a request that broke a limit or is not HTTP, and lets the client finish sending.
func (c *client) refuse(f fault) {
	if c.state == stateHead {
		newID(&c.id)
	}
	c.lane.server.refused[f.why].Add(1)
	c.in, c.partial, c.message = nil, false, message{}
	c.last, c.discard = true, lingeringBytes
	c.write(f.status, f.fields(), f.json())
}

func (c *client) beginLingering() {
	c.state, c.in = stateLinger, nil
	if c.conn.CloseWrite() != nil {
		c.close()
		return
	}
	c.conn.Expire(c.lane.loop.Now().Add(lingering))
	c.linger()
}

// linger throws away what still comes.
func (c *client) linger() {
	if c.waiting {
		return
	}
	for turns := 0; c.state == stateLinger; turns++ {
		if turns == maxTurns {
			c.putOff()
			return
		}
		n, err := c.conn.Read(c.lane.loop.Scratch())
		if errors.Is(err, reactor.ErrAgain) {
			return
		}
		if c.discard -= n; err != nil || n == 0 || c.discard <= 0 {
			c.close()
		}
	}
}

// leave ends the connection whatever goes on with it.
func (c *client) leave() {
	source := c.source
	c.close()
	if source != nil {
		c.source = nil
		source.Gone()
	}
}

func (c *client) close() {
	if c.state == stateClosed {
		return
	}
	c.state = stateClosed
	c.forget()
	c.settle()
	c.lane.server.open.Add(-1)
	c.conn.Close()
}

func (c *client) forget() {
	delete(c.lane.clients, c)
	c.in, c.out = nil, nil
}
