package compare_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gnomon"
	"gnomon/compare"
)

// compared returns what comes of comparing two answers of JSON.
func compared(production, shadow string) compare.Result {
	return compare.New(gnomon.Answers{}).Compare(compare.Answer{ContentType: js, Body: []byte(production)}, compare.Answer{ContentType: js, Body: []byte(shadow)})
}

func TestSummary(t *testing.T) {
	var s compare.Summary
	s.Add(compared(`{"a":[1,2],"b":0}`, `{"a":[1.5,4],"b":0}`), "1")
	s.Add(compared(`{"a":[1],"b":1}`, `{"a":["x"],"b":3}`), "2")
	s.Add(compared(`{"a":[1],"b":1}`, `{"a":[1],"b":2,"c":7}`), "3")
	s.Add(compared(`{"b":1}`, `{"b":2}`), "4")
	s.Add(compared(`{"b":1}`, `{"b":2}`), "5")
	s.Add(compared(`{"b":1}`, `{"b":1}`), "6")
	s.Add(compare.Result{Uncomparable: compare.TooLarge}, "7")
	if s.Compared != 6 || s.Agreed != 1 || s.Differed != 5 || s.Uncomparable[compare.TooLarge] != 1 || s.Kinds[compare.JSON] != 6 {
		t.Errorf("%+v", s)
	}
	want := []compare.PathSummary{
		{Path: "/b", Answers: 4, Kinds: map[compare.DifferenceKind]int64{compare.Value: 4}, Numbers: 4,
			Absolute: compare.Gap{Max: 2, Sum: 5}, Relative: compare.Gap{Max: 2.0 / 3, Sum: 2.0/3 + 1.5},
			Examples: []compare.Example{{"2", compare.Value, "1", "3"}, {"3", compare.Value, "1", "2"}, {"4", compare.Value, "1", "2"}}},
		{Path: "/a/-", Answers: 2, Kinds: map[compare.DifferenceKind]int64{compare.Value: 2, compare.Type: 1}, Numbers: 2,
			Absolute: compare.Gap{Max: 2, Sum: 2.5}, Relative: compare.Gap{Max: 0.5, Sum: 1.0/3 + 0.5},
			Examples: []compare.Example{{"1", compare.Value, "1", "1.5"}, {"2", compare.Type, "1", `"x"`}}},
		{Path: "/c", Answers: 1, Kinds: map[compare.DifferenceKind]int64{compare.Extra: 1}, Examples: []compare.Example{{"3", compare.Extra, "", "7"}}},
	}
	if diff := cmp.Diff(want, s.Paths(), near); diff != "" {
		t.Error(diff)
	}
	if absolute, relative := s.Paths()[0].Mean(); absolute != 1.25 || math.Abs(relative-(2.0/3+1.5)/4) > 1e-15 {
		t.Errorf("means %v, %v", absolute, relative)
	}
}

func TestSummary_IsBounded(t *testing.T) {
	var s, last compare.Summary
	long := strings.Repeat("é", 500)
	for round := range 3 {
		for i := range 500 {
			key := fmt.Sprintf("%s%d", strings.Repeat("k", 40), i)
			s.Add(compared(fmt.Sprintf(`{"%s":{"%s":{"%s":{"%s":"%s"}}}}`, key, long, long, long, long), fmt.Sprintf(`{"%s":{"%s":{"%s":{"%s":"x"}}}}`, key, long, long, long)), long)
		}
		b, err := json.Marshal(s)
		if err != nil || len(b) > 100_000 {
			t.Fatalf("round %d: %d bytes, %v", round, len(b), err)
		}
	}
	if n := len(s.Paths()); n != compare.MaxPaths || s.Other.Answers != 3*(500-compare.MaxPaths) || s.Other.Kinds[compare.Value] != s.Other.Answers || len(s.Other.Examples) > 0 {
		t.Errorf("%d paths, %+v", n, s.Other)
	}
	for i := range 100 {
		last.Add(compared(fmt.Sprintf(`{"b%d":1}`, i), fmt.Sprintf(`{"b%d":2}`, i)), "")
	}
	last.Merge(&s)
	if n := len(last.Paths()); n != compare.MaxPaths || last.Other.Answers != 1500+36 || len(last.Other.Examples) > 0 {
		t.Errorf("merged: %d paths, %+v", n, last.Other)
	}
}

// drawn returns a summary of some results, and the same in two halves.
func drawn(t *rapid.T) (whole, first, second compare.Summary) {
	half := &first
	for i := range rapid.IntRange(0, 20).Draw(t, "results") {
		if rapid.IntRange(0, 5).Draw(t, "half") == 0 {
			half = &second
		}
		word := rapid.StringMatching(`\{("[abc/]":([0-9]{1,3}(\.5)?|"x"|\[1,2\])(,"d":[12])?)?\}`)
		r := compared(word.Draw(t, "production"), word.Draw(t, "shadow"))
		if rapid.IntRange(0, 9).Draw(t, "other") == 0 {
			r = compare.New(gnomon.Answers{}).Compare(compare.Answer{ContentType: plain, Body: []byte("a b c")}, compare.Answer{ContentType: plain, Body: []byte("a b d")})
		}
		whole.Add(r, fmt.Sprint(i))
		half.Add(r, fmt.Sprint(i))
	}
	return whole, first, second
}

var near = cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Max(math.Abs(a), math.Abs(b)) })

// A summary is the same whether results are added to it or to two that are merged, and is read as it was written.
func TestSummary_MergesAndIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole, first, second := drawn(t)
		b, err := json.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		var kept compare.Summary
		if err := json.Unmarshal(b, &kept); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		same(t, whole, kept)
		if again, _ := json.Marshal(kept); string(again) != string(b) {
			t.Fatalf("%s is read as %s", b, again)
		}
		before, _ := json.Marshal(second)
		first.Merge(&second)
		if after, _ := json.Marshal(second); string(after) != string(before) {
			t.Fatalf("merging changed %s to %s", before, after)
		}
		same(t, whole, first)
	})
}

func same(t *rapid.T, a, b compare.Summary) {
	t.Helper()
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var v, w any
	if err := json.Unmarshal(x, &v); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(y, &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v, w, near); diff != "" {
		t.Fatal(diff)
	}
}

func TestSummary_RefusesWhatNoneComesTo(t *testing.T) {
	path := func(s string) string {
		return `{"compared":1,"agreed":0,"differed":1,"kinds":{"json":1},"paths":[` + s + `]}`
	}
	good := path(`{"path":"/a","answers":1,"kinds":{"value":1},"numbers":1,"absolute":{"max":1,"sum":1},"relative":{"max":1,"sum":1},"examples":[{"event_id":"1","kind":"value"}]}`)
	kept := compare.Summary{}
	if err := json.Unmarshal([]byte(good), &kept); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		`{"compared":2,"agreed":0,"differed":1,"kinds":{"json":2}}`,
		`{"compared":0,"agreed":-1,"differed":1}`,
		`{"compared":1,"agreed":1,"differed":0}`,
		`{"compared":1,"agreed":1,"differed":0,"kinds":{"xml":1}}`,
		`{"compared":1,"agreed":1,"differed":0,"kinds":{"text":1}}`,
		`{"compared":1,"agreed":1,"differed":0,"kinds":{"text":1},"texts":1,"similarity_sum":1.1}`,
		`{"compared":0,"agreed":0,"differed":0,"uncomparable":{"tired":1}}`,
		`{"compared":0,"agreed":0,"differed":0,"uncomparable":{"too_large":-1}}`,
		path(`{"path":"/a","answers":2,"kinds":{"value":1}}`),
		path(`{"path":"/a","answers":1,"kinds":{"odd":1}}`),
		path(`{"path":"/a","answers":1,"kinds":{"type":1},"numbers":1}`),
		path(`{"path":"/a","answers":1,"kinds":{"value":1},"numbers":1,"absolute":{"max":-1,"sum":1}}`),
		path(`{"path":"/a","answers":1,"kinds":{"value":1},"numbers":1,"absolute":{"max":2,"sum":1}}`),
		path(`{"path":"/a","answers":1,"kinds":{"value":1}},{"path":"/a","answers":1,"kinds":{"value":1}}`),
		path(`{"path":"/` + strings.Repeat("a", 200) + `","answers":1,"kinds":{"value":1}}`),
		path(`{"path":"/a","answers":1,"kinds":{"value":1},"examples":[{"event_id":"","kind":"value","shadow":"` + strings.Repeat("a", 81) + `"}]}`),
		path(`{"path":"/a","answers":1,"kinds":{"value":1},"examples":[{"event_id":"","kind":"odd"}]}`),
		path(strings.TrimSuffix(strings.Repeat(`{"path":"","answers":1,"kinds":{"value":1}},`, 65), ",")),
		`{"compared":0,"agreed":0,"differed":0,"other":{"path":"/a","answers":1,"kinds":{"value":1}}}`,
		`[]`, `{`,
	} {
		s := kept
		if err := json.Unmarshal([]byte(bad), &s); err == nil {
			t.Errorf("%s is accepted", bad)
		}
		if s.Compared != 1 || len(s.Paths()) != 1 {
			t.Errorf("%s has changed the summary", bad)
		}
	}
}
