package verdict

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gnomon"
)

// books are a store in memory.
type books map[gnomon.MirrorID][]byte

func (b books) Evidence(_ context.Context, id gnomon.MirrorID) ([]byte, error) { return b[id], nil }

// flush does what the meter does every few seconds.
func (b books) flush(t *testing.T, v *Verdicts) {
	t.Helper()
	if err := v.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, saved := v.Unsaved()
	for _, e := range all {
		if b[e.Mirror] = e.State; e.State == nil {
			delete(b, e.Mirror)
		}
	}
	saved()
}

// least is the least time of trials in tests.
const least = 5 * time.Second

// running returns verdicts that compare until the test ends.
func running(t *testing.T, o Options) *Verdicts {
	t.Helper()
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	o.LeastTime = least
	v := New(o)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { v.Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	return v
}

var trialOf = gnomon.Trial{Mirror: gnomon.Mirror{ID: "m", Endpoint: "e", Experiment: "x", Shadow: "s"}, Production: "p", Fraction: 1}

// A model says how it fares with one request.
type model func(r *rand.Rand, load float64) gnomon.Side

// answering answers after about d, which the load makes longer for all alike.
func answering(d time.Duration, body string) model {
	return func(r *rand.Rand, load float64) gnomon.Side {
		took := time.Duration(float64(d) * math.Exp(load+0.1*r.NormFloat64()))
		return gnomon.Side{
			Leg:    gnomon.Leg{ModelLatency: took, Status: 200, RequestBytes: 100, AnswerBytes: len(body)},
			Answer: gnomon.KeptAll, ContentType: []byte("application/json"), Body: []byte(body),
		}
	}
}

func failing(share float64, else_ model) model {
	return func(r *rand.Rand, load float64) gnomon.Side {
		s := else_(r, load)
		if r.Float64() < share {
			s.Status, s.Answer, s.Body = 500, gnomon.NotKept, nil
		}
		return s
	}
}

func sometimes(share float64, other, else_ model) model {
	return func(r *rand.Rand, load float64) gnomon.Side {
		if r.Float64() < share {
			return other(r, load)
		}
		return else_(r, load)
	}
}

// A play is traffic of a trial: 100 requests a second.
type play struct {
	of                 gnomon.Trial
	production, shadow model
	repeat             model // nil: production is not asked once more
	bucket             func(r *rand.Rand) gnomon.Bucket
	rand               *rand.Rand
}

// seconds plays for so long, and flushes each second.
func (p *play) seconds(t *testing.T, v *Verdicts, b books, n int) {
	rec := v.Pairs(p.of)
	for range n {
		for range 100 {
			time.Sleep(10 * time.Millisecond)
			p.one(rec)
		}
		synctest.Wait()
		b.flush(t, v)
	}
}

func (p *play) one(rec gnomon.PairRecorder) {
	load := 0.5 * p.rand.NormFloat64()
	pair := gnomon.Pair{EventID: []byte("event"), Bucket: gnomon.BucketMirrored, Production: p.production(p.rand, load)}
	if p.bucket != nil {
		pair.Bucket = p.bucket(p.rand)
	}
	begun := rec.Begin(time.Now())
	if pair.Copied() {
		pair.Shadow = p.shadow(p.rand, load)
		if pair.Shadow.Failed() {
			pair.Bucket = gnomon.BucketShadowError
		}
		if p.repeat != nil {
			pair.Repeat, pair.Repeated = p.repeat(p.rand, load), true
		}
	}
	rec.End(begun, &pair)
}

func report(t *testing.T, v *Verdicts, of gnomon.Trial, g Guards) Report {
	t.Helper()
	r, err := v.Report(t.Context(), of, g)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	same = `{"prediction": 0.25}`
	odd  = `{"prediction": 0.75}`
)

func TestVerdicts(t *testing.T) {
	well := answering(10*time.Millisecond, same)
	noisy := func(r *rand.Rand, load float64) gnomon.Side {
		return answering(10*time.Millisecond, fmt.Sprintf(`{"prediction": %d}`, r.IntN(10)/9))(r, load)
	}
	floored := trialOf
	floored.Judging.NoiseFloor = 1
	off := trialOf
	off.Answers.Kind = gnomon.AnswersOff
	for name, c := range map[string]struct {
		play    play
		minutes int
		want    Judged
	}{
		"the same model":       {play{of: trialOf, production: well, shadow: well}, 3, Judged{NoWorse, NoWorse, NoWorse, NoWorse}},
		"8 percent slower":     {play{of: trialOf, production: well, shadow: answering(10_800*time.Microsecond, same)}, 3, Judged{Worse, Worse, NoWorse, NoWorse}},
		"a third faster":       {play{of: trialOf, production: well, shadow: answering(7*time.Millisecond, same)}, 3, Judged{Better, Better, NoWorse, NoWorse}},
		"1 in 100 fails":       {play{of: trialOf, production: well, shadow: failing(0.01, well)}, 6, Judged{Worse, NoWorse, Worse, NoWorse}},
		"production fails":     {play{of: trialOf, production: failing(0.05, well), shadow: well}, 4, Judged{Better, NoWorse, Better, NoWorse}},
		"1 in 50 differs":      {play{of: trialOf, production: well, shadow: sometimes(0.02, answering(10*time.Millisecond, odd), well)}, 6, Judged{Worse, NoWorse, NoWorse, Worse}},
		"noise":                {play{of: trialOf, production: noisy, shadow: noisy}, 3, Judged{Worse, NoWorse, NoWorse, Worse}},
		"noise, and a floor":   {play{of: floored, production: noisy, shadow: noisy, repeat: noisy}, 30, Judged{NoWorse, NoWorse, NoWorse, NoWorse}},
		"answers do not count": {play{of: off, production: well, shadow: answering(10*time.Millisecond, odd)}, 3, Judged{NoWorse, NoWorse, NoWorse, NotJudged}},
		"too early":            {play{of: trialOf, production: well, shadow: answering(20*time.Millisecond, same)}, 0, Judged{Undecided, Undecided, Undecided, Undecided}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := books{}
				v := running(t, Options{Store: b})
				c.play.rand = rand.New(rand.NewPCG(1, 2))
				c.play.seconds(t, v, b, c.minutes*60+30)
				r := report(t, v, c.play.of, Guards{Load: 1})
				if diff := cmp.Diff(c.want, r.Verdict); diff != "" {
					t.Errorf("%s\n%s", diff, strings.Join(r.Why, "\n"))
				}
				if t.Failed() || testing.Verbose() {
					t.Logf("%s\n%s", strings.Join(r.Why, "\n"), strings.Join(r.Warnings, "\n"))
				}
			})
		})
	}
}

// TestVerdicts_RestartChangesNothing plays the same twice: once in one go, once with a new process after each ten seconds.
func TestVerdicts_RestartChangesNothing(t *testing.T) {
	outcome := func(t *testing.T, restarts bool) (r Report) {
		synctest.Test(t, func(t *testing.T) {
			b := books{}
			v := running(t, Options{Store: b})
			p := play{of: trialOf, production: answering(10*time.Millisecond, same), rand: rand.New(rand.NewPCG(3, 4))}
			p.shadow = sometimes(0.001, answering(10*time.Millisecond, odd), failing(0.001, answering(10_200*time.Microsecond, same)))
			for range 30 {
				p.seconds(t, v, b, 10)
				if restarts {
					v = running(t, Options{Store: b})
				}
			}
			time.Sleep(5 * time.Second)
			v.Pairs(trialOf)
			b.flush(t, v)
			r = report(t, v, trialOf, Guards{Load: 1})
		})
		return r
	}
	once, often := outcome(t, false), outcome(t, true)
	wantAlike(t, once, often)
	if once.Pairs != 30_000 {
		t.Errorf("%d pairs", once.Pairs)
	}
}

// TestVerdicts_WaitForBursts has a shadow that is the same, and one that is worse: what is bad is told early, and what is good late.
func TestVerdicts_WaitForBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := books{}
		v := running(t, Options{Store: b})
		p := play{of: trialOf, production: answering(10*time.Millisecond, same), shadow: answering(12*time.Millisecond, same), rand: rand.New(rand.NewPCG(3, 4))}
		p.seconds(t, v, b, 95)
		if r := report(t, v, trialOf, Guards{}); r.Verdict != (Judged{Worse, Worse, Undecided, Undecided}) {
			t.Errorf("after 95 s the verdicts are %+v\n%s", r.Verdict, strings.Join(r.Why, "\n"))
		}
		p.seconds(t, v, b, 10)
		if r := report(t, v, trialOf, Guards{}); r.Verdict != (Judged{Worse, Worse, NoWorse, NoWorse}) {
			t.Errorf("after 105 s the verdicts are %+v\n%s", r.Verdict, strings.Join(r.Why, "\n"))
		}
	})
}

// TestVerdicts_Forget has a trial forgotten, in memory or not: nothing of it stays, and what its recorder is still told brings
// nothing back.
func TestVerdicts_Forget(t *testing.T) {
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := books{}
			v := running(t, Options{Store: b})
			p := play{of: trialOf, production: answering(10*time.Millisecond, same), shadow: answering(20*time.Millisecond, odd), rand: rand.New(rand.NewPCG(3, 4))}
			p.seconds(t, v, b, 60)
			rec := v.Pairs(p.of)
			if restart {
				v = running(t, Options{Store: b})
			}
			if len(b["m"]) == 0 {
				t.Fatal("there is nothing to forget")
			}
			v.Forget("m")
			for range 5 {
				p.one(rec)
				time.Sleep(time.Second)
				b.flush(t, v)
			}
			if len(b) > 0 {
				t.Errorf("restart %v: %d trials are left", restart, len(b))
			}
			if r := report(t, v, trialOf, Guards{}); r.Pairs > 0 {
				t.Errorf("restart %v: %d pairs are left", restart, r.Pairs)
			}
		})
	}
}

// TestVerdicts_BeginAnew has a shadow that is worse and is exchanged for one that is not: what is known of the first counts for
// nothing, also when the exchange comes while nobody runs, and nothing is forgotten where nothing was exchanged.
func TestVerdicts_BeginAnew(t *testing.T) {
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := books{}
			v := running(t, Options{Store: b})
			p := play{of: trialOf, production: answering(10*time.Millisecond, same), shadow: answering(20*time.Millisecond, odd), rand: rand.New(rand.NewPCG(3, 4))}
			p.of.Revision = "a/b"
			p.seconds(t, v, b, 60)
			rec, late := v.Pairs(p.of), gnomon.Pair{Bucket: gnomon.BucketShadowError}
			begun := rec.Begin(time.Now())
			if restart {
				v = running(t, Options{Store: b})
			}
			if r := report(t, v, trialOf, Guards{}); r.Verdict.Overall != Worse || r.Pairs < 5000 {
				t.Errorf("restart %v: the first is %s after %d pairs", restart, r.Verdict.Overall, r.Pairs)
			}
			p.of.Revision, p.shadow = "a/c", answering(10*time.Millisecond, same)
			p.seconds(t, v, b, 1)
			rec.End(begun, &late)
			p.seconds(t, v, b, 129)
			r := report(t, v, trialOf, Guards{})
			if r.Verdict != (Judged{NoWorse, NoWorse, NoWorse, NoWorse}) || r.Pairs > 13_000 || r.Errors.ShadowOnly > 0 || len(r.Answers.Differences.Paths()) > 0 {
				t.Errorf("restart %v: the second is %+v after %d pairs\n%s", restart, r.Verdict, r.Pairs, strings.Join(r.Why, "\n"))
			}
			if !slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.Contains(s, "was changed at") }) {
				t.Errorf("nothing tells of it: %q", r.Warnings)
			}
		})
	}
}

// TestVerdicts_LooksDoNotMatter looks at each flush of one of two runs.
func TestVerdicts_LooksDoNotMatter(t *testing.T) {
	outcome := func(t *testing.T, looks bool) (r Report) {
		synctest.Test(t, func(t *testing.T) {
			b := books{}
			v := running(t, Options{Store: b})
			p := play{of: trialOf, production: answering(10*time.Millisecond, same), shadow: answering(10_300*time.Microsecond, same), rand: rand.New(rand.NewPCG(5, 6))}
			for range 120 {
				p.seconds(t, v, b, 1)
				if looks {
					report(t, v, trialOf, Guards{})
				}
			}
			time.Sleep(5 * time.Second)
			b.flush(t, v)
			r = report(t, v, trialOf, Guards{})
		})
		return r
	}
	wantAlike(t, outcome(t, false), outcome(t, true))
}

// wantAlike wants reports to be the same, but for what the order of additions within a slot does to the last digits.
func wantAlike(t *testing.T, a, b Report) {
	t.Helper()
	if diff := cmp.Diff(plain(t, a), plain(t, b), cmpopts.EquateApprox(1e-9, 1e-9)); diff != "" || a.Verdict != b.Verdict {
		t.Errorf("%+v and %+v\n%s", a.Verdict, b.Verdict, diff)
	}
}

func plain(t *testing.T, r Report) (all any) {
	t.Helper()
	b, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestVerdicts_Starved has a shadow that is slower: as slow as its waiting for processors has made it, and slower than that.
func TestVerdicts_Starved(t *testing.T) {
	for name, c := range map[string]struct {
		slower time.Duration
		want   Verdict
	}{
		"all of it was waiting": {500 * time.Microsecond, Undecided}, "some of it was": {5 * time.Millisecond, Worse}, "and yet it is as fast": {0, NoWorse},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := books{}
			v := running(t, Options{Store: b})
			p := play{of: trialOf, production: answering(10*time.Millisecond, same), shadow: answering(10*time.Millisecond+c.slower, same), rand: rand.New(rand.NewPCG(9, 10))}
			for range 24 {
				p.seconds(t, v, b, 10)
				for variant, waited := range map[gnomon.VariantName]time.Duration{"p": 100 * time.Millisecond, "s": 600 * time.Millisecond} {
					v.Look(gnomon.Census{Series: gnomon.Series{Endpoint: "e", Variant: variant}, InService: 1, Used: []gnomon.Use{{Waited: waited}}})
				}
			}
			r := report(t, v, trialOf, Guards{Load: 1})
			if r.Latency.Verdict != c.want || (v.Worse("m") != "") != (c.want == Worse) {
				t.Errorf("%s: latency is %s, and the reason to stop %q\n%s", name, r.Latency.Verdict, v.Worse("m"), strings.Join(r.Why, "\n"))
			}
		})
	}
}

// TestVerdicts_Guards has circumstances in which the shadow cannot be found no worse.
func TestVerdicts_Guards(t *testing.T) {
	well := answering(10*time.Millisecond, same)
	for name, c := range map[string]struct {
		bucket func(*rand.Rand) gnomon.Bucket
		guards Guards
		want   Judged
		says   string
	}{
		"half the load": {nil, Guards{Load: 0.5}, Judged{Undecided, Undecided, NoWorse, NoWorse}, "0.5 of the load"},
		"5 percent are missing": {func(r *rand.Rand) gnomon.Bucket {
			if r.IntN(20) == 0 {
				return gnomon.BucketQueueFull
			}
			return gnomon.BucketMirrored
		}, Guards{Load: 1}, Judged{Undecided, Undecided, Undecided, Undecided}, "queue_full"},
		"the rate is bounded": {func(r *rand.Rand) gnomon.Bucket {
			if r.IntN(20) == 0 {
				return gnomon.BucketRateCapped
			}
			return gnomon.BucketMirrored
		}, Guards{Load: 1}, Judged{NoWorse, NoWorse, NoWorse, NoWorse}, "they count for nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := books{}
				v := running(t, Options{Store: b})
				p := play{of: trialOf, production: well, shadow: well, bucket: c.bucket, rand: rand.New(rand.NewPCG(7, 8))}
				p.seconds(t, v, b, 240)
				r := report(t, v, trialOf, c.guards)
				if diff := cmp.Diff(c.want, r.Verdict); diff != "" {
					t.Errorf("%s\n%s", diff, strings.Join(r.Why, "\n"))
				}
				if !slices.ContainsFunc(slices.Concat(r.Why, r.Warnings), func(s string) bool { return strings.Contains(s, c.says) }) {
					t.Errorf("nothing says %q:\n%s\n%s", c.says, strings.Join(r.Why, "\n"), strings.Join(r.Warnings, "\n"))
				}
			})
		})
	}
}
