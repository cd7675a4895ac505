package router

import (
	"time"

	"gnomon"
)

// keptHead is the largest head that an exchange or a leg keeps its memory of, in bytes: one large request must not make all of them
// large.
const keptHead = 4 << 10

// emptied returns memory of a head for the next one.
func emptied(head []byte) []byte {
	if cap(head) > keptHead {
		return nil
	}
	return head[:0]
}

// An exchange is one request of a caller's with what belongs to it. Production and its copies read the same bytes; who
// has read them last gives them back.
type exchange struct {
	refs int
	lane *lane

	id     []byte
	head   []byte // header lines for the model, with the empty line
	body   []byte // in memory of its own, mostly the loop's
	stream bool   // the answer is to be streamed

	session bool // it is one of several that a model may remember
	caller  Caller

	// What a route is found by.
	endpoint []byte
	target   []byte // variant
	share    float64
	began    time.Time

	to      route              // claimed while the leg is under way
	tried   int                // instances
	died    bool               // one of them broke off
	offered bool               // to the shadows
	rec     gnomon.LegRecorder // of the route by which it was
	leg     leg
	flow    flow // of a streamed answer

	result     gnomon.Leg // once the leg is over
	captured   bool
	keeper     keeper // of an answer that is captured or compared
	outputType []byte // likewise
	pairs      []pairing
}

// retain adds a reader.
func (x *exchange) retain() { x.refs++ }

// release ends a reader's use.
func (x *exchange) release() {
	if x.refs--; x.refs > 0 {
		return
	}
	x.settle()
	x.keeper.end(x.lane)
	x.lane.loop.Give(x.body)
	if x.lane.spare.Len() >= x.lane.maxSpare {
		return
	}
	*x = exchange{
		lane: x.lane, id: x.id[:0], head: emptied(x.head), endpoint: x.endpoint[:0], target: x.target[:0], leg: x.leg.emptied(),
		outputType: x.outputType[:0], pairs: x.pairs,
	}
	x.leg.work = x
	x.lane.spare.Give(x)
}

// take makes body the exchange's. One that is given becomes its own, any other is copied.
func (x *exchange) take(body []byte, given bool) {
	if !given {
		body = append(x.lane.loop.Take(len(body)), body...)
	}
	x.body = body
}

// memory is how many bytes the body holds, whatever of them it uses.
func (x *exchange) memory() int64 { return int64(cap(x.body)) }
