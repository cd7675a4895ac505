package budget_test

import (
	"sync"
	"testing"

	"gnomon/internal/budget"
)

func TestBudget(t *testing.T) {
	b := budget.New(10)
	for _, step := range []struct {
		n    int64
		fits bool
		used int64
	}{{6, true, 6}, {5, false, 6}, {4, true, 10}, {1, false, 10}, {0, true, 10}} {
		if b.Take(step.n) != step.fits || b.Used() != step.used {
			t.Errorf("%d of 10 bytes: %d are in use, want %d and to be told %v", step.n, b.Used(), step.used, step.fits)
		}
	}
	b.Give(10)
	if b.Used() != 0 || b.Limit() != 10 {
		t.Errorf("%d of %d bytes are in use, all were given back", b.Used(), b.Limit())
	}
}

func TestBudget_Shared(t *testing.T) {
	b := budget.New(3)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if b.Take(1) {
					b.Give(1)
				}
			}
		})
	}
	all.Wait()
	if b.Used() != 0 {
		t.Errorf("%d bytes are in use, all were given back", b.Used())
	}
}
