package testbed

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// An Account is what an experiment says of itself: "requests", and how many of them are in each bucket.
type Account map[string]int64

// Requests is how many there were.
func (a Account) Requests() int64 { return a["requests"] }

// Sum is that of all buckets.
func (a Account) Sum() int64 {
	var sum int64
	for name, n := range a {
		if name != "requests" {
			sum += n
		}
	}
	return sum
}

// Add adds another experiment's numbers.
func (a Account) Add(b Account) {
	for name, n := range b {
		a[name] += n
	}
}

// String names the buckets that are not empty, the largest first.
func (a Account) String() string {
	names := slices.SortedFunc(maps.Keys(a), func(x, y string) int {
		if a[x] != a[y] {
			return int(a[y] - a[x])
		}
		return strings.Compare(x, y)
	})
	var all []string
	for _, name := range names {
		if name != "requests" && a[name] > 0 {
			all = append(all, fmt.Sprintf("%s %d", name, a[name]))
		}
	}
	return strings.Join(all, ", ")
}

// Account asks for an experiment's numbers as they are.
func (g *Gnomon) Account(ctx context.Context, experiment string) (Account, error) {
	var found struct{ Accounting Account }
	if err := g.get(ctx, "/gnomon/v1/experiments/"+experiment+"/comparison", &found); err != nil {
		return nil, err
	}
	return found.Accounting, nil
}

// Settled is Account once no copy is under way.
// Captured returns when no captured record waits to be written.
func (g *Gnomon) Captured(ctx context.Context) error {
	return within(ctx, 2*ShadowTimeout, func() error {
		text, err := g.read(ctx, "/metrics")
		if err != nil {
			return err
		}
		n, err := metric(text, "gnomon_capture_memory_bytes")
		if err == nil && n > 0 {
			err = fmt.Errorf("%d bytes of records wait to be written", n)
		}
		return err
	})
}

func (g *Gnomon) Settled(ctx context.Context, experiment string) (Account, error) {
	var found Account
	err := within(ctx, 2*ShadowTimeout, func() (err error) {
		if found, err = g.Account(ctx, experiment); err == nil && found["pending"] > 0 {
			err = fmt.Errorf("copies are still under way: %v", found)
		}
		return err
	})
	return found, err
}
