package capture

import (
	"context"
	"errors"
	"time"

	"gnomon/internal/spare"
)

// A writer empties the queue into files. It is one goroutine's.
type writer struct {
	capture *Capture
	files   map[streamKey]*file
	done    func(*file) // takes those that are closed
	batch   batch
}

// maxPending is how much is encoded before it is written.
const maxPending = 1 << 20

func (w *writer) run(ctx context.Context) {
	o := &w.capture.opts
	look := time.NewTicker(min(time.Second, max(o.FileAge/4, 10*time.Millisecond)))
	defer look.Stop()
	trim := time.NewTicker(spare.Period)
	defer trim.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-w.capture.queue.wake:
			w.gather(ctx, o.Flush)
			w.write()
		case <-look.C:
		case <-trim.C:
			w.capture.queue.trim()
			w.batch = batch{}
		}
		w.closeOld(time.Now().Add(-o.FileAge))
	}
	w.write()
	w.closeOld(time.Now())
}

// gather waits for more to write at once, but not while there is much.
func (w *writer) gather(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-w.capture.queue.hurry:
	case <-timer.C:
	}
}

// write writes what is in the queue.
func (w *writer) write() {
	w.batch = w.capture.queue.take(w.batch)
	for i := range w.batch.items {
		w.add(&w.batch.items[i])
	}
	for _, f := range w.files {
		w.flush(f)
	}
	w.batch = w.capture.queue.give(w.batch)
}

// add encodes an item into its stream's file.
func (w *writer) add(i *item) {
	f := w.files[i.stream.key]
	if f != nil && (f.records.torn || f.times.torn) {
		w.close(f, i.stream.key) // nothing more may be appended to it
		f = nil
	}
	if f == nil {
		var err error
		if f, err = w.capture.spool.create(i.stream, time.Now()); err != nil {
			w.failed(err, 1, i.stream.counts)
			return
		}
		f.counts = i.stream.counts
		w.files[i.stream.key] = f
	}
	l := i.line()
	f.records.pending = l.append(f.records.pending)
	t := Times{Began: i.began, Latency: i.leg.ModelLatency, Status: i.leg.Status, Fault: i.leg.Fault}
	f.times.pending = t.append(f.times.pending, l.eventID)
	f.count++
	if len(f.records.pending) > maxPending {
		w.flush(f)
	}
	if f.records.size >= w.capture.opts.FileSize {
		w.close(f, i.stream.key)
	}
}

// line is what an item says.
func (i *item) line() line {
	l := line{eventID: i.part(eventID), inferenceID: i.part(inferenceID), customAttributes: i.part(customAttributes), time: i.began}
	if i.stream.Input {
		l.input = i.body(inputType, input)
	}
	if i.stream.Output && i.answered {
		l.output = i.body(outputType, output)
	}
	return l
}

func (i *item) body(contentType, data int) body {
	b := body{contentType: i.part(contentType), data: i.part(data)}
	b.encoding = i.stream.types.encoding(b.contentType, b.data)
	return b
}

// flush writes what is pending of a file, and counts it.
func (w *writer) flush(f *file) {
	n := int64(f.count)
	if n == 0 {
		return
	}
	f.count = 0
	if err := f.write(w.capture.spool); err != nil {
		w.failed(err, n, f.counts)
		return
	}
	w.capture.spool.note(nil)
	f.counts.written.Add(n)
}

// failed counts records that are lost.
func (w *writer) failed(err error, n int64, c *counts) {
	why := noDisk
	if errors.Is(err, errSpoolFull) {
		why = noSpool
	}
	c.lost[why].Add(n)
	if w.capture.spool.trouble() == nil {
		w.capture.opts.Log.Error("capture: records are being lost", "error", err)
	}
	w.capture.spool.note(err)
}

// closeOld closes the files that were begun by then.
func (w *writer) closeOld(then time.Time) {
	for key, f := range w.files {
		if !f.begun.After(then) {
			w.close(f, key)
		}
	}
}

func (w *writer) close(f *file, key streamKey) {
	w.flush(f)
	delete(w.files, key)
	if err := f.close(); err != nil {
		w.capture.opts.Log.Error("capture: close a file", "error", err)
	}
	if f.records.size > 0 {
		w.done(f)
		return
	}
	if err := w.capture.spool.remove(f); err != nil {
		w.capture.opts.Log.Error("capture: remove an empty file", "error", err)
	}
}
