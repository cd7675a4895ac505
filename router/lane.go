package router

import (
	"slices"
	"time"

	"gnomon"
	"gnomon/internal/spare"
	"gnomon/reactor"
)

// A lane is the router's part on one loop. Everything a request touches from its beginning to its end, its copies
// included, is on one lane, so nothing of it is locked.
type lane struct {
	router   *Router
	loop     *reactor.Loop
	begun    request // the one that is being begun
	spare    spare.List[*exchange]
	copies   spare.List[*copied]
	maxSpare int // of each
	pair     gnomon.Pair
	fields   []byte // of the answer that is being made
	frame    framer

	pace     pace
	stalled  []*link // shadows' that wait to be read on
	resumed  []*link // those that are being read again
	stalling bool    // unstall will be called
}

// How many bytes of shadows' answers a lane reads: so many in one turn of its loop, and in the long run so many a second. A shadow
// that sends more waits with its sockets full, or it would take the processors from production. What is saved up is for large
// answers, which would seem slow if they were read slower than production's.
const (
	shadowsPerTurn   = 256 << 10
	shadowsPerSecond = 128 << 20
	shadowsSaved     = 32 << 20
	stallTime        = time.Millisecond
)

// A pace bounds what is read of shadows' answers.
type pace struct {
	saved  int       // bytes that may be read; less than nothing: as many are owed
	since  time.Time // up to when they were given
	turn   uint64
	inTurn int // bytes that were read in it
}

// may reports whether more may be read in this turn of the loop, and whether more may be read soon.
func (p *pace) may(turn uint64, now time.Time) (more, soon bool) {
	if passed := min(now.Sub(p.since), time.Second); passed >= stallTime {
		p.since = now
		p.saved = min(shadowsSaved, p.saved+int(passed.Seconds()*shadowsPerSecond))
	}
	if turn != p.turn {
		p.turn, p.inTurn = turn, 0
	}
	return p.saved > 0 && p.inTurn < shadowsPerTurn, p.saved > 0
}

func (p *pace) read(n int) {
	p.saved -= n
	p.inTurn += n
}

// mayReadShadow reports whether more of a shadow's answer may be read now. If not, the link is read on later.
func (l *lane) mayReadShadow(k *link) bool {
	more, soon := l.pace.may(l.loop.Turn(), l.loop.Now())
	if more {
		return true
	}
	k.waiting = true
	l.stalled = append(l.stalled, k)
	l.unstallLater(soon)
	return false
}

func (l *lane) unstallLater(soon bool) {
	switch {
	case l.stalling:
	case soon:
		l.loop.Later(l.unstall)
	default:
		time.AfterFunc(stallTime, func() { l.loop.Post(l.unstall) })
	}
	l.stalling = true
}

// unstall reads on as far as that may be. Who has not had a turn comes before who has.
func (l *lane) unstall() {
	l.stalling = false
	l.stalled, l.resumed = l.resumed[:0], l.stalled
	for i, k := range l.resumed {
		if more, soon := l.pace.may(l.loop.Turn(), l.loop.Now()); !more {
			l.stalled = slices.Insert(l.stalled, 0, l.resumed[i:]...)
			l.unstallLater(soon)
			break
		}
		k.readOn()
	}
	clear(l.resumed)
}

// keep is memory for an answer of n bytes, in place of what is held of it, of which the router keeps no more than it may. It reports
// false if there is none.
func (l *lane) keep(n int, held int64) ([]byte, bool) {
	kept := l.router.kept
	if int64(n)-held > kept.Limit()-kept.Used() {
		return nil, false // models say how long their answers are, and may say anything
	}
	room := l.loop.Take(n)
	switch more := int64(cap(room)) - held; {
	case more <= 0:
		kept.Give(-more)
	case !kept.Take(more):
		l.loop.Give(room)
		return nil, false
	}
	return room, true
}

// minSpare is how many exchanges and copies may wait for their next request, whatever the queues of shadows hold; where those are
// longer, as many as wait there.
const minSpare = 1024

// exchange returns one that the caller holds.
func (l *lane) exchange() *exchange {
	x, ok := l.spare.Take()
	if !ok {
		x = &exchange{lane: l}
		x.leg.work = x
	}
	x.refs = 1
	return x
}

func (l *lane) copied() *copied {
	c, ok := l.copies.Take()
	if !ok {
		c = &copied{}
		c.leg.work = c
	}
	return c
}

// trim lets go of what a busier time has left.
func (l *lane) trim() {
	l.spare.Trim(0)
	l.copies.Trim(0)
}
