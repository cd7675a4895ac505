package compare_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"gnomon"
	"gnomon/compare"
)

// settings are what answers are fuzzed with, from one number.
func settings(n uint8) gnomon.Answers {
	a := gnomon.Answers{AnyOrder: n&1 != 0}
	if n&2 != 0 {
		a.Absolute, a.Relative = 0.5, 0.01
	}
	if n&4 != 0 {
		a.Ignore = []gnomon.AnswerPath{"/a/-", "/+/b"}
	}
	if n&8 != 0 {
		a.Unordered = []gnomon.AnswerPath{"/", "/a"}
	}
	return a
}

// symmetric compares both ways, and holds the results to each other and to their bounds.
func symmetric(t *testing.T, c *compare.Comparer, a, b compare.Answer) compare.Result {
	t.Helper()
	r, back := c.Compare(a, b), c.Compare(b, a)
	if r.Score != back.Score || r.Uncomparable != back.Uncomparable || r.Kind != back.Kind {
		t.Fatalf("%q, %q: %s, the other way round %s", a.Body, b.Body, describe(r), describe(back))
	}
	if r.Agrees() != (len(r.Differences) == 0 && r.Uncomparable == "") || len(r.Differences) > 16 || !(r.Similarity >= 0 && r.Similarity <= 1) {
		t.Fatalf("%q, %q: %+v", a.Body, b.Body, r)
	}
	for _, d := range r.Differences {
		if len(d.Path) > 200 || len(d.Production) > 80 || len(d.Shadow) > 80 || !utf8.ValidString(d.Path+d.Production+d.Shadow) || d.Count < 1 || d.Numbers > d.Count {
			t.Fatalf("%q, %q: %+v", a.Body, b.Body, d)
		}
		if d.Numbers > 0 && !(d.Absolute.Max > 0 && d.Absolute.Sum >= d.Absolute.Max && d.Relative.Max <= 2.0000001) {
			t.Fatalf("%q, %q: %+v", a.Body, b.Body, d)
		}
	}
	var s compare.Summary
	s.Add(r, "event")
	kept, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(kept, new(compare.Summary))
	}
	if err != nil {
		t.Fatalf("%q, %q: %s: %v", a.Body, b.Body, kept, err)
	}
	return r
}

// Comparing JSON never panics, is symmetric, finds a document the same however it is written, and with no settings agrees
// with what encoding/json makes of both.
func FuzzCompare_JSON(f *testing.F) {
	for _, s := range [][2]string{
		{`{"a":[1,2,{"b":3}]}`, `{"a":[{"b":3},2,1.0]}`}, {`[1e3,{"a":1,"a":2}]`, `[1000,{"a":2}]`}, {`{"p":[{"b":1,"c":0.1}]}`, `{"p":[{"b":2,"c":0.6}]}`},
		{`"\u00e9"`, `"é"`}, {`[[1,2],[3]]`, `[[3],[2,1]]`}, {`[0.1]`, `[0.1000000000000000055]`}, {`[9007199254740993]`, `[9007199254740992]`}, {"1\n2", "[1,2]"},
	} {
		for n := range uint8(16) {
			f.Add([]byte(s[0]), []byte(s[1]), n)
		}
	}
	f.Fuzz(func(t *testing.T, a, b []byte, n uint8) {
		c := compare.New(settings(n)).Within(compare.Limits{Values: 2000})
		x, y := compare.Answer{ContentType: "application/json", Body: a}, compare.Answer{ContentType: "application/json", Body: b}
		r := symmetric(t, c, x, y)
		p, again, ok := rewritten(a)
		if !ok {
			return
		}
		if same := c.Compare(x, compare.Answer{ContentType: "application/json", Body: again}); !same.Agrees() && same.Uncomparable == "" {
			t.Fatalf("%q and %q: %s", a, again, describe(same))
		}
		if q, _, ok := rewritten(b); ok && n == 0 && r.Uncomparable == "" && equal(p, q) != r.Agrees() {
			t.Fatalf("%q and %q: %s", a, b, describe(r))
		}
	})
}

// rewritten reads JSON and writes it in another way. It reports false for what encoding/json reads as something else.
func rewritten(b []byte) (v any, again []byte, ok bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if vast.Match(b) || !json.Valid(b) || !utf8.Valid(b) || strings.Contains(strings.ToLower(string(b)), `\ud`) || d.Decode(&v) != nil {
		return nil, nil, false
	}
	again, err := json.MarshalIndent(v, "", " ")
	return v, again, err == nil
}

// equal compares in the simplest way.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		f, _ := strconv.ParseFloat(string(a), 64)
		g, _ := strconv.ParseFloat(string(b), 64)
		return ok && f == g && (a == b || !whole(string(a)) || !whole(string(b)) || sameWhole(string(a), string(b)))
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if v, ok := b[k]; !ok || !equal(a[k], v) {
				return false
			}
		}
		return true
	}
	return a == b
}

// FuzzCompare_Any compares whatever by whatever it is said to be.
func FuzzCompare_Any(f *testing.F) {
	all := []string{
		`{"predictions":[{"score":[0.1,0.9],"predicted_label":1}]}`, `[[{"label":"A","score":0.5},{"label":"B","score":0.5}]]`, "0.1,0.9\nyes,\"no\"\n", "a  b\r\nc",
		array("<f4", "(1, 2)", []float32{1, 2}), fortran(">i2", "(2, 1)", []int16{3, 4}), chat("a", "b"), `[1,0]`, `["a"]`, "\xff", "",
	}
	for i, a := range all {
		for kind := range uint8(len(kinds)) {
			f.Add([]byte(a), []byte(all[(i+1)%len(all)]), kind, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, a, b []byte, kind, n uint8) {
		s := settings(n)
		if n&16 != 0 {
			s.Kind, s.Top = gnomon.AnswersTop, 1+int(n>>5)
		}
		as := kinds[int(kind)%len(kinds)]
		x, y := compare.Answer{ContentType: as, Body: a}, compare.Answer{ContentType: as, Body: b}
		if n&32 != 0 {
			x.Streamed, y.Streamed = true, true
		}
		c := compare.New(s).Within(compare.Limits{Values: 2000})
		symmetric(t, c, x, y)
		if same := c.Compare(x, x); !same.Agrees() {
			t.Fatalf("%q and itself: %s", a, describe(same))
		}
		symmetric(t, c, x, compare.Answer{ContentType: as, Body: append(bytes.Clone(a), '\n'), Streamed: x.Streamed})
	})
}

var kinds = []string{js, lines, csv, npy, plain, events, "", "image/png"}

// FuzzCompare_NPY compares arrays; seeds of every type are what it starts from.
func FuzzCompare_NPY(f *testing.F) {
	for _, a := range []string{
		array("<f4", "(2,)", []float32{1, 2}), array(">f8", "(1, 2)", []float64{1, 2}), fortran("<f2", "(2, 1)", []uint16{1, 2}), array("|b1", "()", []byte{1}),
		array("<c8", "(1,)", []float32{1, 2}), array("<u8", "(1,)", []uint64{1}), npyOf(3, "{'descr': '|i1', 'fortran_order': False, 'shape': (0, 3)}", nil),
	} {
		f.Add([]byte(a), []byte(a[:len(a)-1]), uint8(0))
		f.Add([]byte(a), []byte(array("<f4", "(2,)", []float32{1, 3})), uint8(4))
	}
	f.Fuzz(func(t *testing.T, a, b []byte, n uint8) {
		symmetric(t, compare.New(settings(n)), compare.Answer{ContentType: npy, Body: a}, compare.Answer{ContentType: npy, Body: b})
	})
}

func whole(s string) bool { r, _ := new(big.Rat).SetString(s); return r.IsInt() }

func sameWhole(a, b string) bool {
	p, _ := new(big.Rat).SetString(a)
	q, _ := new(big.Rat).SetString(b)
	return p.Cmp(q) == 0
}

// vast finds numbers that are too long to be written out.
var vast = regexp.MustCompile(`[eE][+-]?[0-9]{4,}`)
