package meter

import (
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"gnomon"
)

func BenchmarkRecord(b *testing.B) {
	m := New(Options{}, newMemory(), slog.New(slog.DiscardHandler))
	r := m.Series(production)
	legs := someLegs()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			r.Record(legs[i%len(legs)])
		}
	})
}

// While someone records, the meter is flushed as often as it can be.
func BenchmarkRecord_Flushing(b *testing.B) {
	m := New(Options{}, newMemory(), slog.New(slog.DiscardHandler))
	r := m.Series(production)
	legs := someLegs()
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(time.Millisecond); ; {
			select {
			case <-tick.C:
				if err := m.flush(b.Context()); err != nil {
					b.Error(err)
				}
			case <-stop:
				return
			}
		}
	}()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			r.Record(legs[i%len(legs)])
		}
	})
	close(stop)
	<-done
}

func BenchmarkMirror(b *testing.B) {
	m := New(Options{}, newMemory(), slog.New(slog.DiscardHandler))
	r := m.Mirror(copying)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Begin()
			r.End(gnomon.BucketMirrored)
		}
	})
}

// someLegs returns legs of the present minute with latencies as models have them.
func someLegs() []gnomon.Leg {
	rnd := rand.New(rand.NewPCG(1, 2))
	now := time.Now()
	legs := make([]gnomon.Leg, 4096)
	for i := range legs {
		legs[i] = answer(now, time.Duration(20e6*(0.5+rnd.ExpFloat64())), 200)
	}
	return legs
}
