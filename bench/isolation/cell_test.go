package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestChoose(t *testing.T) {
	for patterns, want := range map[string]string{
		"hang/1KB/100":                         "hang/1KB/100",
		"hang/*/10":                            "hang/1KB/10 hang/100KB/10 hang/5MB/10",
		"hang/1KB/100,reset/1KB/100,slow/5*/*": "hang/1KB/100 reset/1KB/100 slow/5MB/10 slow/5MB/100",
		"hang/1KB/100,*ng/1KB/100":             "hang/1KB/100",
	} {
		cells, err := choose(patterns)
		var got []string
		for _, c := range cells {
			got = append(got, c.String())
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", patterns, err, diff)
		}
	}
	for _, patterns := range []string{"", "hang", "hang/1KB/100,nobody/*/*", "[/1KB/100"} {
		if cells, err := choose(patterns); err == nil {
			t.Errorf("%q: %v", patterns, cells)
		}
	}
}

func TestOptions_RoundHasItsRequests(t *testing.T) {
	o := options{requests: 20000, huge: 300, rate: 1000, rounds: 5}
	for _, s := range sizes {
		want := 20000 / 5
		if s.huge {
			want = 300 / 5
		}
		if got := int(o.rateOf(s) * o.round(s).Seconds()); got != want {
			t.Errorf("%s: %d in a round, want %d", s.name, got, want)
		}
	}
	quick, err := choose(quickCells)
	if err != nil {
		t.Fatal(err)
	}
	o.requests = quickRequests
	if got := o.takes(quick); got > 200*time.Second {
		t.Errorf("a quick run takes %v", got)
	}
}
