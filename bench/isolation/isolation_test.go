package main

import (
	"bytes"
	"strings"
	"testing"

	"gnomon/bench/internal/testbed"
)

// TestMeasure measures a few cells with few requests, too few to judge latencies and memory by. That every answer is right
// and every request accounted for holds for any number.
func TestMeasure(t *testing.T) {
	bed, err := testbed.New(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bed.Close() })
	o := options{requests: 200, huge: 4, rate: 400, rounds: 2}
	cells, err := choose("healthy/1KB/100,hang/1KB/100,reset/1KB/100,status500/100KB/10,garbage/5MB/100,eat-memory/1KB/100")
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	printHead(&table, o, cells)
	results, err := measure(t.Context(), bed, o, cells, func(some []result) { printResults(&table, some) })
	if err != nil {
		t.Fatal(err)
	}
	if want := len(cells) + len(sizes) + 1; len(results) != want {
		t.Errorf("%d results, want %d: those of the cells, of none, and of the shadow that eats memory and gets nothing", len(results), want)
	}
	for _, r := range results {
		if r.failed > 0 || r.wrong > 0 || r.sums != nil || r.account.Requests() < 4 || len(r.vitals) == 0 {
			t.Errorf("%s: %d of %d failed (%v), %d wrong, %v", r, r.failed, r.account.Requests(), r.example, r.wrong, r.sums)
		}
		if !strings.Contains(table.String(), "\n"+r.String()+" ") {
			t.Errorf("the table lacks %s:\n%s", r, &table)
		}
	}
	table.Reset()
	// Behind nginx, production waits for a shadow that hangs.
	if cells, err = choose("healthy/1KB/100,reset/1KB/100"); err != nil {
		t.Fatal(err)
	}
	if err := measureNginx(t.Context(), bed, o, cells, &table); err != nil {
		t.Errorf("%v\n%s", err, &table)
	}
}
