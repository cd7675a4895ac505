package verdict

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gnomon"
	"gnomon/compare"
)

func side(status int, took time.Duration, answer gnomon.Kept, body string) gnomon.Side {
	return gnomon.Side{Leg: gnomon.Leg{Status: status, ModelLatency: took}, Answer: answer, ContentType: []byte("application/json"), Body: []byte(body)}
}

// TestSlot_WhatCounts has one pair of each kind, and what it adds to which metric.
func TestSlot_WhatCounts(t *testing.T) {
	good, bad := side(200, time.Second, gnomon.NotKept, ""), side(500, time.Second, gnomon.NotKept, "")
	late := gnomon.Side{Leg: gnomon.Leg{Fault: gnomon.FaultTimeout, ModelLatency: time.Minute}}
	gone := gnomon.Side{Leg: gnomon.Leg{Fault: gnomon.FaultConnection}}
	for name, c := range map[string]struct {
		pair    gnomon.Pair
		repeats bool
		want    slot
	}{
		"both answer":          {gnomon.Pair{Bucket: gnomon.BucketMirrored, Production: good, Shadow: good}, false, slot{Latency: moment(0), Errors: moment(0)}},
		"the shadow fails":     {gnomon.Pair{Bucket: gnomon.BucketShadowError, Production: good, Shadow: bad}, false, slot{Errors: moment(1), Failed: [2]int64{1, 0}}},
		"production fails":     {gnomon.Pair{Bucket: gnomon.BucketMirrored, Production: bad, Shadow: good}, false, slot{Errors: moment(-1), Failed: [2]int64{0, 1}}},
		"both fail":            {gnomon.Pair{Bucket: gnomon.BucketShadowError, Production: bad, Shadow: bad}, false, slot{Errors: moment(0)}},
		"the shadow is late":   {gnomon.Pair{Bucket: gnomon.BucketShadowTimeout, Production: good, Shadow: late}, false, slot{Latency: moment(1), Clipped: 1, Errors: moment(1), Failed: [2]int64{1, 0}}},
		"it is gone":           {gnomon.Pair{Bucket: gnomon.BucketShadowUnreachable, Production: good, Shadow: gone}, false, slot{Errors: moment(1), Failed: [2]int64{1, 0}}},
		"not repeated":         {gnomon.Pair{Bucket: gnomon.BucketMirrored, Production: late, Shadow: good}, true, slot{Errors: moment(-1), Failed: [2]int64{0, 1}}},
		"beside the repeat":    {gnomon.Pair{Bucket: gnomon.BucketMirrored, Production: side(200, time.Hour, 0, ""), Shadow: good, Repeat: good, Repeated: true}, true, slot{Latency: moment(0), Errors: moment(0)}},
		"the repeat fails":     {gnomon.Pair{Bucket: gnomon.BucketMirrored, Production: good, Shadow: good, Repeating: true, Repeat: bad, Repeated: true}, true, slot{Errors: moment(0), Unrepeated: 1}},
		"no repeat was had":    {gnomon.Pair{Bucket: gnomon.BucketMirrored, Production: good, Shadow: good, Repeating: true}, true, slot{Errors: moment(0), Unrepeated: 1}},
		"no repeat is needed":  {gnomon.Pair{Bucket: gnomon.BucketShadowError, Production: good, Shadow: bad, Repeating: true}, true, slot{Errors: moment(1), Failed: [2]int64{1, 0}}},
		"the caller leaves":    {gnomon.Pair{Bucket: gnomon.BucketMirrored, Production: side(200, time.Microsecond, 0, ""), Shadow: good, Cut: true}, false, slot{Errors: moment(0), Cut: 1}},
		"the shadow is down":   {gnomon.Pair{Bucket: gnomon.BucketShadowNotReady, Production: good, Refused: true}, false, slot{Errors: moment(1), Failed: [2]int64{1, 0}, Refused: 1}},
		"it was not to be had": {gnomon.Pair{Bucket: gnomon.BucketQueueFull, Production: good}, false, slot{Missing: map[gnomon.Bucket]int64{gnomon.BucketQueueFull: 1}}},
	} {
		var s slot
		s.note(&c.pair, c.repeats)
		if s.Latency != c.want.Latency || s.Errors != c.want.Errors || s.Failed != c.want.Failed || s.Clipped != c.want.Clipped ||
			sum(s.Missing) != sum(c.want.Missing) || s.Refused != c.want.Refused || s.Unrepeated != c.want.Unrepeated || s.Cut != c.want.Cut || s.Pairs != 1 {
			t.Errorf("%s: %+v, want %+v", name, s, c.want)
		}
	}
}

// TestFold_WaitsForTheSlow has a pair that takes a minute: nothing that began after it is folded before, and all is after.
func TestFold_WaitsForTheSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := books{}
		v := running(t, Options{Store: b})
		rec := v.Pairs(trialOf)
		pair := gnomon.Pair{Bucket: gnomon.BucketMirrored, Production: side(200, time.Second, 0, ""), Shadow: side(200, time.Second, 0, "")}
		slow, gone := rec.Begin(time.Now()), int64(0)
		for i := range 60 {
			rec.End(rec.Begin(time.Now()), &pair)
			if i == 30 {
				gone = rec.Begin(time.Now())
			}
			time.Sleep(time.Second)
			b.flush(t, v)
		}
		if r := report(t, v, trialOf, Guards{}); r.Pairs != 0 {
			t.Errorf("%d pairs are folded while the first is under way", r.Pairs)
		}
		rec.End(slow, &pair)
		b.flush(t, v)
		if r := report(t, v, trialOf, Guards{}); r.Pairs != 31 {
			t.Errorf("%d pairs are folded, want those before the one that is still under way", r.Pairs)
		}
		rec.Discard(gone)
		if r := report(t, v, trialOf, Guards{}); r.Pairs != 61-2 { // the last two seconds are not sealed yet
			t.Errorf("%d pairs are folded at the end", r.Pairs)
		}
		lost := rec.Begin(time.Now())
		for range 20 {
			time.Sleep(time.Minute)
			rec.End(rec.Begin(time.Now()), &pair)
			b.flush(t, v)
		}
		if r := report(t, v, trialOf, Guards{}); r.Pairs < 75 {
			t.Errorf("%d pairs are folded although one never ends", r.Pairs)
		}
		rec.End(lost, &pair)
		time.Sleep(10 * time.Second)
		if r := report(t, v, trialOf, Guards{}); r.Pairs != 82 {
			t.Errorf("%d of 82 pairs are folded in the end", r.Pairs)
		}
	})
}

// TestAnswers_NotCompared has answers that are too large, that had no memory, and that there is no room for.
func TestAnswers_NotCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := books{}
		v := running(t, Options{Store: b, Memory: 100})
		rec := v.Pairs(trialOf)
		end := func(production, shadow gnomon.Side) {
			pair := gnomon.Pair{Bucket: gnomon.BucketMirrored, Production: production, Shadow: shadow}
			rec.End(rec.Begin(time.Now()), &pair)
			synctest.Wait()
		}
		plain := side(200, time.Second, gnomon.KeptAll, `{"a":1}`)
		end(plain, plain)
		end(plain, side(200, time.Second, gnomon.KeptAll, `{"a": 1}`))
		end(plain, side(200, time.Second, gnomon.KeptAll, `{"a": 2}`))
		end(plain, side(200, time.Second, gnomon.TooLarge, ""))
		end(side(200, time.Second, gnomon.NoMemory, ""), plain)
		end(plain, side(200, time.Second, gnomon.KeptAll, strings.Repeat(" ", 200)))
		end(plain, side(500, time.Second, gnomon.NotKept, ""))
		time.Sleep(5 * time.Second)
		r := report(t, v, trialOf, Guards{})
		if r.Answers.Agree != 2 || r.Answers.Differ != 1 || r.Answers.Uncompared["busy"] != 2 || r.Answers.Uncompared["too_large"] != 1 ||
			r.Answers.Values != 3 || r.Answers.Missing != 3 {
			t.Errorf("%+v", r.Answers)
		}
		if p := r.Answers.Differences.Paths(); len(p) != 1 || p[0].Path != "/a" {
			t.Errorf("they differ at %+v", p)
		}
	})
}

// TestLoad_Damaged has a state that cannot be read: what comes is judged all the same.
func TestLoad_Damaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, state := range []string{"{", `{"Version":7}`, `{"Version":1,"State":{"Latency":{"Sequence":{"n":-1}}}}`, `{"Version":1,"Open":{"5":null}}`} {
			b := books{"m": []byte(state)}
			v := running(t, Options{Store: b})
			p := play{of: trialOf, production: answering(time.Millisecond, same), shadow: answering(time.Millisecond, same), rand: rand.New(rand.NewPCG(1, 1))}
			p.seconds(t, v, b, 5)
			if r := report(t, v, trialOf, Guards{}); r.Pairs < 250 {
				t.Errorf("%s: %d pairs", state, r.Pairs)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	t := &trial{open: map[int64]*slot{5: {Pairs: 1}}, state: newState()}
	t.answers.summary = new(compare.Summary)
	b, err := t.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"Version":1,"State":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decode(b)
		if err != nil {
			return
		}
		s.State.fold(1<<40, &slot{Pairs: 1, Latency: moment(0.5), Errors: moment(0), Answers: moment(1)}, gnomon.Judging{}.WithDefaults(), 0)
		s.State.report(trialOf, Guards{}, time.Minute, new(compare.Summary))
	})
}

// meeting has who reads wait for another one.
type meeting struct {
	books
	both *sync.WaitGroup
}

func (m meeting) Evidence(ctx context.Context, id gnomon.MirrorID) ([]byte, error) {
	m.both.Done()
	m.both.Wait()
	return m.books.Evidence(ctx, id)
}

// TestLoad_Twice has the same trial read twice at a time: what was saved counts once.
func TestLoad_Twice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := books{}
		well := answering(10*time.Millisecond, same)
		p := play{of: trialOf, production: well, shadow: well, rand: rand.New(rand.NewPCG(9, 9))}
		p.seconds(t, running(t, Options{Store: b}), b, 4)
		time.Sleep(time.Minute)
		want := report(t, running(t, Options{Store: b}), trialOf, Guards{})
		both := new(sync.WaitGroup)
		both.Add(2)
		v := running(t, Options{Store: meeting{b, both}})
		v.Pairs(trialOf)
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				if err := v.Load(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		readers.Wait()
		if got := report(t, v, trialOf, Guards{}); got.Pairs != want.Pairs || got.Answers.Agree != want.Answers.Agree || want.Pairs != 400 {
			t.Errorf("%d pairs and %d answers, want %d and %d", got.Pairs, got.Answers.Agree, want.Pairs, want.Answers.Agree)
		}
	})
}

// TestWarnings has samples that are not what was asked for, and requests that are missing and unlike the others.
func TestWarnings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := books{}
		v := running(t, Options{Store: b})
		half := trialOf
		half.Fraction = 0.5
		rec := v.Pairs(half)
		b.flush(t, v)
		large := side(200, 9*time.Second, 0, "")
		large.RequestBytes = 1 << 20
		for i := range 3000 {
			switch {
			case i%5 == 0:
				rec.End(rec.Begin(time.Now()), &gnomon.Pair{Bucket: gnomon.BucketQueueFull, Production: large})
			case i%5 < 3:
				rec.SampledOut()
			default:
				rec.End(rec.Begin(time.Now()), &gnomon.Pair{Bucket: gnomon.BucketMirrored, Production: side(200, time.Second, 0, ""), Shadow: side(200, time.Second, 0, "")})
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		all := strings.Join(report(t, v, half, Guards{Load: 0.6}).Warnings, "\n")
		for _, says := range []string{"600 of 1800 requests", "60 % of the requests were in the sample, where 50 %", "times the bytes", "9 times the time in production", "0.6 of the load"} {
			if !strings.Contains(all, says) {
				t.Errorf("nothing says %q:\n%s", says, all)
			}
		}
	})
}
