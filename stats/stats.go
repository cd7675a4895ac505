// Package stats is the arithmetic behind the verdict of a shadow test: functions of numbers, that know nothing of
// requests, clocks or stores. Start at [Sequence], the one confidence sequence behind every verdict.
//
// Nothing here returns a NaN. What a function says of no data at all stands in its comment.
package stats
