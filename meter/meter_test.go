package meter

import (
	stdcmp "cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"gnomon"

	"github.com/google/go-cmp/cmp"
)

// A memory is a Store that forgets with the test. It keeps the rules of one: what is saved is copied, and all or
// nothing.
type memory struct {
	mu       sync.Mutex
	rows     map[rowKey]Row
	accounts map[[2]string]Account
	saves    int
	err      error // what Save and reading return, if set
}

func newMemory() *memory {
	return &memory{rows: make(map[rowKey]Row), accounts: make(map[[2]string]Account)}
}

func (s *memory) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *memory) Save(_ context.Context, put, remove []Row, accounts []Account) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.saves++
	for _, r := range remove {
		delete(s.rows, keyOf(r))
	}
	for _, r := range put {
		s.rows[keyOf(r)] = r
	}
	for _, a := range accounts {
		s.accounts[[2]string{string(a.Mirror), a.Writer}] = a
	}
	return nil
}

func (s *memory) Rows(_ context.Context, f Filter, fn func(Row) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	var rows []Row
	for _, r := range s.rows {
		if passes(f, r) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return stdcmp.Compare(a.Start.Unix(), b.Start.Unix()) })
	for _, r := range rows {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func passes(f Filter, r Row) bool {
	return (f.EndpointID == "" || f.EndpointID == r.Series.EndpointID) &&
		(f.Endpoint == "" || f.Endpoint == r.Series.Endpoint) &&
		(f.Variant == "" || f.Variant == r.Series.Variant) &&
		(f.Mirror == "" || r.Series.Mirrors.Has(f.Mirror)) &&
		(f.Span == 0 || f.Span == r.Span) &&
		(f.From.IsZero() || !r.Start.Before(f.From)) &&
		(f.To.IsZero() || r.Start.Before(f.To))
}

func (s *memory) Activity(_ context.Context, since time.Time) ([]Activity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	found := make(map[variant]*Activity)
	for _, r := range s.rows {
		v := variant{r.Series.Endpoint, r.Series.Variant}
		if found[v] == nil {
			found[v] = &Activity{Endpoint: v.endpoint, Variant: v.name}
		}
		for i, had := range []bool{string(r.Counts) != "{}", len(r.Latency) > 0, len(r.Overhead) > 0, len(r.Streams) > 0, len(r.Usage) > 0} {
			if t := times(found[v])[i]; had && !r.Start.Before(since) {
				*t = later(*t, r.Start)
			}
		}
	}
	var all []Activity
	for _, a := range found {
		all = append(all, *a)
	}
	return all, nil
}

func (s *memory) Accounts(_ context.Context, id gnomon.MirrorID) ([]Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	var all []Account
	for _, a := range s.accounts {
		if a.Mirror == id {
			all = append(all, a)
		}
	}
	return all, nil
}

var errDiskFull = errors.New("the disk is full")

// The series and mirror of the tests.
const mirrorID = gnomon.MirrorID("experiment")

var (
	production = gnomon.Series{EndpointID: "e1", Endpoint: "prices", Variant: "old", Mirrors: gnomon.NewMirrors(mirrorID)}
	shadow     = gnomon.Series{EndpointID: "e1", Endpoint: "prices", Variant: "new", Mirrors: gnomon.NewMirrors(mirrorID)}
	copying    = gnomon.Mirror{ID: mirrorID, Endpoint: "prices", Experiment: "try", Shadow: "new"}
)

func newTestMeter(t *testing.T, s Store, opts Options) *Meter {
	t.Helper()
	return New(opts, s, slog.New(slog.NewTextHandler(t.Output(), nil)))
}

func flush(t *testing.T, m *Meter) {
	t.Helper()
	if err := m.flush(t.Context()); err != nil {
		t.Fatal("flush:", err)
	}
}

func report(t *testing.T, m *Meter) Comparison {
	t.Helper()
	c, err := m.Report(t.Context(), mirrorID, production.Variant, shadow.Variant)
	if err != nil {
		t.Fatal("report:", err)
	}
	return c
}

func accounting(t *testing.T, m *Meter) Accounting {
	t.Helper()
	a, err := m.Accounting(t.Context(), mirrorID)
	if err != nil {
		t.Fatal("accounting:", err)
	}
	return a
}

// holds fails the test unless the buckets sum to the requests and none is below 0.
func holds(t interface{ Fatalf(string, ...any) }, a Accounting) {
	var sum int64
	for b, n := range a.Buckets {
		if n < 0 {
			t.Fatalf("bucket %s is %d: %v", b, n, a)
		}
		sum += n
	}
	if sum != a.Requests {
		t.Fatalf("buckets sum to %d, requests are %d: %v", sum, a.Requests, a)
	}
}

// answer is a leg that was answered.
func answer(at time.Time, latency time.Duration, status int) gnomon.Leg {
	return gnomon.Leg{Started: at, ModelLatency: latency, Overhead: 50 * time.Microsecond, Status: status, RequestBytes: 100, AnswerBytes: 10}
}

func TestMeter_ReportsWhatWasRecorded(t *testing.T) {
	m := newTestMeter(t, newMemory(), Options{})
	p, s, mi := m.Series(production), m.Series(shadow), m.Mirror(copying)
	at := time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)
	for range 3 {
		mi.Begin()
		p.Record(answer(at, 2*time.Millisecond, 200))
	}
	s.Record(answer(at, 8*time.Millisecond, 500))
	mi.End(gnomon.BucketShadowError)
	mi.End(gnomon.BucketSampledOut)

	c := report(t, m)
	holds(t, c.Accounting)
	if a := c.Accounting; a.Requests != 3 || a.Buckets[gnomon.BucketShadowError] != 1 || a.Buckets[gnomon.BucketPending] != 1 {
		t.Errorf("accounting %v", a)
	}
	if e := c.Errors; e.Production.Answers2xx != 3 || e.Production.Rate != 0 || e.Shadow.Answers5xx != 1 || e.Shadow.Rate != 1 {
		t.Errorf("errors %+v", e)
	}
	if l := c.Latency; l.Production.Max != 2000 || l.Shadow.P50 != 8000 || l.Production.Count != 3 {
		t.Errorf("latency %+v", l)
	}
	if want := at.Truncate(time.Minute); !c.From.Equal(want) || !c.To.Equal(want.Add(time.Minute)) {
		t.Errorf("from %s to %s", c.From, c.To)
	}
}

func TestMeter_LateLegsCountInTheirOwnMinute(t *testing.T) {
	m := newTestMeter(t, newMemory(), Options{})
	r := m.Series(production)
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r.Record(answer(noon.Add(59*time.Second+999*time.Millisecond), time.Millisecond, 200))
	r.Record(answer(noon.Add(60*time.Second), time.Millisecond, 200))
	flush(t, m)
	r.Record(answer(noon.Add(30*time.Second), 45*time.Second, 200))
	r.Record(answer(noon.Add(61*time.Second), time.Millisecond, 200))
	if d := cmp.Diff(map[string]int64{"12:00": 2, "12:01": 2}, minutes(t, m)); d != "" {
		t.Error(d)
	}
	flush(t, m)
	if d := cmp.Diff(map[string]int64{"12:00": 2, "12:01": 2}, minutes(t, m)); d != "" {
		t.Error("after a flush:", d)
	}
}

// minutes returns production's invocations by the time of day.
func minutes(t *testing.T, m *Meter) map[string]int64 {
	t.Helper()
	all := make(map[string]int64)
	before := time.Time{}
	err := m.Minutes(t.Context(), production.Endpoint, production.Variant, time.Time{}, time.Time{}, func(mi Minute) error {
		if !mi.Start.After(before) {
			t.Errorf("%s comes after %s", mi.Start, before)
		}
		before = mi.Start
		all[mi.Start.Format("15:04")] = mi.Invocations
		return nil
	})
	if err != nil {
		t.Fatal("minutes:", err)
	}
	return all
}

func TestMeter_MinutesAddUpMirrorsAndProcesses(t *testing.T) {
	s := newMemory()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for range 3 { // processes, none of which ends in order
		m := newTestMeter(t, s, Options{})
		plain := production
		plain.Mirrors = ""
		m.Series(production).Record(answer(noon, time.Millisecond, 200))
		m.Series(plain).Record(answer(noon, time.Millisecond, 200))
		m.Series(shadow).Record(answer(noon, time.Millisecond, 200))
		flush(t, m)
	}
	m := newTestMeter(t, s, Options{})
	m.Series(production).Record(answer(noon.Add(-time.Hour), time.Millisecond, 200))
	m.Series(production).Record(answer(noon.Add(time.Hour), time.Millisecond, 200))
	flush(t, m)
	if d := cmp.Diff(map[string]int64{"11:00": 1, "12:00": 6, "13:00": 1}, minutes(t, m)); d != "" {
		t.Error(d)
	}
	stop := errors.New("stop")
	n := 0
	err := m.Minutes(t.Context(), production.Endpoint, production.Variant, noon, noon.Add(time.Hour), func(mi Minute) error {
		n++
		return stop
	})
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("stopped with %v after %d", err, n)
	}
}

func TestMeter_SavesNothingTwice(t *testing.T) {
	s := newMemory()
	m := newTestMeter(t, s, Options{})
	m.Series(production).Record(answer(time.Now(), time.Millisecond, 200))
	m.Mirror(copying).Begin()
	flush(t, m)
	flush(t, m)
	if s.saves != 1 {
		t.Errorf("%d saves of one change", s.saves)
	}
}

// A save whose answer is lost may have happened. Doing it again must not count twice.
func TestMeter_SavingAgainIsHarmless(t *testing.T) {
	s := &forgetful{memory: newMemory()}
	m := newTestMeter(t, s, Options{})
	r, mi := m.Series(production), m.Mirror(copying)
	for range 3 {
		r.Record(answer(time.Now(), time.Millisecond, 200))
		mi.Begin()
		if err := m.flush(t.Context()); !errors.Is(err, errDiskFull) {
			t.Fatal(err)
		}
	}
	s.memory.fail(nil)
	m = newTestMeter(t, s.memory, Options{})
	if c := report(t, m); c.Accounting.Requests != 3 || c.Errors.Production.Invocations != 3 {
		t.Errorf("after a restart: %+v", c)
	}
}

// A forgetful store saves, and says that it did not.
type forgetful struct{ *memory }

func (s *forgetful) Save(ctx context.Context, put, remove []Row, accounts []Account) error {
	if err := s.memory.Save(ctx, put, remove, accounts); err != nil {
		return err
	}
	return errDiskFull
}

// A leg that is compared in two mirrors counts for both, and once for its variant; what comes after the end of one goes on
// counting for the other.
func TestMeter_ComparesALegInSeveralMirrors(t *testing.T) {
	s := newMemory()
	own := production
	own.Mirrors = gnomon.NewMirrors("b", "a")
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := newTestMeter(t, s, Options{})
	r := m.Series(own)
	r.Record(answer(noon, time.Millisecond, 200))
	if err := m.Freeze(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	r.Record(answer(noon, time.Millisecond, 200))
	for _, m := range []*Meter{m, reopened(t, m, s)} {
		for id, want := range map[gnomon.MirrorID]int64{"a": 1, "b": 2} {
			c, err := m.Report(t.Context(), id, production.Variant, shadow.Variant)
			if err != nil || c.Errors.Production.Invocations != want {
				t.Errorf("%s has %d legs, want %d; %v", id, c.Errors.Production.Invocations, want, err)
			}
		}
		if d := cmp.Diff(map[string]int64{"12:00": 2}, minutes(t, m)); d != "" {
			t.Error(d)
		}
	}
}

func TestMeter_ConcurrentSumsHold(t *testing.T) {
	const routers, each = 8, 3000
	s := newMemory()
	m := newTestMeter(t, s, Options{})
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var recording, watching sync.WaitGroup
	for i := range routers {
		recording.Go(func() {
			p, mi := m.Series(production), m.Mirror(copying)
			for j := range each {
				mi.Begin()
				p.Record(answer(noon.Add(time.Duration(i*each+j)*10*time.Millisecond), time.Millisecond, 200))
				mi.End(gnomon.Buckets()[(i+j)%endedBuckets])
			}
		})
	}
	done := make(chan struct{})
	watch := func(look func()) {
		watching.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					look()
				}
			}
		})
	}
	watch(func() { flush(t, m) })
	watch(func() { holds(t, accounting(t, m)) })
	watch(func() { holds(t, report(t, newTestMeter(t, s, Options{})).Accounting) }) // as if killed now
	recording.Wait()
	close(done)
	watching.Wait()

	for _, m := range []*Meter{m, reopened(t, m, s)} {
		c := report(t, m)
		holds(t, c.Accounting)
		if c.Accounting.Requests != routers*each || c.Errors.Production.Invocations != routers*each || c.Accounting.Buckets[gnomon.BucketPending] != 0 {
			t.Errorf("requests %d, invocations %d, want %d", c.Accounting.Requests, c.Errors.Production.Invocations, routers*each)
		}
		if got := minutes(t, m)["12:01"]; got != 6000 {
			t.Errorf("minute 12:01 has %d legs, want 6000", got)
		}
	}
}

// reopened flushes and returns the Meter of the next process.
func reopened(t *testing.T, m *Meter, s Store) *Meter {
	flush(t, m)
	return newTestMeter(t, s, Options{})
}

func TestMeter_KilledProcessLosesOnlyWhatWasNotFlushed(t *testing.T) {
	s := newMemory()
	m := newTestMeter(t, s, Options{})
	p, mi := m.Series(production), m.Mirror(copying)
	for range 5 {
		mi.Begin()
		p.Record(answer(time.Now(), time.Millisecond, 200))
	}
	mi.End(gnomon.BucketMirrored)
	flush(t, m)
	mi.End(gnomon.BucketMirrored) // lost
	mi.Begin()                    // lost

	m = newTestMeter(t, s, Options{})
	m.Mirror(copying).Begin()
	a := accounting(t, m)
	holds(t, a)
	want := map[gnomon.Bucket]int64{gnomon.BucketMirrored: 1, gnomon.BucketStopped: 4, gnomon.BucketPending: 1}
	for b, n := range a.Buckets {
		if n != want[b] {
			t.Errorf("%s is %d, want %d", b, n, want[b])
		}
	}
}

func TestMeter_UnknownBucketKeepsTheSum(t *testing.T) {
	m := newTestMeter(t, newMemory(), Options{})
	mi := m.Mirror(copying)
	mi.Begin()
	mi.Begin()
	mi.End(gnomon.BucketPending)
	mi.End("nonsense")
	a := accounting(t, m)
	holds(t, a)
	if a.Buckets[gnomon.BucketStopped] != 2 {
		t.Errorf("accounting %v", a)
	}
}

func TestMeter_RecordAllocatesNothing(t *testing.T) {
	m := newTestMeter(t, newMemory(), Options{})
	several := production
	several.Mirrors = gnomon.NewMirrors(mirrorID, "other", "third")
	r, mi, l := m.Series(several), m.Mirror(copying), answer(time.Now(), time.Millisecond, 200)
	for range 1000 {
		r.Record(l) // every stripe has its cell then
	}
	if n := testing.AllocsPerRun(1000, func() {
		mi.Begin()
		r.Record(l)
		mi.End(gnomon.BucketMirrored)
	}); n != 0 {
		t.Errorf("%v allocations per request", n)
	}
}

func TestStripeCount(t *testing.T) {
	for procs, want := range map[int]int{1: 2, 2: 4, 3: 8, 8: 16, 200: 64} {
		if got := stripeCount(procs); got != want {
			t.Errorf("%d processors have %d stripes, want %d", procs, got, want)
		}
	}
}

func TestBuckets_PendingIsLastAndStoppedBeforeIt(t *testing.T) {
	all := gnomon.Buckets()
	if len(all) != endedBuckets+1 || all[endedBuckets] != gnomon.BucketPending || all[endedBuckets-1] != gnomon.BucketStopped {
		t.Errorf("the buckets are %v", all)
	}
}
