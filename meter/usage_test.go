package meter

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gnomon"
)

func look(at time.Time, inService int, used ...gnomon.Use) gnomon.Census {
	s := production
	s.Mirrors = ""
	return gnomon.Census{Series: s, At: at, InService: inService, Used: used}
}

// usage returns what Minutes tells of the instances, all minutes together.
func usage(t *testing.T, m *Meter) (u Usage, spans []time.Duration) {
	t.Helper()
	err := m.Minutes(t.Context(), production.Endpoint, production.Variant, time.Time{}, time.Time{}, func(mi Minute) error {
		u.merge(&mi.Usage)
		spans = append(spans, mi.Span)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return u, spans
}

func TestMeter_KeepsWhatInstancesUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		m := newTestMeter(t, s, Options{})
		m.Look(look(time.Now(), 2, gnomon.Use{CPU: 150, Memory: 10, Disk: 1}, gnomon.Use{CPU: 50, Memory: 30, Disk: 1}))
		m.Series(production).Record(answer(time.Now(), time.Millisecond, 200))
		m.Look(look(time.Now().Add(time.Minute), 1, gnomon.Use{}))
		want := func(m *Meter, when string, spans int) {
			t.Helper()
			u, got := usage(t, m)
			if u.Looks != 2 || u.Instances != 3 || u.MeanInstances() != 1.5 || u.CPU.Count() != 3 || u.CPU.Max() != 150 ||
				u.Memory.Sum() != 40 || u.Disk.Min() != 0 || len(got) != spans {
				t.Errorf("%s: %d looks, %d instances, CPU of %d up to %g, memory %g, least disk %g, spans %v",
					when, u.Looks, u.Instances, u.CPU.Count(), u.CPU.Max(), u.Memory.Sum(), u.Disk.Min(), got)
			}
		}
		want(m, "in memory", 2)
		flush(t, m)
		want(m, "saved", 2)
		again := reopened(t, m, s)
		want(again, "after a restart", 2)
		if n := report(t, again).Errors.Production.Invocations; n != 1 {
			t.Errorf("%d invocations, want 1: looks are none", n)
		}
		time.Sleep(64 * 24 * time.Hour)
		for {
			more, err := again.sweep(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				break
			}
		}
		want(again, "as hours", 1)
	})
}

func TestUsage_EncodesAllThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var u Usage
		percent := rapid.Float64Range(0, 6400)
		for range rapid.IntRange(0, 20).Draw(t, "looks") {
			c := gnomon.Census{InService: rapid.IntRange(1, 100).Draw(t, "instances")}
			for range rapid.IntRange(0, 3).Draw(t, "used") {
				c.Used = append(c.Used, gnomon.Use{CPU: percent.Draw(t, "cpu"), Memory: percent.Draw(t, "memory"), Disk: percent.Draw(t, "disk")})
			}
			u.add(c)
		}
		instances, used := u.encode()
		got, err := decodeUsage(instances, used)
		if err != nil {
			t.Fatal(err)
		}
		if i, b := got.encode(); !bytes.Equal(i, instances) || !bytes.Equal(b, used) || got.Looks != u.Looks || got.Instances != u.Instances || got.CPU.Quantile(0.5) != u.CPU.Quantile(0.5) {
			t.Errorf("decoded %+v, want %+v", got, u)
		}
	})
}

func FuzzDecodeUsage(f *testing.F) {
	var u Usage
	u.add(look(time.Unix(0, 0), 3, gnomon.Use{CPU: 1, Memory: 2, Disk: 3}))
	instances, used := u.encode()
	f.Add(instances, used)
	f.Add([]byte{1, 1}, []byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, instances, used []byte) {
		u, err := decodeUsage(instances, used)
		if err == nil {
			u.encode()
		}
	})
}

func TestMeter_TellsWhatWasActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		m := newTestMeter(t, s, Options{})
		noon := time.Now().UTC().Truncate(time.Minute)
		m.Series(production).Record(answer(noon, time.Millisecond, 200))
		quiet := look(noon.Add(time.Minute), 1, gnomon.Use{CPU: 1})
		quiet.Series.Variant = "quiet"
		m.Look(quiet)
		m.Look(gnomon.Census{Series: gnomon.Series{EndpointID: "1", Endpoint: "prices", Variant: "unmeasured"}, At: noon, InService: 1})
		want := []Activity{
			{Endpoint: production.Endpoint, Variant: production.Variant, Legs: noon, Latency: noon, Overhead: noon},
			{Endpoint: production.Endpoint, Variant: "quiet", Usage: noon.Add(time.Minute)},
		}
		told := func(m *Meter, when string, want []Activity) {
			t.Helper()
			got, err := m.Activity(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		flush(t, m) // until then it is not known what the store has of the mirror
		told(m, "in memory", want)
		again := reopened(t, m, s)
		again.Series(production).Record(answer(noon.Add(time.Hour), time.Millisecond, 200))
		flush(t, again)
		want[0].Legs, want[0].Latency, want[0].Overhead = noon.Add(time.Hour), noon.Add(time.Hour), noon.Add(time.Hour)
		told(again, "after a restart", want)
		time.Sleep(14*24*time.Hour + 30*time.Minute)
		told(again, "two weeks later", want[:1])
	})
}
