package compare

import (
	"bytes"
	stdcsv "encoding/csv"
	stdjson "encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// What is JSON to encoding/json is JSON here, and the other way round but for what Python adds; and it says the same.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-2.5e+3,true,false,null,"x\n\u00e9\ud83d\ude00"],"":{}}`, ` [ ] `, `{"a":1,}`, `[01]`, `[1.]`, `[-]`, `[.5]`, `[1e]`, `"\x"`, `"\u12"`,
		"\"\x01\"", `[1 2]`, `{"a" 1}`, `tru`, `[NaN,-Infinity]`, `"\ud800x"`, `{"a":1,"a":2}`, `[[[[[[[[[[1]]]]]]]]]]`, "\xef\xbb\xbf1", `nullx`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var d document
		r := d.parse(b, false, 100, 1000)
		if r == tooLarge || bytes.HasPrefix(b, bom) {
			return
		}
		var v any
		dec := stdjson.NewDecoder(bytes.NewReader(b))
		dec.UseNumber()
		if valid := stdjson.Valid(b); valid != (r == readable) {
			if !valid && (bytes.Contains(b, []byte("NaN")) || bytes.Contains(b, []byte("Infinity"))) {
				return
			}
			t.Fatalf("%q: valid %v, reading %v", b, valid, r)
		}
		if r != readable || !utf8.Valid(b) || strings.Contains(strings.ToLower(string(b)), `\ud`) {
			return
		}
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		if end := d.same(t, 0, v); end != int32(len(d.nodes)) {
			t.Fatalf("%q: %d of %d values", b, end, len(d.nodes))
		}
	})
}

// same holds a value to what encoding/json makes of it, and returns the node behind it.
func (d *document) same(t *testing.T, i int32, v any) int32 {
	t.Helper()
	switch v := v.(type) {
	case stdjson.Number:
		if d.nodes[i].is != number || string(d.raw(i)) != string(v) {
			t.Fatalf("%s is %s", v, d.raw(i))
		}
	case string:
		if d.nodes[i].is != text || string(d.string(i)) != v {
			t.Fatalf("%q is %q", v, d.string(i))
		}
	case []any:
		if d.nodes[i].is != list || d.size(i) != len(v) {
			t.Fatalf("%v is %s", v, d.raw(i))
		}
		at := i + 1
		for _, e := range v {
			at = d.same(t, at, e)
		}
		if at != d.next(i) {
			t.Fatalf("behind %s is %d, want %d", d.raw(i), at, d.next(i))
		}
	case map[string]any:
		last := make(map[string]int32)
		for k, at := 0, i+1; k < d.size(i); k, at = k+1, d.next(at+1) {
			last[string(d.string(at))] = at + 1
		}
		if d.nodes[i].is != object || len(last) != len(v) {
			t.Fatalf("%v is %s", v, d.raw(i))
		}
		for k, e := range v {
			d.same(t, last[k], e)
		}
	default:
		if s := fmt.Sprint(v); s != string(d.raw(i)) && !(v == nil && string(d.raw(i)) == "null") {
			t.Fatalf("%v is %s", v, d.raw(i))
		}
	}
	return d.next(i)
}

func TestDocument_IsBounded(t *testing.T) {
	for _, c := range []struct {
		body  string
		lines bool
		want  reading
	}{
		{"[[1]]", false, readable},
		{"[[[1]]]", false, tooLarge},
		{"[1,2,3]", false, readable},
		{"[1,2,3,4]", false, tooLarge},
		{`{"a":1}`, false, readable},
		{`{"a":1,"b":2}`, false, tooLarge},
		{"1\n2\n3", true, readable},
		{"1\n2\n3\n4", true, tooLarge},
		{"", true, malformed},
		{strings.Repeat("[", 1<<20), false, tooLarge},
	} {
		var d document
		if got := d.parse([]byte(c.body), c.lines, 2, 4); got != c.want {
			t.Errorf("%.20q: %v, want %v", c.body, got, c.want)
		}
	}
}

// What is CSV to encoding/csv is CSV here, and has the same cells.
func FuzzTable(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\"a\"\"b\",\"c\nd\"\r\n\r\n,\n", "a\"b\n", "\"a\"b\n", "\"a", "a\r", "a\rb\n", "\"a\r\nb\"\r", ",", "\"\"", "\r\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.HasPrefix(b, bom) || !utf8.Valid(b) {
			return
		}
		var x table
		r := x.parse(b, 1000)
		if r == tooLarge {
			return
		}
		std := stdcsv.NewReader(bytes.NewReader(b))
		std.FieldsPerRecord = -1
		want, err := std.ReadAll()
		if (err == nil) != (r == readable) {
			t.Fatalf("%q: %v, reading %v", b, err, r)
		}
		if err != nil {
			return
		}
		var got [][]string
		for n := range x.rows {
			var row []string
			for i, end := x.row(n); i < end; i++ {
				row = append(row, string(x.cell(i)))
			}
			got = append(got, row)
		}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("%q is %q, want %q", b, got, want)
		}
	})
}

// Decimals are ordered as the numbers that they are, and whole ones are known as such.
func TestDecimal_IsTheNumber(t *testing.T) {
	written := rapid.Custom(func(t *rapid.T) string {
		s := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number")
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := written.Draw(t, "a"), written.Draw(t, "b")
		if rapid.Bool().Draw(t, "close") {
			b = a + "0"
			if strings.ContainsAny(a, "eE") || !strings.Contains(a, ".") {
				b = a
			}
		}
		x, y := newDecimal([]byte(a)), newDecimal([]byte(b))
		p, q := rat(a), rat(b)
		if got, want := x.compare(&y), p.Cmp(q); got != want {
			t.Fatalf("%s and %s compare %d, want %d", a, b, got, want)
		}
		if x.whole() != p.IsInt() {
			t.Fatalf("%s is whole: %v", a, x.whole())
		}
		if x.whole() {
			if n, ok := x.big(); !ok || n.Cmp(p.Num()) != 0 {
				t.Fatalf("%s is %v", a, n)
			}
		}
		ok, d := tolerance{}.numbers([]byte(a), []byte(b))
		f, _ := p.Float64()
		g, _ := q.Float64()
		if want := f == g && !(p.IsInt() && q.IsInt() && p.Cmp(q) != 0); ok != want || ok == (d.absolute > 0) {
			t.Fatalf("%s and %s agree: %v, %v apart", a, b, ok, d)
		}
	})
}

func rat(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(s)
	}
	return r
}

func TestDecimal_BeyondAllBounds(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"1e99999999999999999999", "1e5", 1},
		{"1e-99999999999999999999", "0", 1},
		{"-1e99999999999999999999", "1", -1},
		{"0e99999999999999999999", "-0", 0},
		{"Infinity", "1e400", 1},
		{"-Infinity", "-1e400", -1},
		{"NaN", "-Infinity", -1},
		{"NaN", "-nan", 0},
	} {
		x, y := newDecimal([]byte(c.a)), newDecimal([]byte(c.b))
		if got := x.compare(&y); got != c.want || y.compare(&x) != -c.want {
			t.Errorf("%s and %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// The best labels are the same if there is a set of labels that is the best of both: found here by trying all.
func TestSameBest_IsASetThatBothMayHave(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 4).Draw(t, "k")
		row := func(name string) []score {
			n := rapid.IntRange(1, 6).Draw(t, "labels of "+name)
			var all []score
			for i := range n {
				all = append(all, score{[]byte{byte('a' + i)}, float64(rapid.IntRange(0, 3).Draw(t, "score"))})
			}
			return rapid.Permutation(all).Draw(t, name)
		}
		a, b := row("a"), row("b")
		want := false
		for set := range 1 << 6 {
			want = want || mayBeBest(a, set, k) && mayBeBest(b, set, k)
		}
		p := newPair(&Comparer{}, Answer{}, Answer{})
		if got := p.sameBest(slices.Clone(a), slices.Clone(b), k); got != want {
			t.Fatalf("%v and %v have the same %d best: %v", a, b, k, got)
		}
	})
}

// mayBeBest reports whether a set of labels may be the k best: all others are no better.
func mayBeBest(row []score, set, k int) bool {
	in, n, worst, outside := 0, 0, math.Inf(1), math.Inf(-1)
	for _, s := range row {
		if set>>(s.name[0]-'a')&1 == 1 {
			in++
			worst = min(worst, s.score)
		} else {
			outside = max(outside, s.score)
		}
	}
	for s := set; s > 0; s >>= 1 {
		n += s & 1
	}
	return in == n && n == min(k, len(row)) && worst >= outside
}
