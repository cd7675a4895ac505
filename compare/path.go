package compare

import (
	"math/bits"
	"strconv"

	"gnomon"
)

// patterns are paths of settings, at most 64 of which are heeded.
type patterns [][]string

// A state is which patterns a path has followed so far.
type state uint64

func newPatterns(paths []gnomon.AnswerPath) patterns {
	var p patterns
	for _, path := range paths[:min(len(paths), gnomon.MaxIgnored)] {
		p = append(p, path.Parts())
	}
	return p
}

// start returns the state of the whole answer.
func (p patterns) start() state {
	return state(1<<len(p)) - 1 // of 64 all ones: the shift leaves nothing
}

// whole reports whether some pattern ends after depth parts, where it led to s.
func (p patterns) whole(s state, depth int) bool {
	for ; s != 0; s &= s - 1 {
		if len(p[bits.TrailingZeros64(uint64(s))]) == depth {
			return true
		}
	}
	return false
}

// step goes from depth parts to one more.
func (p patterns) step(s state, depth int, fits func(part string) bool) (next state) {
	for ; s != 0; s &= s - 1 {
		i := bits.TrailingZeros64(uint64(s))
		if len(p[i]) > depth && (p[i][depth] == "+" || fits(p[i][depth])) {
			next |= s & -s
		}
	}
	return next
}

// member steps to a member of an object.
func (p patterns) member(s state, depth int, key []byte) state {
	if s == 0 {
		return 0
	}
	return p.step(s, depth, func(part string) bool { return part == string(key) })
}

// anyPlace is a place in a list that has no order.
const anyPlace = -1

// place steps to a place in a list, from 0, or to anyPlace.
func (p patterns) place(s state, depth, n int) state {
	if s == 0 {
		return 0
	}
	return p.step(s, depth, func(part string) bool { return part == "-" || n != anyPlace && part == strconv.Itoa(n) })
}
