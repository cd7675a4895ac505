package router

import (
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
	fields []byte    // of the answer that is being made
	frame  framer

	turn    uint64 // of the loop, in which
	shadows int    // so many bytes of shadows' answers were read
}

// shadowsPerTurn is how much of shadows' answers a lane reads before it looks after production again. It takes some tens
// of microseconds.
const shadowsPerTurn = 256 << 10

// mayReadShadow reports whether more of a shadow's answer may be read in this turn.
func (l *lane) mayReadShadow() bool {
	if turn := l.loop.Turn(); turn != l.turn {
		l.turn, l.shadows = turn, 0
	}
	return l.shadows < shadowsPerTurn
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
