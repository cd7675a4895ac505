package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gnomon"
	"gnomon/objects"
)

// shelf is a source of objects written by hand.
type shelf struct {
	content map[string]string
	broken  string // this one cannot be opened
}

func (s shelf) List(_ context.Context, prefix string) iter.Seq2[objects.Object, error] {
	return func(yield func(objects.Object, error) bool) {
		var uris []string
		for uri := range s.content {
			if strings.HasPrefix(uri, prefix) {
				uris = append(uris, uri)
			}
		}
		slices.Sort(uris)
		for _, uri := range uris {
			if !yield(objects.Object{URI: uri}, nil) {
				return
			}
		}
	}
}

func (s shelf) Open(_ context.Context, uri string) (io.ReadCloser, error) {
	if uri == s.broken {
		return nil, errors.New("out of order")
	}
	text, ok := s.content[uri]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", uri, fs.ErrNotExist)
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

var (
	begin  = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	beside = gnomon.CaptureStream{Endpoint: "e", Variant: "Shadow-01", DataCapture: captured.DataCapture}
)

// write puts an object, begun so long after begin, with records of events of the form "name@seconds".
func (s shelf) write(of gnomon.CaptureStream, after time.Duration, events ...string) string {
	uri := objectURI(of, begin.Add(after), "00000000-0000-0000-0000-000000000000")
	var text []byte
	for _, e := range events {
		name, seconds, _ := strings.Cut(e, "@")
		var n int
		fmt.Sscan(seconds, &n)
		r := Record{EventID: name, Time: begin.Add(time.Duration(n) * time.Second)}
		text = r.append(text)
	}
	s.content[uri] = string(text)
	return uri
}

// joined are the events as "production shadow", with "-" for what is not there, and errors.
func joined(t *testing.T, from Source, w Window) (events, faults []string) {
	t.Helper()
	for e, err := range Join(t.Context(), from, captured, beside, w) {
		if err != nil {
			faults = append(faults, err.Error())
			continue
		}
		text := ""
		for _, l := range []*Leg{e.Production, e.Shadow} {
			if l == nil {
				text += "- "
			} else {
				text += l.EventID + " "
			}
		}
		events = append(events, strings.TrimSpace(text))
	}
	return events, faults
}

func TestJoin(t *testing.T) {
	s := shelf{content: make(map[string]string)}
	s.write(captured, 0, "a@1", "b@2", "c@3")
	s.write(captured, time.Minute, "d@61", "e@62")
	s.write(captured, time.Hour, "late@3600")
	s.write(beside, 5*time.Second, "c@3", "a@1")
	s.write(beside, 70*time.Second, "e@62", "alone@63", "b@2") // b was slow
	s.content["s3://bucket/captures/e/AllTraffic/notes.txt"] = "not an object of ours"
	events, faults := joined(t, s, Window{From: begin, To: begin.Add(10 * time.Minute)})
	slices.Sort(events)
	if want := []string{"- alone", "a a", "b b", "c c", "d -", "e e"}; !slices.Equal(events, want) || len(faults) > 0 {
		t.Errorf("got %q, want %q; faults %q", events, want, faults)
	}
	if events, _ := joined(t, s, Window{From: begin.Add(62 * time.Second), To: begin.Add(62 * time.Second)}); !slices.Equal(events, []string{"e e"}) {
		t.Errorf("in one second: %q", events)
	}
	if events, _ := joined(t, s, Window{}); len(events) != 7 {
		t.Errorf("without a window: %q", events)
	}
}

// TestJoin_GoesOn has an object that cannot be opened, and a line that is no record.
func TestJoin_GoesOn(t *testing.T) {
	s := shelf{content: make(map[string]string)}
	s.broken = s.write(captured, 0, "a@1")
	torn := s.write(captured, time.Minute, "b@61")
	s.content[torn] += `{"captureData":` + "\n"
	s.write(captured, 2*time.Minute, "c@121", "c@121")
	s.write(beside, 0, "b@61")
	events, faults := joined(t, s, Window{})
	if !slices.Equal(events, []string{"b b", "c -", "c -"}) || len(faults) != 2 {
		t.Errorf("got %q; faults %q", events, faults)
	}
}

// TestJoin_Holds little, however many requests are not copied.
func TestJoin_HoldsLittle(t *testing.T) {
	s := shelf{content: make(map[string]string)}
	const hours = 30
	for h := range hours {
		var ours, theirs []string
		for n := range 60 {
			id := fmt.Sprintf("%d-%d@%d", h, n, h*3600+n*60)
			ours = append(ours, id)
			if n%10 == 0 {
				theirs = append(theirs, id)
			}
		}
		s.write(captured, time.Duration(h)*time.Hour, ours...)
		s.write(beside, time.Duration(h)*time.Hour, theirs...)
	}
	pairs, alone, most := 0, 0, 0
	a, b := newSide(Legs(t.Context(), s, captured, Window{})), newSide(Legs(t.Context(), s, beside, Window{}))
	defer a.stop()
	defer b.stop()
	j := joiner{sides: [2]*side{a, b}, yield: func(e Event, err error) bool {
		if err != nil {
			t.Error(err)
		} else if e.Shadow == nil {
			alone++
		} else {
			pairs++
		}
		return true
	}}
	for j.step() {
		most = max(most, len(a.waiting)+len(b.waiting))
	}
	if pairs != hours*6 || alone != hours*54 || most > 60 {
		t.Errorf("%d pairs, %d alone, and %d waited at a time", pairs, alone, most)
	}
}

// TestJoin_ReadsWhatWasCaptured writes with a Capture and reads it back, with its times.
func TestJoin_ReadsWhatWasCaptured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := newShaky(t)
		c, stop := running(t, Options{Objects: bucket})
		from := time.Now()
		for i := range 20 {
			g := leg(i)
			c.Stream(captured).Capture(g)
			if i%2 == 0 {
				g.ModelLatency, g.Status, g.Answered = 3*time.Millisecond, 503, false
				c.Stream(beside).Capture(g)
			}
			time.Sleep(10 * time.Second) // several objects
		}
		stop()
		n := 0
		for e, err := range Join(t.Context(), bucket, captured, beside, Window{From: from, To: time.Now()}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if e.Production == nil || e.Production.Times.Latency != time.Millisecond || string(e.Production.Output.Data) != "{}" {
				t.Errorf("%+v", e.Production)
			}
			if e.Shadow != nil && (e.Shadow.Times.Status != 503 || e.Shadow.Output != nil || e.Shadow.EventID != e.Production.EventID) {
				t.Errorf("%+v", e.Shadow)
			}
		}
		if n != 20 {
			t.Errorf("%d events", n)
		}
	})
}
