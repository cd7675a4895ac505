package router

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"gnomon"
	"gnomon/http1"
	"gnomon/reactor"
)

// maxInstances is how many instances a request tries before it is said that none can be reached.
const maxInstances = 3

// largeBody is from when on checking a body's signature would hold up the loop's other connections for too long.
const largeBody = 128 << 10

// A Request is one request under /endpoints/, as the listener has read it.
type Request struct {
	ID    []byte // the text form of a UUID
	Head  *http1.Request
	Body  []byte
	Given bool // the router may keep all of it, and the body is the loop's after that; otherwise all is used again after Begin
}

// Begin begins to answer a request, on the loop on which it is called. The caller is answered now or later.
func (r *Router) Begin(l *reactor.Loop, req Request, caller Caller) {
	lane := r.lanes[l.Index()]
	q := lane.request(req)
	fault := q.parse(req.Head)
	if fault == nil && len(req.Body) > largeBody && req.Given && r.opts.Authorize != nil {
		own := *q // the lane's is for the next request
		r.checks.Go(func() {
			fault := r.authorizeBeside(&own)
			l.Post(func() { lane.admit(&own, caller, fault) })
		})
		return
	}
	if fault == nil {
		fault = r.authorize(q)
	}
	lane.admit(q, caller, fault)
}

// request is memory for the request that is being begun.
func (l *lane) request(req Request) *request {
	l.begun = request{Request: req}
	return &l.begun
}

// authorize comes before anything is told about the endpoint, even that there is none.
func (r *Router) authorize(q *request) error {
	if r.opts.Authorize == nil {
		return nil
	}
	name := gnomon.EndpointName("")
	if ep := r.table.Load().endpoints[string(q.endpoint)]; ep != nil {
		name = ep.name
	} else {
		name = gnomon.EndpointName(q.endpoint)
	}
	return r.opts.Authorize(q.Head, q.Body, name)
}

// authorizeBeside is authorize beside the loop, where nobody else keeps a panic from ending the program.
func (r *Router) authorizeBeside(q *request) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("authorize panicked: %v\n%s", v, debug.Stack())
		}
	}()
	return r.authorize(q)
}

// admit answers a request with what is wrong with it, or has it invoke a model.
func (l *lane) admit(q *request, caller Caller, fault error) {
	if fault == nil {
		fault = q.fault()
	}
	if fault == nil {
		fault = l.invoke(q, caller)
	}
	if fault != nil {
		l.refuse(caller, q.ID, fault)
	}
}

// refuse answers with an error.
func (l *lane) refuse(caller Caller, id []byte, err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		l.router.log.Error("invoke", "request", string(id), "error", err)
		e = errInternal()
	}
	l.fields = e.appendFields(l.fields[:0])
	caller.Answer(e.Status, l.fields, e.json())
}

// A route is where one request goes.
type route struct {
	ep *endpoint
	v  *variant
	in *instance // claimed
}

// find picks a variant and claims an instance of it, other than avoid. The table may be replaced meanwhile, and its
// instances retired: then what the new one says holds.
func (x *exchange) find(avoid *instance) (route, error) {
	r := x.lane.router
	for {
		t := r.table.Load()
		ep := t.endpoints[string(x.endpoint)]
		if ep == nil {
			return route{}, r.errNoEndpoint(x.endpoint)
		}
		v := ep.pick(x.share)
		if len(x.target) > 0 {
			if v = ep.variant(x.target); v == nil {
				return route{}, errValidation("Variant " + string(x.target) + " is not a production variant of endpoint " + string(ep.name) + ".")
			}
		}
		if v == nil {
			return route{}, errNoInstance(ep.name, "")
		}
		if in := v.claim(r.opts.MaxInFlight, avoid); in != nil {
			return route{ep, v, in}, nil
		}
		if r.table.Load() == t {
			return route{ep: ep, v: v}, errNoInstance(ep.name, v.name)
		}
	}
}

// invoke asks a model.
func (l *lane) invoke(q *request, caller Caller) error {
	x := l.exchange()
	x.take(q.Body, q.Given)
	x.id = append(x.id, q.ID...)
	x.head = q.appendHead(x.head, q.ID, len(x.body))
	x.endpoint = append(x.endpoint, q.endpoint...)
	x.target = append(x.target, q.values[fieldTargetVariant]...)
	x.session = len(q.values[fieldSessionID]) > 0
	x.caller, x.stream, x.share, x.began = caller, q.stream, rand.Float64(), time.Now()

	to, err := x.find(nil)
	if err != nil {
		if to.v != nil {
			to.offer(x) // the shadow may answer what production cannot, and the request is under test in any case
			result := gnomon.Leg{Started: x.began, Overhead: time.Since(x.began), Fault: gnomon.FaultNoInstance, RequestBytes: len(x.body)}
			x.result = result
			to.recorder(x.began).Record(result)
			if c := to.v.capture; c.wants(x) {
				c.record(x, result, false, nil, nil)
			}
		}
		x.release()
		return err
	}
	x.to = to
	x.ask()
	return nil
}

// ask sends the request to the instance that is claimed.
func (x *exchange) ask() {
	o := &x.lane.router.opts
	x.tried++
	g := &x.leg
	g.work, g.x, g.pool, g.link = x, x, x.to.in.production[x.lane.loop.Index()], nil
	g.timeout, g.limit, g.whole = o.InvocationTimeout, int64(o.MaxAnswer), true
	if x.stream {
		g.timeout, g.limit, g.whole = o.StreamTimeout, maxStream, false
	}
	g.fault, g.fresh, g.paused, g.held, g.unwanted, g.started = gnomon.NoFault, false, false, false, false, time.Time{}
	g.deadline = time.Time{}
	if x.died {
		g.deadline = x.began.Add(g.timeout) // the time of the first try counts
	}
	g.start()
}

// sent implements [work]. Copies come after production's request is on its way, so that it has the head start.
func (x *exchange) sent() {
	if !x.offered {
		x.offered, x.rec = true, x.to.recorder(x.began)
		x.to.offer(x)
	}
}

// ended implements [work].
func (x *exchange) ended(unreached bool) {
	if x.again(unreached) {
		return
	}
	x.sent() // by the route that is recorded; one that reached a model has been offered before
	g := &x.leg
	result := x.flow.result(g.result(time.Since(x.began)-g.took), x.began)
	x.result = result
	x.rec.Record(result)
	x.to.in.release()
	x.keepAnswer(result)
	x.answer()
	x.capture(result)
	x.repeat()
	if g.in.room != nil {
		g.in = g.in.emptied() // copies may need the request for long, but nobody the answer
	}
	x.release()
}

// again asks another instance, where there is one: if this one cannot be connected to and has seen nothing of the request, and
// once if it broke off before a byte of its answer. An instance that is killed costs no request then, and a request that
// kills models ends two of them at most.
func (x *exchange) again(unreached bool) bool {
	g := &x.leg
	died := g.fault == gnomon.FaultConnection && !unreached && !g.in.begun() && !x.flow.gone && !x.died
	if !died && (!unreached || x.tried >= maxInstances) {
		return false
	}
	next, err := x.find(x.to.in)
	if err != nil {
		return false
	}
	x.to.in.release()
	x.to, x.died = next, x.died || died
	x.ask()
	return true
}

// keepAnswer takes what of the answer lies in the loop's memory, which the caller's next request may be read into as soon as
// this one is answered, and what is to be compared with an answer that comes later. Everything else can be captured when the
// caller has its answer.
func (x *exchange) keepAnswer(result gnomon.Leg) {
	x.captured = x.to.v.capture.wants(x)
	compared := x.compared()
	if !(x.captured || compared) || !x.answered(result) {
		return
	}
	x.outputType = append(x.outputType[:0], contentType(&x.leg.in.head)...)
	switch n := len(x.leg.in.body); {
	case x.keeper.on: // a stream's
		x.keeper.join(x.lane)
	case n <= keptWhole || x.leg.in.room == nil:
		x.keeper.begin(math.MaxInt)
		x.keeper.add(x.leg.in.body, int64(n), x.lane)
	case compared && n <= x.lane.router.opts.MaxCompared:
		x.keeper.takeOver(&x.leg.in, x.lane)
	case compared:
		x.keeper.lost = gnomon.TooLarge
	}
	if x.captured && !x.stream && x.keeper.lost == gnomon.NoMemory { // it need not be kept to be captured, just be there
		x.to.v.capture.record(x, result, true, x.outputType, x.leg.in.body)
		x.captured = false
	}
}

// answered reports whether the caller has got, to its end, an answer as it should be.
func (x *exchange) answered(result gnomon.Leg) bool { return good(result) && !x.flow.gone }

// capture keeps how it went, if the request is in the sample.
func (x *exchange) capture(result gnomon.Leg) {
	if !x.captured {
		return
	}
	switch c := x.to.v.capture; {
	case x.keeper.on && x.keeper.lost != gnomon.KeptAll:
		c.rec.Lose()
	case x.keeper.on:
		c.record(x, result, x.answered(result), x.outputType, x.keeper.data)
	default:
		c.record(x, result, x.answered(result), x.outputType, x.leg.in.body)
	}
}

// answer tells the caller how it went.
func (x *exchange) answer() {
	l, g := x.lane, &x.leg
	switch {
	case x.flow.began:
		x.endStream()
	case g.fault != gnomon.NoFault || g.in.head.Status > 299:
		l.refuse(x.caller, x.id, l.router.errModel(x.to.ep.name, g))
	case x.stream: // an answer without a body
		x.beginStream()
		x.endStream()
	default:
		l.fields = appendFields(l.fields[:0], &g.in.head, x.to.v.name, "Content-Type: ")
		x.caller.Answer(200, l.fields, g.in.body)
	}
}

// tested reports whether a request that takes the route, and began at the given time, is compared with shadows.
func (to route) tested(began time.Time) bool {
	for _, m := range to.v.mirrors {
		if !m.active(began) {
			return false
		}
	}
	return len(to.v.mirrors) > 0
}

func (to route) offer(x *exchange) {
	for _, m := range to.v.mirrors {
		m.offer(x)
	}
}

// recorder is where the production leg of a request counts that began at the given time.
func (to route) recorder(began time.Time) gnomon.LegRecorder {
	if to.tested(began) {
		return to.v.tested
	}
	return to.v.plain
}

// The header lines of an answer that come from the container, as it names them in lower case.
var passed = []struct{ name, line string }{
	{"x-amzn-sagemaker-custom-attributes", "X-Amzn-SageMaker-Custom-Attributes: "},
	{"x-amzn-sagemaker-new-session-id", "X-Amzn-SageMaker-New-Session-Id: "},
	{"x-amzn-sagemaker-closed-session-id", "X-Amzn-SageMaker-Closed-Session-Id: "},
}

// appendFields appends the header lines of a good answer. The content type stands behind what contentType says.
func appendFields(dst []byte, head *http1.Response, variant, contentType string) []byte {
	for block := head.Header; len(block) > 2; {
		var name, value []byte
		name, value, block = http1.Next(block)
		switch {
		case len(name) == len("content-type") && http1.EqualFold(name, "content-type"):
			dst = appendLine(dst, contentType, value)
		case len(name) > len("x-amzn-sagemaker-") && name[0]|0x20 == 'x':
			for _, p := range passed {
				if http1.EqualFold(name, p.name) {
					dst = appendLine(dst, p.line, value)
				}
			}
		}
	}
	return append(append(append(dst, "x-Amzn-Invoked-Production-Variant: "...), variant...), "\r\n"...)
}

func appendLine(dst []byte, name string, value []byte) []byte {
	return append(append(append(dst, name...), value...), "\r\n"...)
}
