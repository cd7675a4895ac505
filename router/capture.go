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

// A keeper collects an answer that comes in parts, or that must outlive its leg. Its memory is of the router's budget for that; an
// answer for which there is none is lost.
//
// What is beyond keptWhole of an answer whose length is not known lies in pieces until it is joined: memory that grows is new
// again and again, and copied from one to the next, while production waits.
type keeper struct {
	on    bool
	lost  gnomon.Kept // why it is; KeptAll: it is not
	limit int         // bytes
	size  int         // bytes
	full  [][]byte    // pieces of it
	data  []byte      // what comes behind them: mostly all of it
	held  int64       // bytes of the budget, which full and data lie in
}

const (
	keptWhole = 64 << 10  // bytes
	pieceSize = 128 << 10 // bytes
)

// begin makes it collect the answer that comes next.
func (k *keeper) begin(limit int) {
	*k = keeper{on: true, lost: gnomon.KeptAll, limit: limit}
}

// add takes a part of an answer whose length is known, or below 0.
func (k *keeper) add(run []byte, length int64, l *lane) {
	if !k.on || k.lost != gnomon.KeptAll {
		return
	}
	if len(run) > k.limit-k.size || length > int64(k.limit) {
		k.lose(gnomon.TooLarge, l)
		return
	}
	k.size += len(run)
	for {
		n := copy(k.data[len(k.data):cap(k.data)], run)
		k.data, run = k.data[:len(k.data)+n], run[n:]
		if len(run) == 0 {
			return
		}
		if !k.extend(len(run), length, l) {
			k.lose(gnomon.NoMemory, l)
			return
		}
	}
}

// extend makes room for some of n bytes more. It reports false if there is none.
func (k *keeper) extend(n int, length int64, l *lane) bool {
	n += len(k.data)
	switch {
	case length >= 0:
		return k.move(max(n, int(length)), l)
	case len(k.full) == 0 && n <= keptWhole:
		return k.move(max(n, min(2*cap(k.data), keptWhole)), l)
	}
	piece, ok := l.keep(pieceSize, 0)
	if ok {
		k.full, k.data = append(k.full, k.data), piece
		k.held += int64(cap(piece))
	}
	return ok
}

// join puts the pieces together: all of the answer is in data then, or it is lost.
func (k *keeper) join(l *lane) {
	if len(k.full) > 0 && !k.move(k.size, l) {
		k.lose(gnomon.NoMemory, l)
	}
}

// move moves all to one room for n bytes. It reports false if there is none.
func (k *keeper) move(n int, l *lane) bool {
	into, ok := l.keep(n, k.held)
	if !ok {
		return false
	}
	for _, piece := range k.full {
		into = append(into, piece...)
	}
	into = append(into, k.data...)
	k.held = 0 // of the budget it is into's now
	k.giveBack(l)
	k.data, k.held = into, int64(cap(into))
	return true
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

// end gives back what it holds.
func (k *keeper) end(l *lane) {
	k.giveBack(l)
	*k = keeper{}
}

func (k *keeper) giveBack(l *lane) {
	if k.held > 0 {
		l.router.kept.Give(k.held)
	}
	for _, piece := range k.full {
		l.loop.Give(piece)
	}
	l.loop.Give(k.data)
	k.full, k.data, k.held = nil, nil, 0
}
