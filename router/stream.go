package router

import (
	"math"
	"time"

	"gnomon"
)

// maxStream is how long a streamed answer may be, in bytes: what bounds it is time.
const maxStream = math.MaxInt64

// A flow is what is known of a streamed answer while it comes. One part is what the model sent at once: a chunk, mostly.
type flow struct {
	began bool      // the caller has got its head
	parts int       // with data in them
	first time.Time // when the first came
	last  time.Time
	gone  bool // the caller has left
}

// note takes down that a part has come.
func (f *flow) note() {
	f.last = time.Now()
	if f.parts++; f.parts == 1 {
		f.first = f.last
	}
}

// result adds what is known of the stream to its leg. Began is when the caller's request did; the zero time if there is
// no caller.
func (f *flow) result(l gnomon.Leg, began time.Time) gnomon.Leg {
	if f.parts > 0 {
		if !began.IsZero() {
			l.FirstChunkOverhead = max(0, l.Started.Sub(began))
		}
		l.FirstChunk, l.Chunks, l.Streaming = f.first.Sub(l.Started), f.parts, f.last.Sub(f.first)
		l.Broken = l.Fault != gnomon.NoFault
	}
	return l
}

// part implements [work]: what a model sends goes on to the caller at once. What it says to an error is kept, as far as
// it will be told.
func (x *exchange) part(run []byte) bool {
	g := &x.leg
	if g.in.head.Status > 299 {
		g.in.body = append(g.in.body, run[:min(len(run), maxMessage-len(g.in.body))]...)
		g.unwanted = len(g.in.body) == maxMessage
		return !g.unwanted
	}
	if !x.flow.began && !x.beginStream() {
		g.unwanted = true
		return false
	}
	x.flow.note()
	x.keeper.add(run, x.leg.in.head.Length, x.lane)
	f := &x.lane.frame
	f.payload(run)
	return x.caller.Send(f.head, run, f.crc[:])
}

func (x *exchange) beginStream() bool {
	l := x.lane
	x.flow.began = true
	switch {
	case x.to.v.capture.wants(x):
		x.keeper.begin(math.MaxInt)
	case x.compared():
		x.keeper.begin(l.router.opts.MaxCompared)
	}
	l.fields = append(l.fields[:0], "Content-Type: application/vnd.amazon.eventstream\r\n"...)
	l.fields = appendFields(l.fields, &x.leg.in.head, x.to.v.name, "X-Amzn-SageMaker-Content-Type: ")
	x.flow.gone = !x.caller.Stream(200, l.fields, x)
	return !x.flow.gone
}

// endStream ends what the caller gets. A stream that the model did not finish ends in an exception that says so.
func (x *exchange) endStream() {
	code, message := "", ""
	switch x.leg.fault {
	case gnomon.NoFault:
	case gnomon.FaultTimeout:
		code, message = "ModelInvocationTimeExceeded", "The model did not finish its answer in time."
	default:
		code, message = "StreamBroken", "The model broke off in the middle of its answer."
	}
	if x.flow.gone {
		return
	}
	if code != "" {
		x.lane.frame.exception("ModelStreamError", code, message)
		x.caller.Send(x.lane.frame.head, x.lane.frame.text, x.lane.frame.crc[:])
	}
	x.caller.End()
}

// Resume implements [Source].
func (x *exchange) Resume() { x.leg.resume() }

// Gone implements [Source]. A model that still answers, does so for nobody.
func (x *exchange) Gone() {
	x.flow.gone = true
	if x.leg.link != nil {
		x.leg.leave()
	}
}
