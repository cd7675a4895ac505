package router

import (
	"slices"
	"time"

	"gnomon"
	"gnomon/reactor"
)

// A lane is the router's part on one loop. Everything a request touches from its beginning to its end, its copies
// included, is on one lane, so nothing of it is locked.
type lane struct {
	router   *Router
	loop     *reactor.Loop
	begun    request // the one that is being begun
	spare    []*exchange
	copies   []*copied // to be used again
	rooms    [][]byte  // for small answers that are kept
	maxSpare int       // of each
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

// room is memory for an answer that is kept.
func (l *lane) room() []byte {
	n := len(l.rooms)
	if n == 0 {
		return nil
	}
	room := l.rooms[n-1]
	l.rooms = l.rooms[:n-1]
	return room[:0]
}

// newRoom is memory for an answer of n bytes. What is large is the loop's, so that the collector need not look for it.
func (l *lane) newRoom(n int) []byte {
	if n <= keptBody {
		return make([]byte, 0, n)
	}
	return l.loop.Take(n)
}

// keep is memory for an answer of n bytes, in place of what is held of it, of which the router keeps no more than it may. It reports
// false if there is none.
func (l *lane) keep(n int, held int64) ([]byte, bool) {
	kept := l.router.kept
	if int64(n)-held > kept.Limit()-kept.Used() {
		return nil, false // models say how long their answers are, and may say anything
	}
	room := l.newRoom(n)
	switch more := int64(cap(room)) - held; {
	case more <= 0:
		kept.Give(-more)
	case !kept.Take(more):
		l.giveRoom(room)
		return nil, false
	}
	return room, true
}

// giveRoom takes memory for an answer back.
func (l *lane) giveRoom(room []byte) {
	switch c := cap(room); {
	case c > keptBody:
		l.loop.Give(room)
	case c > 0 && len(l.rooms) < l.maxSpare:
		l.rooms = append(l.rooms, room)
	}
}

// minSpare is how many exchanges, copies and rooms wait for their next request at least; as many as wait in the queue of a shadow do.
const minSpare = 1024

// exchange returns one that the caller holds.
func (l *lane) exchange() *exchange {
	if n := len(l.spare); n > 0 {
		x := l.spare[n-1]
		l.spare = l.spare[:n-1]
		x.refs = 1
		return x
	}
	x := &exchange{lane: l, refs: 1}
	x.leg.work = x
	return x
}

func (l *lane) copied() *copied {
	if n := len(l.copies); n > 0 {
		c := l.copies[n-1]
		l.copies = l.copies[:n-1]
		return c
	}
	c := &copied{}
	c.leg.work = c
	return c
}
