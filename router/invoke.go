package router

import (
	"errors"
	"math/rand/v2"
	"time"

	"gnomon"

	"github.com/valyala/fasthttp"
)

// maxInstances is how many instances a request tries before it is said that none can be reached.
const maxInstances = 3

// Serve answers one request under /endpoints/, whose id is the text form of a UUID. It is what the listener calls for
// each of them, concurrently, and uses neither argument after it has returned.
func (r *Router) Serve(ctx *fasthttp.RequestCtx, id []byte) {
	if err := r.serve(ctx, id); err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			r.log.Error("invoke", "request", string(id), "error", err)
			e = errInternal()
		}
		e.write(&ctx.Response)
	}
}

func (r *Router) serve(ctx *fasthttp.RequestCtx, id []byte) error {
	var q request
	var ok bool
	h := &ctx.Request.Header
	if q.endpoint, ok = parsePath(h.RequestURI()); !ok || string(h.Method()) != "POST" {
		return errUnknownOperation()
	}
	if err := r.authorize(ctx, q.endpoint); err != nil {
		return err
	}
	if !q.parseHeaders(h.RawHeaders()) {
		return errValidation("A header of the request is there twice.")
	}
	if fault := q.check(); fault != "" {
		return errValidation(fault)
	}
	if err := q.refuse(); err != nil {
		return err
	}
	return r.invoke(ctx, &q, id)
}

// authorize comes before anything is told about the endpoint, even that there is none.
func (r *Router) authorize(ctx *fasthttp.RequestCtx, name []byte) error {
	if r.opts.Authorize == nil {
		return nil
	}
	if ep := r.table.Load().endpoints[string(name)]; ep != nil {
		return r.opts.Authorize(ctx, ep.name)
	}
	return r.opts.Authorize(ctx, gnomon.EndpointName(name))
}

// refuse says no to members that only mean something to kinds of endpoints that there are none of here.
func (q *request) refuse() error {
	switch {
	case len(q.values[fieldTargetModel]) > 0:
		return errValidation("Target model header is set on the request, but endpoint " + string(q.endpoint) + " is not a multi-model endpoint.")
	case len(q.values[fieldTargetContainer]) > 0:
		return errValidation("Target container header is set on the request, but endpoint " + string(q.endpoint) + " is not a multi-container endpoint.")
	case len(q.values[fieldComponent]) > 0:
		return errValidation("Inference component name header is set on the request, but endpoint " + string(q.endpoint) + " has no inference components.")
	case len(q.values[fieldExplanations]) > 0:
		return errValidation("Enable explanations header is set on the request, but endpoint " + string(q.endpoint) + " has no explainer configured.")
	}
	return nil
}

// A route is where one request goes.
type route struct {
	ep *endpoint
	v  *variant
	in *instance // claimed
}

// find picks a variant and claims an instance of it, other than avoid. The table may be replaced meanwhile, and its
// instances retired: then what the new one says holds.
func (r *Router) find(q *request, x float64, avoid *instance) (route, error) {
	for {
		t := r.table.Load()
		ep := t.endpoints[string(q.endpoint)]
		if ep == nil {
			return route{}, r.errNoEndpoint(q.endpoint)
		}
		v := ep.pick(x)
		if target := q.values[fieldTargetVariant]; len(target) > 0 {
			if v = ep.variant(target); v == nil {
				return route{}, errValidation("Variant " + string(target) + " is not a production variant of endpoint " + string(ep.name) + ".")
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

// invoke asks a model and makes its answer the caller's.
func (r *Router) invoke(ctx *fasthttp.RequestCtx, q *request, id []byte) error {
	x := r.exchanges.get()
	defer x.release()
	x.take(&ctx.Request)
	x.id = append(x.id, id...)
	x.head = q.appendHead(x.head, id, len(x.body))

	share, now := rand.Float64(), time.Now()
	to, err := r.find(q, share, nil)
	if err != nil {
		if to.v != nil {
			to.recorder(now).Record(gnomon.Leg{Started: now, Overhead: time.Since(ctx.Time()), Fault: gnomon.FaultNoInstance, RequestBytes: len(x.body)})
		}
		return err
	}
	to = r.ask(x, q, share, now, to)
	defer to.in.release()
	c := &x.call
	to.recorder(now).Record(c.leg(time.Since(ctx.Time()) - c.took))
	if c.fault != gnomon.NoFault || c.answer.StatusCode() > 299 {
		return r.errModel(to.ep.name, c)
	}
	answer(&ctx.Response, &x.answer, to.v.name)
	return nil
}

// ask has x answered, if need be by another instance than the one that is claimed: one that cannot be connected to
// has seen nothing of the request. It returns the route that was taken in the end, with its claim.
func (r *Router) ask(x *exchange, q *request, share float64, now time.Time, to route) route {
	mirrored := false
	for tried := 1; ; tried++ {
		x.call = call{
			in: to.in, pool: &to.in.production, x: x, answer: &x.answer,
			timeout: r.opts.InvocationTimeout, limit: r.opts.MaxAnswer,
		}
		sent := x.call.send()
		if !mirrored {
			mirrored = true
			// After production's request is on its way, so that it has the head start.
			to.offer(x, now)
		}
		if sent {
			x.call.receive()
			return to
		}
		if x.call.fault != gnomon.FaultConnection || tried == maxInstances {
			return to
		}
		next, err := r.find(q, share, to.in)
		if err != nil {
			return to
		}
		to.in.release()
		to = next
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

func (to route) offer(x *exchange, now time.Time) {
	for _, m := range to.v.mirrors {
		m.offer(x, now)
	}
}

// recorder is where the production leg of a request counts that began at the given time.
func (to route) recorder(began time.Time) gnomon.LegRecorder {
	if to.tested(began) {
		return to.v.tested
	}
	return to.v.plain
}

// The headers of an answer that come from the container.
var passed = [][2][]byte{
	{[]byte("X-Amzn-Sagemaker-Custom-Attributes"), []byte("X-Amzn-SageMaker-Custom-Attributes")},
	{[]byte("X-Amzn-Sagemaker-New-Session-Id"), []byte("X-Amzn-SageMaker-New-Session-Id")},
	{[]byte("X-Amzn-Sagemaker-Closed-Session-Id"), []byte("X-Amzn-SageMaker-Closed-Session-Id")},
}

var headerVariant = []byte("x-Amzn-Invoked-Production-Variant")

// answer hands the model's answer over. The body is not copied: the buffers change places.
func answer(resp, from *fasthttp.Response, variant string) {
	if t := from.Header.ContentType(); len(t) > 0 {
		resp.Header.SetContentTypeBytes(t)
	}
	resp.Header.SetCanonical(headerVariant, []byte(variant))
	for _, h := range passed {
		if v := from.Header.PeekCanonical(h[0]); len(v) > 0 {
			resp.Header.SetCanonical(h[1], v)
		}
	}
	body := from.SwapBody(nil)
	if cap(body) > keptBody {
		resp.SetBodyRaw(body) // not to be kept with the connection
		return
	}
	from.SwapBody(resp.SwapBody(body))
}
