package meter

import (
	"bytes"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"gnomon"

	"github.com/google/go-cmp/cmp"
)

func TestCounts_EachLegHasOneOutcome(t *testing.T) {
	for _, c := range []struct {
		name    string
		leg     gnomon.Leg
		want    Counts
		errors  int64
		latency int64
	}{
		{"answered", gnomon.Leg{Status: 204}, Counts{Answers2xx: 1}, 0, 1},
		{"moved", gnomon.Leg{Status: 302}, Counts{AnswersOther: 1}, 1, 1},
		{"refused", gnomon.Leg{Status: 415}, Counts{Answers4xx: 1}, 1, 1},
		{"failed", gnomon.Leg{Status: 503}, Counts{Answers5xx: 1}, 1, 1},
		{"no status of HTTP", gnomon.Leg{Status: 700}, Counts{AnswersOther: 1}, 1, 1},
		{"late", gnomon.Leg{Fault: gnomon.FaultTimeout}, Counts{Timeouts: 1}, 1, 1},
		{"cut", gnomon.Leg{Fault: gnomon.FaultConnection}, Counts{ConnectionFaults: 1}, 1, 0},
		{"garbage", gnomon.Leg{Fault: gnomon.FaultProtocol, Status: 200}, Counts{ProtocolFaults: 1}, 1, 0},
		{"nobody there", gnomon.Leg{Fault: gnomon.FaultNoInstance}, Counts{NoInstance: 1}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n Numbers
			c.leg.RequestBytes, c.leg.AnswerBytes = 7, 5
			c.want.Invocations, c.want.RequestBytes, c.want.AnswerBytes = 1, 7, 5
			n.add(&c.leg)
			if d := cmp.Diff(c.want, n.Counts); d != "" {
				t.Error(d)
			}
			if n.ModelErrors() != c.errors || n.Latency.Count() != c.latency || n.Overhead.Count() != 0 {
				t.Errorf("model errors %d, latencies %d, overheads %d", n.ModelErrors(), n.Latency.Count(), n.Overhead.Count())
			}
		})
	}
}

func TestNumbers_RowRoundTrip(t *testing.T) {
	var n, doubled Numbers
	for i := range 100 {
		l := answer(time.Now(), time.Duration(i)*time.Millisecond, 200+100*(i%4))
		n.add(&l)
	}
	r := n.row(production, time.Unix(60, 0), time.Minute, "w")
	back, err := decodeRow(r)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, back.row(production, time.Unix(60, 0), time.Minute, "w")); d != "" {
		t.Error(d)
	}
	doubled.Merge(back)
	doubled.Merge(&n)
	if doubled.Invocations != 200 || doubled.AnswerBytes != 2000 || math.Abs(doubled.Latency.Sum()-2*n.Latency.Sum()) > 1e-6 {
		t.Errorf("doubled: %+v", doubled)
	}
}

// One damaged row is named and left out; the others still count.
func TestMeter_LeavesDamagedRowsOut(t *testing.T) {
	s := newMemory()
	m := newTestMeter(t, s, Options{})
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 3 {
		m.Series(production).Record(answer(at.Add(time.Duration(i)*time.Minute), time.Millisecond, 200))
	}
	flush(t, m)
	for k, r := range s.rows {
		if r.Start.Equal(at) {
			r.Latency = r.Latency[:header]
			s.rows[k] = r
		}
	}
	var log bytes.Buffer
	next := New(Options{}, s, slog.New(slog.NewTextHandler(&log, nil)))
	if c := report(t, next); c.Errors.Production.Invocations != 2 {
		t.Errorf("%d legs, want 2", c.Errors.Production.Invocations)
	}
	if !strings.Contains(log.String(), "prices") || !strings.Contains(log.String(), "12:00") {
		t.Errorf("the log does not say which: %s", log.String())
	}
	for more := true; more; {
		var err error
		if more, err = next.sweep(t.Context()); err != nil {
			t.Fatal("sweep:", err)
		}
	}
}
