package stats

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// failer is what *testing.T and *rapid.T have in common.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

func near(t failer, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Max(1, math.Abs(want))) {
		t.Errorf("%s = %.12g, want %.12g", what, got, want)
	}
}

// slot returns the sums over values.
func slot(values ...float64) Moments {
	var m Moments
	for _, x := range values {
		m = m.Plus(Moments{1, x, x * x})
	}
	return m
}

func sequence(t failer, bound float64, slots [][]float64) *Sequence {
	t.Helper()
	s := NewSequence(bound)
	for _, values := range slots {
		if err := s.Add(slot(values...)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestPsiE(t *testing.T) {
	for _, c := range []struct{ lambda, want float64 }{
		{0, 0}, {0.5, 0.1931471805599453}, {0.9, 1.4025850929940455}, {1e-3, 5.003335835335001e-7}, {1e-5, 5.00003333358e-11},
	} {
		if got := psiE(c.lambda); math.Abs(got-c.want) > 1e-11*c.want {
			t.Errorf("psiE(%g) = %.15g, want %.15g", c.lambda, got, c.want)
		}
	}
}

// TestPsiE_Inequality is what all of Sequence rests on.
func TestPsiE_Inequality(t *testing.T) {
	for _, b := range grid {
		for xi := -1.0; xi < 30; xi += 1.0 / 128 {
			if left := math.Exp(b.lambda*xi - b.psi*xi*xi); left > 1+b.lambda*xi+1e-12 {
				t.Fatalf("λ %g, ξ %g: %g > %g", b.lambda, xi, left, 1+b.lambda*xi)
			}
		}
	}
}

// directly computes what Sequence does from sums by its definition, from every value.
func directly(slots [][]float64, bound, m float64) (below, variation float64) {
	var all []float64
	var full [][]float64
	for _, values := range slots {
		all = append(all, values...)
		if len(values) > 0 {
			full = append(full, values)
		}
	}
	sum, a := 0.0, 0.0
	for _, x := range all {
		variation += (m - x) * (m - x)
		a += m - x
		sum += x
	}
	mean, n := sum/float64(len(all)), float64(len(all))
	for length := 1; len(full)/length >= 16; length *= 2 {
		about := func(m float64) float64 {
			complete, values, tail, tailN := 0.0, 0.0, 0.0, 0.0
			for i := 0; i < len(full); i += length {
				d, k := 0.0, 0.0
				for _, values := range full[i:min(i+length, len(full))] {
					for _, x := range values {
						d += m - x
						k++
					}
				}
				if i+length <= len(full) {
					complete += d * d
					values += k
				} else {
					tail, tailN = d, k
				}
			}
			return complete + math.Max(tail*tail, complete/values*tailN)
		}
		far := 3 * math.Sqrt(about(mean)) / n
		variation = math.Max(variation, about(math.Max(mean-far, math.Min(mean+far, m))))
	}
	c, e := bound+math.Abs(m), 0.0
	for _, b := range grid {
		e += math.Exp(b.lambda*a/c-b.psi*variation/(c*c)) / float64(len(grid))
	}
	return math.Log(e), variation
}

func drawSlots(t *rapid.T, bound float64, most int) [][]float64 {
	level := 0.0
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	carry := rapid.SampledFrom([]float64{0, 0.5, 0.95}).Draw(t, "dependence")
	shift := rapid.Float64Range(-bound/2, bound/2).Draw(t, "shift")
	slots := make([][]float64, rapid.IntRange(0, most).Draw(t, "slots"))
	for i := range slots {
		level = carry*level + r.NormFloat64()*bound/10
		for range r.IntN(5) {
			slots[i] = append(slots[i], math.Max(-bound, math.Min(bound, shift+level+r.NormFloat64()*bound/10)))
		}
	}
	return slots
}

func TestSequence_IsItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const bound = 2
		slots := drawSlots(t, bound, 150)
		s := sequence(t, bound, slots)
		m := rapid.Float64Range(-bound, bound).Draw(t, "m")
		if s.N() == 0 {
			return
		}
		e, v := directly(slots, bound, m)
		near(t, "variation", s.Variation(m), v, 1e-9)
		if e > -600 { // beyond, the direct sum is 0
			near(t, "evidence below", s.LogEvidenceBelow(m), e, 1e-8)
		}
	})
}

// TestSequence_RunsCount fails if only single values count: four slots up and four down vary far more than they do.
func TestSequence_RunsCount(t *testing.T) {
	s := NewSequence(1)
	for i := range 64 {
		x := 0.1 * float64(1-i/4%2*2) // four slots up, four down
		if err := s.Add(slot(x, x)); err != nil {
			t.Fatal(err)
		}
	}
	// 128 values, 64 runs of 2, 32 of 4, 16 of 8 values: 128·0.01, 64·0.04, 32·0.16, 16·0.64.
	near(t, "variation", s.Variation(0), 16*0.64, 1e-12)
}

func TestSequence_MirrorImage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := drawSlots(t, 1, 100)
		negated := make([][]float64, len(slots))
		for i, values := range slots {
			for _, x := range values {
				negated[i] = append(negated[i], -x)
			}
		}
		s, o := sequence(t, 1, slots), sequence(t, 1, negated)
		alpha, m := rapid.Float64Range(1e-6, 0.5).Draw(t, "alpha"), rapid.Float64Range(-1, 1).Draw(t, "m")
		near(t, "upper", s.Upper(alpha), -o.Lower(alpha), 1e-9)
		near(t, "evidence", s.LogEvidenceBelow(m), o.LogEvidenceAbove(-m), 1e-9)
		k, ok := s.PairsToDecide(m, alpha)
		l, ok2 := o.PairsToDecide(-m, alpha)
		if ok != ok2 || math.Abs(float64(k-l)) > 1 {
			t.Errorf("to decide: %d %v, mirrored %d %v", k, ok, l, ok2)
		}
	})
}

func TestSequence_AnyGroupingKeepsTheSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := drawSlots(t, 1, 60)
		s, merged := sequence(t, 1, slots), NewSequence(1)
		for len(slots) > 0 {
			var m Moments
			k := rapid.IntRange(1, len(slots)).Draw(t, "together")
			for _, values := range slots[:k] {
				m = m.Plus(slot(values...))
			}
			if err := merged.Add(m); err != nil {
				t.Fatal(err)
			}
			slots = slots[k:]
		}
		a, b := s.Moments(), merged.Moments()
		near(t, "sum", a.Sum, b.Sum, 1e-12)
		near(t, "sum of squares", a.SumSq, b.SumSq, 1e-12)
		if a.N != b.N {
			t.Errorf("%d values, together %d", a.N, b.N)
		}
	})
}

func TestSequence_Bounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := sequence(t, 1, drawSlots(t, 1, 300))
		wide, tight := s.Upper(0.01), s.Upper(0.1)
		if !(s.Mean() <= tight && tight <= wide && wide <= 1) {
			t.Errorf("mean %g, upper bound %g at 10 %%, %g at 1 %%", s.Mean(), tight, wide)
		}
		if wide, tight := s.Lower(0.01), s.Lower(0.1); !(-1 <= wide && wide <= tight && tight <= s.Mean()) {
			t.Errorf("mean %g, lower bound %g at 10 %%, %g at 1 %%", s.Mean(), tight, wide)
		}
		for i := range 200 { // what is beyond the bound is refuted, all of it
			if m := wide + (1-wide)*float64(i)/200; wide < 1 && s.LogEvidenceBelow(m) < math.Log(100)-1e-6 {
				t.Errorf("upper bound %g, and %g is not refuted: %g", wide, m, s.LogEvidenceBelow(m))
			}
		}
	})
}

// TestSequence_FirstPairs looks for the bound by going down from the top in small steps.
func TestSequence_FirstPairs(t *testing.T) {
	s, narrowed := NewSequence(1), 0
	for n := range 100 {
		if err := s.Add(slot(0.1)); err != nil {
			t.Fatal(err)
		}
		want := 1.0
		for want > s.Mean() && s.LogEvidenceBelow(want) >= math.Log(20) {
			want -= 1e-4
		}
		if got := s.Upper(0.05); math.Abs(got-want) > 1.01e-4 {
			t.Fatalf("after %d values the bound is %g, want %g", n+1, got, want)
		}
		if want < 1 && want > 0.9 {
			narrowed++
		}
	}
	if narrowed == 0 {
		t.Error("no bound was just below the greatest value")
	}
}

func TestSequence_Empty(t *testing.T) {
	s := NewSequence(1.5)
	if s.Mean() != 0 || s.N() != 0 || s.Upper(0.05) != 1.5 || s.Lower(0.05) != -1.5 || s.Variation(0.1) != 0 ||
		s.LogEvidenceBelow(0.1) != 0 || s.LogEvidenceAbove(0.1) != 0 {
		t.Error("an empty sequence knows something")
	}
	if _, ok := s.PairsToDecide(0.1, 0.05); ok {
		t.Error("an empty sequence predicts")
	}
	if err := s.Add(Moments{}); err != nil || s.Slots() != 0 {
		t.Errorf("an empty slot counts: %d, %v", s.Slots(), err)
	}
	var zero Sequence
	if zero.Add(slot(0)) == nil || !math.IsInf(zero.Upper(0.05), 1) || !math.IsInf(zero.Lower(0.05), -1) {
		t.Error("the zero value takes values, or bounds")
	}
	s = sequence(t, 1, [][]float64{{0.5, -1}, {1}})
	for _, f := range []float64{math.NaN(), 0, -1, 1, math.Inf(1)} {
		if s.Upper(f) != 1 || s.Lower(f) != -1 {
			t.Errorf("at alpha %g the bounds are %g and %g", f, s.Lower(f), s.Upper(f))
		}
	}
	if got := s.LogEvidenceBelow(math.NaN()); got != 0 {
		t.Errorf("the evidence about no number is %g", got)
	}
}

func TestSequence_Refuses(t *testing.T) {
	s := sequence(t, 1, [][]float64{{0.5}})
	for _, m := range []Moments{
		{-1, 0, 0}, {1, 1.1, 1}, {1, -1.1, 1}, {2, 0, 2.1}, {2, 1.5, 1}, {0, 0, 1}, {0, 1, 0}, {1, math.NaN(), 0},
		{1, 0, math.NaN()}, {1, math.Inf(1), 1}, {1, 0, -1}, {math.MaxInt64, 0, 0},
	} {
		if err := s.Add(m); err == nil || s.N() != 1 || s.Slots() != 1 {
			t.Errorf("%+v: %v, %d values", m, err, s.N())
		}
	}
}

// TestSequence_RareEvents: without a single failure, a margin of 0.2 % takes ln(K/alpha) ÷ 0.002 values, K being less
// than the grid has, since all large λ say the same.
func TestSequence_RareEvents(t *testing.T) {
	for _, per := range []int64{1, 10, 100} {
		for _, margin := range []float64{0.02, 0.002, 0.0002} {
			s := NewSequence(1)
			for s.LogEvidenceBelow(margin) < math.Log(20) {
				if err := s.Add(Moments{N: per}); err != nil {
					t.Fatal(err)
				}
			}
			least, most := math.Log(20)/margin, math.Log(float64(len(grid))*20)/margin+float64(per)
			if n := float64(s.N()); n < least || n > most {
				t.Errorf("margin %g, slots of %d: decided at %g, want %g to %g", margin, per, n, least, most)
			}
			if u := s.Upper(0.05); u > margin {
				t.Errorf("margin %g, upper bound %g", margin, u)
			}
		}
	}
}

// TestSequence_Width compares the bound with that of a single look, from a hundred to a thousand million values.
func TestSequence_Width(t *testing.T) {
	for n := 100.0; n <= 1e9; n *= 10 {
		for _, sd := range []float64{0.01, 0.1, 0.7} {
			s := NewSequence(1)
			// 64 slots of equal size with means one standard error of theirs up and down, by no rhythm
			for i := range 64 {
				k := math.Round(n / 64)
				mean := sd / math.Sqrt(k) * float64(1-2*int(uint64(0x9a6c3de1f05b7248)>>i&1))
				if err := s.Add(Moments{int64(k), k * mean, k * sd * sd}); err != nil {
					t.Fatal(err)
				}
			}
			once := 1.645 * sd / math.Sqrt(float64(s.N()))
			ratio := (s.Upper(0.05) - s.Mean()) / once
			t.Logf("n %g, sd %g: %.2f of a single look's", n, sd, ratio)
			if sd*math.Sqrt(n) > 5 && (ratio < 1.2 || ratio > 3.6) {
				t.Errorf("n %g, sd %g: the bound is %.2f as far as that of a single look", n, sd, ratio)
			}
		}
	}
}

func TestSequence_PairsToDecide(t *testing.T) {
	s := NewSequence(1)
	r := rand.New(rand.NewPCG(3, 4))
	add := func(slots int) {
		for range slots {
			var values []float64
			for range 10 {
				values = append(values, 0.2*(2*r.Float64()-1))
			}
			if err := s.Add(slot(values...)); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(30)
	const margin = 0.015
	more, ok := s.PairsToDecide(margin, 0.01)
	if !ok || more == 0 {
		t.Fatalf("%d, %v further pairs", more, ok)
	}
	predicted := s.N() + more
	for s.Upper(0.01) >= margin && s.N() < 100*predicted {
		add(1)
	}
	if got := s.N(); got < predicted/3 || got > predicted*3 {
		t.Errorf("decided at %d, predicted %d", got, predicted)
	}
	if more, ok = s.PairsToDecide(margin, 0.01); more != 0 || !ok {
		t.Errorf("decided, and %d more pairs predicted, %v", more, ok)
	}
	if _, ok = s.PairsToDecide(s.Mean(), 0.01); ok {
		t.Error("the bound is to pass the mean itself")
	}
	s = NewSequence(1)
	if err := s.Add(Moments{N: 1 << 54, SumSq: 1 << 54}); err != nil {
		t.Fatal(err)
	}
	if more, ok := s.PairsToDecide(1e-12, 0.01); more != 0 || ok {
		t.Errorf("after 2^54 values %d more are predicted, %v", more, ok)
	}
}

func TestSequence_JSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := drawSlots(t, 1, 200)
		k := rapid.IntRange(0, len(slots)).Draw(t, "before")
		s := sequence(t, 1, slots[:k])
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Sequence
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		for _, values := range slots[k:] {
			if s.Add(slot(values...)) != nil || back.Add(slot(values...)) != nil {
				t.Fatal("a slot is refused")
			}
		}
		a, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if b, err = json.Marshal(&back); err != nil || string(a) != string(b) {
			t.Errorf("a sequence that was kept meanwhile is %s, not %s; %v", b, a, err)
		}
	})
}

// kept is a row as version 1 wrote it.
const kept = `{"version":1,"bound":1,"n":6,"sum":0.75,"sum_squares":0.28125,"slots":3,"runs":[` +
	`{"nn":14,"ns":2.5,"ss":0.6875,"tail_n":0,"tail_sum":0},{"nn":9,"ns":0,"ss":0,"tail_n":3,"tail_sum":0.75}]}`

func TestSequence_JSONStays(t *testing.T) {
	s := sequence(t, 1, [][]float64{{-0.25}, {0.125, 0.125}, {0.25, 0.25, 0.25}})
	if b, err := json.Marshal(s); err != nil || string(b) != kept {
		t.Errorf("%v\n%s, want\n%s", err, b, kept)
	}
}

func FuzzSequence_UnmarshalJSON(f *testing.F) {
	for _, b := range []string{kept, `{}`, `null`, `[]`, `{"version":1,"bound":1,"n":0,"sum":0,"sum_squares":0,"slots":0,"runs":[]}`} {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Sequence
		if s.UnmarshalJSON(b) != nil {
			if s.bound != 0 || s.all.N != 0 || s.runs != nil {
				t.Error("a refused row has left something behind")
			}
			return
		}
		for _, f := range []float64{s.Upper(0.05), s.Lower(0.05), s.Variation(s.bound / 3), s.LogEvidenceBelow(s.bound / 3), s.Mean()} {
			if math.IsNaN(f) || math.IsInf(f, 0) {
				t.Errorf("%s: %g", b, f)
			}
		}
		s.PairsToDecide(s.bound/3, 0.05)
		if _, err := json.Marshal(&s); err != nil {
			t.Error(err)
		}
	})
}

func TestSequence_JSONRefuses(t *testing.T) {
	var good map[string]any
	if err := json.Unmarshal([]byte(kept), &good); err != nil {
		t.Fatal(err)
	}
	damage := func(what string, object map[string]any, key string, values ...any) {
		before := object[key]
		for _, v := range values {
			object[key] = v
			if v == nil {
				delete(object, key)
			}
			b, err := json.Marshal(good)
			if err != nil {
				t.Fatal(err)
			}
			var s Sequence
			if json.Unmarshal(b, &s) == nil {
				t.Errorf("%s %v is taken", what, v)
			}
		}
		object[key] = before
	}
	damage("version", good, "version", nil, 0, 2)
	damage("bound", good, "bound", nil, 0, -1, 0.1, 1e300)
	damage("n", good, "n", nil, 0, -1, 5, 2, 1.5)
	damage("sum", good, "sum", nil, 7, -7, 3)
	damage("sum_squares", good, "sum_squares", nil, 0, 7, -1)
	damage("slots", good, "slots", nil, 0, -1, 2, 4, 7)
	damage("runs", good, "runs", nil, []any{}, []any{nil, nil})
	first, second := good["runs"].([]any)[0].(map[string]any), good["runs"].([]any)[1].(map[string]any)
	damage("nn", first, "nn", nil, 0, 11, 37)
	damage("ns", first, "ns", nil, 4, -4)
	damage("ss", first, "ss", nil, 0, 0.1, 15)
	damage("tail_n", first, "tail_n", nil, 1)
	damage("tail_n", second, "tail_n", nil, 0, 5, -1)
	damage("tail_sum", second, "tail_sum", nil, 4, -4, 0)
	damage("more", good, "more", 1)
}
