package router

import (
	"time"

	"gnomon"
)

// keptBody is the largest buffer that waits for the next request: one large request must not make all of them large.
const keptBody = 64 << 10

// An exchange is one request of a caller's with what belongs to it. Production and its copies read the same bytes; who
// has read them last gives them back.
type exchange struct {
	refs int
	lane *lane
	kept []byte // memory for small bodies

	id     []byte
	head   []byte // header lines for the model, with the empty line
	body   []byte
	given  bool // body is the loop's memory
	stream bool // the answer is to be streamed

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
	if x.given {
		x.lane.loop.Give(x.body)
	}
	if len(x.lane.spare) == x.lane.maxSpare {
		return
	}
	kept := x.kept
	if cap(kept) > keptBody {
		kept = nil
	}
	*x = exchange{
		lane: x.lane, kept: kept, id: x.id[:0], head: x.head[:0], endpoint: x.endpoint[:0], target: x.target[:0], leg: x.leg.emptied(),
		outputType: x.outputType[:0], pairs: x.pairs,
	}
	x.leg.work = x
	x.lane.spare = append(x.lane.spare, x)
}

// take makes body the exchange's. One that is given becomes its own, any other is copied.
func (x *exchange) take(body []byte, given bool) {
	if x.given = given; given {
		x.body = body
		return
	}
	x.kept = append(x.kept[:0], body...)
	x.body = x.kept
}

// memory is how many bytes the body holds, whatever of them it uses: of one that came in one piece, which lies in what every exchange
// has, its own.
func (x *exchange) memory() int64 {
	if x.given {
		return int64(cap(x.body))
	}
	return int64(len(x.body))
}
