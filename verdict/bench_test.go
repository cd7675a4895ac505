package verdict

import (
	"log/slog"
	"testing"
	"time"

	"gnomon"
)

// BenchmarkPair is what a pair of the same answers costs on the hot path, with folding every thousand.
func BenchmarkPair(b *testing.B) {
	v := New(Options{Store: books{}, Log: slog.New(slog.DiscardHandler)})
	rec := v.Pairs(trialOf)
	if err := v.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 2800)
	side := gnomon.Side{Leg: gnomon.Leg{ModelLatency: time.Millisecond, Status: 200, RequestBytes: 2800}, Answer: gnomon.KeptAll, Body: body}
	beside := side
	beside.Body = make([]byte, 2800)
	pair := gnomon.Pair{EventID: []byte("event"), Bucket: gnomon.BucketMirrored, Production: side, Shadow: beside}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		rec.End(rec.Begin(time.Now()), &pair)
		if n%1000 == 0 {
			_, saved := v.Unsaved()
			saved()
		}
	}
}

// BenchmarkFold is what a slot costs, with its evidence looked at.
func BenchmarkFold(b *testing.B) {
	s, j := newState(), gnomon.Judging{}.WithDefaults()
	x := slot{Pairs: 10}
	for range 10 {
		x.Latency, x.Errors = x.Latency.Plus(moment(0.1)), x.Errors.Plus(moment(0))
		x.look(sameBytes)
	}
	for i := int64(0); b.Loop(); i++ {
		s.fold(i, &x, j, 0)
	}
}
