package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxPauses is how many times longer than the first the pause before trying a bucket again may get.
const maxPauses = 30

// uploads takes files to their buckets: those of one bucket one after the other, so that one that is dead or slow holds up
// its own only.
type uploads struct {
	opts             Options
	spool            *spool
	uploaded, failed atomic.Int64

	mu      sync.Mutex
	buckets map[string]*bucket
	idle    chan struct{} // closed and made anew whenever a bucket has nothing left
	all     sync.WaitGroup
}

// A bucket is what waits for one. What has failed is tried again when nothing new is there, and not before its time.
type bucket struct {
	fresh, failed []*file
	retry         time.Time     // when a failed one may be tried again
	pause         time.Duration // until then, the next time
	wake          chan struct{} // holds one value while something new may be there
	running       bool
	broken        error // what made the last upload fail; nil: it did not
}

func newUploads(o Options, s *spool) *uploads {
	return &uploads{opts: o, spool: s, buckets: make(map[string]*bucket), idle: make(chan struct{})}
}

func bucketOf(uri string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
	return name
}

// trouble is what made the last upload to the bucket of a URI fail.
func (u *uploads) trouble(uri string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if b := u.buckets[bucketOf(uri)]; b != nil {
		return b.broken
	}
	return nil
}

// add has a file uploaded, until ctx ends.
func (u *uploads) add(ctx context.Context, f *file) {
	u.mu.Lock()
	defer u.mu.Unlock()
	name := bucketOf(f.Records)
	b := u.buckets[name]
	if b == nil {
		b = &bucket{pause: u.opts.RetryPause, wake: make(chan struct{}, 1)}
		u.buckets[name] = b
	}
	b.fresh = append(b.fresh, f)
	signal(b.wake)
	if !b.running {
		b.running = true
		u.all.Go(func() { u.run(ctx, b) })
	}
}

// run uploads a bucket's files until there are no more.
func (u *uploads) run(ctx context.Context, b *bucket) {
	for {
		f, wait, more := u.next(ctx, b)
		switch {
		case !more:
			return
		case f == nil:
			sleep(ctx, b.wake, wait)
			continue
		}
		if err := u.upload(ctx, f); ctx.Err() == nil { // else it is the next process's
			u.note(b, f, err)
		}
	}
}

// sleep waits for so long, unless there is something new before.
func sleep(ctx context.Context, wake <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	}
}

// next takes the file to upload now, or says how long to wait for one. It reports false if there are no more.
func (u *uploads) next(ctx context.Context, b *bucket) (f *file, wait time.Duration, more bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	wait = time.Until(b.retry)
	switch {
	case ctx.Err() != nil || len(b.fresh)+len(b.failed) == 0:
		b.running = false
		close(u.idle)
		u.idle = make(chan struct{})
		return nil, 0, false
	case len(b.fresh) > 0:
		f, b.fresh = b.fresh[0], b.fresh[1:]
	case wait <= 0:
		f, b.failed = b.failed[0], b.failed[1:]
	}
	return f, wait, true
}

// note says how the upload of a file went.
func (u *uploads) note(b *bucket, f *file, err error) {
	u.mu.Lock()
	first := b.broken == nil
	b.broken = err
	switch {
	case err != nil:
		b.failed = append(b.failed, f) // behind the others, which may have more luck
		b.retry = time.Now().Add(b.pause/2 + rand.N(b.pause/2+1))
		b.pause = min(2*b.pause, maxPauses*u.opts.RetryPause)
		f.failed = true
	case f.failed:
		b.pause, b.retry = u.opts.RetryPause, time.Time{} // the others may go now, too
	}
	u.mu.Unlock()
	if err == nil {
		u.uploaded.Add(1)
		return
	}
	u.failed.Add(1)
	if first {
		u.opts.Log.Error("capture: an object cannot be uploaded, and is tried again", "object", f.Records, "error", err)
	}
}

// upload makes objects of a file and takes it out of the spool. It may be done twice.
func (u *uploads) upload(ctx context.Context, f *file) error {
	ctx, cancel := context.WithTimeout(ctx, u.opts.UploadTimeout)
	defer cancel()
	if f.resumed {
		if err := errors.Join(u.opts.Objects.Clean(ctx, f.Times), u.opts.Objects.Clean(ctx, f.Records)); err != nil {
			return err
		}
	}
	// The times first: whoever sees the records finds them.
	if err := u.move(ctx, f.path+timesExt, f.times.size, f.Times, f.KmsKey); err != nil {
		return err
	}
	if err := u.move(ctx, f.path+recordsExt, f.records.size, f.Records, f.KmsKey); err != nil {
		return err
	}
	if err := u.spool.remove(f); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// move makes an object of the first bytes of a file, if there are any. A file that is gone was uploaded before.
func (u *uploads) move(ctx context.Context, path string, size int64, uri, kmsKey string) error {
	if size == 0 {
		return nil
	}
	from, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	defer from.Close()
	if info, err := from.Stat(); err == nil && info.Size() == size && kmsKey == "" {
		if adopted, err := u.opts.Objects.Adopt(ctx, path, uri); adopted || err != nil {
			return err
		}
	}
	return u.copy(ctx, from, size, uri, kmsKey)
}

func (u *uploads) copy(ctx context.Context, from io.Reader, size int64, uri, kmsKey string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // an object that was not written to its end does not appear
	to, err := u.opts.Objects.Create(ctx, uri, kmsKey)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, io.LimitReader(from, size)); err != nil {
		cancel()
		to.Close()
		return err
	}
	return to.Close()
}

// drain waits until everything is uploaded, or nothing more can be, at most so long.
func (u *uploads) drain(atMost time.Duration) {
	timeout := time.After(atMost)
	for {
		u.mu.Lock()
		busy, idle := false, u.idle
		for _, b := range u.buckets {
			busy = busy || b.running && b.broken == nil
		}
		u.mu.Unlock()
		if !busy {
			return
		}
		select {
		case <-idle:
		case <-timeout:
			return
		}
	}
}

// wait returns when no upload is under way.
func (u *uploads) wait() { u.all.Wait() }
