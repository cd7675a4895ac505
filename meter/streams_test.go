package meter

import (
	"errors"
	"math"
	"testing"
	"time"

	"gnomon"
)

// streamed is a leg whose answer came in so many chunks, 10 ms apart.
func streamed(chunks int, broken bool) gnomon.Leg {
	l := gnomon.Leg{
		Started: time.Unix(0, 0), Status: 200, Chunks: chunks, FirstChunk: 100 * time.Millisecond, FirstChunkOverhead: time.Millisecond,
		Streaming: time.Duration(chunks-1) * 10 * time.Millisecond, Broken: broken,
	}
	if broken {
		l.Status, l.Fault = 0, gnomon.FaultConnection
	}
	return l
}

func TestStreams_SurviveTheStore(t *testing.T) {
	var n Numbers
	for _, l := range []gnomon.Leg{streamed(1, false), streamed(11, false), streamed(3, true), {Started: time.Unix(0, 0), Status: 200}} {
		n.add(&l)
	}
	again, err := decodeRow(n.row(gnomon.Series{}, time.Unix(0, 0), time.Minute, "w"))
	if err != nil {
		t.Fatal(err)
	}
	n.Merge(again)
	got := streamsOf(&n)
	for name, tc := range map[string]struct {
		got   Latency
		count int64
		mean  float64
	}{
		"first chunk":          {got.FirstChunk, 6, 101e3},
		"first chunk model":    {got.FirstChunkModel, 6, 100e3},
		"first chunk overhead": {got.FirstChunkOverhead, 6, 1e3},
		"inter chunk":          {got.InterChunk, 4, 10e3},
	} {
		if tc.got.Count != tc.count || math.Abs(tc.got.Mean-tc.mean) > 1e-6*tc.mean || math.Abs(tc.got.P50-tc.mean) > RelativeError*tc.mean {
			t.Errorf("%s: %+v", name, tc.got)
		}
	}
	if got.MidStreamErrors != 2 || n.Invocations != 8 {
		t.Errorf("%d of %d broke off", got.MidStreamErrors, n.Invocations)
	}
}

func TestStreams_AreNothingWithoutStreams(t *testing.T) {
	var n Numbers
	n.add(&gnomon.Leg{Started: time.Unix(0, 0), Status: 200, FirstChunk: time.Second})
	if b := n.Streams.encode(); b != nil {
		t.Errorf("%d bytes", len(b))
	}
}

func FuzzDecodeStreams(f *testing.F) {
	var n Numbers
	l := streamed(3, false)
	n.add(&l)
	f.Add(n.Streams.encode())
	f.Add([]byte{1, 2, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeStreams(b)
		if err != nil {
			if !errors.Is(err, errDamaged) {
				t.Errorf("%v", err)
			}
			return
		}
		if again, err := decodeStreams(s.encode()); err != nil || again.InterChunk.Count() > s.InterChunk.Count() {
			t.Errorf("%v", err)
		}
	})
}
