package sagemaker

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Time is a moment as AWS JSON writes it: a number of seconds since 1970, with a
// fraction. It keeps milliseconds, as much as any SDK sends. The zero Time stands
// for an absent member and cannot be read from a request.
type Time struct{ time.Time }

// NewTime returns t as it looks after a trip over the wire: whole milliseconds, UTC.
func NewTime(t time.Time) Time {
	return Time{time.UnixMilli(t.UnixMilli()).UTC()}
}

// MarshalJSON writes t with three digits of fraction.
func (t Time) MarshalJSON() ([]byte, error) {
	ms := t.UnixMilli()
	sign := ""
	if ms < 0 {
		sign, ms = "-", -ms
	}
	return fmt.Appendf(nil, "%s%d.%03d", sign, ms/1000, ms%1000), nil
}

// UnmarshalJSON reads a number of seconds, rounded to the millisecond.
func (t *Time) UnmarshalJSON(data []byte) error {
	at, err := parseTime(string(data))
	if err != nil {
		return err
	}
	*t = at
	return nil
}

// The moments that can be told apart from an absent one and have four-digit years.
var (
	firstSecond = float64(time.Time{}.Unix() + 1)
	lastSecond  = float64(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix())
)

func parseTime(s string) (Time, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return Time{}, fmt.Errorf("timestamp %s is not a number", s)
	}
	// The comparison is written so that NaN fails it.
	if !(f >= firstSecond && f <= lastSecond) {
		return Time{}, fmt.Errorf("timestamp %s is out of range", s)
	}
	return NewTime(time.UnixMilli(int64(math.Round(f * 1000)))), nil
}
