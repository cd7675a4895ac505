package meter

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"gnomon"
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
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.Start.Unix(), b.Start.Unix()) })
	for _, r := range rows {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func passes(f Filter, r Row) bool {
	return (f.Series.EndpointID == "" || f.Series.EndpointID == r.Series.EndpointID) &&
		(f.Series.Endpoint == "" || f.Series.Endpoint == r.Series.Endpoint) &&
		(f.Series.Variant == "" || f.Series.Variant == r.Series.Variant) &&
		(f.Series.Mirror == "" || f.Series.Mirror == r.Series.Mirror) &&
		(f.Span == 0 || f.Span == r.Span) &&
		(f.From.IsZero() || !r.Start.Before(f.From)) &&
		(f.To.IsZero() || r.Start.Before(f.To))
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
	production = gnomon.Series{EndpointID: "e1", Endpoint: "prices", Variant: "old", Mirror: mirrorID}
	shadow     = gnomon.Series{EndpointID: "e1", Endpoint: "prices", Variant: "new", Mirror: mirrorID}
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
	p, s, mi := m.Series(production), m.Series(shadow), m.Mirror(mirrorID)
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
