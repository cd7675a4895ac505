package router

import (
	"time"

	"gnomon"
	"gnomon/reactor"
)

// work is what a leg is done for.
type work interface {
	// sent says that the request is on its way, on a second connection for the second time.
	sent()
	// ended says that the leg is over. The model has seen nothing of the request if unreached is set.
	ended(unreached bool)
	// part hands over the next run of the answer's body, which is not kept. It reports whether more may be read now.
	part(run []byte) bool
}

// A leg is one request to one instance. It is under way between start and ended.
type leg struct {
	work work
	x    *exchange
	pool *pool
	link *link

	timeout  time.Duration
	deadline time.Time // that someone else has set; zero: none
	limit    int64     // of the answer's body
	whole    bool      // the answer is kept in one piece instead of being handed over in parts
	shadow   bool      // it can wait for production's

	out      [3][]byte // what is still to be written
	in       incoming
	reused   bool // the connection was another leg's before
	fresh    bool // only a new connection will do
	paused   bool // reading waits for whoever gets the parts
	held     bool // it has, once or more
	unwanted bool // nobody is left to get them

	started time.Time // when the request was written
	took    time.Duration
	fault   gnomon.LegFault
}

// emptied returns a leg without anything of the last one but its memory.
func (g *leg) emptied() leg { return leg{in: g.in.emptied()} }

// start sends the request. Everything else comes of events.
func (g *leg) start() {
	if !g.fresh {
		if g.link = g.pool.pop(); g.link != nil {
			g.link.leg, g.reused = g, true
			g.begin()
			return
		}
	}
	g.reused = false
	if g.pool.dial(g) != nil {
		g.unreached()
	}
}

// begin writes the request on a connection that stands.
func (g *leg) begin() {
	g.started = time.Now()
	g.in.reset(g.limit, g.whole, g.pool.lane.loop)
	g.out = [3][]byte{g.pool.in.line, g.x.head, g.x.body}
	g.limitTime()
	g.flush()
	g.work.sent()
}

func (g *leg) limitTime() {
	end := g.started.Add(g.timeout)
	if !g.deadline.IsZero() && g.deadline.Before(end) {
		end = g.deadline
	}
	g.link.conn.Expire(end)
}

// shorten makes the leg end by t.
func (g *leg) shorten(t time.Time) {
	g.deadline = t
	if g.link != nil && g.link.state == linkBusy {
		g.limitTime()
	}
}

// flush writes what the connection takes. A write that breaks is no error yet: a model may answer, and hang up, before
// it has read a request that it does not want.
func (g *leg) flush() {
	n, err := g.link.conn.Write(g.out[0], g.out[1], g.out[2])
	if err != nil {
		g.out = [3][]byte{}
		return
	}
	for i := range g.out {
		part := min(n, len(g.out[i]))
		g.out[i] = g.out[i][part:]
		n -= part
	}
}

func (g *leg) written() bool { return len(g.out[2]) == 0 && len(g.out[1]) == 0 && len(g.out[0]) == 0 }

func (g *leg) ready(e reactor.Events) {
	if e&reactor.Writable != 0 && !g.written() {
		g.flush()
	}
	if e&reactor.Readable != 0 && !g.paused {
		g.read()
	}
}

// maxReads is how often a leg reads before others have their turn. A model that sends without end, and as fast as it is
// read, must not keep the loop for itself.
const maxReads = 4

// read takes what has come, until there is nothing more or the leg has ended.
func (g *leg) read() {
	if g.link.waiting {
		return
	}
	for reads := 0; ; reads++ {
		if g.shadow && !g.pool.lane.mayReadShadow(g.link) {
			return
		}
		if reads == maxReads {
			g.link.waiting = true
			g.pool.lane.loop.Later(g.link.readLater)
			return
		}
		into := g.in.space(g.pool.lane.loop.Scratch())
		n, err := g.link.conn.Read(into)
		g.link.full = n == len(into)
		switch {
		case err == reactor.ErrAgain:
			return
		case err != nil:
			g.broken()
			return
		case n == 0:
			g.closed()
			return
		}
		if g.shadow {
			g.pool.lane.pace.read(n)
		}
		switch state := g.in.take(into[:n], g.work); state {
		case answerWhole:
			g.answered()
			return
		case answerWrong:
			g.fail(gnomon.FaultProtocol)
			return
		case answerHeld:
			g.held = true
			if g.paused = true; g.unwanted {
				g.leave()
			}
			return
		}
		if n < len(into) && !g.link.left {
			return // there is an event for what comes after this
		}
	}
}

// resume goes on reading after a pause.
func (g *leg) resume() {
	if g.paused {
		g.paused = false
		g.read()
	}
}

// closed says that the model sends no more.
func (g *leg) closed() {
	if g.in.untilClose() {
		g.answered()
		return
	}
	g.broken()
}

// broken says that the connection is. If it is an old one on which nothing has come, the model closed it while the
// request was on its way, and has not seen it.
func (g *leg) broken() {
	if g.reused && !g.in.begun() {
		g.lose()
		g.fresh = true
		if end := g.started.Add(g.timeout); g.deadline.IsZero() || end.Before(g.deadline) {
			g.deadline = end // the time of the first try counts
		}
		g.start()
		return
	}
	g.fail(gnomon.FaultConnection)
}

func (g *leg) expired() { g.fail(gnomon.FaultTimeout) }

// answered ends the leg well. Its connection is kept if nothing can be left on it.
func (g *leg) answered() {
	g.took = time.Since(g.started)
	k := g.link
	g.link, k.leg = nil, nil
	if g.written() && g.in.keepsConnection() && !k.left {
		k.pool.put(k)
	} else {
		k.drop()
	}
	g.work.ended(false)
}

// fail ends the leg without an answer, or in the middle of one.
func (g *leg) fail(f gnomon.LegFault) {
	g.took = time.Since(g.started)
	g.fault = f
	g.lose()
	g.work.ended(false)
}

// leave ends a leg whose answer nobody wants any more.
func (g *leg) leave() {
	g.took = time.Since(g.started)
	g.lose()
	g.work.ended(false)
}

// unreached ends a leg of which the model has seen nothing.
func (g *leg) unreached() {
	if g.started.IsZero() {
		g.started = time.Now()
	}
	g.fault = gnomon.FaultConnection
	g.work.ended(!g.fresh)
}

// lose drops the connection.
func (g *leg) lose() {
	if k := g.link; k != nil {
		g.link = nil
		k.drop()
	}
}

// result is what the leg comes to in numbers, with what the router itself took.
func (g *leg) result(overhead time.Duration) gnomon.Leg {
	l := gnomon.Leg{
		Started:      g.started,
		ModelLatency: g.took,
		Overhead:     max(0, overhead),
		Fault:        g.fault,
		RequestBytes: len(g.x.body),
	}
	if g.fault == gnomon.NoFault {
		l.Status, l.AnswerBytes = g.in.head.Status, int(g.in.size)
	}
	return l
}
