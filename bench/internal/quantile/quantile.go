// Package quantile compares quantiles of latencies.
//
// [Of] and [Median] are for lists; [MedianAbove] says where the median surely is. [Bound] says how much larger a quantile of one lot of latencies surely is than that of
// another, when both were taken in turn on a machine that does other things as well.
package quantile

import (
	"cmp"
	"slices"
)

// Of is the q-quantile of a sorted list that is not empty: the least element that at least the share q of the list does not
// exceed.
func Of[T cmp.Ordered](sorted []T, q float64) T {
	at := int(q * float64(len(sorted)))
	return sorted[min(at, len(sorted)-1)]
}

// Median is the middle of a list that is not empty, or the upper one of two.
func Median[T cmp.Ordered](list []T) T { return Of(slices.Sorted(slices.Values(list)), 0.5) }
