package capture

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gnomon"
	"gnomon/objects"
)

// a bucket that can fail.
type shaky struct {
	*objects.Table
	mu    sync.Mutex
	err   error
	slow  string // URIs that begin like this are never answered
	tries int    // of those

	denied string // URIs that begin like this cannot be written
	far    bool   // files cannot be moved there without copying
}

func (s *shaky) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *shaky) Create(ctx context.Context, uri, kmsKey string) (io.WriteCloser, error) {
	if err := s.obey(ctx, uri); err != nil {
		return nil, err
	}
	if kmsKey != "" {
		return s.Table.CreateEncrypted(ctx, uri, kmsKey)
	}
	return s.Table.Create(ctx, uri)
}

func (s *shaky) Adopt(ctx context.Context, path, uri string) (bool, error) {
	if s.far {
		return false, nil
	}
	if err := s.obey(ctx, uri); err != nil {
		return false, err
	}
	return s.Table.Adopt(ctx, path, uri)
}

// obey does what is to go wrong with an object.
func (s *shaky) obey(ctx context.Context, uri string) error {
	s.mu.Lock()
	slow := s.slow != "" && strings.HasPrefix(uri, s.slow)
	if slow {
		s.tries++
	}
	err := s.err
	if s.denied != "" && strings.HasPrefix(uri, s.denied) {
		err = fs.ErrPermission
	}
	s.mu.Unlock()
	if slow {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func newShaky(t *testing.T) *shaky {
	table, err := objects.New(map[string]string{objects.Default: "file://" + t.TempDir() + "/{bucket}"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { table.Close() })
	return &shaky{Table: table}
}

// all are the objects of the bucket, by key.
func (s *shaky) all(t *testing.T) map[string][]byte {
	t.Helper()
	found := make(map[string][]byte)
	for o, err := range s.List(t.Context(), "s3://bucket/") {
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Open(t.Context(), o.URI)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimPrefix(o.URI, "s3://bucket/")] = b
	}
	return found
}

// events are the ids of the records of all objects below a folder, in any order.
func (s *shaky) events(t *testing.T, folder string) []string {
	t.Helper()
	var ids []string
	for key, body := range s.all(t) {
		if !strings.HasPrefix(key, folder) {
			continue
		}
		for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
			r, err := Parse(lines.Bytes())
			if err != nil {
				t.Errorf("%s: %v", key, err)
			}
			ids = append(ids, r.EventID)
		}
	}
	return ids
}

var captured = gnomon.CaptureStream{
	Endpoint: "e", Variant: "AllTraffic",
	DataCapture: gnomon.DataCapture{Destination: "s3://bucket/captures/", Input: true, Output: true, JSONContentTypes: []string{"application/json"}},
}

func leg(id int) *gnomon.CapturedLeg {
	return &gnomon.CapturedLeg{
		EventID: fmt.Appendf(nil, "event-%d", id), Began: time.Now(), InputType: []byte("application/json"), Input: fmt.Appendf(nil, "[%d]", id),
		Answered: true, OutputType: []byte("application/json"), Output: []byte("{}"), Leg: gnomon.Leg{ModelLatency: time.Millisecond, Status: 200},
	}
}

// running runs a capture until stop is called.
func running(t *testing.T, o Options) (c *Capture, stop func()) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.Log = slog.New(slog.DiscardHandler)
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return c, sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestCapture(t *testing.T) {
	t.Run("near", func(t *testing.T) { testCapture(t, false) })
	t.Run("far", func(t *testing.T) { testCapture(t, true) })
}

// testCapture has a bucket that files can be moved to, or one that they must be copied to.
func testCapture(t *testing.T, far bool) {
	synctest.Test(t, func(t *testing.T) {
		bucket := newShaky(t)
		bucket.far = far
		c, stop := running(t, Options{Objects: bucket})
		defer stop()
		shadow := captured
		shadow.Variant = "Shadow-01"
		production, beside := c.Stream(captured), c.Stream(shadow)
		for i := range 3 {
			production.Capture(leg(i))
		}
		failed := leg(1)
		failed.Answered, failed.Status, failed.InferenceID = false, 500, []byte("mine")
		beside.Capture(failed)
		time.Sleep(90 * time.Second)
		synctest.Wait()

		found := bucket.all(t)
		keys := slices.Sorted(maps.Keys(found))
		name := `/2000/01/01/00/00-00-\d{3}-[0-9a-f-]{36}\.jsonl`
		for i, want := range []string{`captures/e/AllTraffic` + name, `captures/e/Shadow-01` + name, `captures/e/_times/AllTraffic` + name, `captures/e/_times/Shadow-01` + name} {
			if i >= len(keys) || !regexp.MustCompile("^"+want+"$").MatchString(keys[i]) {
				t.Fatalf("the objects are %q, want one like %s", keys, want)
			}
		}
		if n := bytes.Count(found[keys[0]], []byte("\n")); n != 3 {
			t.Errorf("production has %d records:\n%s", n, found[keys[0]])
		}
		r, err := Parse(found[keys[1]])
		if err != nil || r.Output != nil || string(r.Input.Data) != "[1]" || r.EventID != "event-1" || r.InferenceID != "mine" {
			t.Errorf("the shadow's record is %s (%v)", found[keys[1]], err)
		}
		times, err := ParseTimes(found[keys[3]])
		if err != nil || times.EventID != "event-1" || times.Status != 500 || times.Latency != time.Millisecond || !times.Began.Equal(failed.Began) {
			t.Errorf("its times are %s (%v)", found[keys[3]], err)
		}
		s := c.Stats()
		if s.Spooled != 0 || s.Memory != 0 || s.Uploaded != 2 || len(s.Streams) != 2 || s.Streams[0].Written != 3 || s.Streams[1].Written != 1 {
			t.Errorf("the stats are %+v", s)
		}
		stop()
	})
}

func TestCapture_WritesOnlyWhatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, side := range []struct{ input, output bool }{{true, false}, {false, true}} {
			bucket := newShaky(t)
			c, stop := running(t, Options{Objects: bucket})
			only := captured
			only.Input, only.Output = side.input, side.output
			c.Stream(only).Capture(leg(1))
			stop() // which uploads what is left
			for key, body := range bucket.all(t) {
				if strings.Contains(key, timesFolder) {
					continue
				}
				if r, err := Parse(body); err != nil || (r.Input != nil) != side.input || (r.Output != nil) != side.output {
					t.Errorf("%+v: %s (%v)", side, body, err)
				}
			}
		}
	})
}

func TestCapture_BeginsFilesAnewWhenTheyAreLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := newShaky(t)
		c, stop := running(t, Options{Objects: bucket, FileSize: 4000})
		defer stop()
		s := c.Stream(captured)
		for i := range 100 {
			s.Capture(leg(i))
			time.Sleep(time.Second / 4) // a flush
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		found := bucket.all(t)
		if len(found) < 2*5 {
			t.Errorf("%d objects", len(found))
		}
		if ids := bucket.events(t, "captures/e/AllTraffic"); len(ids) != 100 || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 100 {
			t.Errorf("%d events of 100: %q", len(ids), ids)
		}
		stop()
	})
}

// TestCapture_TriesAgain has a bucket that is away for a while: nothing is lost.
func TestCapture_TriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := newShaky(t)
		bucket.fail(errors.New("access denied"))
		c, stop := running(t, Options{Objects: bucket})
		defer stop()
		c.Stream(captured).Capture(leg(1))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if err := c.Trouble(captured.Destination); err == nil || !strings.Contains(err.Error(), "access denied") {
			t.Errorf("the trouble is %v", err)
		}
		if err := c.Trouble("s3://other/"); err != nil {
			t.Errorf("another bucket has trouble: %v", err)
		}
		if s := c.Stats(); s.Uploaded != 0 || s.Failed < 5 || s.Failed > 60 || s.Spooled == 0 {
			t.Errorf("the stats are %+v", s)
		}
		bucket.fail(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if ids := bucket.events(t, "captures/e/AllTraffic"); len(ids) != 1 || c.Trouble(captured.Destination) != nil || c.Stats().Spooled != 0 {
			t.Errorf("events %q, trouble %v, stats %+v", ids, c.Trouble(captured.Destination), c.Stats())
		}
		stop()
	})
}

// TestCapture_OneThatFailsHoldsUpNoOther has a folder of a bucket that cannot be written: what is for others in it is.
func TestCapture_OneThatFailsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket, dir := newShaky(t), t.TempDir()
		bucket.denied = "s3://bucket/denied/"
		c, stop := running(t, Options{Objects: bucket, Dir: dir, FileAge: time.Second, SpoolSize: 1 << 20})
		denied := captured
		denied.Destination = "s3://bucket/denied"
		for i := range 50 {
			c.Stream(denied).Capture(leg(i))
			c.Stream(captured).Capture(leg(i))
			time.Sleep(10 * time.Second)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := len(bucket.events(t, "captures/e/AllTraffic")); n != 50 {
			t.Errorf("%d of 50 events are uploaded", n)
		}
		stop()
		bucket.denied = ""
		_, stop = running(t, Options{Objects: bucket, Dir: dir})
		time.Sleep(time.Minute)
		stop()
		if ids := bucket.events(t, "denied/e/AllTraffic"); len(ids) != 50 || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 50 {
			t.Errorf("%d of 50 events are there once they can be", len(ids))
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("the spool has %v, %v", left, err)
		}
	})
}

// TestCapture_SlowBucket has one of two buckets never answer: the other's objects are there in time, and the server ends.
func TestCapture_SlowBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := newShaky(t)
		bucket.slow = "s3://slow/"
		c, stop := running(t, Options{Objects: bucket, FileAge: time.Second})
		defer stop()
		slow := captured
		slow.Destination = "s3://slow/x"
		for i := range 10 {
			c.Stream(slow).Capture(leg(i))
			c.Stream(captured).Capture(leg(i))
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if n := len(bucket.events(t, "captures/e/AllTraffic")); n != i+1 {
				t.Errorf("%d events are uploaded after %d", n, i+1)
			}
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if err := c.Trouble(slow.Destination); !errors.Is(err, context.DeadlineExceeded) || c.Trouble(captured.Destination) != nil {
			t.Errorf("the trouble is %v, and of the other %v", err, c.Trouble(captured.Destination))
		}
		if bucket.tries < 3 || bucket.tries > 10 {
			t.Errorf("it was tried %d times in 10 minutes", bucket.tries)
		}
		begin := time.Now()
		stop()
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("the end took %v", took)
		}
	})
}

// TestCapture_Bounded has a bucket that never comes back.
func TestCapture_Bounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := newShaky(t)
		bucket.fail(errors.New("no such host"))
		c, stop := running(t, Options{Objects: bucket, SpoolSize: 20_000, Memory: 1000})
		defer stop()
		s := c.Stream(captured)
		const n = 1000
		for i := range n {
			s.Capture(leg(i))
			if i%10 == 0 {
				time.Sleep(time.Second)
			}
		}
		for range 100 {
			s.Capture(leg(n)) // more than fits the memory
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		stats := c.Stats()
		of := stats.Streams[0]
		if stats.Spooled > 10_000 || of.Lost["spool_full"] == 0 || of.Lost["memory"] == 0 || of.Lost["disk"] != 0 ||
			of.Written+of.Lost["spool_full"]+of.Lost["memory"] != n+100 {
			t.Errorf("the stats are %+v", stats)
		}
		if err := c.Trouble("s3://elsewhere/"); err == nil {
			t.Error("there is no trouble, though records are lost")
		}
		bucket.fail(nil)
		time.Sleep(2 * time.Minute)
		s.Capture(leg(2 * n))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if ids := bucket.events(t, "captures/e/AllTraffic"); int64(len(ids)) != of.Written+1 || c.Trouble(captured.Destination) != nil {
			t.Errorf("%d events, and %d were written; trouble %v", len(ids), of.Written+1, c.Trouble(captured.Destination))
		}
		stop()
	})
}

// TestRun_Resumes has what a killed process leaves: a torn last line, a plan without a file, a file that was uploaded but not
// taken away.
func TestRun_Resumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket, dir := newShaky(t), t.TempDir()
		bucket.fail(errors.New("away"))
		c, stop := running(t, Options{Objects: bucket, Dir: dir, Grace: time.Second})
		s := c.Stream(captured)
		for i := range 5 {
			s.Capture(leg(i))
		}
		stop()
		if len(bucket.all(t)) != 0 {
			t.Fatal("the bucket was away")
		}
		records, err := filepath.Glob(filepath.Join(dir, "*"+recordsExt))
		if err != nil || len(records) != 1 {
			t.Fatalf("the spool has %q, %v", records, err)
		}
		for _, path := range []string{records[0], strings.TrimSuffix(records[0], recordsExt) + timesExt} {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(f, `{"captureData":{"endpointInput":{"observed`)
			f.Close()
		}
		plan, err := os.ReadFile(strings.TrimSuffix(records[0], recordsExt) + planExt)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string][]byte{"no-records" + planExt: plan, "begun" + planExt + ".new": plan[:10], "torn" + planExt: plan[:10]} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		bucket.fail(nil)
		for range 2 {
			c, stop = running(t, Options{Objects: bucket, Dir: dir})
			time.Sleep(time.Second)
			stop()
			if ids := slices.Sorted(slices.Values(bucket.events(t, "captures/e/AllTraffic"))); fmt.Sprint(ids) != "[event-0 event-1 event-2 event-3 event-4]" {
				t.Errorf("the events are %q", ids)
			}
			if c.Stats().Spooled != 0 {
				t.Errorf("%d bytes are in the spool", c.Stats().Spooled)
			}
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 1 || left[0].Name() != "torn"+planExt {
			t.Errorf("the spool has %v, %v; only what cannot be read stays", left, err)
		}
	})
}

// TestPart_FullDisk has a write that fails: nothing of it stays.
func TestPart_FullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	bucket := newShaky(t)
	c, err := New(Options{Dir: t.TempDir(), Objects: bucket, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := c.Stream(captured).(*stream)
	w := writer{capture: c, files: make(map[streamKey]*file), done: func(*file) {}}
	s.Capture(leg(1))
	w.write()
	f := w.files[s.key]
	good := f.records.f
	f.records.f = full
	s.Capture(leg(2))
	w.write()
	if n := c.Stats().Streams[0]; n.Written != 1 || n.Lost["disk"] != 1 || c.Trouble(captured.Destination) == nil {
		t.Errorf("%+v, trouble %v", n, c.Trouble(captured.Destination))
	}
	f.records.f = good
	s.Capture(leg(3))
	w.write()
	if n := c.Stats(); n.Streams[0].Written != 2 || c.Trouble(captured.Destination) != nil || n.Spooled != f.records.size+f.times.size {
		t.Errorf("%+v, trouble %v", n, c.Trouble(captured.Destination))
	}
	body, err := os.ReadFile(f.path + recordsExt)
	if err != nil || bytes.Count(body, []byte("\n")) != 2 || int64(len(body)) != f.records.size {
		t.Errorf("%q, %v", body, err)
	}
	if err := f.close(); err != nil {
		t.Error(err)
	}
}

func TestObjectURI(t *testing.T) {
	at := time.Date(2026, 11, 28, 6, 5, 4, 3e6, time.FixedZone("", -3600))
	for destination, want := range map[string]string{
		"s3://bucket":        "s3://bucket/e/AllTraffic/2026/11/28/07/05-04-003-id.jsonl",
		"s3://bucket/":       "s3://bucket/e/AllTraffic/2026/11/28/07/05-04-003-id.jsonl",
		"s3://bucket/a/b//":  "s3://bucket/a/b/e/AllTraffic/2026/11/28/07/05-04-003-id.jsonl",
		"s3://bucket//a//b/": "s3://bucket/a/b/e/AllTraffic/2026/11/28/07/05-04-003-id.jsonl",
	} {
		s := captured
		s.Destination = destination
		if got := objectURI(s, at, "id"); got != want {
			t.Errorf("%s: %s, want %s", destination, got, want)
		}
	}
}

func TestCapture_Allocs(t *testing.T) {
	c, err := New(Options{Dir: t.TempDir(), Objects: newShaky(t), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s, g := c.Stream(captured).(*stream), leg(1)
	g.Input = make([]byte, 2800)
	var last batch
	turn := func() {
		for range 50 {
			s.Capture(g)
		}
		last = c.queue.take(last)
		for i := range last.items {
			c.queue.memory.Give(last.items[i].size())
		}
	}
	turn()
	turn()
	if n := testing.AllocsPerRun(100, turn); n > 0 {
		t.Errorf("%v allocations for 50 legs", n)
	}
}
