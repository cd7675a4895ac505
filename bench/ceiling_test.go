package main

import (
	"bytes"
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
		kept  []bool
	}{
		"cheap": {
			[]*row{costs(nginxPlain, 20, 40), costs(plain, 26, 40), costs(nginxMirror, 100, 100), costs(mirrored, 44, 40), costs(signed, 33, 40), costs(modelAlone, 20, 20)},
			[][]float64{{1.3, 1}, {0.44, 0.4}, {7, 0}, {6, 20}}, []bool{true, true, true, true},
		},
		"dear": {
			[]*row{costs(nginxPlain, 20), costs(plain, 1027), costs(nginxMirror, 100), costs(mirrored, 46), costs(signed, 1035), costs(modelAlone, 20)},
			[][]float64{{51.35}, {0.46}, {8}, {1007}}, []bool{false, false, false, false},
		},
		"each round by itself": {
			[]*row{costs(nginxPlain, 10, 20, 90), costs(plain, 10, 60, 90)},
			[][]float64{{1, 3, 1}, nil, nil, nil}, []bool{true, false, false, false},
		},
		"without nginx": {
			[]*row{costs(plain, 27), costs(mirrored, 46), costs(signed, 30)},
			[][]float64{nil, nil, {3}, nil}, []bool{false, false, true, false},
		},
		"not measured": {
			[]*row{failed, costs(plain, 20)},
			[][]float64{nil, nil, nil, nil}, []bool{false, false, false, false},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var found [][]float64
			var kept []bool
			for _, v := range judge(ceilings, tc.rows) {
				found, kept = append(found, v.found), append(kept, v.kept())
			}
			if diff := cmp.Diff(tc.found, found); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.kept, kept); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
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
	for _, tc := range []struct {
		v    verdict
		want []string
		kept bool
	}{
		{verdict{times, []float64{1.2, 1.4, 1.25}}, []string{"1.25 ×", "1.20 × to 1.40 ×", "1.30 ×", "kept"}, true},
		{verdict{times, []float64{1.31}}, []string{"1.31 ×", "MISSED"}, false},
		{verdict{more, []float64{8}}, []string{"+8.0 µs", "+7.8 µs", "MISSED"}, false},
		{verdict{times, nil}, []string{"not measured"}, false},
	} {
		var b bytes.Buffer
		if got := printCeilings(&b, []verdict{tc.v}); got != tc.kept {
			t.Errorf("kept is %v:\n%s", got, &b)
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
