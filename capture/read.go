package capture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"strings"
	"time"

	"gnomon"
	"gnomon/objects"
)

// A Source is where captured objects are read from.
type Source interface {
	List(ctx context.Context, prefix string) iter.Seq2[objects.Object, error]
	Open(ctx context.Context, uri string) (io.ReadCloser, error)
}

// A Window is the time in which requests began; both ends belong to it. A zero end is none.
type Window struct{ From, To time.Time }

// holds reports whether a time that is known to the second lies in the window.
func (w Window) holds(t time.Time) bool {
	return (w.From.IsZero() || !t.Before(w.From.Truncate(time.Second))) && (w.To.IsZero() || !t.After(w.To))
}

// An object holds records of requests that began up to a day before it did or, if they took long, a while before; and of
// those that began while it was written.
const (
	longestObject  = 24 * time.Hour
	longestRequest = 15 * time.Minute
)

// mayHold reports whether an object that was begun at t may hold requests of the window.
func (w Window) mayHold(t time.Time) bool {
	return (w.From.IsZero() || t.After(w.From.Add(-longestObject))) && (w.To.IsZero() || t.Before(w.To.Add(longestRequest)))
}

// List lists a stream's objects that may hold requests of the window, in the order in which they were begun. What has
// another name is none of them.
func List(ctx context.Context, from Source, s gnomon.CaptureStream, w Window) iter.Seq2[objects.Object, error] {
	folder := fmt.Sprintf("%s/%s/%s/", Directory(s.Destination), s.Endpoint, s.Variant)
	return func(yield func(objects.Object, error) bool) {
		for o, err := range from.List(ctx, folder) {
			if err != nil {
				yield(objects.Object{}, err)
				return
			}
			if at, ok := begunAt(strings.TrimPrefix(o.URI, folder)); ok && w.mayHold(at) && !yield(o, nil) {
				return
			}
		}
	}
}

// begunAt reads the time from an object's name below its variant's folder.
func begunAt(name string) (time.Time, bool) {
	const layout = "2006/01/02/15/04-05"
	if len(name) < len(layout) || path.Ext(name) != Extension {
		return time.Time{}, false
	}
	t, err := time.Parse(layout, name[:len(layout)])
	return t, err == nil
}

// A Leg is one record with its times.
type Leg struct {
	Record
	Times  *Times // nil: there are none
	Object string // URI
	size   int
}

// Size is how many bytes the record has in its object.
func (l Leg) Size() int { return l.size }

// maxLine is how long a line may be: a request and an answer of 25 MiB each, in base64.
const maxLine = 80 << 20

// Legs reads a stream's records of the window, as they were written. An object that cannot be read, and a line that is no
// record, is an error, after which it goes on.
func Legs(ctx context.Context, from Source, s gnomon.CaptureStream, w Window) iter.Seq2[Leg, error] {
	return func(yield func(Leg, error) bool) {
		for o, err := range List(ctx, from, s, w) {
			if err != nil {
				yield(Leg{}, err)
				return
			}
			for l, err := range legs(ctx, from, s, o.URI) {
				if err == nil && !w.holds(l.Time) {
					continue
				}
				if !yield(l, err) {
					return
				}
			}
		}
	}
}

// legs reads one object.
func legs(ctx context.Context, from Source, s gnomon.CaptureStream, uri string) iter.Seq2[Leg, error] {
	return func(yield func(Leg, error) bool) {
		times, err := readTimes(ctx, from, timesOf(s, uri))
		if err != nil && !yield(Leg{}, err) {
			return
		}
		err = lines(ctx, from, uri, func(line []byte) bool {
			r, err := Parse(line)
			if err != nil {
				return yield(Leg{}, fmt.Errorf("%s: %w", uri, err))
			}
			l := Leg{Record: r, Object: uri, size: len(line) + 1}
			if t, ok := times[r.EventID]; ok {
				l.Times = &t
			}
			return yield(l, nil)
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(Leg{}, err)
		}
	}
}

// timesOf is where the times of an object's records are.
func timesOf(s gnomon.CaptureStream, uri string) string {
	above := Directory(s.Destination) + "/" + string(s.Endpoint) + "/"
	return above + timesFolder + "/" + strings.TrimPrefix(uri, above)
}

// readTimes reads the times of one object's records, by event. There may be none: others write captures too.
func readTimes(ctx context.Context, from Source, uri string) (map[string]Times, error) {
	found := make(map[string]Times)
	err := lines(ctx, from, uri, func(line []byte) bool {
		if t, err := ParseTimes(line); err == nil {
			found[t.EventID] = t
		}
		return true
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return found, err
}

// errEnough ends lines early.
var errEnough = errors.New("enough")

// lines calls f with each line of an object until it returns false.
func lines(ctx context.Context, from Source, uri string, f func([]byte) bool) error {
	r, err := from.Open(ctx, uri)
	if err != nil {
		return err
	}
	defer r.Close()
	all := bufio.NewScanner(r)
	all.Buffer(nil, maxLine)
	for all.Scan() {
		if !f(all.Bytes()) {
			return errEnough
		}
	}
	if err := all.Err(); err != nil {
		return fmt.Errorf("read %s: %w", uri, err)
	}
	return nil
}
