package store_test

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"gnomon"
	"gnomon/meter"
	"gnomon/store"
)

var _ meter.Store = (*store.Traffic)(nil)

func openTraffic(t *testing.T, path string) *store.Traffic {
	t.Helper()
	s, err := store.OpenTraffic(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// trafficRow returns a row of minute n since the epoch, with content that tells it apart.
func trafficRow(s gnomon.Series, n int64, writer, content string) meter.Row {
	return meter.Row{
		Series: s, Start: time.Unix(60*n, 0).UTC(), Span: time.Minute, Writer: writer,
		Counts: []byte(content), Latency: []byte{0, 1, 0xff}, Overhead: []byte{},
	}
}

func readTraffic(t *testing.T, s *store.Traffic, f meter.Filter) []meter.Row {
	t.Helper()
	var rows []meter.Row
	err := s.Rows(t.Context(), f, func(r meter.Row) error {
		rows = append(rows, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(rows, func(a, b meter.Row) int { return a.Start.Compare(b.Start) }) {
		t.Errorf("not by rising start: %v", rows)
	}
	slices.SortStableFunc(rows, func(a, b meter.Row) int { return cmp.Compare(string(a.Counts), string(b.Counts)) })
	return rows
}

func TestTraffic_KeepsWhatIsSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "traffic.db")
	s := openTraffic(t, path)
	ser := gnomon.Series{EndpointID: "1", Endpoint: "e", Variant: "v", Mirrors: "m"}
	a, b := trafficRow(ser, 1, "w", "a"), trafficRow(ser, 2, "w", "b")
	account := meter.Account{Mirror: "m", Writer: "w", Requests: 3, Ended: map[gnomon.Bucket]int64{gnomon.BucketMirrored: 2}, Final: true}
	evidence := []meter.Evidence{{Mirror: "m", State: []byte("1")}, {Mirror: "n", State: []byte("2")}}
	if err := s.Save(t.Context(), meter.Changes{Put: []meter.Row{a, b}, Accounts: []meter.Account{account}, Evidence: evidence}); err != nil {
		t.Fatal(err)
	}
	b.Counts, b.Latency, b.Overhead, b.Usage = []byte("B"), nil, []byte{7}, []byte{8}
	b.Instances = []byte{9}
	account.Requests, account.Final = 4, false
	evidence = []meter.Evidence{{Mirror: "m", State: []byte("3")}, {Mirror: "n"}}
	if err := s.Save(t.Context(), meter.Changes{Put: []meter.Row{b}, Remove: []meter.Row{{Series: ser, Start: a.Start, Span: a.Span, Writer: a.Writer}}, Accounts: []meter.Account{account}, Evidence: evidence}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = openTraffic(t, path)
	if d := gocmp.Diff([]meter.Row{b}, readTraffic(t, s, meter.Filter{})); d != "" {
		t.Error(d)
	}
	got, err := s.Accounts(t.Context(), "m")
	if d := gocmp.Diff([]meter.Account{account}, got); err != nil || d != "" {
		t.Error(err, d)
	}
	if got, err := s.Accounts(t.Context(), "n"); err != nil || len(got) != 0 {
		t.Errorf("accounts of another mirror: %v, %v", got, err)
	}
	for of, want := range map[gnomon.MirrorID]string{"m": "3", "n": ""} {
		if got, err := s.Evidence(t.Context(), of); err != nil || string(got) != want {
			t.Errorf("evidence of %s: %q, %v; want %q", of, got, err, want)
		}
	}
	if err := s.KeepEvidence(t.Context(), func(of gnomon.MirrorID) bool { return of != "m" }); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Evidence(t.Context(), "m"); err != nil || len(got) > 0 {
		t.Errorf("evidence of m: %q, %v; nobody wants it", got, err)
	}
}

func TestTraffic_Filter(t *testing.T) {
	s := openTraffic(t, filepath.Join(t.TempDir(), "traffic.db"))
	at := func(minute int64) time.Time { return time.Unix(60*minute, 0) }
	hour := trafficRow(gnomon.Series{EndpointID: "1", Endpoint: "e", Variant: "v"}, 0, "", "hour")
	hour.Span = time.Hour
	rows := []meter.Row{
		trafficRow(gnomon.Series{EndpointID: "1", Endpoint: "e", Variant: "v", Mirrors: "m"}, 3, "w", "a"),
		trafficRow(gnomon.Series{EndpointID: "1", Endpoint: "e", Variant: "v", Mirrors: "m"}, 3, "x", "b"),
		trafficRow(gnomon.Series{EndpointID: "1", Endpoint: "e", Variant: "u", Mirrors: "m"}, 2, "w", "c"),
		trafficRow(gnomon.Series{EndpointID: "2", Endpoint: "f", Variant: "v"}, 1, "w", "d"),
		trafficRow(gnomon.Series{EndpointID: "3", Endpoint: "g", Variant: "v", Mirrors: gnomon.NewMirrors("p", "q")}, 4, "w", "e"),
		trafficRow(gnomon.Series{EndpointID: "3", Endpoint: "g", Variant: "v", Mirrors: "q"}, 5, "w", "f"),
		hour,
	}
	if err := s.Save(t.Context(), meter.Changes{Put: rows}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		filter meter.Filter
		want   []string
	}{
		{"everything", meter.Filter{}, []string{"a", "b", "c", "d", "e", "f", "hour"}},
		{"mirror", meter.Filter{Mirror: "m"}, []string{"a", "b", "c"}},
		{"variant of a mirror", meter.Filter{Mirror: "m", Variant: "u"}, []string{"c"}},
		{"one mirror of two", meter.Filter{Mirror: "p"}, []string{"e"}},
		{"a mirror with another and alone", meter.Filter{Mirror: "q", Variant: "v"}, []string{"e", "f"}},
		{"endpoint", meter.Filter{Endpoint: "e", Variant: "v"}, []string{"a", "b", "hour"}},
		{"endpoint's ID", meter.Filter{EndpointID: "2"}, []string{"d"}},
		{"hours", meter.Filter{Span: time.Hour}, []string{"hour"}},
		{"from is in", meter.Filter{From: at(2)}, []string{"a", "b", "c", "e", "f"}},
		{"to is not", meter.Filter{From: at(1), To: at(3)}, []string{"c", "d"}},
		{"nothing", meter.Filter{Mirror: "n"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, r := range readTraffic(t, s, c.filter) {
				got = append(got, string(r.Counts))
			}
			if d := gocmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
	stop := errors.New("stop")
	if err := s.Rows(t.Context(), meter.Filter{}, func(meter.Row) error { return stop }); err != stop {
		t.Errorf("the callback's error came back as %v", err)
	}
	if n := len(readTraffic(t, s, meter.Filter{})); n != len(rows) {
		t.Errorf("%d rows after an early end, want %d", n, len(rows))
	}
}

// One row in a thousand cannot be saved: none may be.
func TestTraffic_SavesAllOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "traffic.db")
	s := openTraffic(t, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`CREATE TRIGGER full BEFORE INSERT ON accounts BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	ser := gnomon.Series{Endpoint: "e", Variant: "v"}
	err = s.Save(t.Context(), meter.Changes{Put: []meter.Row{trafficRow(ser, 1, "w", "a")}, Accounts: []meter.Account{{Mirror: "m"}}})
	if err == nil {
		t.Fatal("what cannot be saved was")
	}
	if rows := readTraffic(t, s, meter.Filter{}); len(rows) != 0 {
		t.Errorf("half of it was saved: %v", rows)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Save(canceled, meter.Changes{}); !errors.Is(err, context.Canceled) {
		t.Errorf("saved under a cancelled context: %v", err)
	}
}

// TestTraffic_MeterSurvivesKills runs the meter over the file through processes of which none ends in order: each
// leaves its last seconds unsaved, or is not even asked to flush.
func TestTraffic_MeterSurvivesKills(t *testing.T) {
	const kills, routers, each = 5, 4, 500
	path := filepath.Join(t.TempDir(), "traffic.db")
	series := gnomon.Series{EndpointID: "1", Endpoint: "e", Variant: "v", Mirrors: "m"}
	var before int64
	for range kills {
		s := openTraffic(t, path)
		m := meter.New(meter.Options{FlushEvery: time.Millisecond}, s, slog.New(slog.NewTextHandler(t.Output(), nil)))
		dead, kill := context.WithCancel(t.Context())
		var running, half sync.WaitGroup
		half.Add(routers)
		running.Go(func() { m.Run(dead) })
		for range routers {
			running.Go(func() {
				p, mi := m.Series(series), m.Mirror(gnomon.Mirror{ID: "m"})
				for i := range each {
					mi.Begin()
					p.Record(gnomon.Leg{Started: time.Now(), ModelLatency: time.Duration(i) * time.Microsecond, Status: 200})
					if i%3 > 0 {
						mi.End(gnomon.BucketMirrored)
					}
					if i == each/2 {
						half.Done()
					}
				}
			})
		}
		half.Wait()
		for saved := before; saved == before; { // until a flush has saved something of this process
			saved = sums(t, meter.New(meter.Options{}, s, slog.New(slog.DiscardHandler))).Accounting.Requests
		}
		s.Close() // from here on nothing is saved, as if the process were gone
		kill()
		running.Wait()

		next := meter.New(meter.Options{}, openTraffic(t, path), slog.New(slog.DiscardHandler))
		c := sums(t, next)
		if c.Accounting.Buckets[gnomon.BucketPending] != 0 {
			t.Errorf("pending after a kill: %v", c.Accounting)
		}
		if c.Accounting.Requests <= before || c.Accounting.Requests > before+routers*each {
			t.Errorf("%d requests, %d before", c.Accounting.Requests, before)
		}
		before = c.Accounting.Requests
	}
}

// sums reports on the mirror and checks that the buckets sum to the requests. A closed store is no matter.
func sums(t *testing.T, m *meter.Meter) meter.Comparison {
	c, err := m.Report(t.Context(), "m", "v", "")
	if err != nil {
		return c
	}
	sum := -c.Accounting.Requests
	for _, n := range c.Accounting.Buckets {
		sum += n
	}
	if sum != 0 {
		t.Errorf("off by %d: %v", sum, c.Accounting)
	}
	return c
}

// One flush of a busy minute of two variants and their mirror.
func BenchmarkTraffic_Save(b *testing.B) {
	s, err := store.OpenTraffic(b.Context(), filepath.Join(b.TempDir(), "traffic.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var rows []meter.Row
	for i := range 2 {
		r := trafficRow(gnomon.Series{Endpoint: "e", Variant: gnomon.VariantName(fmt.Sprint(i)), Mirrors: "m"}, 1, "w", `{"invocations":60000}`)
		r.Latency, r.Overhead = make([]byte, 800), make([]byte, 400)
		rows = append(rows, r)
	}
	accounts := []meter.Account{{Mirror: "m", Writer: "w", Requests: 60000, Ended: map[gnomon.Bucket]int64{gnomon.BucketMirrored: 60000}}}
	for b.Loop() {
		if err := s.Save(b.Context(), meter.Changes{Put: rows, Accounts: accounts}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTraffic_TellsWhatWasActive(t *testing.T) {
	s := openTraffic(t, filepath.Join(t.TempDir(), "traffic.db"))
	a, b := gnomon.Series{EndpointID: "1", Endpoint: "e", Variant: "a"}, gnomon.Series{EndpointID: "1", Endpoint: "e", Variant: "b"}
	row := func(s gnomon.Series, n int64, counts string, latency, streams, usage []byte) meter.Row {
		return meter.Row{
			Series: s, Start: time.Unix(60*n, 0), Span: time.Minute, Writer: "w",
			Counts: []byte(counts), Latency: latency, Streams: streams, Usage: usage,
		}
	}
	some := []byte{1}
	err := s.Save(t.Context(), meter.Changes{Put: []meter.Row{
		row(a, 1, `{"invocations":1}`, some, some, nil), row(a, 2, `{"invocations":1}`, some, nil, nil), row(a, 3, "{}", nil, nil, some),
		row(b, 2, `{"invocations":1}`, nil, nil, nil), row(gnomon.Series{Endpoint: "old", Variant: "a"}, 0, `{"invocations":1}`, some, nil, nil),
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Activity(t.Context(), time.Unix(60, 0))
	if err != nil {
		t.Fatal(err)
	}
	at := func(n int64) time.Time { return time.Unix(60*n, 0).UTC() }
	want := []meter.Activity{
		{Endpoint: "e", Variant: "a", Legs: at(2), Latency: at(2), Streams: at(1), Usage: at(3)},
		{Endpoint: "e", Variant: "b", Legs: at(2)},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
