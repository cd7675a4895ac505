package router

import (
	"sync"
	"sync/atomic"
	"time"

	"gnomon"

	"github.com/valyala/fasthttp"
)

// A mirror copies requests to one shadow. It lives as long as its ID is published, whatever else about it changes.
type mirror struct {
	opts    *Options
	names   gnomon.Mirror
	rec     gnomon.MirrorRecorder
	memory  *budget
	route   atomic.Pointer[mirrorRoute]
	rate    rate
	breaker breaker
	queue   chan ticket
	workers []*worker
	started bool // guarded by the router's lock
	busy    atomic.Int64

	mu     sync.RWMutex // so that nothing can be put into the queue once it is closed
	closed bool
}

// A ticket is a copy's place in a queue. The exchange may be in those of several mirrors.
type ticket struct {
	*exchange
	probe bool // the copy is the breaker's probe
}

// A mirrorRoute is what is published about a mirror at one time.
type mirrorRoute struct {
	*mirror
	id      gnomon.MirrorID
	source  string // empty: the only production variant there is
	shadow  *variant
	sampler sampler
	maxRate float64
	paused  bool
	until   time.Time
}

func newMirror(names gnomon.Mirror, r *Router) *mirror {
	m := &mirror{
		opts:    &r.opts,
		names:   names,
		rec:     r.rec.Mirror(names),
		memory:  &r.memory,
		breaker: breaker{faultsToOpen: r.opts.BreakerFaults, pause: r.opts.BreakerPause, next: r.opts.BreakerPause},
		queue:   make(chan ticket, r.opts.MirrorQueue),
	}
	for range r.opts.MirrorWorkers {
		m.workers = append(m.workers, &worker{mirror: m})
	}
	return m
}

func newMirrorRoute(m *mirror, route gnomon.MirrorRoute, shadow *variant) *mirrorRoute {
	return &mirrorRoute{
		mirror:  m,
		id:      route.ID,
		source:  string(route.Source),
		shadow:  shadow,
		sampler: newSampler(route.Salt, route.Fraction),
		maxRate: route.MaxRate,
		paused:  route.Paused,
		until:   route.Until,
	}
}

// start begins to work on copies; stop ends it.
func (m *mirror) start(group *sync.WaitGroup) {
	m.started = true
	for _, w := range m.workers {
		group.Go(w.run)
	}
}

// stop takes no more copies, ends those that wait, and gives those under way until then.
func (m *mirror) stop(then time.Time) {
	m.close()
	for _, w := range m.workers {
		w.leash.shorten(then)
	}
	if !m.started {
		m.workers[0].run() // through copies that nobody else will look at; none is sent any more
	}
}

func (m *mirror) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		close(m.queue)
	}
}

func (m *mirror) stopped() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.closed
}

// active reports whether requests are under test.
func (m *mirrorRoute) active(now time.Time) bool {
	return !m.paused && (m.until.IsZero() || now.Before(m.until))
}

// offer accounts for one production request and, if it is in the sample and the shadow can take it, puts a copy into
// the queue. It never waits.
func (m *mirrorRoute) offer(x *exchange, now time.Time) {
	m.rec.Begin()
	if b := m.admit(x, now); b != "" {
		m.rec.End(b)
	}
}

// admit returns the bucket of a request that is not copied, and an empty one for a copy that waits in the queue.
func (m *mirrorRoute) admit(x *exchange, now time.Time) gnomon.Bucket {
	switch {
	case !m.active(now):
		return gnomon.BucketStopped
	case !m.sampler.contains(x.id):
		return gnomon.BucketSampledOut
	case len(x.body) > m.opts.MaxShadowBody:
		return gnomon.BucketTooLarge
	case len(m.shadow.instances) == 0:
		return gnomon.BucketShadowNotReady
	}
	ok, probe := m.breaker.allow(now)
	if !ok {
		return gnomon.BucketShadowNotReady
	}
	b := m.enqueue(x, now, probe)
	if b != "" && probe {
		m.breaker.abandon()
	}
	return b
}

func (m *mirrorRoute) enqueue(x *exchange, now time.Time, probe bool) gnomon.Bucket {
	if !m.rate.allow(now, m.maxRate) {
		return gnomon.BucketRateCapped
	}
	size := int64(len(x.body))
	if !m.memory.take(size) {
		return gnomon.BucketQueueFull
	}
	x.retain()
	b := m.push(ticket{x, probe})
	if b != "" {
		x.release()
		m.memory.give(size)
	}
	return b
}

func (m *mirror) push(x ticket) gnomon.Bucket {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return gnomon.BucketStopped
	}
	select {
	case m.queue <- x:
		return ""
	default:
		return gnomon.BucketQueueFull
	}
}

// A worker sends copies, one at a time.
type worker struct {
	*mirror
	leash  leash
	answer fasthttp.Response
}

func (w *worker) run() {
	for x := range w.queue {
		w.busy.Add(1)
		b := w.copy(x)
		w.busy.Add(-1)
		w.memory.give(int64(len(x.body)))
		x.release()
		w.rec.End(b)
	}
}

// copy sends one copy and returns its bucket.
func (w *worker) copy(x ticket) gnomon.Bucket {
	b, sent := w.hold(x)
	if x.probe && !sent {
		w.breaker.abandon()
	}
	return b
}

// hold claims an instance for the copy and sends it there; it reports false if the shadow got to see nothing.
func (w *worker) hold(x ticket) (b gnomon.Bucket, sent bool) {
	now, route := time.Now(), w.route.Load()
	if w.stopped() || !route.active(now) {
		return gnomon.BucketStopped, false
	}
	if !x.probe && w.breaker.open.Load() {
		return gnomon.BucketShadowNotReady, false
	}
	in := route.shadow.claim(w.opts.MaxInFlight, nil)
	if in == nil {
		return gnomon.BucketShadowNotReady, false
	}
	defer in.release()
	return w.send(x, in, route.shadow.plain)
}

func (w *worker) send(x ticket, in *instance, rec gnomon.LegRecorder) (b gnomon.Bucket, sent bool) {
	c := call{
		in: in, pool: &in.shadow, x: x.exchange, answer: &w.answer,
		timeout: w.opts.ShadowTimeout, limit: w.opts.MaxShadowAnswer, memory: w.memory, leash: &w.leash,
	}
	answered := c.send() && c.receive()
	defer w.shed()
	switch {
	case c.starved:
		return gnomon.BucketQueueFull, false
	case c.fault == gnomon.FaultTimeout && w.stopped():
		return gnomon.BucketStopped, false
	}
	rec.Record(c.leg(0))
	w.breaker.result(answered || c.fault == gnomon.FaultProtocol, x.probe, time.Now())
	return bucketOf(&c), true
}

// shed empties the worker's answer, and lets go of a large one.
func (w *worker) shed() {
	if body := w.answer.SwapBody(nil); cap(body) <= keptBody {
		w.answer.SwapBody(body[:0])
	}
	w.answer.Reset()
}

func bucketOf(c *call) gnomon.Bucket {
	switch c.fault {
	case gnomon.FaultTimeout:
		return gnomon.BucketShadowTimeout
	case gnomon.FaultConnection:
		return gnomon.BucketShadowUnreachable
	case gnomon.FaultProtocol:
		return gnomon.BucketShadowError
	}
	if s := c.answer.StatusCode(); s < 200 || s > 299 {
		return gnomon.BucketShadowError
	}
	return gnomon.BucketMirrored
}
