package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"gnomon/bench/internal/testbed"
)

// A size is how large the bodies of a cell are, and how they come.
type size struct {
	name  string
	bytes int
	kinds int     // different bodies
	share float64 // of the rate, so that the machine can take what they add up to
	huge  bool    // and there are fewer
}

var sizes = []size{
	{name: "1KB", bytes: 1000, kinds: 16, share: 1},
	{name: "100KB", bytes: 100_000, kinds: 8, share: 1. / 2},
	{name: "5MB", bytes: 5_000_000, kinds: 3, share: 1. / 100, huge: true},
}

// A cell is one row of the table.
type cell struct {
	shadow   testbed.Shadow
	size     size
	sampling int // percent
}

func (c cell) String() string { return fmt.Sprintf("%s/%s/%d", c.shadow.Name, c.size.name, c.sampling) }

// none is the cell of a size that all others of that size are measured beside: nothing is copied.
func none(s size) cell {
	shadow := testbed.HealthyShadow()
	shadow.Name, shadow.Does = "none", "gets nothing"
	return cell{shadow, s, 0}
}

// unasked is the cell of a shadow that gets nothing.
func (c cell) unasked() cell { return cell{c.shadow, c.size, 0} }

// isNone reports whether the cell is none.
func (c cell) isNone() bool { return c == none(c.size) }

// every cell but those of which nothing is copied, those of one size and one shadow together.
func every() []cell {
	var cells []cell
	for _, s := range sizes {
		for _, shadow := range append([]testbed.Shadow{testbed.HealthyShadow()}, testbed.FaultyShadows()...) {
			for _, sampling := range []int{10, 100} {
				cells = append(cells, cell{shadow, s, sampling})
			}
		}
	}
	return cells
}

// choose takes the cells that one of the patterns fits, each of which must fit some.
func choose(patterns string) ([]cell, error) {
	chosen := make(map[string]bool)
	for pattern := range strings.SplitSeq(patterns, ",") {
		fits := false
		for _, c := range every() {
			ok, err := path.Match(pattern, c.String())
			if err != nil {
				return nil, fmt.Errorf("cells %q: %w", pattern, err)
			}
			if ok {
				chosen[c.String()], fits = true, true
			}
		}
		if !fits {
			return nil, fmt.Errorf("no cell fits %q; cells are like hang/1KB/100", pattern)
		}
	}
	return slices.DeleteFunc(every(), func(c cell) bool { return !chosen[c.String()] }), nil
}

// rateOf is how many requests of the size come in a second.
func (o options) rateOf(s size) float64 { return o.rate * s.share }

// round is how long a round of the size takes.
func (o options) round(s size) time.Duration {
	n := o.requests
	if s.huge {
		n = o.huge
	}
	// A little longer, lest the last request be lost to rounding.
	return time.Duration((float64(n/o.rounds) + 0.5) / o.rateOf(s) * float64(time.Second))
}

// switching is about how long it takes to begin an experiment and to end it.
const switching = 400 * time.Millisecond

// takes is about how long it all takes.
func (o options) takes(cells []cell) time.Duration {
	var sum time.Duration
	seen := make(map[string]bool)
	for _, c := range cells {
		n := o.round(c.size) + warmUp + switching
		if group := c.shadow.Name + c.size.name; !seen[group] {
			seen[group] = true
			n += o.round(c.size) + warmUp // of none
			if c.shadow.Harms {
				n += o.round(c.size) + warmUp + switching // and of the shadow that gets nothing
			}
		}
		sum += time.Duration(o.rounds) * n
	}
	return sum
}
