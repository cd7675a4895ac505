package router

import (
	"gnomon"
	"gnomon/http1"
)

// A Capturer keeps what is asked and answered. Stream is called by [Router.Publish] only, and more than once for the same:
// what its recorders count must add up.
type Capturer interface {
	Stream(gnomon.CaptureStream) gnomon.CaptureRecorder
}

// A capture is what is kept of a variant.
type capture struct {
	sample sampler // of requests, the same for all variants of an endpoint
	rec    gnomon.CaptureRecorder
}

// compileCapture returns what is kept of a variant of the endpoint; nil: nothing.
func (r *Router) compileCapture(route gnomon.EndpointRoute, v gnomon.VariantName) *capture {
	c := route.Capture
	if c == nil || !c.Enabled || c.SamplingPercent == 0 || r.opts.Capturer == nil {
		return nil
	}
	return &capture{
		sample: newSampler(c.Salt, float64(c.SamplingPercent)/100),
		rec:    r.opts.Capturer.Stream(gnomon.CaptureStream{Endpoint: route.Name, Variant: v, DataCapture: c.DataCapture}),
	}
}

// wants reports whether the request is to be kept.
func (c *capture) wants(x *exchange) bool { return c != nil && c.sample.contains(x.id) }

// good reports whether a model has answered as it should.
func good(l gnomon.Leg) bool { return l.Status >= 200 && l.Status <= 299 }

// record hands over how a leg of the request went. Output is the answer's body, if the model has answered well and to the end.
func (c *capture) record(x *exchange, result gnomon.Leg, answered bool, outputType, output []byte) {
	k := gnomon.CapturedLeg{EventID: x.id, Began: x.began, Input: x.body, Leg: result}
	if answered {
		k.Answered, k.OutputType, k.Output = true, outputType, output
	}
	for block := x.head; len(block) > 2; {
		var name, value []byte
		name, value, block = http1.Next(block)
		switch {
		case http1.EqualFold(name, known[fieldContentType].header):
			k.InputType = value
		case http1.EqualFold(name, known[fieldInferenceID].header):
			k.InferenceID = value
		case http1.EqualFold(name, known[fieldCustomAttributes].header):
			k.CustomAttributes = value
		}
	}
	c.rec.Capture(&k)
}

func contentType(head *http1.Response) []byte {
	for block := head.Header; len(block) > 2; {
		var name, value []byte
		name, value, block = http1.Next(block)
		if http1.EqualFold(name, "content-type") {
			return value
		}
	}
	return nil
}

// A keeper collects an answer that comes in parts, or that must outlive its leg. Its memory is of the router's budget for that,
// but for small answers; an answer for which there is none is lost.
type keeper struct {
	on    bool
	lost  gnomon.Kept // why it is; KeptAll: it is not
	limit int         // bytes
	data  []byte
	held  int64 // bytes of the budget, which data lies in
}

// begin makes it collect the answer that comes next.
func (k *keeper) begin(l *lane, limit int) {
	*k = keeper{on: true, lost: gnomon.KeptAll, limit: limit, data: l.room()}
}

// add takes a part of an answer whose length is known, or below 0.
func (k *keeper) add(run []byte, length int64, l *lane) {
	if !k.on || k.lost != gnomon.KeptAll {
		return
	}
	if len(run) > k.limit-len(k.data) || length > int64(k.limit) {
		k.lose(gnomon.TooLarge, l)
		return
	}
	if n := len(k.data) + len(run); n > cap(k.data) && !k.grow(max(n, int(length)), l) {
		k.lose(gnomon.NoMemory, l)
		return
	}
	k.data = append(k.data, run...)
}

// takeOver keeps an answer that is there to its end where it lies, if that is memory of its own.
func (k *keeper) takeOver(a *incoming, l *lane) {
	if !l.router.kept.Take(int64(cap(a.room))) {
		k.lost = gnomon.NoMemory
		return
	}
	*k = keeper{on: true, lost: gnomon.KeptAll, data: a.body, held: int64(cap(a.room))}
	a.room = nil
}

// lose gives up an answer, of which no part is of any use.
func (k *keeper) lose(why gnomon.Kept, l *lane) {
	k.end(l)
	k.on, k.lost = true, why
}

// grow makes room for n bytes in all. It reports false if there is none.
func (k *keeper) grow(n int, l *lane) bool {
	if kept := l.router.kept; int64(n)-k.held > kept.Limit()-kept.Used() {
		return false // models say how long their answers are, and may say anything
	}
	into := l.newRoom(max(n, 2*cap(k.data)))
	more := int64(cap(into)) - k.held
	if !l.router.kept.Take(more) {
		l.giveRoom(into)
		return false
	}
	k.held += more
	before := k.data
	k.data = append(into, before...)
	l.giveRoom(before)
	return true
}

// end gives back what it holds.
func (k *keeper) end(l *lane) {
	if k.held > 0 {
		l.router.kept.Give(k.held)
	}
	l.giveRoom(k.data)
	*k = keeper{}
}
