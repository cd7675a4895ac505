package gnomon_test

import (
	"errors"
	"testing"
	"time"

	"gnomon"
)

func TestSchedule_Resolve(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	day := 24 * time.Hour
	at := func(d time.Duration) time.Time { return now.Add(d) }
	for name, c := range map[string]struct {
		given, want gnomon.Schedule
		refused     bool
	}{
		"NoneStartsNowForAWeek":    {want: gnomon.Schedule{Start: now, End: at(7 * day)}},
		"StartAloneLastsAWeek":     {given: gnomon.Schedule{Start: at(day)}, want: gnomon.Schedule{Start: at(day), End: at(8 * day)}},
		"EndAloneStartsNow":        {given: gnomon.Schedule{End: at(day)}, want: gnomon.Schedule{Start: now, End: at(day)}},
		"PastStartStartsNow":       {given: gnomon.Schedule{Start: at(-day), End: at(day)}, want: gnomon.Schedule{Start: now, End: at(day)}},
		"ThirtyDaysAreAllowed":     {given: gnomon.Schedule{Start: at(day), End: at(31 * day)}, want: gnomon.Schedule{Start: at(day), End: at(31 * day)}},
		"ASecondIsAllowed":         {given: gnomon.Schedule{End: at(time.Second)}, want: gnomon.Schedule{Start: now, End: at(time.Second)}},
		"MoreThanThirtyDaysAreNot": {given: gnomon.Schedule{Start: at(day), End: at(31*day + time.Second)}, refused: true},
		"PastEnd":                  {given: gnomon.Schedule{End: at(-time.Second)}, refused: true},
		"EndNow":                   {given: gnomon.Schedule{End: now}, refused: true},
		"EndBeforeStart":           {given: gnomon.Schedule{Start: at(2 * day), End: at(day)}, refused: true},
		"EndAtStart":               {given: gnomon.Schedule{Start: at(day), End: at(day)}, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.given.Resolve(now)
			if c.refused != errors.Is(err, gnomon.Invalid) {
				t.Fatalf("error %v", err)
			}
			if got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestSchedule_StartNowKeepsToThirtyDays(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	near := gnomon.Schedule{Start: now.Add(time.Hour), End: now.Add(2 * time.Hour)}.StartNow(now)
	if near.Start != now || near.End != now.Add(2*time.Hour) {
		t.Errorf("an end within reach moved: %v", near)
	}
	far := gnomon.Schedule{Start: now.Add(20 * 24 * time.Hour), End: now.Add(45 * 24 * time.Hour)}.StartNow(now)
	if far.End != now.Add(gnomon.MaximumDuration) {
		t.Errorf("an end out of reach stayed: %v", far)
	}
}

func TestSchedule_Overlaps(t *testing.T) {
	at := func(h int) time.Time { return time.Date(2026, 1, 1, h, 0, 0, 0, time.UTC) }
	a := gnomon.Schedule{Start: at(2), End: at(4)}
	for _, c := range []struct {
		from, to int
		want     bool
	}{{0, 2, false}, {0, 3, true}, {3, 5, true}, {4, 5, false}, {1, 6, true}} {
		b := gnomon.Schedule{Start: at(c.from), End: at(c.to)}
		if a.Overlaps(b) != c.want || b.Overlaps(a) != c.want {
			t.Errorf("2-4 overlaps %d-%d: want %v", c.from, c.to, c.want)
		}
	}
}
