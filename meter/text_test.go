package meter

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gnomon"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// example returns the comparison that the golden files show.
func example(t *testing.T) Comparison {
	// Bounds as statistics have them, without what makes them hold.
	band := func(n int64, q float64) (lower, upper float64) {
		d := 1 / math.Sqrt(float64(n))
		return q - d, q + d
	}
	m := newTestMeter(t, newMemory(), Options{Band: band})
	p, s, mi := m.Series(production), m.Series(shadow), m.Mirror(copying)
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range 12_345 {
		at := noon.Add(time.Duration(i) * 100 * time.Millisecond)
		p.Record(answer(at, time.Duration(2000+i%1000)*time.Microsecond, 200))
		mi.Begin()
		l := answer(at, time.Duration(200+i%1000)*time.Microsecond, 200)
		l.Overhead = 0
		switch {
		case i == 12_344: // under way
		case i%2 == 0:
			mi.End(gnomon.BucketSampledOut)
		case i%1001 == 0:
			l.Status, l.Fault, l.ModelLatency = 0, gnomon.FaultTimeout, time.Minute
			s.Record(l)
			mi.End(gnomon.BucketShadowTimeout)
		default:
			s.Record(l)
			mi.End(gnomon.BucketMirrored)
		}
	}
	return report(t, m)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Error(d)
	}
}

func TestWriteText(t *testing.T) {
	var b bytes.Buffer
	if err := WriteText(&b, example(t)); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", b.Bytes())

	b.Reset()
	if err := WriteText(&b, report(t, newTestMeter(t, newMemory(), Options{}))); err != nil {
		t.Fatal(err)
	}
	golden(t, "report_empty.txt", b.Bytes())
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errDiskFull }

func TestWriteText_SaysThatItCouldNot(t *testing.T) {
	if err := WriteText(brokenWriter{}, example(t)); !errors.Is(err, errDiskFull) {
		t.Errorf("got %v", err)
	}
}

func TestComparison_JSON(t *testing.T) {
	c := example(t)
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", append(b, '\n'))
	var back Comparison
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c, back); d != "" {
		t.Error(d)
	}
}

func TestShare_NeverLooksLikeNoneOrAll(t *testing.T) {
	for _, c := range []struct {
		n, all int64
		want   string
	}{
		{0, 0, "-"}, {0, 5, "0.00 %"}, {5, 5, "100.00 %"}, {1, 3, "33.33 %"},
		{1, 1e6, "<0.01 %"}, {1e6 - 1, 1e6, ">99.99 %"},
	} {
		if got := share(c.n, c.all); got != c.want {
			t.Errorf("share(%d, %d) is %q, want %q", c.n, c.all, got, c.want)
		}
	}
}

func TestGroup(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -123456: "-123,456"} {
		if got := Group(n); got != want {
			t.Errorf("Group(%d) is %q, want %q", n, got, want)
		}
	}
}
