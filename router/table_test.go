package router

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"gnomon"
	"gnomon/http1"
	"gnomon/reactor"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func TestPick_SharesByWeight(t *testing.T) {
	for _, tc := range []struct {
		name    string
		weights []float64
		want    []int // of 1000
	}{
		{"one", []float64{3}, []int{1000}},
		{"one of weight 0", []float64{0}, []int{1000}},
		{"three to one", []float64{3, 1}, []int{750, 250}},
		{"none of one", []float64{1, 0, 1}, []int{500, 0, 500}},
		{"all 0", []float64{0, 0}, []int{500, 500}},
		{"tiny", []float64{1e-12, 1e-12}, []int{500, 500}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ep := weighted(tc.weights)
			got := make(map[*variant]int)
			for i := range 1000 {
				got[ep.pick(float64(i)/1000)]++
			}
			for i, v := range ep.production {
				if got[v] != tc.want[i] {
					t.Errorf("variant %d of weight %v got %d of 1000", i, v.weight, got[v])
				}
			}
		})
	}
}

func weighted(weights []float64) *endpoint {
	ep := &endpoint{}
	for i, w := range weights {
		ep.production = append(ep.production, &variant{name: fmt.Sprint(i), weight: w})
	}
	return ep
}

func TestPick_AnyWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Float64Range(0, 1e6), 1, 8).Draw(t, "weights")
		ep := weighted(weights)
		var sum float64
		for _, w := range weights {
			sum += w
		}
		x := rapid.Float64Range(0, math.Nextafter(1, 0)).Draw(t, "x")
		v := ep.pick(x)
		if v == nil || sum > 0 && v.weight <= 0 {
			t.Fatalf("picked %+v", v)
		}
		if sum <= 0 {
			return
		}
		var below float64 // the weights before v
		for _, o := range ep.production {
			if o == v {
				break
			}
			below += o.weight
		}
		const crumb = 1e-9
		if x < below/sum-crumb || x > (below+v.weight)/sum+crumb {
			t.Fatalf("x %v is not in the share of %v, which begins at %v", x, v.weight/sum, below/sum)
		}
	})
}

func TestSampler_TakesItsShare(t *testing.T) {
	const n = 20000
	for _, fraction := range []float64{0, 0.001, 0.1, 0.5, 0.9, 1} {
		s, in := newSampler("m", fraction), 0
		for range n {
			if s.contains([]byte(uuid.NewString())) {
				in++
			}
		}
		// Five standard deviations.
		if d := math.Abs(float64(in) - n*fraction); d > 5*math.Sqrt(n*fraction*(1-fraction))+1e-9 {
			t.Errorf("%v: %d of %d", fraction, in, n)
		}
	}
}

func TestSampler_KeepsASmallerSampleInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := []byte(rapid.String().Draw(t, "id"))
		a, b := rapid.Float64Range(0, 1).Draw(t, "a"), rapid.Float64Range(0, 1).Draw(t, "b")
		small, large := newSampler("m", min(a, b)), newSampler("m", max(a, b))
		if small.contains(id) && !large.contains(id) {
			t.Fatalf("%q is in %v, but not in %v", id, min(a, b), max(a, b))
		}
	})
}

func TestSampler_DiffersBetweenMirrors(t *testing.T) {
	a, b := newSampler("a", 0.5), newSampler("b", 0.5)
	same := 0
	for i := range 2000 {
		id := []byte(fmt.Sprint("request-", i))
		if a.contains(id) == b.contains(id) {
			same++
		}
	}
	if same < 850 || same > 1150 {
		t.Errorf("two mirrors agree on %d of 2000", same)
	}
}

func TestRate_AllowsItsNumber(t *testing.T) {
	for _, perSecond := range []float64{0.5, 3, 100, 5000} {
		var r rate
		begin, n := time.Unix(1000, 0), 0
		const seconds = 10
		for at := time.Duration(0); at < seconds*time.Second; at += 100 * time.Microsecond {
			if r.allow(begin.Add(at), perSecond) {
				n++
			}
		}
		most := perSecond*seconds + perSecond*rateBurst.Seconds() + 1
		if float64(n) < perSecond*seconds*0.999-1 || float64(n) > most+1 {
			t.Errorf("%v a second: %d in %d s", perSecond, n, seconds)
		}
	}
}

func TestRate_ForgetsALowerOne(t *testing.T) {
	var r rate
	now := time.Unix(1000, 0)
	if !r.allow(now, 0.001) || r.allow(now.Add(time.Second), 0.001) {
		t.Error("a rate of 0.001 is not one in a thousand seconds")
	}
	if !r.allow(now.Add(time.Second), 10) || r.allow(now.Add(time.Second), 0.001) {
		t.Error("a changed rate does not act at once")
	}
}

func TestBreaker_OpensProbesAndCloses(t *testing.T) {
	b := breaker{faultsToOpen: 2, pause: time.Second}
	now := time.Unix(1000, 0)
	expect := func(ok, probe bool) {
		t.Helper()
		if gotOK, gotProbe := b.allow(now); gotOK != ok || gotProbe != probe {
			t.Fatalf("allow is %v, %v; want %v, %v", gotOK, gotProbe, ok, probe)
		}
	}
	b.result(false, false, now)
	b.result(true, false, now) // in between: not in a row
	b.result(false, false, now)
	expect(true, false)
	b.result(false, false, now)
	expect(false, false)
	now = now.Add(time.Second)
	expect(true, true)
	expect(false, false) // one probe at a time
	b.abandon()
	expect(true, true)
	b.result(false, true, now)
	b.result(false, false, now) // a straggler says nothing new
	now = now.Add(time.Second)
	expect(false, false) // the pause has doubled
	now = now.Add(time.Second)
	expect(true, true)
	b.result(true, true, now)
	expect(true, false)
}

func TestInstance_NoClaimOnceRetired(t *testing.T) {
	var in instance
	if !in.claim(1) || in.claim(1) {
		t.Fatal("the maximum does not hold")
	}
	in.retire()
	if in.claim(10) || in.done() || in.claims() != 1 {
		t.Errorf("retired: %d claims, done %v", in.claims(), in.done())
	}
	in.release()
	if !in.done() || in.claims() != 0 {
		t.Errorf("released: %d claims, done %v", in.claims(), in.done())
	}
	in.restore()
	if !in.claim(1) {
		t.Error("it cannot be claimed again")
	}
}

type noRecorder struct{}

func (noRecorder) Series(gnomon.Series) gnomon.LegRecorder    { return nil }
func (noRecorder) Mirror(gnomon.Mirror) gnomon.MirrorRecorder { return nil }

// A request may look at a table whose instances retire before it can claim one. It must then find the next table's.
func TestFind_LooksAgainWhenTheTableIsReplaced(t *testing.T) {
	group, err := reactor.NewGroup(1)
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	r := New(Options{}, group, noRecorder{}, slog.New(slog.DiscardHandler))
	publish := func(i int) {
		r.Publish(gnomon.Routes{Endpoints: []gnomon.EndpointRoute{{Name: "e", Production: []gnomon.VariantRoute{{
			Name: "main", Instances: []gnomon.InstanceRoute{{ID: gnomon.InstanceID{Fleet: "f", Ordinal: i % 2}}},
		}}}}})
	}
	publish(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 20000 {
			publish(i)
		}
	}()
	for x := (&exchange{lane: r.lanes[0], endpoint: []byte("e")}); ; {
		to, err := x.find(nil)
		if err != nil {
			t.Fatal(err)
		}
		to.in.release()
		select {
		case <-done:
			return
		default:
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"/endpoints/e/invocations", "/endpoints/e/invocations?a=/b", "/endpoints//invocations", "/endpoints/invocations", "/endpoints/a/b/invocations"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		name, operation, ok := parsePath([]byte(uri))
		if !ok {
			return
		}
		path, _, _ := strings.Cut(uri, "?")
		if "/endpoints/"+string(name)+operation != path || bytes.IndexByte(name, '/') >= 0 {
			t.Errorf("%q has the name %q", uri, name)
		}
	})
}

// FuzzRequest reads a request and checks that what is sent on is one well-formed request that says the same.
func FuzzRequest(f *testing.F) {
	f.Add("Content-Type: a/b\r\nX-Amzn-SageMaker-Inference-Id:  i 1 \r\nAuthorization: x\r\n\r\n", false)
	f.Add("accept:a\r\nACCEPT: b\r\n\r\n", false)
	f.Add("accept:a\r\nX-Amzn-SageMaker-Accept: b\r\n\r\n", true)
	f.Add("X-Amzn-SageMaker-Session-Id: NEW_SESSION\r\nTransfer-Encoding: chunked\r\n\r\n", false)
	f.Add("Content-Type: a\rb\r\n\r\n", false)
	f.Add("X-Amzn-SageMaker-Target-Variant\r\n:\r\n", false)
	f.Fuzz(func(t *testing.T, block string, stream bool) {
		path := pathInvoke
		if stream {
			path = pathStream
		}
		var q request
		var parsed http1.Request
		if n, err := parsed.Parse([]byte("POST /endpoints/e"+path+" HTTP/1.1\r\nHost: a\r\n"+block), 16<<10); err != nil || n == 0 {
			return
		}
		if q.parse(&parsed) != nil || q.fault() != nil {
			return
		}
		head := q.appendHead([]byte("POST /invocations HTTP/1.1\r\nHost: a\r\n"), []byte("id"), 0)
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
		if err != nil {
			t.Fatalf("%q is not a request: %v", head, err)
		}
		for i, v := range q.values {
			name := strings.TrimSuffix(known[i].forward, ": ")
			if name != "" && r.Header.Get(name) != string(v) {
				t.Errorf("%s was %q and is %q", name, v, r.Header.Get(name))
			}
		}
		for name := range r.Header {
			if q.fieldOf([]byte(name)) < 0 && name != "X-Amzn-Requestid" && name != "Content-Length" && !(stream && name == "Accept") {
				t.Errorf("%s travels on", name)
			}
		}
	})
}

func TestCheck_NamesEveryField(t *testing.T) {
	for i, f := range known {
		var q request
		q.endpoint = []byte("e")
		q.values[i] = bytes.Repeat([]byte("a"), f.max+1)
		if got := q.check(); !strings.Contains(got, fmt.Sprintf("at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", f.member, f.max)) {
			t.Errorf("%s: %q", f.header, got)
		}
		q.values[i] = []byte("a")
		if got := q.check(); got != "" {
			t.Errorf("%s: %q", f.header, got)
		}
	}
}
