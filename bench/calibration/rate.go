package main

import (
	"fmt"
	"math"
)

// A share is how many of so many streams.
type share struct{ hits, of int }

// interval is Wilson's, of 95 % ("Probable inference, the law of succession, and statistical inference", 1927).
func (s share) interval() (low, high float64) {
	if s.of == 0 {
		return 0, 1
	}
	const z = 1.959964
	n := float64(s.of)
	p := float64(s.hits) / n
	middle, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, (middle-half)/(1+z*z/n)), min(1, (middle+half)/(1+z*z/n))
}

func (s share) String() string {
	low, high := s.interval()
	return fmt.Sprintf("%.1f (%.1f–%.1f)", 100*float64(s.hits)/float64(max(1, s.of)), 100*low, 100*high)
}

// promised is how often a verdict may be wrong.
const promised = 0.05

// above reports whether it is above what is promised, beyond chance.
func (s share) above() bool {
	low, _ := s.interval()
	return low > promised
}

// count counts those of which f is true.
func count[T any](all []T, f func(*T) bool) share {
	s := share{of: len(all)}
	for i := range all {
		if f(&all[i]) {
			s.hits++
		}
	}
	return s
}
