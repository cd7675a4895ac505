package main

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"gnomon"
	"gnomon/verdict"
)

// A rate is how often something happens in the long run: to production (or to its repeat), and to the shadow how much more often.
type rate struct{ production, more float64 }

// A scenario is what a shadow does beside production.
type scenario struct {
	name      string
	judging   gnomon.Judging
	shift     float64 // of the mean of the logarithm of latency as verdicts take it, within ±1
	failing   rate
	differing rate    // with NoiseFloor: production's repeat, and the shadow; else the shadow's only
	wider     float64 // by how much the shadow's noise is, as a share
}

// events are a family's draws above a threshold.
type events struct {
	family
	next               func() draw
	production, shadow float64 // thresholds
	more               float64
}

func (f family) events(of rate, r *rand.Rand) *events {
	return &events{f, f.start(r), f.threshold(of.production), f.threshold(of.production + of.more), of.more}
}

// one says whether it happens to either arm. Where there is a drift, the shadow's rate is at each moment as much above
// production's as it is in the long run.
func (e *events) one() (production, shadow bool) {
	d := e.next()
	if d.drift == 0 {
		return d.production > e.production, d.shadow > e.shadow
	}
	now := e.production - d.drift
	return d.production > now, e.tail(d.shadow) < e.tail(now)+e.more
}

// A source makes the pairs of a stream.
type source struct {
	latency            func() draw
	scale, shift       float64
	wider              float64
	failing, differing *events
	repeats            bool
}

var (
	contentType = []byte("application/json")
	usual, odd  = []byte("0"), []byte("1")
)

func newSource(f family, s *scenario, shift float64, r *rand.Rand) *source {
	return &source{
		f.start(r), f.scale, shift, 1 + s.wider, f.events(s.failing, r), f.events(s.differing, r), s.judging.NoiseFloor > 0,
	}
}

// fill makes the pairs of a slot.
func (s *source) fill(pairs []gnomon.Pair) {
	for i := range pairs {
		p := &pairs[i]
		p.Bucket = gnomon.BucketMirrored
		d := s.latency()
		failed, shadowFailed := s.failing.one()
		differs, shadowDiffers := s.differing.one()
		p.Production = side(s.scale*(d.production+d.drift), failed, false)
		p.Shadow = side(s.scale*(s.wider*d.shadow+d.drift)+s.shift, shadowFailed, shadowDiffers)
		if s.repeats {
			p.Repeat, p.Repeated = side(s.scale*(d.production+d.drift), failed, differs), true
		}
	}
}

// longest is what no latency exceeds: three years in ns. A lognormal logarithm has one in 10^8 that a duration does not hold, and
// differences beyond ±1 of the logarithm count as ±1 anyway.
const longest = 1e17

// side is how an arm fared, with a latency of e^x · 10 ms.
func side(x float64, failed, differs bool) gnomon.Side {
	s := gnomon.Side{Leg: gnomon.Leg{ModelLatency: time.Duration(min(math.Exp(x)*1e7, longest)), Status: 200}}
	switch {
	case failed:
		s.Status = 500
		return s
	case differs:
		s.Body = odd
	default:
		s.Body = usual
	}
	s.Answer, s.ContentType = gnomon.KeptAll, contentType
	return s
}

// logLatency is the logarithm of a latency in ns.
func logLatency(s *gnomon.Side) float64 { return math.Log(float64(s.ModelLatency)) }

// shiftFor returns by how much the logarithm of the shadow's latencies has to be shifted for the mean of differences within ±1
// to be target: by bisection, over a million differences of a long simulation. They are symmetric, and each counts with its
// mirror image, so that chance is left only in how many are beyond ±1.
func shiftFor(f family, target float64) float64 {
	if target == 0 {
		return 0
	}
	const streams, each = 64, 1 << 14
	var all []float64
	for i := range uint64(streams) {
		next := f.start(rand.New(rand.NewPCG(i, 11)))
		for range each {
			d := next()
			all = append(all, f.scale*(d.shadow-d.production))
		}
	}
	clip := func(x float64) float64 { return max(-1, min(1, x)) }
	low, high := 0.0, 2.0
	for range 40 {
		shift, sum := (low+high)/2, 0.0
		for _, x := range all {
			sum += clip(x+shift) + clip(-x+shift)
		}
		if sum/float64(2*len(all)) < target {
			low = shift
		} else {
			high = shift
		}
	}
	return (low + high) / 2
}

// The verdicts of a stream, in the order they are shown.
const (
	latency = iota
	errs
	answers
	overall
	verdicts
)

var metricNames = [verdicts]string{"latency", "errors", "answers", "overall"}

// An outcome is how many pairs it took until something was said for the first time; 0: it never was.
type outcome struct{ worse, noWorse, better [verdicts]int64 }

func (o *outcome) note(j verdict.Judged, pairs int64) {
	for i, v := range [verdicts]verdict.Verdict{j.Latency, j.Errors, j.Answers, j.Overall} {
		switch {
		case v == verdict.Worse && o.worse[i] == 0:
			o.worse[i] = pairs
		case (v == verdict.NoWorse || v == verdict.Better) && o.noWorse[i] == 0:
			o.noWorse[i] = pairs
		}
		if v == verdict.Better && o.better[i] == 0 {
			o.better[i] = pairs
		}
	}
}

// A plan is how long streams are.
type plan struct {
	streams, looks int
	pairs          int           // of a slot
	leastTime      time.Duration // 0: what verdicts ask for
	stop           func(*outcome) bool
}

// run judges the streams of one scenario and family, side by side. watch, if any, sees the pairs of a stream.
func (p plan) run(f family, s *scenario, watch func(stream int) func([]gnomon.Pair)) []outcome {
	shift := shiftFor(f, s.shift)
	return each(p.streams, func(i int) outcome {
		var see func([]gnomon.Pair)
		if watch != nil {
			see = watch(i)
		}
		return p.one(newSource(f, s, shift, random(f, s, i)).fill, s.judging, see)
	})
}

// each calls f for 0 to n−1, as many at a time as there are processors.
func each[T any](n int, f func(i int) T) []T {
	all := make([]T, n)
	var next atomic.Int64
	var working sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				all[i] = f(i)
			}
		})
	}
	working.Wait()
	return all
}

// random is a stream's own, whatever else is run beside it.
func random(f family, s *scenario, stream int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(s.name + "\x00" + f.name))
	return rand.New(rand.NewPCG(h.Sum64(), uint64(stream)))
}

// one judges one stream. fill makes the pairs of a slot.
func (p plan) one(fill func([]gnomon.Pair), by gnomon.Judging, see func([]gnomon.Pair)) (o outcome) {
	r := verdict.NewRehearsal(gnomon.Trial{Judging: by}, p.leastTime)
	pairs := make([]gnomon.Pair, p.pairs)
	for look := range p.looks {
		fill(pairs)
		if see != nil {
			see(pairs)
		}
		r.Slot(int64(look), pairs)
		o.note(r.Judged(), int64(look+1)*int64(p.pairs))
		if p.stop != nil && p.stop(&o) {
			break
		}
	}
	return o
}
