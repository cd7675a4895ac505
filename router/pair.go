package router

import "gnomon"

// A Judge is told how both variants fared with each request of a trial. Pairs is called by [Router.Publish] only, and more than
// once for the same trial, whose fraction may have changed: what its recorders are told adds up.
type Judge interface {
	Pairs(gnomon.Trial) gnomon.PairRecorder
}

// A pairing is one request on the way to become a pair: production's side is the exchange's, the shadow's is here.
type pairing struct {
	of      *mirror
	rec     gnomon.PairRecorder
	begun   int64
	answers bool          // they are compared
	bucket  gnomon.Bucket // empty: the copy is under way
	shadow  half

	repeat    half // of production, asked once more
	repeating bool // that is wanted
	repeated  bool
}

// refused is where a copy ends that is not sent since the breaker is open. For whoever counts, it is [gnomon.BucketShadowNotReady].
const refused gnomon.Bucket = "refused"

func counted(b gnomon.Bucket) gnomon.Bucket {
	if b == refused {
		return gnomon.BucketShadowNotReady
	}
	return b
}

// A half is what a copy came to.
type half struct {
	leg         gnomon.Leg
	keeper      keeper
	contentType []byte
}

// take makes the result of a copy the half's, with its answer if that is to be compared, for when the others are done as well.
func (h *half) take(c *copied, result gnomon.Leg, compared bool) {
	h.leg = result
	if compared && good(result) {
		h.contentType = append(h.contentType[:0], contentType(&c.leg.in.head)...)
		h.keeper, c.keeper = c.keeper, keeper{}
	}
}

// emptied returns a half without anything but its memory.
func (h *half) emptied() half { return half{contentType: h.contentType[:0]} }

// compilePairs returns who is told of a mirror's pairs; nil: nobody, as where the shadow is the endpoint's own.
func (r *Router) compilePairs(route gnomon.MirrorRoute, of gnomon.Mirror) gnomon.PairRecorder {
	if r.opts.Judge == nil || route.Experiment == "" {
		return nil
	}
	return r.opts.Judge.Pairs(gnomon.Trial{
		Mirror: of, Production: route.Source, Revision: route.Revision, Fraction: route.Fraction, Answers: route.Answers, Judging: route.Judging,
	})
}

// pair enters a request that was offered, and whose copy is in that bucket, or on its way if that is empty.
func (m *mirrorRoute) pair(x *exchange, b gnomon.Bucket) {
	switch {
	case m.pairs == nil || b == gnomon.BucketStopped:
		return
	case b == gnomon.BucketSampledOut:
		m.pairs.SampledOut()
		return
	}
	at := x.leg.started
	if at.IsZero() {
		at = x.began
	}
	p := x.pairing()
	p.of, p.rec, p.begun, p.bucket = m.mirror, m.pairs, m.pairs.Begin(at), b
	p.answers = m.answers && b == ""
	p.repeating = b == "" && m.repeats(x)
}

// pairing returns a new one.
func (x *exchange) pairing() *pairing {
	n := len(x.pairs)
	if n == cap(x.pairs) {
		x.pairs = append(x.pairs, pairing{})
	} else {
		x.pairs = x.pairs[:n+1]
	}
	p := &x.pairs[n]
	*p = pairing{shadow: p.shadow.emptied(), repeat: p.repeat.emptied()}
	return p
}

// pairWith returns the pairing with that mirror; nil: there is none.
func (x *exchange) pairWith(m *mirror) *pairing {
	for i := range x.pairs {
		if x.pairs[i].of == m {
			return &x.pairs[i]
		}
	}
	return nil
}

// compared reports whether production's answer is to be compared with one that has come, or may still.
func (x *exchange) compared() bool {
	for i := range x.pairs {
		if p := &x.pairs[i]; p.answers && (p.bucket == "" || p.bucket == gnomon.BucketMirrored) {
			return true
		}
	}
	return false
}

// settle tells of the pairs, now that both sides of all are done.
func (x *exchange) settle() {
	r := x.lane.router
	for i := range x.pairs {
		p := &x.pairs[i]
		if p.bucket == gnomon.BucketStopped {
			p.rec.Discard(p.begun)
		} else {
			pair := &x.lane.pair
			*pair = gnomon.Pair{
				EventID: x.id, Bucket: counted(p.bucket), Streamed: x.stream, Refused: p.bucket == refused, Cut: x.flow.gone || x.leg.held,
				Repeating: p.repeating,
			}
			pair.Production = r.side(x.result, &x.keeper, x.outputType, p.answers && x.answered(x.result))
			pair.Shadow = r.side(p.shadow.leg, &p.shadow.keeper, p.shadow.contentType, p.answers && p.bucket == gnomon.BucketMirrored)
			if pair.Repeated = p.repeated; p.repeated {
				pair.Repeat = r.side(p.repeat.leg, &p.repeat.keeper, p.repeat.contentType, p.answers && good(p.repeat.leg))
			}
			p.rec.End(p.begun, pair)
		}
		p.shadow.keeper.end(x.lane)
		p.repeat.keeper.end(x.lane)
		p.rec, p.of = nil, nil
	}
	x.pairs = x.pairs[:0]
}

// side is one side of a pair; its answer only if it is to be compared.
func (r *Router) side(l gnomon.Leg, k *keeper, contentType []byte, compared bool) gnomon.Side {
	s := gnomon.Side{Leg: l}
	if !compared {
		return s
	}
	switch s.Answer = k.lost; {
	case s.Answer != gnomon.KeptAll:
	case len(k.data) > r.opts.MaxCompared:
		s.Answer = gnomon.TooLarge
	default:
		s.ContentType, s.Body = contentType, k.data
	}
	return s
}

// repeat has production asked once more where that is wanted, now that it is done with the request: a model that answers one
// at a time must not be found slow for having been asked twice.
func (x *exchange) repeat() {
	for i := range x.pairs {
		p := &x.pairs[i]
		waits := p.bucket == "" || p.bucket == gnomon.BucketMirrored // else there is nothing to compare
		if p.repeating = p.repeating && waits && x.answered(x.result) && !p.of.closed.Load(); p.repeating {
			p.of.queues[x.lane.loop.Index()].repeat(x)
		}
	}
}

// repeats reports whether production is to be asked once more, so that it is known how it differs from itself. Sessions are left
// alone: a model may remember what it was asked in one.
func (m *mirrorRoute) repeats(x *exchange) bool {
	return m.pairs != nil && m.production != nil && !x.session && m.noise.contains(x.id)
}
