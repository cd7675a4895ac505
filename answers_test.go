package gnomon_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gnomon"
)

func TestParseSettings_Answers(t *testing.T) {
	type paths = []gnomon.AnswerPath
	for _, c := range []struct {
		key, value string
		want       gnomon.Answers
	}{
		{"gnomon:answers", "auto", gnomon.Answers{}},
		{"gnomon:answers", "json", gnomon.Answers{Kind: gnomon.AnswersJSON}},
		{"gnomon:answers", " csv ", gnomon.Answers{Kind: gnomon.AnswersCSV}},
		{"gnomon:answers", "npy", gnomon.Answers{Kind: gnomon.AnswersNPY}},
		{"gnomon:answers", "label", gnomon.Answers{Kind: gnomon.AnswersTop, Top: 1}},
		{"gnomon:answers", "top-2", gnomon.Answers{Kind: gnomon.AnswersTop, Top: 2}},
		{"gnomon:answers", "top-100", gnomon.Answers{Kind: gnomon.AnswersTop, Top: 100}},
		{"gnomon:answers", "text similarity=0.9", gnomon.Answers{Kind: gnomon.AnswersText, Similarity: 0.9}},
		{"gnomon:answers", "bytes", gnomon.Answers{Kind: gnomon.AnswersBytes}},
		{"gnomon:answers", "off", gnomon.Answers{Kind: gnomon.AnswersOff}},
		{"gnomon:answers", "auto unordered similarity=1", gnomon.Answers{AnyOrder: true, Similarity: 1}},
		{"gnomon:answers", "json unordered=/b/-/c unordered=/a unordered=/b/-/c", gnomon.Answers{Kind: gnomon.AnswersJSON, Unordered: paths{"/a", "/b/-/c"}}},
		{"gnomon:answers", "json unordered=/", gnomon.Answers{Kind: gnomon.AnswersJSON, Unordered: paths{"/"}}},
		{"gnomon:ignore", "/model  /predictions/-/ts /model", gnomon.Answers{Ignore: paths{"/model", "/predictions/-/ts"}}},
		{"gnomon:ignore", "/-/+/Größe/3/a@b/x=y", gnomon.Answers{Ignore: paths{"/-/+/Größe/3/a@b/x=y"}}},
		{"gnomon:tolerance", "absolute=0.001 relative=1e-2", gnomon.Answers{Absolute: 0.001, Relative: 0.01}},
		{"gnomon:tolerance", "relative=0.999999", gnomon.Answers{Relative: 0.999999}},
		{"gnomon:tolerance", "absolute=1E+300", gnomon.Answers{Absolute: 1e300}},
		{"gnomon:tolerance", "absolute=0", gnomon.Answers{}},
	} {
		got, err := gnomon.ParseSettings([]gnomon.Tag{tag(c.key, c.value)})
		if diff := cmp.Diff(gnomon.Settings{Answers: c.want}, got); err != nil || diff != "" {
			t.Errorf("%s=%s: %v %s", c.key, c.value, err, diff)
		}
	}
	both, err := gnomon.ParseSettings([]gnomon.Tag{tag("gnomon:tolerance", "absolute=2"), tag("gnomon:answers", "csv"), tag("gnomon:ignore", "/-/3")})
	if diff := cmp.Diff(gnomon.Answers{Kind: gnomon.AnswersCSV, Absolute: 2, Ignore: paths{"/-/3"}}, both.Answers); err != nil || diff != "" {
		t.Errorf("together: %v %s", err, diff)
	}
}

func TestParseSettings_RefusesAnswers(t *testing.T) {
	const (
		kind   = "It must begin with how answers are compared: auto, json"
		option = "it may have unordered, unordered=/path/of/a/list and similarity=0.9"
		path   = "It must be 1 to 64 paths with spaces between them"
		bounds = "It must be absolute=0.001, relative=0.01 or both"
	)
	for _, c := range []struct{ key, value, says string }{
		{"gnomon:answers", "", kind},
		{"gnomon:answers", "JSON", kind},
		{"gnomon:answers", "unordered", kind},
		{"gnomon:answers", "top", kind},
		{"gnomon:answers", "top-1", kind},
		{"gnomon:answers", "top-03", kind},
		{"gnomon:answers", "top-101", kind},
		{"gnomon:answers", "json text", option},
		{"gnomon:answers", "auto unordered/a", option},
		{"gnomon:answers", "auto similarity", option},
		{"gnomon:answers", "csv unordered", "goes with auto and json, not with csv"},
		{"gnomon:answers", "top-3 unordered=/a", "goes with auto and json, not with top-3"},
		{"gnomon:answers", "json similarity=0.9", "goes with auto and text, not with json"},
		{"gnomon:answers", "text similarity=0", "above 0 and at most 1"},
		{"gnomon:answers", "text similarity=1.1", "above 0 and at most 1"},
		{"gnomon:answers", "text similarity=NaN", "above 0 and at most 1"},
		{"gnomon:answers", "text similarity=0.9 similarity=0.8", "one similarity only"},
		{"gnomon:answers", "json unordered=a", "named by its path"},
		{"gnomon:answers", "json unordered=", "named by its path"},
		{"gnomon:answers", "json unordered unordered=/a", "unordered alone is for all lists"},
		{"gnomon:ignore", "", path},
		{"gnomon:ignore", "/", path},
		{"gnomon:ignore", "ts", path},
		{"gnomon:ignore", "/a /b/", path},
		{"gnomon:ignore", "/a//b", path},
		{"gnomon:ignore", strings.Repeat("/a ", 30) + strings.Repeat("/b ", 35), path},
		{"gnomon:tolerance", "", bounds},
		{"gnomon:tolerance", "0.01", bounds},
		{"gnomon:tolerance", "absolute=-1", bounds},
		{"gnomon:tolerance", "absolute=1e999", bounds},
		{"gnomon:tolerance", "absolute=Inf", bounds},
		{"gnomon:tolerance", "absolute=1 absolute=2", bounds},
		{"gnomon:tolerance", "relative=1", bounds},
		{"gnomon:tolerance", "relativ=0.1", bounds},
		{"gnomon:tolerance", "absolute=0.1, relative=0.1", bounds},
	} {
		_, err := gnomon.ParseSettings([]gnomon.Tag{tag(c.key, c.value)})
		if !errors.Is(err, gnomon.Invalid) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.key) {
			t.Errorf("%s=%s: %v, want Invalid that says %q", c.key, c.value, err, c.says)
		}
	}
}

// TestAnswers_Check has settings that say nothing of answers as they are compared.
func TestAnswers_Check(t *testing.T) {
	ignore, tolerance := tag("gnomon:ignore", "/a"), tag("gnomon:tolerance", "absolute=1")
	for _, c := range []struct {
		kind string
		with gnomon.Tag
		ok   bool
	}{
		{"auto", ignore, true}, {"json unordered", ignore, true}, {"csv", tolerance, true}, {"npy", ignore, true}, {"label", tolerance, true}, {"top-3", tolerance, true},
		{"label", ignore, false}, {"text", ignore, false}, {"bytes", ignore, false}, {"off", ignore, false},
		{"text similarity=0.5", tolerance, false}, {"bytes", tolerance, false}, {"off", tolerance, false},
	} {
		s, err := gnomon.ParseSettings([]gnomon.Tag{tag("gnomon:answers", c.kind), c.with})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Answers.Check()
		if (err == nil) != c.ok || err != nil && (!errors.Is(err, gnomon.Invalid) || !strings.Contains(err.Error(), c.with.Key)) {
			t.Errorf("%s with %s: %v", c.kind, c.with.Key, err)
		}
	}
}

func TestAnswers_AreKeptAsJSON(t *testing.T) {
	zero, err := json.Marshal(gnomon.Settings{})
	if err != nil || string(zero) != "{}" {
		t.Errorf("no settings are kept as %s, %v", zero, err)
	}
	want, err := gnomon.ParseSettings([]gnomon.Tag{
		tag("gnomon:answers", "json unordered=/a"), tag("gnomon:ignore", "/-/b"), tag("gnomon:tolerance", "absolute=1e-6 relative=0.1")})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got gnomon.Settings
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || !got.Answers.Equal(want.Answers) {
		t.Errorf("kept as %s: %s", b, diff)
	}
}

func TestExperiment_Set_AnswersInCreatedOnly(t *testing.T) {
	before := gnomon.Answers{Kind: gnomon.AnswersText, Similarity: 0.5, Ignore: []gnomon.AnswerPath{"/a"}, Absolute: 1}
	for _, c := range []struct {
		change func(*gnomon.Answers)
		says   string
	}{
		{func(a *gnomon.Answers) { a.Kind = gnomon.AnswersAuto }, `"gnomon:answers"`},
		{func(a *gnomon.Answers) { a.Top = 3 }, `"gnomon:answers"`},
		{func(a *gnomon.Answers) { a.AnyOrder = true }, `"gnomon:answers"`},
		{func(a *gnomon.Answers) { a.Unordered = []gnomon.AnswerPath{"/a"} }, `"gnomon:answers"`},
		{func(a *gnomon.Answers) { a.Similarity = 0.6 }, `"gnomon:answers"`},
		{func(a *gnomon.Answers) { a.Ignore = nil }, `"gnomon:ignore"`},
		{func(a *gnomon.Answers) { a.Absolute = 0 }, `"gnomon:tolerance"`},
		{func(a *gnomon.Answers) { a.Relative = 0.1 }, `"gnomon:tolerance"`},
		{func(a *gnomon.Answers) { a.Ignore = []gnomon.AnswerPath{"/a"} }, ""},
	} {
		for status := range gnomon.ExperimentArrows() {
			after := before
			c.change(&after)
			if after.Equal(before) != (c.says == "") {
				t.Errorf("%+v equals %+v: %v", after, before, c.says != "")
			}
			x := gnomon.Experiment{Name: "x", Status: status, SamplingPercent: 1, Settings: gnomon.Settings{Answers: before}}
			err := x.Set(gnomon.Settings{Answers: after})
			if status == gnomon.Created || c.says == "" {
				if err != nil || !x.Settings.Answers.Equal(after) {
					t.Errorf("in %s: %v", status, err)
				}
				continue
			}
			if !errors.Is(err, gnomon.Invalid) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "must not change once numbers were seen") || !x.Settings.Answers.Equal(before) {
				t.Errorf("in %s: %v, want Invalid that says %s", status, err, c.says)
			}
		}
	}
}

// What is accepted of any tag is within its bounds, and says the same when it is kept as JSON.
func FuzzParseSettings_Answers(f *testing.F) {
	for _, v := range []string{"json unordered=/a/- unordered=/", "top-7", "text similarity=0.9", "/a/-/b /c/+ /ä", "absolute=1e-6 relative=.5", "relative=0.01"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, key := range []string{gnomon.TagAnswers, gnomon.TagIgnore, gnomon.TagTolerance} {
			s, err := gnomon.ParseSettings([]gnomon.Tag{tag(key, value)})
			if err != nil {
				if !errors.Is(err, gnomon.Invalid) {
					t.Fatal(err)
				}
				continue
			}
			a := s.Answers
			if a.Top < 0 || a.Top > 100 || a.Similarity < 0 || a.Similarity > 1 || !(a.Absolute >= 0) || !(a.Relative >= 0 && a.Relative < 1) || len(a.Ignore) > gnomon.MaxIgnored {
				t.Fatalf("%s=%q: %+v", key, value, a)
			}
			for _, p := range append(a.Ignore, a.Unordered...) {
				if back := "/" + strings.Join(p.Parts(), "/"); back != string(p) {
					t.Fatalf("%q has the parts %q", p, p.Parts())
				}
			}
			b, err := json.Marshal(s)
			var again gnomon.Settings
			if err == nil {
				err = json.Unmarshal(b, &again)
			}
			if err != nil || strings.ToValidUTF8(value, "") == value && !again.Answers.Equal(a) {
				t.Fatalf("%q is kept as %s: %v", value, b, err)
			}
		}
	})
}
