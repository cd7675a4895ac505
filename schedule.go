package gnomon

import "time"

// The limits of a schedule, as AWS documents them.
const (
	DefaultDuration = 7 * 24 * time.Hour
	MaximumDuration = 30 * 24 * time.Hour
)

// A Schedule is when an experiment runs. A zero time was not given.
type Schedule struct {
	Start, End time.Time
}

// Resolve returns the schedule with both times set, for a request made at now: a start that is missing or past is now;
// a missing end is [DefaultDuration] after the start. An end that is past, not after the start, or further than
// [MaximumDuration] from it is Invalid.
func (s Schedule) Resolve(now time.Time) (Schedule, error) {
	if s.Start.IsZero() || s.Start.Before(now) {
		s.Start = now
	}
	if s.End.IsZero() {
		s.End = s.Start.Add(DefaultDuration)
	}
	if err := s.Check(now); err != nil {
		return Schedule{}, err
	}
	return s, nil
}

// StartNow returns the schedule of an experiment that begins now, ahead of its time: the end stays, unless the span
// would be over [MaximumDuration].
func (s Schedule) StartNow(now time.Time) Schedule {
	s.Start = now
	if limit := now.Add(MaximumDuration); s.End.After(limit) {
		s.End = limit
	}
	return s
}

// Check returns an error that is Invalid if the end is past, not after the start or too far from it.
func (s Schedule) Check(now time.Time) error {
	const layout = time.RFC3339
	switch {
	case !s.End.After(now):
		return Errorf(Invalid, "Invalid Schedule: EndTime %s is in the past. It must be later than the current time %s.",
			s.End.UTC().Format(layout), now.UTC().Format(layout))
	case !s.End.After(s.Start):
		return Errorf(Invalid, "Invalid Schedule: EndTime %s must be later than StartTime %s.",
			s.End.UTC().Format(layout), s.Start.UTC().Format(layout))
	case s.End.Sub(s.Start) > MaximumDuration:
		return Errorf(Invalid, "Invalid Schedule: the time from StartTime %s to EndTime %s is over the maximum of 30 days.",
			s.Start.UTC().Format(layout), s.End.UTC().Format(layout))
	}
	return nil
}

// Overlaps reports whether the two have a moment in common.
func (s Schedule) Overlaps(t Schedule) bool {
	return s.Start.Before(t.End) && t.Start.Before(s.End)
}
