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

// A keeper collects an answer that comes in parts and is not kept for anything else. Its memory is of the router's budget
// for that; an answer for which there is none is lost.
type keeper struct {
	on   bool
	lost bool
	data []byte
	room []byte // memory for small answers
	held int64  // of the budget
}

// begin makes it collect the answer that comes next.
func (k *keeper) begin() { k.on, k.data = true, k.room[:0] }

// add takes a part.
func (k *keeper) add(run []byte, r *Router) {
	if !k.on || k.lost {
		return
	}
	if len(k.data)+len(run) > cap(k.data) {
		more := int64(max(len(run), cap(k.data)))
		if !r.kept.Take(more) {
			k.lost = true
			return
		}
		k.held += more
		k.data = append(make([]byte, 0, cap(k.data)+int(more)), k.data...)
	}
	k.data = append(k.data, run...)
}

// end gives back what it holds, and returns a keeper for the next answer.
func (k *keeper) end(r *Router) keeper {
	if k.held > 0 {
		r.kept.Give(k.held)
	}
	if cap(k.data) <= keptBody {
		return keeper{room: k.data[:0]}
	}
	return keeper{}
}
