package compare_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"gnomon"
	"gnomon/compare"
)

// answers returns the settings that tags make.
func answers(t testing.TB, tags ...string) gnomon.Answers {
	t.Helper()
	var all []gnomon.Tag
	for _, s := range tags {
		key, value, _ := strings.Cut(s, " ")
		all = append(all, gnomon.Tag{Key: gnomon.SettingPrefix + key, Value: value})
	}
	s, err := gnomon.ParseSettings(all)
	if err != nil {
		t.Fatal(err)
	}
	return s.Answers
}

// describe says what a result is, in one line.
func describe(r compare.Result) string {
	if r.Uncomparable != "" {
		return "not compared: " + string(r.Uncomparable)
	}
	if r.Agrees() {
		return string(r.Kind) + " agrees"
	}
	var all []string
	for _, d := range r.Differences {
		s := fmt.Sprintf("%s %s", d.Path, d.Kind)
		if d.Count > 1 {
			s += fmt.Sprintf(" %d times", d.Count)
		}
		s += fmt.Sprintf(" %s|%s", d.Production, d.Shadow)
		if d.Numbers > 0 {
			s += fmt.Sprintf(" by %.4g, %.4g", d.Absolute.Max, d.Relative.Max)
		}
		all = append(all, strings.TrimSpace(s))
	}
	if r.More > 0 {
		all = append(all, fmt.Sprintf("%d more", r.More))
	}
	return fmt.Sprintf("%s differs: %s", r.Kind, strings.Join(all, "; "))
}

// A pairing is one case: two answers, what the tags say, and what comes of it.
type pairing struct {
	tags       []string
	types      string // of production and shadow, with | between if they differ
	production string
	shadow     string
	want       string
}

// run compares each pair of answers both ways: whether they agree, and whether they can be compared, is the same.
func run(t *testing.T, cases []pairing) {
	t.Helper()
	for _, c := range cases {
		first, second, ok := strings.Cut(c.types, "|")
		if !ok {
			second = first
		}
		comparer := compare.New(answers(t, c.tags...))
		a, b := compare.Answer{ContentType: first, Body: []byte(c.production)}, compare.Answer{ContentType: second, Body: []byte(c.shadow)}
		r := comparer.Compare(a, b)
		if got := describe(r); got != c.want {
			t.Errorf("%v %s\n%q\n%q\n got %s\nwant %s", c.tags, c.types, c.production, c.shadow, got, c.want)
		}
		back := comparer.Compare(b, a)
		if back.Score != r.Score || back.Uncomparable != r.Uncomparable || back.Similarity != r.Similarity {
			t.Errorf("%v %q, %q: %s, the other way round %s", c.tags, c.production, c.shadow, describe(r), describe(back))
		}
	}
}

const (
	js    = "application/json"
	lines = "application/jsonlines"
	csv   = "text/csv"
	npy   = "application/x-npy"
	plain = "text/plain; charset=utf-8"
)

func tags(s ...string) []string { return s }

func TestCompare_JSON(t *testing.T) {
	run(t, []pairing{
		{nil, js, `{"a": 1, "b": [true, null, "x"]}`, `{"b":[true,null,"x"],"a":1}`, "json agrees"},
		{nil, "application/json; charset=utf-8|application/vnd.x+json", `{"a":1}`, ` {"a":1.0} `, "json agrees"},
		{nil, js, `{"predictions":[{"score":0.25,"ts":1}]}`, `{"predictions":[{"score":0.5}]}`, "json differs: /predictions/-/score value 0.25|0.5 by 0.25, 0.5; /predictions/-/ts missing 1|"},
		{nil, js, `{}`, `{"a":{"b":1}}`, `json differs: /a extra |{"b":1}`},
		{nil, js, `{"a":null}`, `{}`, `json differs: /a missing null|`},
		{nil, js, `{"a":"1"}`, `{"a":1}`, `json differs: /a type "1"|1`},
		{nil, js, `[1,true]`, `[1,false]`, `json differs: /- value true|false`},
		{nil, js, `{"a":[1,2,3]}`, `{"a":[1,2]}`, "json differs: /a length 3 elements|2 elements"},
		{nil, js, `[[1,2],[3,4]]`, `[[1,3],[5,4]]`, "json differs: /-/- value 2 times 2|3 by 2, 0.4"},
		{nil, js, `{"a":"Caf\u00e9 \ud83d\ude00 \/"}`, `{"\u0061":"Café 😀 /"}`, "json agrees"},
		{nil, js, `{"a":"\ud800"}`, `{"a":"\ud801"}`, `json differs: /a value "\ud800"|"\ud801"`},
		{nil, js, `{"a":1,"a":2}`, `{"a":2}`, "json agrees"},
		{nil, js, `{"a":1,"a":2}`, `{"a":1}`, "json differs: /a value 2|1 by 1, 0.5"},
		{nil, js, `{"a/b~c":1}`, `{"a/b~c":2}`, "json differs: /a~1b~0c value 1|2 by 1, 0.5"},
		{nil, js, "\ufeff[1]", `[1.0]`, "json agrees"},
		{nil, js, `"a"`, `"b"`, `json differs: value "a"|"b"`},
		{nil, js, `{"a":1}`, `Internal error`, `json differs: type json|not json: Internal error`},
		{nil, js, `{"a":1}`, ``, `json differs: type json|not json:`},
		{nil, js, `{'a':1}`, `{'a':2}`, `bytes differs: value {'a':1}|{'a':2}`},
		{nil, js, `[1,]`, `[1]`, `json differs: type not json: [1,]|json`},
		{nil, js, `[1] [2]`, `[1] [3]`, `bytes differs: value [1] [2]|[1] [3]`},
		{tags("answers json"), "application/octet-stream|", `{"a":1}`, `{ "a" : 1 }`, "json agrees"},
		{nil, "text/html|application/json", `{"a":1}`, `{ "a" : 1 }`, "json agrees"},
		{nil, "text/html", `{"a":1,"b":2}`, `{"a":1,"b":2.0}`, `text differs: value {"a":1,"b":2}|{"a":1,"b":2.0}`}, // it says text
	})
}

func TestCompare_JSONNumbers(t *testing.T) {
	run(t, []pairing{
		{nil, js, `[1,-0,100,1e2,0.50]`, `[1.0,0,1e2,100.0,5e-1]`, "json agrees"},
		{nil, js, `[0.1]`, `[0.10000000000000000555]`, "json agrees"}, // the same double
		{nil, js, `[0.1]`, `[0.10000000149011612]`, "json differs: /- value 0.1|0.10000000149011612 by 1.49e-09, 1.49e-08"},
		{nil, js, `[9007199254740993]`, `[9007199254740992]`, "json differs: /- value 9007199254740993|9007199254740992 by 1, 1.11e-16"},
		{nil, js, `[9007199254740993]`, `[9007199254740993.0]`, "json agrees"},
		{tags("tolerance absolute=0.5"), js, `[9007199254740993]`, `[9007199254740992]`, "json differs: /- value 9007199254740993|9007199254740992 by 1, 1.11e-16"},
		{tags("tolerance absolute=1"), js, `[9007199254740993]`, `[9007199254740992]`, "json agrees"},
		{nil, js, `[1e400]`, `[1e401]`, "json differs: /- value 1e400|1e401"},
		{nil, js, `[1e400]`, `[10e399]`, "json agrees"},
		{tags("tolerance absolute=1e300 relative=0.9"), js, `[1e400]`, `[1e401]`, "json differs: /- value 1e400|1e401"},
		{nil, js, `[NaN,Infinity,-Infinity]`, `[ NaN,Infinity,-Infinity]`, "json agrees"},
		{tags("tolerance absolute=1e300"), js, `[NaN]`, `[0]`, "json differs: /- value NaN|0"},
		{tags("tolerance absolute=1e300"), js, `[Infinity]`, `[-Infinity]`, "json differs: /- value Infinity|-Infinity"},
		{tags("tolerance absolute=0.0625"), js, `[0.5,100]`, `[0.5625,100.5]`, "json differs: /- value 100|100.5 by 0.5, 0.004975"},
		{tags("tolerance relative=0.01"), js, `[0.5,100]`, `[0.51,100.5]`, "json differs: /- value 0.5|0.51 by 0.01, 0.01961"},
		{tags("tolerance absolute=0.0625 relative=0.01"), js, `[0.5,100,-0.001]`, `[0.5625,100.5,0.001]`, "json agrees"},
		{tags("tolerance relative=0.5"), js, `[0]`, `[1e-300]`, "json differs: /- value 0|1e-300 by 1e-300, 1"},
		{tags("tolerance absolute=0.25"), js, `[0]`, `[0.25]`, "json agrees"}, // at most
		{nil, js, `[1e308]`, `[-1e308]`, "json differs: /- value 1e308|-1e308 by 1.798e+308, 1.798"},
	})
}

func TestCompare_IgnoredPaths(t *testing.T) {
	const a, b = `{"m":{"v":1},"p":[{"ts":1,"x":1},{"ts":2,"x":2}]}`, `{"m":{"v":2},"p":[{"ts":3,"x":1},{"ts":4,"x":2}],"n":0}`
	run(t, []pairing{
		{tags("ignore /m/v /p/-/ts /n"), js, a, b, "json agrees"},
		{tags("ignore /+/v /p/+/+ /n"), js, a, b, "json agrees"},
		{tags("ignore /m /p /n"), js, a, b, "json agrees"},
		{tags("ignore /m /n /p/0"), js, a, b, "json differs: /p/-/ts value 2|4 by 2, 0.5"},
		{tags("ignore /m /n /-/-/ts /p/ts /p/-/t"), js, a, b, "json differs: /p/-/ts value 2 times 1|3 by 2, 0.6667"},
		{tags("ignore /m /n /p/-/ts/more"), js, a, b, "json differs: /p/-/ts value 2 times 1|3 by 2, 0.6667"},
		{tags("ignore /+"), js, `{"a/b":1}`, `{"a/b":2}`, "json agrees"},
		{tags("ignore /p/-"), js, `{"p":[1]}`, `{"p":[1,2]}`, "json differs: /p length 1 elements|2 elements"},
		{tags("ignore /-/t"), lines, "{\"t\":1}\n{\"t\":2}\n", "{\"t\":3}\n{\"t\":4}", "jsonlines agrees"},
		{tags("ignore /-/1"), csv, "1,2\n3,4", "1,5\n3,6", "csv agrees"},
		{tags("ignore /0"), csv, "1,2\n3,4", "7,8\n3,4", "csv agrees"},
	})
}

func TestCompare_JSONWithoutOrder(t *testing.T) {
	const any = "answers json unordered"
	run(t, []pairing{
		{nil, js, `[1,2]`, `[2,1]`, "json differs: /- value 2 times 1|2 by 1, 0.5"},
		{tags(any), js, `[1,2,2,"x",null,{"b":[3,4]}]`, `[{"b":[4,3]},"x",2,null,1,2.0]`, "json agrees"},
		{tags(any), js, `[1,1,2]`, `[1,2,2]`, "json differs: /- value 1|2 by 1, 0.5"},
		{tags(any), js, `[1,2]`, `[1,2,2]`, "json differs: length 2 elements|3 elements"},
		{tags(any), js, `[NaN,0,1]`, `[1,NaN,-0]`, "json agrees"},
		{tags("answers json unordered=/a"), js, `{"a":[[1,2],[3,4]],"b":[1,2]}`, `{"a":[[3,4],[1,2]],"b":[1,2]}`, "json agrees"},
		{tags("answers json unordered=/a"), js, `{"a":[[1,2],[3,4]],"b":[1,2]}`, `{"a":[[4,3],[1,2]],"b":[2,1]}`,
			"json differs: /a/-/- value 2 times 3|4 by 1, 0.25; /b/- value 2 times 1|2 by 1, 0.5"},
		{tags("answers auto unordered=/"), lines, "{\"a\":1}\n{\"a\":[1,2]}", "{\"a\":[1,2]}\n{\"a\":1}", "jsonlines agrees"},
		{tags(any, "ignore /-/id"), js, `[{"id":1,"x":1},{"id":2,"x":2}]`, `[{"id":3,"x":2},{"id":4,"x":1}]`, "json agrees"},
		{tags(any), js, `[{"a":1,"a":2},{"a":3}]`, `[{"a":3},{"a":2}]`, "json agrees"},
		{tags(any, "tolerance absolute=1"), js, `[1,2,3]`, `[4,2,3]`, "json agrees"}, // 1 with 2, 2 with 3, 3 with 4
		{tags(any, "tolerance absolute=1"), js, `[1,2,9]`, `[2,3,7]`, "json differs: /- value 9|7 by 2, 0.2222"},
		// The first fits both, the second only the first: a mate has to be given up.
		{tags(any, "tolerance absolute=1"), js, `[{"x":1},{"x":0}]`, `[{"x":1},{"x":2}]`, "json agrees"},
		{tags(any, "tolerance absolute=1"), js, `[{"x":1},{"x":0},{"x":5}]`, `[{"x":1},{"x":2},{"x":7}]`, "json differs: /-/x value 5|7 by 2, 0.2857"},
		{tags(any), js, `[1,5,9]`, `[9,5,2]`, "json differs: /- value 1|2 by 1, 0.5"}, // the others have their like
		{tags(any), js, `[{"x":-0},{"y":0}]`, `[{"y":-0},{"x":0}]`, "json agrees"},
		{tags(any, "ignore /-/0"), js, `[[1,2],[3,4]]`, `[[4,3],[2,1]]`, "json agrees"}, // there is no place 0 then
		{tags(any), js, `["a","b","c"]`, `["c","d","a"]`, `json differs: /- value "b"|"d"`},
	})
}

func TestCompare_JSONLines(t *testing.T) {
	run(t, []pairing{
		{nil, lines, "{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}\r\n\r\n{\"a\":2.0}", "jsonlines agrees"},
		{nil, "application/x-ndjson", "{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}\n{\"a\":3}\n", "jsonlines differs: /-/a value 2|3 by 1, 0.3333"},
		{nil, lines, "1\n2\n", "1\n", "jsonlines differs: length 2 elements|1 elements"},
		{nil, lines, "1 2\n", "1\n2\n", "jsonlines differs: type not jsonlines: 1 2 |jsonlines"},
		{nil, js + "|" + lines, `{"a":1}`, "{\"a\":1.0}\n", "jsonlines agrees"},
		{tags("answers json"), "text/plain|" + lines, "1\n2\n", "1\n2.0\n", "jsonlines agrees"},
	})
}

func TestCompare_CSV(t *testing.T) {
	run(t, []pairing{
		{nil, csv, "0.1,0.9\n0.2,0.8\n", "0.10,0.9\r\n\r\n.2,8e-1", "csv agrees"},
		{nil, csv, "0.1,0.9\n0.2,0.8\n", "0.1,0.9\n0.3,0.7\n", "csv differs: /-/0 value 0.2|0.3 by 0.1, 0.3333; /-/1 value 0.8|0.7 by 0.1, 0.125"},
		{tags("tolerance absolute=0.11"), csv, "0.1,0.9\n0.2,0.8\n", "0.1,0.9\n0.3,0.7\n", "csv agrees"},
		{nil, csv, "a,\"b \"\"c\"\", d\"\n", "\"a\",\"b \"\"c\"\", d\"", "csv agrees"},
		{nil, csv, "a,b\n", "a,c\n", "csv differs: /-/1 value b|c"},
		{nil, csv, "1,b\n", "x,b\n", "csv differs: /-/0 type 1|x"},
		{nil, csv, "1,2\n", "1,2,3\n", "csv differs: /- length 2 cells|3 cells"},
		{nil, csv, "1\n2\n", "1\n", "csv differs: length 2 rows|1 rows"},
		{nil, csv, "nan,inf,+1\n", "NaN,Infinity,1\n", "csv agrees"},
		{nil, csv, "nan\n", "1\n", "csv differs: /-/0 value nan|1"},
		{nil, csv, "-nan,+nan\n", "nan,nan\n", "csv agrees"},
		{tags("tolerance absolute=0.001"), csv, "-nan\n", "0\n", "csv differs: /-/0 value -nan|0"},
		{nil, csv, "1\n", "", "csv differs: length 1 rows|0 rows"},
		{nil, csv, "a\"b\n", "a\n", `csv differs: type not csv: a"b |csv`},
		{nil, csv, "a\"b\n", "a\"c\n", `bytes differs: value a"b |a"c`},
		{tags("answers csv"), "", "1, 2\n", "1,2\n", "csv agrees"},
	})
}

func TestCompare_Text(t *testing.T) {
	const fox = "The quick brown fox jumps over the lazy dog."
	run(t, []pairing{
		{nil, plain, "a  b\r\n c\u00a0d\n", "a b c d", "text agrees"},
		{nil, plain, "Cafe\u0301", "Caf\u00e9", "text agrees"},
		{nil, plain, "a b", "ab", "text differs: value a b|ab"},
		{nil, plain, "A", "a", "text differs: value A|a"},
		{nil, plain, "", " \n", "text agrees"},
		{nil, plain, fox, strings.Replace(fox, "lazy", "tired", 1), "text differs: value … fox jumps over the lazy dog.|… fox jumps over the tired dog."},
		{tags("answers text similarity=0.8"), "", fox, strings.Replace(fox, "lazy", "tired", 1), "text agrees"},
		{tags("answers text similarity=0.9"), "", fox, strings.Replace(fox, "lazy", "tired", 1), "text differs: value … fox jumps over the lazy dog.|… fox jumps over the tired dog."},
		{tags("answers auto similarity=0.5"), plain, "甲乙丙丁", "甲乙丙戊", "text agrees"}, // 3 of 5 pairs
		{tags("answers auto similarity=0.7"), plain, "甲乙丙丁", "甲乙丙戊", "text differs: value 甲乙丙丁|甲乙丙戊"},
		{nil, plain, "\xff", "\xfe", "bytes differs: value at byte 0: ff|at byte 0: fe"},
		{nil, plain, "a", "\xfe", "text differs: type text|not text: \ufffd"},
	})
}

func TestCompare_TextSimilarity(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"a b c", "a  b c", 1},
		{"", "a", 0},
		{"positive", "negative", 0},
		{"a b c", "a b d", 0.5},                             // 4 pairs each with the ends, of which ^a and ab are shared
		{"one two three four", "two one three", 0},          // no two neighbours are the same
		{"1 2 3 4 5 6 7 8 9", "1 2 3 4 5 6 7 8", 16.0 / 19}, // 10 and 9 pairs, 8 shared
	} {
		r := compare.New(gnomon.Answers{}).Compare(compare.Answer{ContentType: plain, Body: []byte(c.a)}, compare.Answer{ContentType: plain, Body: []byte(c.b)})
		if math.Abs(r.Similarity-c.want) > 1e-9 {
			t.Errorf("%q and %q are alike by %v, want %v", c.a, c.b, r.Similarity, c.want)
		}
	}
}

func TestCompare_BytesAndKinds(t *testing.T) {
	run(t, []pairing{
		{nil, "image/png", "\x89PNG1", "\x89PNG1", "bytes agrees"},
		{nil, "image/png", "\x89PNG1", "\x89PNG2", "bytes differs: value PNG1|PNG2"},
		{nil, "", "\x00\xff\x01", "\x00\xff\x02", "bytes differs: value at byte 2: 01|at byte 2: 02"},
		{nil, "", "ab", "abc", "bytes differs: length 2 bytes|3 bytes"},
		{tags("answers bytes"), js, `{"a":1}`, `{"a":2}`, `bytes differs: value {"a":1}|{"a":2}`},
		{tags("answers off"), js, `1`, `1`, "not compared: off"},
		{nil, js + "|" + csv, "1", "1", "json agrees"}, // the same bytes
		{nil, js + "|" + csv, "1", "1.0", "not compared: content_types"},
		{nil, csv + "|" + npy, "1", "1.0", "not compared: content_types"},
		{nil, js + "|image/png", `{}`, "\x89PNG", "json differs: type json|not json: \ufffdPNG"},
		{nil, "application/xml", "<a> 1</a>", "<a>\n1</a>", "text agrees"},
		{nil, "Text/CSV; header=present|TEXT/csv", "1", "1.0", "csv agrees"},
	})
}
