package api

import (
	"time"

	"gnomon/sagemaker"
)

// value returns what p points to, or the zero value for an absent member.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// optional returns a pointer to v, or nil, which is an absent member, for the zero value.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// moment returns t for the wire; the zero time is an absent member.
func moment(t time.Time) sagemaker.Time {
	if t.IsZero() {
		return sagemaker.Time{}
	}
	return sagemaker.NewTime(t)
}

// seconds returns a number of seconds as a duration; an absent one is 0.
func seconds(n *int32) time.Duration { return time.Duration(value(n)) * time.Second }

// inSeconds is the inverse of seconds.
func inSeconds(d time.Duration) *int32 { return optional(int32(d / time.Second)) }
