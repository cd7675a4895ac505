package meter

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gnomon"
)

// run runs m until the returned function is called, which returns what Run returned.
func run(t *testing.T, m *Meter) func() error {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func TestRun_SavesEveryFiveSecondsAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		m := newTestMeter(t, s, Options{})
		stop := run(t, m)
		r := m.Series(production)
		for range 3 {
			r.Record(answer(time.Now(), time.Millisecond, 200))
			time.Sleep(5*time.Second + time.Millisecond)
			synctest.Wait()
		}
		if s.saves != 3 {
			t.Errorf("%d saves in fifteen seconds", s.saves)
		}
		r.Record(answer(time.Now(), time.Millisecond, 200))
		if err := stop(); err != nil {
			t.Fatal("run:", err)
		}
		if c := report(t, newTestMeter(t, s, Options{})); c.Errors.Production.Invocations != 4 {
			t.Errorf("%d legs after a restart, want 4", c.Errors.Production.Invocations)
		}
	})
}

func TestRun_KeepsNumbersWhileTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newMemory()
		m := New(Options{}, s, slog.New(slog.NewTextHandler(&log, nil)))
		stop := run(t, m)
		r, mi := m.Series(production), m.Mirror(copying)
		s.fail(errDiskFull)
		for range 100 {
			mi.Begin()
			r.Record(answer(time.Now(), time.Millisecond, 200))
			time.Sleep(time.Minute)
		}
		s.fail(nil)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if c := report(t, newTestMeter(t, s, Options{})); c.Accounting.Requests != 100 || c.Errors.Production.Invocations != 100 {
			t.Errorf("saved %d requests, %d legs, want 100", c.Accounting.Requests, c.Errors.Production.Invocations)
		}
		if n := len(minutes(t, m)); n != 100 {
			t.Errorf("%d minutes, want 100", n)
		}
		if e, i := strings.Count(log.String(), "level=ERROR"), strings.Count(log.String(), "level=INFO"); e != 1 || i != 1 {
			t.Errorf("logged %d errors, %d recoveries, want 1 each:\n%s", e, i, log.String())
		}
		s.fail(errDiskFull)
		mi.Begin()
		if err := stop(); !errors.Is(err, errDiskFull) {
			t.Errorf("run ended with %v", err)
		}
	})
}

func TestRun_ThinsOutWhatIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		m := newTestMeter(t, s, Options{FlushEvery: time.Minute, KeepMinutes: 48 * time.Hour, KeepHours: 240 * time.Hour})
		stop := run(t, m)
		p, n := m.Series(production), m.Series(shadow)
		const days = 20
		for range days * 24 * 6 { // every ten minutes
			p.Record(answer(time.Now(), 5*time.Millisecond, 200))
			n.Record(answer(time.Now(), 7*time.Millisecond, 200))
			time.Sleep(10 * time.Minute)
		}
		time.Sleep(time.Hour) // for a sweep under way
		if err := stop(); err != nil {
			t.Fatal("run:", err)
		}
		spans, oldest := make(map[time.Duration]int), map[time.Duration]time.Time{}
		for _, r := range s.rows {
			spans[r.Span]++
			if o, ok := oldest[r.Span]; !ok || r.Start.Before(o) {
				oldest[r.Span] = r.Start
			}
		}
		// A sweep a day: what is swept is at least as old as the options say, and at most a day older.
		age := func(span time.Duration) time.Duration { return time.Since(oldest[span]).Truncate(time.Hour) }
		if a := age(time.Minute); a < 48*time.Hour || a > 74*time.Hour {
			t.Errorf("the oldest of %d minutes is %s old", spans[time.Minute], a)
		}
		if a := age(time.Hour); a < 240*time.Hour || a > 266*time.Hour {
			t.Errorf("the oldest of %d hours is %s old", spans[time.Hour], a)
		}
		if n := spans[time.Hour]; n < 2*24*7 || n > 2*24*9 {
			t.Errorf("%d hours are kept", n)
		}
		hours := 0
		err := m.Minutes(t.Context(), production.Endpoint, production.Variant, time.Time{}, time.Now(), func(mi Minute) error {
			if mi.Span == time.Hour {
				hours++
				if mi.Invocations != 6 || mi.Latency.Max() != 5000 {
					t.Errorf("hour %s has %d legs up to %g µs", mi.Start, mi.Invocations, mi.Latency.Max())
				}
			}
			return nil
		})
		if err != nil || hours*2 != spans[time.Hour] {
			t.Errorf("%d hours read, %d kept; %v", hours, spans[time.Hour], err)
		}
	})
}

func TestMeter_MemoryDoesNotGrowWithTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newTestMeter(t, newMemory(), Options{})
		r := m.Series(production)
		for range 24 * 60 {
			r.Record(answer(time.Now(), time.Millisecond, 200))
			time.Sleep(time.Minute)
			flush(t, m)
		}
		if n := len(m.sheets); n > 12 {
			t.Errorf("%d minutes in memory after a day", n)
		}
		r.Record(answer(time.Now().Add(-23*time.Hour), time.Millisecond, 200)) // its sheet is gone
		flush(t, m)
		if c := report(t, newTestMeter(t, m.store, Options{})); c.Errors.Production.Invocations != 24*60+1 {
			t.Errorf("%d legs, want %d", c.Errors.Production.Invocations, 24*60+1)
		}
	})
}

func TestMeter_ForgetsWhatNobodyHolds(t *testing.T) {
	s := newMemory()
	m := newTestMeter(t, s, Options{})
	kept := m.Series(production)
	func() {
		m.Series(shadow).Record(answer(time.Now(), time.Millisecond, 200))
		mi := m.Mirror(gnomon.Mirror{ID: "other"})
		mi.Begin()
		mi.End(gnomon.BucketMirrored)
	}()
	flush(t, m)
	// Cleanups run some time after the collection that found them due.
	deadline := time.Now().Add(10 * time.Second)
	for len(m.series) > 1 || len(m.mirrors) > 1 {
		if time.Now().After(deadline) {
			t.Fatalf("%d series and %d mirrors are still in memory", len(m.series), len(m.mirrors))
		}
		runtime.GC()
		runtime.Gosched()
		m.mu.Lock()
		m.forget(time.Now())
		m.forget(time.Now().Add(2 * forgetMirrorAfter))
		m.mu.Unlock()
	}
	kept.Record(answer(time.Now(), time.Millisecond, 200))
	m.Series(shadow).Record(answer(time.Now(), time.Millisecond, 200))
	c := report(t, m)
	if p, n := c.Errors.Production.Invocations, c.Errors.Shadow.Invocations; p != 1 || n != 2 {
		t.Errorf("production has %d legs, want 1; the shadow %d, want 2", p, n)
	}
	a, err := m.Accounting(t.Context(), "other")
	if err != nil || a.Buckets[gnomon.BucketMirrored] != 1 {
		t.Errorf("accounting of the forgotten mirror: %v, %v", a, err)
	}
	runtime.KeepAlive(kept)
}
