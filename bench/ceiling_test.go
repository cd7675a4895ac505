package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gnomon/bench/internal/testbed"
)

func TestSignatureCeiling(t *testing.T) {
	if got := signatureCeiling(2800); got != 7800*time.Nanosecond {
		t.Errorf("got %v", got)
	}
}

// costs is a row with one round for each number of microseconds, which is its p99 too.
func costs(s scenario, micros ...int) *row {
	r := &row{scenario: s}
	for _, n := range micros {
		d := time.Duration(n) * time.Microsecond
		r.rounds = append(r.rounds, measurement{cpu: d, rate: 2000, copied: 1, p50: time.Millisecond, p99: d})
	}
	return r
}

func TestJudge(t *testing.T) {
	ceilings := []ceiling{
		{row: plain, beside: nginxPlain, times: 1.3},
		{row: mirrored, beside: nginxMirror, times: 0.45},
		{row: signed, beside: plain, more: 7800 * time.Nanosecond},
		{row: plain, beside: modelAlone, latency: true, more: time.Millisecond},
	}
	failed := costs(nginxPlain, 20)
	failed.failure = errMissed
	for name, tc := range map[string]struct {
		rows  []*row
		found [][]float64 // in the order of ceilings
		want  []outcome
	}{
		"cheap": {
			[]*row{costs(nginxPlain, 20, 40), costs(plain, 26, 40), costs(nginxMirror, 100, 100), costs(mirrored, 44, 40), costs(signed, 33, 40), costs(modelAlone, 20, 20)},
			[][]float64{{1.3, 1}, {0.44, 0.4}, {7, 0}, {6, 20}}, []outcome{kept, kept, kept, kept},
		},
		"dear, in so few rounds that nothing is sure": {
			[]*row{costs(nginxPlain, 20), costs(plain, 1027), costs(nginxMirror, 100), costs(mirrored, 46), costs(signed, 1035), costs(modelAlone, 20)},
			[][]float64{{51.35}, {0.46}, {8}, {1007}}, []outcome{doubtful, doubtful, doubtful, doubtful},
		},
		"each round by itself": {
			[]*row{costs(nginxPlain, 10, 20, 90), costs(plain, 10, 60, 90)},
			[][]float64{{1, 3, 1}, nil, nil, nil}, []outcome{kept, notMeasured, notMeasured, notMeasured},
		},
		"without nginx": {
			[]*row{costs(plain, 27), costs(mirrored, 46), costs(signed, 30)},
			[][]float64{nil, nil, {3}, nil}, []outcome{notMeasured, notMeasured, kept, notMeasured},
		},
		"not measured": {
			[]*row{failed, costs(plain, 20)},
			[][]float64{nil, nil, nil, nil}, []outcome{notMeasured, notMeasured, notMeasured, notMeasured},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var found [][]float64
			var got []outcome
			for _, v := range judge(ceilings, tc.rows, 0) {
				found, got = append(found, v.found), append(got, v.outcome())
			}
			if diff := cmp.Diff(tc.found, found); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestVerdict_IsSureOrInDoubt has a median above the ceiling, and rounds that leave a doubt of it, or none.
func TestVerdict_IsSureOrInDoubt(t *testing.T) {
	for name, tc := range map[string]struct {
		found []float64
		want  outcome
	}{
		"six of six above":   {slices.Repeat([]float64{2}, sureRounds-1), doubtful},
		"seven of seven":     {slices.Repeat([]float64{2}, sureRounds), missed},
		"two of 15 not":      {[]float64{0, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, missed},
		"three of 15 not":    {[]float64{0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, doubtful},
		"eight of 15 within": {[]float64{1.3, 1, 1, 1, 1, 1, 1, 1.3, 2, 2, 2, 2, 2, 2, 2}, kept},
	} {
		v := verdict{ceiling: ceiling{row: plain, beside: nginxPlain, times: 1.3}, found: tc.found}
		if got := v.outcome(); got != tc.want || got.fails() != (got == missed) {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// TestJudge_KnowsWhatTheMachineTakes has no copies at a rate beyond the capacity, and below it.
func TestJudge_KnowsWhatTheMachineTakes(t *testing.T) {
	for capacity, want := range map[float64]outcome{0: notMeasured, 7999: tooSmall, 8000: notMeasured} {
		r := costs(mirrored.at(highRate))
		r.failure = errMissed
		c := ceiling{row: r.scenario, beside: nginxPlain.at(highRate), times: 2.2}
		v := judge([]ceiling{c}, []*row{r, costs(c.beside, 20)}, capacity)[0]
		if got := v.outcome(); got != want || got.fails() != (got == notMeasured) {
			t.Errorf("at a capacity of %v: %s, want %s", capacity, got, want)
		}
	}
}

// TestCeilings_HaveTheirRows keeps a ceiling from going unjudged for ever.
func TestCeilings_HaveTheirRows(t *testing.T) {
	there := make(map[scenario]bool)
	for _, s := range judged(all()) {
		if there[s] {
			t.Errorf("%s, %s, %s, %d connections: there twice", s, s.pace(), s.size(), s.callers)
		}
		there[s] = true
	}
	for _, c := range ceilings() {
		if !there[c.row] || !there[c.beside] {
			t.Errorf("%s beside %s, %s, %s: a row is missing", c.row, c.beside, c.row.pace(), c.row.size())
		}
	}
	if !there[mirrored.at(saturated)] {
		t.Error("the row that the capacity is found by is missing")
	}
}

func TestPrintCeilings_SaysWhatIsNotKept(t *testing.T) {
	times, more := ceiling{row: plain, beside: nginxPlain, times: 1.3}, ceiling{row: signed, beside: plain, more: 7800 * time.Nanosecond}
	late := ceiling{row: plain, beside: modelAlone, latency: true, more: time.Millisecond}
	for _, tc := range []struct {
		v      verdict
		want   []string
		passes bool
	}{
		{verdict{ceiling: times, found: []float64{1.2, 1.4, 1.25}}, []string{"1.25 ×", "1.20 × to 1.40 ×", "–", "1.30 ×", "kept"}, true},
		{verdict{ceiling: times, found: []float64{1.31}}, []string{"1.31 ×", "within the noise"}, true},
		{verdict{ceiling: more, found: []float64{8, 9, 9, 9, 9, 9, 9}}, []string{"+9.0 µs", "+8.0 µs", "+7.8 µs", "MISSED"}, false},
		{verdict{ceiling: times}, []string{"not measured"}, false},
		{verdict{ceiling: times, small: true}, []string{"machine too small"}, true},
		{verdict{ceiling: late, found: []float64{1300}}, []string{"p99", "+1000.0 µs", "within the noise"}, true},
	} {
		var b bytes.Buffer
		if got := printCeilings(&b, []verdict{tc.v}); got != tc.passes {
			t.Errorf("passes: %v\n%s", got, &b)
		}
		for _, want := range tc.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("there is no %q:\n%s", want, &b)
			}
		}
	}
}

func TestPrintRows(t *testing.T) {
	r := costs(mirrored, 30, 10, 20)
	r.rest = minRest
	r.process, r.account = &testbed.Process{}, func() (counting, error) { return counting{}, nil }
	failed := costs(signed)
	failed.failure = errMissed
	var b bytes.Buffer
	printRows(&b, []*row{r, failed})
	for _, want := range []string{mirrored.String(), "20.0", "10.0–30.0", "100.0 %", "in bursts of 8000 requests with 400ms", "not measured"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("there is no %q:\n%s", want, &b)
		}
	}
}
