package testbed

import "testing"

func TestTrend(t *testing.T) {
	groups := func(medians ...int64) [][]Vitals {
		var all [][]Vitals
		for _, n := range medians {
			all = append(all, []Vitals{{Files: n - 1}, {Files: n}, {Files: n + 1}})
		}
		return all
	}
	for name, tc := range map[string]struct {
		groups [][]Vitals
		want   Trend
	}{
		"nothing":           {nil, Trend{}},
		"groups of nothing": {[][]Vitals{nil, nil}, Trend{}},
		"one":               {groups(5), Trend{5, 5, 6}},
		"two":               {groups(5, 7), Trend{7, 7, 8}},
		"three":             {groups(1, 5, 7), Trend{5, 7, 8}},
		"five":              {groups(1, 5, 7, 9, 11), Trend{7, 9, 12}}, // the first has to settle
		"comes and goes":    {groups(1, 5, 9, 5, 9), Trend{9, 5, 10}},
		"nine":              {groups(90, 80, 2, 1, 1, 5, 6, 7, 9), Trend{2, 6, 91}},
	} {
		if got := TrendOf(tc.groups, Files); got != tc.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tc.want)
		}
	}
}

func TestTrend_Grew(t *testing.T) {
	for _, tc := range []struct {
		share   float64
		nothing int64
		want    bool
	}{{0.1, 2, true}, {0.1, 3, false}, {0.7, 1, false}} {
		if got := (Trend{From: 5, To: 8}).Grew(tc.share, tc.nothing); got != tc.want {
			t.Errorf("%v, %v: %v", tc.share, tc.nothing, got)
		}
	}
}
