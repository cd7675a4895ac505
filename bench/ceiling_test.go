package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		list []int
		want int
	}{
		{[]int{5}, 5},
		{[]int{9, 1, 5}, 5},
		{[]int{4, 1, 3, 2}, 3},
	} {
		if got := median(tc.list); got != tc.want {
			t.Errorf("%v: %v, want %v", tc.list, got, tc.want)
		}
	}
}

func TestSignatureCeiling(t *testing.T) {
	if got := signatureCeiling(2800); got != 7800*time.Nanosecond {
		t.Errorf("got %v", got)
	}
}

func costs(name string, micros ...int) *row {
	r := &row{name: name}
	for _, n := range micros {
		r.cpu = append(r.cpu, time.Duration(n)*time.Microsecond)
		r.p50, r.p99 = append(r.p50, time.Millisecond), append(r.p99, time.Second)
	}
	return r
}

func TestJudge(t *testing.T) {
	for name, tc := range map[string]struct {
		rows  []*row
		found [][]float64 // in the order of ceilings
		kept  []bool
	}{
		"cheap": {
			[]*row{costs(nginxPlain, 20, 40), costs(gnomonPlain, 26, 40), costs(nginxMirror, 100, 100), costs(gnomonMirror, 44, 40), costs(gnomonSigned, 33, 40)},
			[][]float64{{1.3, 1}, {0.44, 0.4}, {2.2, 1}, {7, 0}}, []bool{true, true, true, true},
		},
		"dear": {
			[]*row{costs(nginxPlain, 20), costs(gnomonPlain, 27), costs(nginxMirror, 100), costs(gnomonMirror, 46), costs(gnomonSigned, 35)},
			[][]float64{{1.35}, {0.46}, {2.3}, {8}}, []bool{false, false, false, false},
		},
		"each round by itself": {
			[]*row{costs(nginxPlain, 10, 20, 90), costs(gnomonPlain, 10, 60, 90)},
			[][]float64{{1, 3, 1}, nil, nil, nil}, []bool{true, false, false, false},
		},
		"without nginx": {
			[]*row{costs(gnomonPlain, 27), costs(gnomonMirror, 46), costs(gnomonSigned, 30)},
			[][]float64{nil, nil, nil, {3}}, []bool{false, false, false, true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var found [][]float64
			var kept []bool
			for _, v := range judge(tc.rows) {
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

func TestPrintCeilings_SaysWhatIsNotKept(t *testing.T) {
	for _, tc := range []struct {
		v    verdict
		want []string
		kept bool
	}{
		{verdict{ceilings[0], []float64{1.2, 1.4, 1.25}}, []string{"1.25 ×", "1.20 × to 1.40 ×", "1.30 ×", "kept"}, true},
		{verdict{ceilings[0], []float64{1.31}}, []string{"1.31 ×", "MISSED"}, false},
		{verdict{ceilings[3], []float64{8}}, []string{"+8.0 µs", "+7.8 µs", "MISSED"}, false},
		{verdict{ceilings[0], nil}, []string{"not measured"}, false},
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
	r := costs(gnomonMirror, 30, 10, 20)
	r.spoilt = 2
	var b bytes.Buffer
	printRows(&b, []*row{r})
	for _, want := range []string{gnomonMirror, "20.0", "10.0–30.0", "1000000", "2 rounds were done again"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("there is no %q:\n%s", want, &b)
		}
	}
}

func TestSortRows(t *testing.T) {
	got := sortRows([]*row{costs(gnomonMirror0), costs(gnomonSigned), costs(nginxPlain), costs(gnomonPlain), costs(nginxMirror0), costs(nginxMirror), costs(gnomonMirror)})
	var names []string
	for _, r := range got {
		names = append(names, r.name)
	}
	if diff := cmp.Diff(rowOrder, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
