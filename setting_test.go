package gnomon_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gnomon"
)

func tag(key, value string) gnomon.Tag { return gnomon.Tag{Key: key, Value: value} }

func TestParseSettings(t *testing.T) {
	for _, c := range []struct {
		tags []gnomon.Tag
		want gnomon.Settings
	}{
		{nil, gnomon.Settings{}},
		{[]gnomon.Tag{tag("team", "vision"), tag("gnomonic", "x")}, gnomon.Settings{}},
		{[]gnomon.Tag{tag("gnomon:max-rate", "50")}, gnomon.Settings{MaxRate: 50}},
		{[]gnomon.Tag{tag("gnomon:max-rate", "0.0001")}, gnomon.Settings{MaxRate: 0.0001}},
		{[]gnomon.Tag{tag("gnomon:max-rate", "1000000")}, gnomon.Settings{MaxRate: 1e6}},
		{[]gnomon.Tag{tag("gnomon:latency-margin", "5"), tag("gnomon:noise-floor", "10")}, gnomon.Settings{Judging: gnomon.Judging{LatencyMargin: 0.05, NoiseFloor: 0.1}}},
		{[]gnomon.Tag{tag("gnomon:error-margin", "0.1"), tag("gnomon:answer-margin", "50")}, gnomon.Settings{Judging: gnomon.Judging{ErrorMargin: 0.001, AnswerMargin: 0.5}}},
		{[]gnomon.Tag{tag("gnomon:auto-stop", "on")}, gnomon.Settings{AutoStop: true}},
		{[]gnomon.Tag{tag("gnomon:auto-stop", "off")}, gnomon.Settings{}},
		{[]gnomon.Tag{tag("gnomon:sampling", "2.5")}, gnomon.Settings{Sampling: new(2.5)}},
		{[]gnomon.Tag{tag("gnomon:sampling", "0")}, gnomon.Settings{Sampling: new(0.0)}},
		{[]gnomon.Tag{tag("gnomon:sampling", "100.0000"), tag("gnomon:max-rate", "0.5")}, gnomon.Settings{MaxRate: 0.5, Sampling: new(100.0)}},
	} {
		got, err := gnomon.ParseSettings(c.tags)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%v: %v %s", c.tags, err, diff)
		}
	}
}

func TestParseSettings_Refuses(t *testing.T) {
	const rate, share = "number of copies per second above 0 and at most 1000000", "percentage above 0 and at most 100"
	for _, c := range []struct{ key, value, says string }{
		{"gnomon:max-rate", "", rate},
		{"gnomon:max-rate", "0", rate},
		{"gnomon:max-rate", "0.00001", rate},
		{"gnomon:max-rate", "-1", rate},
		{"gnomon:max-rate", "+1", rate},
		{"gnomon:max-rate", "1e3", rate},
		{"gnomon:max-rate", "fast", rate},
		{"gnomon:max-rate", "50 ", rate},
		{"gnomon:max-rate", "5.", rate},
		{"gnomon:max-rate", ".5", rate},
		{"gnomon:max-rate", "٥", rate},
		{"gnomon:max-rate", "1000000.0001", rate},
		{"gnomon:max-rate", strings.Repeat("9", 256), rate},
		{"gnomon:sampling", "100.0001", share},
		{"gnomon:sampling", "2.12345", share},
		{"gnomon:sampling", "NaN", share},
		{"gnomon:latency-margin", "0", "from 0.1 to 100"},
		{"gnomon:error-margin", "51", "from 0.001 to 50"},
		{"gnomon:answer-margin", "1 percent", "from 0.001 to 50"},
		{"gnomon:noise-floor", "0.05", "from 0.1 to 100"},
		{"gnomon:auto-stop", "worse", "It must be on"},
		{"gnomon:sample", "1", `The settings are "gnomon:answer-margin", "gnomon:answers", "gnomon:auto-stop", "gnomon:error-margin", "gnomon:ignore", "gnomon:latency-margin", "gnomon:max-rate", "gnomon:noise-floor", "gnomon:sampling" and "gnomon:tolerance".`},
		{"gnomon:", "1", `The tag key "gnomon:" begins with "gnomon:"`},
		{"Gnomon:Sampling", "1", `The tag key "Gnomon:Sampling" begins with "gnomon:"`},
	} {
		_, err := gnomon.ParseSettings([]gnomon.Tag{tag(c.key, c.value)})
		if !errors.Is(err, gnomon.Invalid) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.key) {
			t.Errorf("%s=%s: %v, want Invalid that says %q", c.key, c.value, err, c.says)
		}
	}
}

func TestSettings_FitASamplingPercentageTheyRoundUpTo(t *testing.T) {
	for _, c := range []struct {
		sampling float64
		fits     []int
	}{{0, []int{0}}, {0.0001, []int{1}}, {0.5, []int{1}}, {1, []int{1}}, {1.0001, []int{2}}, {99.9999, []int{100}}, {100, []int{100}}} {
		var fits []int
		for percent := range 101 {
			err := gnomon.Settings{Sampling: &c.sampling}.Fit(percent)
			switch {
			case err == nil:
				fits = append(fits, percent)
			case !errors.Is(err, gnomon.Invalid) || !strings.Contains(err.Error(), `"gnomon:sampling"`):
				t.Errorf("%v with %d: %v", c.sampling, percent, err)
			}
		}
		if diff := cmp.Diff(c.fits, fits); diff != "" {
			t.Errorf("%v: %s", c.sampling, diff)
		}
	}
	if err := (gnomon.Settings{MaxRate: 1}).Fit(50); err != nil {
		t.Error(err)
	}
}

func TestExperiment_Set(t *testing.T) {
	half, more := gnomon.Settings{Sampling: new(0.5)}, gnomon.Settings{Sampling: new(0.7)}
	capped := gnomon.Settings{Sampling: new(0.5), MaxRate: 3}
	for status := range gnomon.ExperimentArrows() {
		for _, c := range []struct {
			name string
			to   gnomon.Settings
			ok   bool
		}{
			{"the same", gnomon.Settings{Sampling: new(0.5)}, true},
			{"another rate", capped, !status.Final() && status != gnomon.Stopping},
			{"auto-stop", gnomon.Settings{Sampling: new(0.5), AutoStop: true}, !status.Final() && status != gnomon.Stopping},
			{"another margin", gnomon.Settings{Sampling: new(0.5), Judging: gnomon.Judging{ErrorMargin: 0.1}}, status == gnomon.Created},
			{"another share", more, status == gnomon.Created},
			{"no share", gnomon.Settings{}, status == gnomon.Created},
			{"one that does not fit", gnomon.Settings{Sampling: new(1.5)}, false},
		} {
			x := gnomon.Experiment{Name: "x", Status: status, SamplingPercent: 1, Settings: half}
			err := x.Set(c.to)
			want := half
			if c.ok {
				want = c.to
			}
			if diff := cmp.Diff(want, x.Settings); diff != "" || c.ok != (err == nil) {
				t.Errorf("%s in %s: %v %s", c.name, status, err, diff)
			}
			if err != nil && !errors.Is(err, gnomon.Invalid) {
				t.Errorf("%s in %s: %v, want Invalid", c.name, status, err)
			}
		}
	}
}

func TestExperiment_LiesWithTheShareOfItsTag(t *testing.T) {
	x := gnomon.Experiment{Name: "x", ID: "1", SamplingPercent: 3}
	if got := x.Lie(gnomon.EndpointSpec{}).Fraction; got != 0.03 {
		t.Errorf("without the tag %v is copied, want 0.03", got)
	}
	x.Settings.Sampling = new(2.5)
	if o := x.Lie(gnomon.EndpointSpec{}); o.Fraction != 0.025 || o.Shadow.Weight != 0.025 {
		t.Errorf("with the tag %v is copied, the shadow's weight is %v; want 0.025", o.Fraction, o.Shadow.Weight)
	}
}
