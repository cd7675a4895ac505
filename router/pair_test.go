package router_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gnomon"
	"gnomon/router"
)

// jury is a judge that keeps every pair, and counts what it is told.
type jury struct {
	mu                           sync.Mutex
	trials                       []gnomon.Trial
	pairs                        []keptPair
	begun, ended, out, discarded int
	doubled                      []string // events that ended twice
	refused, cut                 int
	seen                         map[string]bool
}

// A keptPair is one in memory of its own.
type keptPair struct {
	Bucket                     gnomon.Bucket
	Production, Shadow, Repeat keptSide
	Repeated                   bool
}

type keptSide struct {
	Status   int
	Fault    gnomon.LegFault
	Answer   gnomon.Kept
	Type     string
	Body     string
	Requests int
}

func keptSideOf(s *gnomon.Side) keptSide {
	return keptSide{s.Status, s.Fault, s.Answer, string(s.ContentType), string(s.Body), s.RequestBytes}
}

func (j *jury) Pairs(of gnomon.Trial) gnomon.PairRecorder {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.trials = append(j.trials, of)
	return j
}

func (j *jury) SampledOut() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.out++
}

func (j *jury) Begin(at time.Time) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.begun++
	return at.UnixNano()
}

func (j *jury) Discard(int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.discarded++
	j.ended++
}

func (j *jury) End(begun int64, p *gnomon.Pair) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended++
	if j.seen == nil {
		j.seen = make(map[string]bool)
	}
	if id := string(p.EventID); j.seen[id] || begun == 0 {
		j.doubled = append(j.doubled, id)
	} else {
		j.seen[id] = true
	}
	if p.Refused {
		j.refused++
	}
	if p.Cut {
		j.cut++
	}
	j.pairs = append(j.pairs, keptPair{p.Bucket, keptSideOf(&p.Production), keptSideOf(&p.Shadow), keptSideOf(&p.Repeat), p.Repeated})
}

// wait returns the pairs once n requests have begun and ended, by what production was sent.
func (j *jury) wait(t *testing.T, n int) []keptPair {
	t.Helper()
	eventually(t, fmt.Sprintf("%d pairs", n), func() bool {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.begun == n && j.ended == n
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.doubled) > 0 {
		t.Errorf("ended twice, or without having begun: %q", j.doubled)
	}
	return slices.Clone(j.pairs)
}

// judged makes the mirrors an experiment's.
func judged(r gnomon.Routes, j gnomon.Judging) gnomon.Routes {
	for i := range r.Endpoints[0].Mirrors {
		r.Endpoints[0].Mirrors[i].Experiment, r.Endpoints[0].Mirrors[i].Judging = "x", j
	}
	return r
}

// as answers as the request's body says: with a status, or late, and with what the model is called.
func as(name string, late time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		<-time.After(late)
		w.Header().Set("Content-Type", "text/"+name)
		if strings.Contains(string(b), name+" fails") {
			w.WriteHeader(500)
		}
		if strings.Contains(string(b), name+" is large") {
			w.Write(make([]byte, 3000))
		}
		fmt.Fprint(w, name)
	}
}

func TestPairs(t *testing.T) {
	for _, order := range []struct{ production, shadow time.Duration }{{0, 0}, {20 * time.Millisecond, 0}, {0, 20 * time.Millisecond}} {
		j := &jury{}
		s := newSystem(t, router.Options{Judge: j, MaxCompared: 2000})
		s.Publish(judged(mirrored(routes(model(t, as("main", order.production))), 1, model(t, as("shade", order.shadow))), gnomon.Judging{}))
		good := func(name string) keptSide { return keptSide{200, 0, gnomon.KeptAll, "text/" + name, name, 0} }
		failed := keptSide{500, 0, gnomon.NotKept, "", "", 0}
		large := keptSide{200, 0, gnomon.TooLarge, "", "", 0}
		for body, want := range map[string]keptPair{
			"fine":           {gnomon.BucketMirrored, good("main"), good("shade"), keptSide{}, false},
			"main fails":     {gnomon.BucketMirrored, failed, good("shade"), keptSide{}, false},
			"shade fails":    {gnomon.BucketShadowError, good("main"), failed, keptSide{}, false},
			"main is large":  {gnomon.BucketMirrored, large, good("shade"), keptSide{}, false},
			"shade is large": {gnomon.BucketMirrored, good("main"), large, keptSide{}, false},
		} {
			j.mu.Lock()
			j.begun, j.ended, j.pairs = 0, 0, nil
			j.mu.Unlock()
			s.invoke(t, body)
			want.Production.Requests = len(body)
			want.Shadow.Requests = len(body)
			got := j.wait(t, 1)[0]
			if got.Production.Answer != gnomon.KeptAll || got.Shadow.Answer != gnomon.KeptAll { // the other one's is of no use then
				for _, side := range []*keptSide{&got.Production, &got.Shadow, &want.Production, &want.Shadow} {
					if side.Answer == gnomon.KeptAll {
						side.Answer, side.Type, side.Body = 0, "", ""
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%+v, %q: %s", order, body, diff)
			}
		}
		if of := j.trials[0]; of.Experiment != "x" || of.Production != "main" || of.Shadow != "shade" || of.Fraction != 1 {
			t.Errorf("the trial is %+v", of)
		}
	}
}

// long answers with as many bytes as the request's body asks for, and tells so beforehand if it asks for that.
func long(w http.ResponseWriter, r *http.Request) {
	var n int
	var how string
	fmt.Fscan(r.Body, &n, &how)
	if how == "told" {
		w.Header().Set("Content-Length", fmt.Sprint(n))
	}
	for text := longText(n); len(text) > 0; {
		run := text[:min(10_007, len(text))]
		io.WriteString(w, run)
		w.(http.Flusher).Flush()
		text = text[len(run):]
	}
}

func longText(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return string(b)
}

// TestPairs_LongAnswers has answers of many lengths, told beforehand and not, and streamed, compared to the last byte. Their memory
// is enough for all of them only if it is given back.
func TestPairs_LongAnswers(t *testing.T) {
	j := &jury{}
	s := newSystem(t, router.Options{Judge: j, KeptMemory: 4 << 20})
	s.Publish(judged(mirrored(routes(model(t, long)), 1, model(t, long)), gnomon.Judging{}))
	n := 0
	for range 4 {
		for _, size := range []int{100, 60_000, 64 << 10, 64<<10 + 1, 300_000, 1 << 20} {
			for _, how := range []string{"told", "untold", "streamed"} {
				body := fmt.Sprint(size, " ", how)
				if how == "streamed" {
					resp, _ := s.stream(t, body)
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				} else {
					s.invoke(t, body)
				}
				n++
				got := j.wait(t, n)[n-1]
				for variant, side := range map[string]keptSide{"production": got.Production, "shadow": got.Shadow} {
					if side.Answer != gnomon.KeptAll || side.Body != longText(size) {
						t.Errorf("%s's answer of %d bytes, %s: kept %d, %d bytes", variant, size, how, side.Answer, len(side.Body))
					}
				}
			}
		}
	}
}

// TestPairs_NoMemory has an answer that cannot be kept be told so, whether it is its pieces that find no memory or the whole, which
// takes somewhat more than they did. The whole comes in place of the pieces: more than half of the memory can be one answer's.
func TestPairs_NoMemory(t *testing.T) {
	j := &jury{}
	s := newSystem(t, router.Options{Judge: j, KeptMemory: 1000 << 10})
	s.Publish(judged(mirrored(routes(model(t, as("main", 0))), 1, model(t, long)), gnomon.Judging{}))
	for n, c := range []struct {
		body string
		want gnomon.Kept
	}{
		{"1040000 untold", gnomon.NoMemory}, // 9 pieces
		{"983040 untold", gnomon.NoMemory},  // 960 KiB of pieces, 1 MiB whole
		{"1040000 told", gnomon.NoMemory},
		{"800000 untold", gnomon.KeptAll},
		{"800000 told", gnomon.KeptAll},
	} {
		s.invoke(t, c.body)
		if got := j.wait(t, n+1)[n]; got.Shadow.Answer != c.want || got.Production.Answer != gnomon.KeptAll {
			t.Errorf("%s: production's answer is kept %d, the shadow's %d, want %d", c.body, got.Production.Answer, got.Shadow.Answer, c.want)
		}
	}
}

// TestPairs_EachRequestOnce has many requests, models that fail, hang up and are slow, a queue that is too short, and a mirror
// that ends meanwhile: each request is begun and ended once, or is sampled out.
func TestPairs_EachRequestOnce(t *testing.T) {
	j := &jury{}
	s := newSystem(t, router.Options{Judge: j, MirrorQueue: 8, MirrorWorkers: 2, MirrorGrace: 50 * time.Millisecond})
	r := judged(mirrored(routes(model(t, as("main", 0))), 0.7, flaky(t)), gnomon.Judging{NoiseFloor: 0.3})
	s.Publish(r)
	const n = 2000
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for range n / 8 {
				s.invoke(t, "fine")
			}
		})
	}
	eventually(t, "half of them", func() bool { j.mu.Lock(); defer j.mu.Unlock(); return j.begun+j.out > n/2 })
	r.Endpoints[0].Mirrors = nil
	s.Publish(r)
	senders.Wait()
	eventually(t, "all have ended", func() bool { j.mu.Lock(); defer j.mu.Unlock(); return j.begun == j.ended })
	j.mu.Lock()
	defer j.mu.Unlock()
	repeated := 0
	for _, p := range j.pairs {
		if p.Repeated {
			repeated++
		}
	}
	if len(j.doubled) > 0 || j.out == 0 || j.begun < n/4 || repeated == 0 || repeated > len(j.pairs)/2 {
		t.Errorf("%d begun, %d sampled out, %d discarded, %d of %d repeated, doubled %q", j.begun, j.out, j.discarded, repeated, len(j.pairs), j.doubled)
	}
}

// TestPairs_Repeat has production asked once more: by way of the shadow's queue, when it is done with the request, uncounted, and
// not in a session.
func TestPairs_Repeat(t *testing.T) {
	j := &jury{}
	s := newSystem(t, router.Options{Judge: j})
	var asked, under, together atomic.Int64
	production := model(t, func(w http.ResponseWriter, r *http.Request) {
		together.Store(max(together.Load(), under.Add(1)))
		defer under.Add(-1)
		<-time.After(20 * time.Millisecond)
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "answer ", asked.Add(1))
	})
	s.Publish(judged(mirrored(routes(production), 1, model(t, as("shade", 0))), gnomon.Judging{NoiseFloor: 1}))
	s.invoke(t, "fine")
	got := j.wait(t, 1)[0]
	want := keptPair{
		gnomon.BucketMirrored, keptSide{200, 0, gnomon.KeptAll, "text/plain", "answer 1", 4}, keptSide{200, 0, gnomon.KeptAll, "text/shade", "shade", 4},
		keptSide{200, 0, gnomon.KeptAll, "text/plain", "answer 2", 4}, true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := together.Load(); n != 1 {
		t.Errorf("production was asked %d times at once", n)
	}
	if n := s.counts.legs(testedSeries()).n.Load(); n != 1 {
		t.Errorf("%d legs of production are counted, want 1", n)
	}
	s.invoke(t, "fine", "X-Amzn-SageMaker-Session-Id: one")
	if got := j.wait(t, 2); got[1].Repeated {
		t.Error("a request of a session was repeated")
	}
}

// TestPairs_OfAShadowThatIsDown has the breaker open: what is not copied for it is told apart from what else is not copied.
func TestPairs_OfAShadowThatIsDown(t *testing.T) {
	j := &jury{}
	down := listen(t)
	down.Close()
	s := newSystem(t, router.Options{Judge: j, BreakerFaults: 2, BreakerPause: time.Hour})
	s.Publish(judged(mirrored(routes(model(t, as("main", 0))), 1, down.Addr().String()), gnomon.Judging{}))
	for range 5 {
		s.invoke(t, "fine")
		s.counts.mirror("m").wait(t)
	}
	got := j.wait(t, 5)
	if n := s.counts.mirror("m").of(gnomon.BucketShadowNotReady); n != 3 || j.refused != 3 || got[4].Bucket != gnomon.BucketShadowNotReady {
		t.Errorf("%d are not ready, %d refused: %+v", n, j.refused, got)
	}
}

// TestPairs_OfACallerThatLeaves has production's latency be the caller's doing.
func TestPairs_OfACallerThatLeaves(t *testing.T) {
	j := &jury{}
	s := newSystem(t, router.Options{Judge: j})
	production := model(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "one")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	s.Publish(judged(mirrored(routes(production), 1, model(t, as("shade", 0))), gnomon.Judging{}))
	resp, next := s.stream(t, "x")
	if _, err := next(); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if j.wait(t, 1); j.cut != 1 {
		t.Errorf("%d pairs are the caller's, want 1", j.cut)
	}
}
