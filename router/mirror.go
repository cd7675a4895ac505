package router

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"gnomon"
)

// maxDials is how many connections to a shadow a lane opens at once: a burst must not overrun its listen backlog.
const maxDials = 8

// A mirror copies requests to one shadow. It lives as long as its ID is published, whatever else about it changes.
type mirror struct {
	router  *Router
	names   gnomon.Mirror
	rec     gnomon.MirrorRecorder
	route   atomic.Pointer[mirrorRoute]
	rate    rate
	breaker breaker
	closed  atomic.Bool
	queues  []*queue // by loop
}

// A mirrorRoute is what is published about a mirror at one time.
type mirrorRoute struct {
	*mirror
	id      gnomon.MirrorID
	source  string // empty: the only production variant there is
	shadow  *variant
	sampler sampler
	maxRate float64
	pairs   gnomon.PairRecorder // nil: nobody is told
	answers bool                // they are compared
	noise   sampler             // of the copies, for which production is asked once more
	paused  bool
	until   time.Time

	production *variant // source's; nil: it is not there
}

func newMirror(names gnomon.Mirror, r *Router) *mirror {
	m := &mirror{
		router:  r,
		names:   names,
		rec:     r.rec.Mirror(names),
		breaker: breaker{faultsToOpen: r.opts.BreakerFaults, pause: r.opts.BreakerPause, next: r.opts.BreakerPause},
	}
	n := len(r.lanes)
	for _, l := range r.lanes {
		q := &queue{mirror: m, lane: l, capacity: share(r.opts.MirrorQueue, n), workers: share(r.opts.MirrorWorkers, n)}
		q.drainLater = q.drain
		m.queues = append(m.queues, q)
	}
	return m
}

// share is one loop's part of what is allowed to all n, and not nothing.
func share(all, n int) int { return max(1, all/n) }

func newMirrorRoute(m *mirror, route gnomon.MirrorRoute, shadow *variant) *mirrorRoute {
	return &mirrorRoute{
		mirror:  m,
		id:      route.ID,
		source:  string(route.Source),
		shadow:  shadow,
		sampler: newSampler(route.Salt, route.Fraction),
		maxRate: route.MaxRate,
		answers: route.Answers.Kind != gnomon.AnswersOff,
		noise:   newSampler(route.Salt+"/noise-floor", route.Judging.NoiseFloor),
		paused:  route.Paused,
		until:   route.Until,
	}
}

// stop takes no more copies, ends those that wait, and gives those under way until then. A copy that a loop is about to begin is
// one of these.
func (m *mirror) stop(then time.Time) {
	m.closed.Store(true)
	for _, q := range m.queues {
		q.lane.loop.Post(func() { q.stop(then) })
	}
}

// active reports whether requests are under test.
func (m *mirrorRoute) active(now time.Time) bool {
	return !m.paused && (m.until.IsZero() || now.Before(m.until))
}

// offer accounts for one production request and, if it is in the sample and the shadow can take it, puts a copy into
// the queue. It never waits.
func (m *mirrorRoute) offer(x *exchange) {
	m.rec.Begin()
	b := m.admit(x)
	if b != "" {
		m.rec.End(counted(b))
	}
	m.pair(x, b)
}

// admit returns the bucket of a request that is not copied, and an empty one for a copy that waits in the queue.
func (m *mirrorRoute) admit(x *exchange) gnomon.Bucket {
	switch {
	case !m.active(x.began):
		return gnomon.BucketStopped
	case !m.sampler.contains(x.id):
		return gnomon.BucketSampledOut
	case len(x.body) > m.router.opts.MaxShadowBody:
		return gnomon.BucketTooLarge
	case len(m.shadow.instances) == 0:
		return gnomon.BucketShadowNotReady
	}
	ok, probe := m.breaker.allow(x.began)
	if !ok {
		return refused
	}
	b := m.enqueue(x, probe)
	if b != "" && probe {
		m.breaker.abandon()
	}
	return b
}

func (m *mirrorRoute) enqueue(x *exchange, probe bool) gnomon.Bucket {
	q, memory := m.queues[x.lane.loop.Index()], m.router.memory
	switch {
	case !m.rate.allow(x.began, m.maxRate):
		return gnomon.BucketRateCapped
	case m.closed.Load():
		return gnomon.BucketStopped
	case q.full():
		return gnomon.BucketQueueFull
	case !memory.Take(x.memory()):
		return gnomon.BucketQueueFull
	}
	q.push(waiting{x, probe, false})
	return ""
}

// A queue is one lane's copies for a shadow.
type queue struct {
	mirror   *mirror
	lane     *lane
	capacity int // waiting
	workers  int // under way

	waiting    []waiting // from first on
	first      int
	busy       []*copied
	pool       *pool // of the copy that was sent last
	draining   bool  // drain will be called
	drainLater func()
	until      time.Time // when what is under way ends; zero: by itself

	length, working atomic.Int64 // for onlookers
}

type waiting struct {
	x      *exchange
	probe  bool // it is the breaker's
	repeat bool // it goes to production once more
}

func (q *queue) full() bool { return len(q.waiting)-q.first >= q.capacity }

// repeat adds a copy that goes to production, if there is room.
func (q *queue) repeat(x *exchange) {
	if !q.full() && q.mirror.router.memory.Take(x.memory()) {
		q.push(waiting{x, false, true})
	}
}

// push adds a copy. It is sent when production's requests of this turn of the loop have been.
func (q *queue) push(w waiting) {
	w.x.retain()
	if q.first > 0 && len(q.waiting) == cap(q.waiting) {
		n := copy(q.waiting, q.waiting[q.first:])
		clear(q.waiting[n:])
		q.waiting, q.first = q.waiting[:n], 0
	}
	q.waiting = append(q.waiting, w)
	q.length.Add(1)
	q.drainSoon()
}

func (q *queue) drainSoon() {
	if !q.draining {
		q.draining = true
		q.lane.loop.Later(q.drainLater)
	}
}

func (q *queue) pop() (waiting, bool) {
	if q.first == len(q.waiting) {
		return waiting{}, false
	}
	w := q.waiting[q.first]
	q.waiting[q.first] = waiting{}
	if q.first++; q.first == len(q.waiting) {
		q.waiting, q.first = q.waiting[:0], 0
	}
	q.length.Add(-1)
	return w, true
}

// maxDrained is how many bytes of copies are sent before others have their turn: what is written is the kernel's work at once.
const maxDrained = 256 << 10

// drain sends as many copies as may be under way.
func (q *queue) drain() {
	q.draining = false
	for sent := 0; len(q.busy) < q.workers && !q.overDials(); {
		if sent > maxDrained || q.pool.resting() {
			q.drainSoon()
			return
		}
		w, ok := q.pop()
		if !ok {
			return
		}
		sent += len(w.x.body)
		if b := q.send(w); b != "" {
			q.end(w, b)
		}
	}
}

// overDials reports whether the next copy had better wait for one of the connections that are being opened. It is called
// for again when a copy under way has its connection, or ends.
func (q *queue) overDials() bool {
	return len(q.busy) > 0 && q.pool.dialing >= maxDials && len(q.pool.idle) == 0
}

// send begins to send a copy, or returns its bucket if that is not to be.
func (q *queue) send(w waiting) gnomon.Bucket {
	b, in := q.claim(w)
	if b != "" {
		if w.probe {
			q.mirror.breaker.abandon()
		}
		return b
	}
	c := q.lane.copied()
	c.queue, c.waiting, c.in, c.place = q, w, in, len(q.busy)
	c.rec, c.capture = nil, nil
	if shadow := q.mirror.route.Load().shadow; !w.repeat {
		c.rec = shadow.plain
		if shadow.capture.wants(w.x) {
			c.capture = shadow.capture
		}
	}
	switch p := w.x.pairWith(q.mirror); {
	case c.capture != nil:
		c.keeper.begin(math.MaxInt)
	case p != nil && p.answers:
		c.keeper.begin(q.mirror.router.opts.MaxCompared)
	}
	q.busy = append(q.busy, c)
	q.working.Add(1)
	q.pool = in.shadow[q.lane.loop.Index()]
	c.start()
	return ""
}

func (q *queue) claim(w waiting) (gnomon.Bucket, *instance) {
	m, route := q.mirror, q.mirror.route.Load()
	if m.closed.Load() || !route.active(q.lane.loop.Now()) {
		return gnomon.BucketStopped, nil
	}
	to := route.shadow
	switch {
	case !w.repeat && !w.probe && m.breaker.open.Load():
		return refused, nil
	case w.repeat && route.production == nil:
		return gnomon.BucketShadowNotReady, nil
	case w.repeat:
		to = route.production
	}
	limit := m.router.opts.MaxInFlight
	if w.repeat {
		limit = max(1, limit/2) // the rest is for those who wait for an answer
	}
	in := to.claim(limit, nil)
	if in == nil {
		return gnomon.BucketShadowNotReady, nil
	}
	return "", in
}

// end puts a copy into its bucket. One that went to production is in none.
func (q *queue) end(w waiting, b gnomon.Bucket) {
	q.mirror.router.memory.Give(w.x.memory())
	switch p := w.x.pairWith(q.mirror); {
	case p == nil:
	case !w.repeat:
		p.bucket = b
	case b == gnomon.BucketStopped:
		p.repeating = false
	}
	w.x.release()
	if !w.repeat {
		q.mirror.rec.End(counted(b))
	}
}

// stop ends what waits, and what is under way by then.
func (q *queue) stop(then time.Time) {
	q.until = then
	for w, ok := q.pop(); ok; w, ok = q.pop() {
		if w.probe {
			q.mirror.breaker.abandon()
		}
		q.end(w, gnomon.BucketStopped)
	}
	for _, c := range slices.Clone(q.busy) {
		c.leg.shorten(then)
	}
}

// A copied is a copy under way.
type copied struct {
	waiting
	queue *queue
	in    *instance // claimed
	rec   gnomon.LegRecorder
	place int // among the busy ones
	leg   leg
	flow  flow

	capture *capture // nil: nothing of it is captured
	keeper  keeper
}

func (c *copied) start() {
	o, g := &c.queue.mirror.router.opts, &c.leg
	g.x, g.pool, g.shadow = c.x, c.queue.pool, true
	g.timeout, g.limit, g.deadline = o.ShadowTimeout, int64(o.MaxShadowAnswer), c.queue.until
	if c.x.stream {
		g.timeout = o.StreamTimeout
	}
	g.start()
}

// sent implements [work].
func (c *copied) sent() {
	if c.queue.length.Load() > 0 {
		c.queue.drainSoon() // those that waited for a connection
	}
}

// part implements [work].
func (c *copied) part(run []byte) bool {
	if c.x.stream {
		c.flow.note()
	}
	c.keeper.add(run, c.leg.in.head.Length, c.queue.lane)
	return true
}

// ended implements [work].
func (c *copied) ended(bool) {
	q, g := c.queue, &c.leg
	b := c.bucket()
	if b == gnomon.BucketStopped {
		if c.probe {
			q.mirror.breaker.abandon()
		}
	} else {
		c.count(c.flow.result(g.result(0), time.Time{}))
	}
	c.in.release()
	q.free(c)
	q.end(c.waiting, b)
	c.reuse()
	if q.length.Load() > 0 {
		q.drainSoon()
	}
}

// count tells of how it went.
func (c *copied) count(result gnomon.Leg) {
	if good(result) {
		c.keeper.join(c.queue.lane)
	}
	p := c.x.pairWith(c.queue.mirror)
	if c.repeat {
		if p != nil {
			p.repeated = true
			p.repeat.take(c, result, p.answers)
		}
		return
	}
	c.rec.Record(result)
	c.keep(result)
	if p != nil {
		p.shadow.take(c, result, p.answers)
	}
	f := c.leg.fault
	c.queue.mirror.breaker.result(f == gnomon.NoFault || f == gnomon.FaultProtocol, c.probe, c.queue.lane.loop.Now())
}

// keep captures how it went, if the request is in the sample.
func (c *copied) keep(result gnomon.Leg) {
	switch {
	case c.capture == nil:
	case c.keeper.lost != gnomon.KeptAll:
		c.capture.rec.Lose()
	case good(result):
		c.capture.record(c.x, result, true, contentType(&c.leg.in.head), c.keeper.data)
	default: // of an answer that did not come whole there may be no head
		c.capture.record(c.x, result, false, nil, nil)
	}
}

// free takes c from the busy ones; the last takes its place.
func (q *queue) free(c *copied) {
	last := len(q.busy) - 1
	q.busy[c.place] = q.busy[last]
	q.busy[c.place].place = c.place
	q.busy[last] = nil
	q.busy = q.busy[:last]
	q.working.Add(-1)
}

func (c *copied) reuse() {
	l := c.queue.lane
	c.keeper.end(l)
	*c = copied{leg: c.leg.emptied()}
	c.leg.work = c
	if l.copies.Len() < l.maxSpare {
		l.copies.Give(c)
	}
}

// bucket is where the copy ends. One that was cut off because its mirror stopped tells nothing of the shadow.
func (c *copied) bucket() gnomon.Bucket {
	switch c.leg.fault {
	case gnomon.FaultTimeout:
		if c.queue.mirror.closed.Load() {
			return gnomon.BucketStopped
		}
		return gnomon.BucketShadowTimeout
	case gnomon.FaultConnection:
		return gnomon.BucketShadowUnreachable
	case gnomon.FaultProtocol:
		return gnomon.BucketShadowError
	}
	if s := c.leg.in.head.Status; s < 200 || s > 299 {
		return gnomon.BucketShadowError
	}
	return gnomon.BucketMirrored
}
