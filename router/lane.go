package router

import (
	"time"

	"gnomon"
	"gnomon/reactor"
)

// A lane is the router's part on one loop. Everything a request touches from its beginning to its end, its copies
// included, is on one lane, so nothing of it is locked.
type lane struct {
	router *Router
	loop   *reactor.Loop
	begun  request // the one that is being begun
	spare  []*exchange
	copies []*copied // to be used again
	rooms  [][]byte  // for small answers that are kept
	pair   gnomon.Pair
	fields []byte // of the answer that is being made
	frame  framer

	slice   time.Time // since when
	shadows int       // so many bytes of shadows' answers were read
	stalled []*link   // shadows' that wait for the next slice
	resumed []*link   // those that are being read again
}

// How much of shadows' answers a lane reads in a slice of time: 250 MB a second. A shadow that sends more is left alone
// until the next slice, and waits with its sockets full, or it would take the processors from production.
const (
	shadowsPerSlice = 256 << 10
	sliceTime       = time.Millisecond
)

// mayReadShadow reports whether more of a shadow's answer may be read now.
func (l *lane) mayReadShadow() bool {
	if now := l.loop.Now(); now.Sub(l.slice) >= sliceTime {
		l.slice, l.shadows = now, 0
	}
	return l.shadows < shadowsPerSlice
}

// stall has a link read again in the next slice.
func (l *lane) stall(k *link) {
	l.stalled = append(l.stalled, k)
	if len(l.stalled) == 1 {
		time.AfterFunc(sliceTime, func() { l.loop.Post(l.unstall) })
	}
}

func (l *lane) unstall() {
	l.stalled, l.resumed = l.resumed[:0], l.stalled
	for i, k := range l.resumed {
		l.resumed[i] = nil
		k.readOn()
	}
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

// giveRoom takes memory for an answer back.
func (l *lane) giveRoom(room []byte) {
	switch c := cap(room); {
	case c > keptBody:
		l.loop.Give(room)
	case c > 0 && len(l.rooms) < maxSpare:
		l.rooms = append(l.rooms, room)
	}
}

// maxSpare is how many exchanges wait for their next request.
const maxSpare = 1024

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
