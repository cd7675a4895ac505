package router

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"gnomon/reactor"
)

// A pool keeps one lane's connections to an instance.
type pool struct {
	in      *instance
	lane    *lane
	idle    []*link // the one used last is at the end
	dialing int
	closed  bool

	open, unused atomic.Int64 // for onlookers
}

// pop returns an idle link on which nothing is under way, or nil. The model may have closed the connection, or have said something
// that nobody asked for: such an answer would be taken for the next caller's.
func (p *pool) pop() *link {
	for i := len(p.idle) - 1; i >= 0; i-- {
		if p.idle[i].silent() {
			return p.take(i)
		}
	}
	for len(p.idle) > 0 {
		k := p.take(len(p.idle) - 1)
		if k.conn.Quiet() {
			return k
		}
		k.drop()
	}
	return nil
}

// resting reports whether there are idle links and all of them were used in this turn of the loop. Each would have to be asked about by
// itself; once the loop has looked for events all are known to be silent or not, so whoever can wait had better.
func (p *pool) resting() bool {
	return p != nil && len(p.idle) > 0 && p.idle[0].rests == p.lane.loop.Turn()
}

// take takes an idle link to be used.
func (p *pool) take(i int) *link {
	k := p.idle[i]
	p.idle = slices.Delete(p.idle, i, i+1)
	p.unused.Add(-1)
	k.state = linkBusy
	return k
}

// put keeps k for the next leg.
func (p *pool) put(k *link) {
	if p.closed || len(p.idle) >= p.lane.router.opts.MaxIdleConnections {
		k.drop()
		return
	}
	k.state, k.rests = linkIdle, p.lane.loop.Turn()
	p.idle = append(p.idle, k)
	p.unused.Add(1)
	k.conn.Expire(p.lane.loop.Now().Add(p.lane.router.opts.IdleTimeout))
}

// forget takes an idle link out.
func (p *pool) forget(k *link) {
	if i := slices.Index(p.idle, k); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
		p.unused.Add(-1)
	}
}

// close closes the idle links now and all others when they are put back.
func (p *pool) close() {
	p.closed = true
	for len(p.idle) > 0 {
		k := p.idle[len(p.idle)-1]
		p.forget(k)
		k.drop()
	}
}

var errNoAddress = errors.New("the instance's address is unknown")

// dial opens a new link for g, which is told when it stands.
func (p *pool) dial(g *leg) error {
	if !p.in.address.IsValid() {
		return errNoAddress
	}
	k := &link{pool: p, leg: g}
	k.readLater = k.readOn
	conn, err := p.lane.loop.Dial(p.in.address, k)
	if err != nil {
		return err
	}
	conn.Expire(time.Now().Add(p.lane.router.opts.ConnectTimeout)) // which is short, and this turn may have been long
	k.conn, g.link = conn, k
	p.dialing++
	p.open.Add(1)
	return nil
}

// A link is one connection to a model.
type link struct {
	pool  *pool
	conn  *reactor.Conn
	state linkState
	left  bool   // the model has closed its side: what it sent before may still be there to read
	leg   *leg   // under way; nil: none
	rests uint64 // since that turn of the loop, if idle
	full  bool   // the last read took all that it could: there may be more

	waiting   bool   // it has had its turn: readLater will be called
	readLater func() // readOn, kept for the loop
}

type linkState uint8

const (
	linkDialing linkState = iota
	linkBusy
	linkIdle
)

// Ready implements [reactor.Handler].
func (k *link) Ready(e reactor.Events) {
	k.left = k.left || e&reactor.Left != 0
	switch k.state {
	case linkIdle:
		if e&reactor.Readable == 0 {
			return // an event of the answer before, whose rest was read without it
		}
		k.pool.forget(k)
		k.drop()
	case linkDialing:
		k.dialled(k.conn.Connected())
		if k.leg != nil && k.state == linkBusy && e&reactor.Readable != 0 {
			k.leg.read() // an answer that came before the request: no event will tell of it again
		}
	case linkBusy:
		k.leg.ready(e)
	}
}

// readOn goes on where reading has made way for others. The leg may have ended meanwhile.
func (k *link) readOn() {
	k.waiting = false
	if k.state == linkBusy && k.leg != nil && !k.leg.paused {
		k.leg.read()
	}
}

// Expired implements [reactor.Handler].
func (k *link) Expired() {
	switch k.state {
	case linkIdle:
		k.pool.forget(k)
		k.drop()
	case linkDialing:
		k.dialled(errors.New("not connected in time"))
	case linkBusy:
		k.leg.expired()
	}
}

// dialled goes on with the leg that waits for the connection.
func (k *link) dialled(err error) {
	if errors.Is(err, reactor.ErrAgain) {
		return
	}
	k.pool.dialing--
	k.state = linkBusy
	if err != nil {
		g := k.leg
		g.lose()
		g.unreached()
		return
	}
	k.leg.begin()
}

// silent reports whether it is known, without asking the kernel, that nothing has come on an idle link: all was read, in an earlier
// turn, and this one has no event of it. What has come since this turn looked for events is not known, nor is what is on its way.
func (k *link) silent() bool {
	return !k.full && k.rests != k.pool.lane.loop.Turn() && !k.conn.Heard()
}

// drop closes the connection.
func (k *link) drop() {
	if k.state == linkDialing {
		k.pool.dialing--
		k.state = linkBusy
	}
	k.leg = nil
	k.pool.open.Add(-1)
	k.conn.Close()
}
