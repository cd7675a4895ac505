package compare_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"gnomon"
	"gnomon/compare"
)

func TestCompare_IsBounded(t *testing.T) {
	many := func(n int, s string) string { return "[" + strings.TrimSuffix(strings.Repeat(s+",", n), ",") + "]" }
	const any = "answers json unordered"
	run(t, []pairing{
		{nil, js, many(100_000, "1") + " ", many(100_000, "1"), "json agrees"},
		{nil, js, many(200_000, "1") + " ", many(200_000, "1"), "not compared: too_large"}, // 400,000 values
		{nil, js, many(200_000, "1"), many(200_000, "1"), "json agrees"},                   // the same bytes
		{nil, js, `"` + strings.Repeat("a", 1<<20) + `"`, `"a"`, "not compared: too_large"},
		{nil, js, strings.Repeat("[", 128) + strings.Repeat("]", 128), strings.Repeat("[", 128) + strings.Repeat("]", 128) + " ", "json agrees"},
		{nil, js, strings.Repeat("[", 129) + strings.Repeat("]", 129), "1", "not compared: too_large"},
		{tags(any), js, many(50_000, "7") + " ", many(50_000, "7"), "json agrees"},
		{tags(any, "tolerance absolute=1"), js, many(20_000, "7.5"), many(20_000, "7"), "json agrees"},
		{tags(any, "tolerance absolute=0.1"), js, many(1000, `{"x":1}`), many(1000, `{"x":2}`), "not compared: too_large"},
		{nil, csv, strings.Repeat("1,", 200_000), strings.Repeat("1,", 200_000) + "\n", "not compared: too_large"},
		{nil, plain, strings.Repeat("a ", 200_000) + "b", strings.Repeat("a ", 200_000), "not compared: too_large"},
		{tags("answers label"), npy, array("|u1", "(2, 200000)", make([]byte, 400_000)), array("|i1", "(2, 200000)", make([]byte, 400_000)), "not compared: too_large"},
		{nil, "", strings.Repeat("a", 2<<20), strings.Repeat("a", 2<<20) + "b", "bytes differs: length 2097152 bytes|2097153 bytes"},
	})
}

func TestCompare_KeepsSomeDifferences(t *testing.T) {
	var a, b []string
	for i := range 40 {
		a, b = append(a, fmt.Sprintf(`"k%02d":0`, i)), append(b, fmt.Sprintf(`"k%02d":1`, i))
	}
	r := compare.New(gnomon.Answers{}).Within(compare.Limits{Differences: 3}).Compare(
		compare.Answer{ContentType: js, Body: []byte("{" + strings.Join(a, ",") + "}")}, compare.Answer{ContentType: js, Body: []byte("{" + strings.Join(b, ",") + "}")})
	if len(r.Differences) != 3 || r.More != 37 || r.Agrees() || r.Differences[2].Path != "/k02" {
		t.Errorf("%d kept, %d more: %s", len(r.Differences), r.More, describe(r))
	}
	var s compare.Summary
	s.Add(r, "1")
	if s.Other.Answers != 1 || s.Other.Kinds[compare.Unknown] != 37 {
		t.Errorf("%+v", s.Other)
	}
}

// What is shown of answers is one line of UTF-8, whatever they hold.
func TestCompare_ShowsOneLine(t *testing.T) {
	run(t, []pairing{
		{nil, js, `{"a\u001b[31m\n":"x"}`, "{}", "json differs: /a\ufffd[31m\x20 missing \"x\"|"},
		{nil, js, "{\"a\u202eb\":\"\u009b\"}", "{}", "json differs: /a\ufffdb missing \"\ufffd\"|"},
	})
}

// Lists without order agree if their elements can be matched: found here by trying all ways.
func TestCompare_WithoutOrderAsByTryingAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 5).Draw(t, "n")
		values := rapid.SliceOfN(rapid.IntRange(0, 6), n, n)
		a, b := values.Draw(t, "a"), values.Draw(t, "b")
		within := rapid.IntRange(0, 2).Draw(t, "tolerance")
		wrap := rapid.SampledFrom([]string{"%d", `{"x":%d}`, `[%d,"y"]`}).Draw(t, "wrap")
		write := func(all []int) []byte {
			var s []string
			for _, v := range all {
				s = append(s, fmt.Sprintf(wrap, v))
			}
			return []byte("[" + strings.Join(s, ",") + "]")
		}
		c := compare.New(gnomon.Answers{Kind: gnomon.AnswersJSON, AnyOrder: true, Absolute: float64(within)})
		r := c.Compare(compare.Answer{Body: write(a)}, compare.Answer{Body: write(b)})
		if want := matches(a, b, within); r.Agrees() != want {
			t.Fatalf("%s and %s within %d: %s", write(a), write(b), within, describe(r))
		}
	})
}

func matches(a, b []int, within int) bool {
	if len(a) == 0 {
		return true
	}
	for i, v := range b {
		if max(v-a[0], a[0]-v) <= within && matches(a[1:], slices.Delete(slices.Clone(b), i, i+1), within) {
			return true
		}
	}
	return false
}

// An array is the same in whatever order and type it is stored.
func TestCompare_NPYInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(1, 4), 1, 4).Draw(t, "shape")
		count := 1
		text := "("
		for _, n := range shape {
			count *= n
			text += fmt.Sprintf("%d, ", n)
		}
		text += ")"
		values := rapid.SliceOfN(rapid.Int16(), count, count).Draw(t, "values")
		columns := make([]float64, count)
		for i := range count {
			at, step, rest := 0, 1, i
			index := make([]int, len(shape))
			for k := len(shape) - 1; k >= 0; k-- {
				index[k], rest = rest%shape[k], rest/shape[k]
			}
			for k := range shape {
				at += index[k] * step
				step *= shape[k]
			}
			columns[at] = float64(values[i])
		}
		c := compare.New(gnomon.Answers{})
		a, b := compare.Answer{ContentType: npy, Body: []byte(array("<i2", text, values))}, compare.Answer{ContentType: npy, Body: []byte(fortran(">f8", text, columns))}
		if r := c.Compare(a, b); !r.Agrees() {
			t.Fatalf("%v: %s", shape, describe(r))
		}
		columns[rapid.IntRange(0, count-1).Draw(t, "changed")] += 0.5
		b.Body = []byte(fortran(">f8", text, columns))
		if r := c.Compare(b, a); r.Agrees() || r.Differences[0].Count != 1 || r.Differences[0].Absolute.Max != 0.5 {
			t.Fatalf("%v: %s", shape, describe(r))
		}
	})
}

func TestComparer_IsSafeForConcurrentUse(t *testing.T) {
	c := compare.New(answers(t, "answers auto unordered", "ignore /t", "tolerance absolute=0.01"))
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := range 200 {
				body := fmt.Sprintf(`{"t":%d,"p":[%d,{"x":"\u00e9"}]}`, i, n)
				other := fmt.Sprintf(`{"p":[{"x":"é"},%d.001],"t":0}`, n)
				if r := c.Compare(compare.Answer{ContentType: js, Body: []byte(body)}, compare.Answer{ContentType: js, Body: []byte(other)}); !r.Agrees() {
					t.Errorf("%s and %s: %s", body, other, describe(r))
				}
			}
		})
	}
	all.Wait()
}

// modelAnswer is about 1 KB of JSON as a classifier answers it, its scores off by that much.
func modelAnswer(off float64) []byte {
	var b strings.Builder
	b.WriteString(`{"model":"digits-7","predictions":[`)
	for row := range 4 {
		if row > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"predicted_label":%d,"score":[`, row)
		for i := range 10 {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%.17g", math.Sqrt(float64(row*10+i+1))/10+off)
		}
		b.WriteString(`]}`)
	}
	b.WriteString(`],"time_ms":3}`)
	return []byte(b.String())
}

// benchmarks are pairs of answers as they come: the same bytes, the same within a tolerance, different.
func benchmarks() map[string][3]compare.Answer {
	floats := func(off float32) []byte {
		all := make([]float32, 672)
		for i := range all {
			all[i] = float32(i) + off
		}
		return []byte(array("<f4", "(1, 672)", all))
	}
	prose := func(last string) []byte {
		return []byte(strings.Repeat("It was the best of times, it was the worst of times; ", 19) + last)
	}
	of := func(kind string, bodies ...[]byte) (a [3]compare.Answer) {
		for i, b := range bodies {
			a[i] = compare.Answer{ContentType: kind, Body: b}
		}
		return a
	}
	return map[string][3]compare.Answer{
		"json": of(js, modelAnswer(0), modelAnswer(1e-7), modelAnswer(0.1)),
		"npy":  of(npy, floats(0), floats(1e-4), floats(0.5)),
		"text": of(plain, prose("end"), prose(" end"), prose("start")),
	}
}

func BenchmarkCompare(b *testing.B) {
	c := compare.New(answers(b, "tolerance absolute=0.001"))
	for _, kind := range []string{"json", "npy", "text"} {
		all := benchmarks()[kind]
		for i, name := range []string{"same", "close", "different"} {
			b.Run(fmt.Sprintf("%s/%d/%s", kind, len(all[0].Body), name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					c.Compare(all[0], all[i])
				}
			})
		}
	}
}
