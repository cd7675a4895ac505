// Package capture keeps what models were asked and what they answered, as AWS does: records in objects of a bucket, in
// AWS's format and under AWS's names, so that what reads SageMaker's captures reads these.
//
// Start at [Capture.Stream], whose recorder takes a leg on the hot path, and at [Capture.Run], which is everything else. A
// leg waits in memory (queue.go), for [Options.Flush] at most, until one goroutine encodes it (record.go) and appends it to a
// file of the spool (spool.go). A file that is old or large enough is closed and uploaded (upload.go) under a name that was
// fixed when it was begun, so that uploading it twice does no harm. A file holds whole records only, whenever the process is
// killed. Everything is bounded; what finds no room is counted and lost, and traffic never waits.
//
// The package knows nothing of routes, SQL, or what the records are for.
package capture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gnomon"
)

// Objects is where records end up. Create returns a writer for the object at an s3:// URI, encrypted by the key unless that is
// empty, which appears whole when Close returns nil, and not at all if ctx ends before. Adopt makes a file the object, if
// that takes no copying, else it reports false and leaves it alone. Clean removes what a Create has left behind whose process
// was killed.
type Objects interface {
	Create(ctx context.Context, uri, kmsKey string) (io.WriteCloser, error)
	Adopt(ctx context.Context, path, uri string) (bool, error)
	Clean(ctx context.Context, uri string) error
}

// Options are what a [Capture] needs, and its limits. A limit of zero means the default.
type Options struct {
	Dir     string // of the spool; it is made
	Objects Objects
	Log     *slog.Logger

	Flush     time.Duration // how long a record may wait in memory, which is what a crash loses; 200 ms; negative: not at all
	Memory    int64         // bytes of what waits; 64 MiB
	FileAge   time.Duration // of a file that is uploaded; 1 min
	FileSize  int64         // bytes of records in it, or one record; 16 MiB
	SpoolSize int64         // bytes of all files; 4 GiB
	Grace     time.Duration // for uploading what is left when Run is told to end; 5 s

	// UploadTimeout bounds one upload, and RetryPause is how long a bucket is left alone after one that failed: at first;
	// it doubles up to 30 times this. 2 min; 1 s
	UploadTimeout, RetryPause time.Duration
}

func (o Options) withDefaults() Options {
	o.Flush = max(0, cmp.Or(o.Flush, 200*time.Millisecond))
	o.Memory = cmp.Or(o.Memory, 64<<20)
	o.FileAge = cmp.Or(o.FileAge, time.Minute)
	o.FileSize = cmp.Or(o.FileSize, 16<<20)
	o.SpoolSize = cmp.Or(o.SpoolSize, 4<<30)
	o.Grace = cmp.Or(o.Grace, 5*time.Second)
	o.UploadTimeout = cmp.Or(o.UploadTimeout, 2*time.Minute)
	o.RetryPause = cmp.Or(o.RetryPause, time.Second)
	return o
}

// A Capture takes legs and makes objects of them.
type Capture struct {
	opts    Options
	queue   *queue
	spool   *spool
	uploads *uploads

	mu     sync.Mutex
	counts map[streamKey]*counts
}

// New returns a capture that has not started. It makes the spool's folder.
func New(opts Options) (*Capture, error) {
	opts = opts.withDefaults()
	c := &Capture{opts: opts, queue: newQueue(opts.Memory), counts: make(map[streamKey]*counts)}
	var err error
	if c.spool, err = openSpool(opts); err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	c.uploads = newUploads(opts, c.spool)
	return c, nil
}

// A streamKey tells streams apart that need different files.
type streamKey struct {
	endpoint    gnomon.EndpointName
	variant     gnomon.VariantName
	destination string
	kmsKey      string
}

// A stream is a recorder of one [gnomon.CaptureStream].
type stream struct {
	gnomon.CaptureStream
	key    streamKey
	types  *contentTypes // the writer's
	queue  *queue
	counts *counts
	log    *slog.Logger
}

// counts are a stream's, for onlookers.
type counts struct {
	written atomic.Int64
	lost    [reasons]atomic.Int64
}

// A reason is why a record was lost.
type reason uint8

const (
	noMemory reason = iota
	noSpool
	noDisk
	reasons
)

// names are the reasons as Stats has them.
var names = [reasons]string{noMemory: "memory", noSpool: "spool_full", noDisk: "disk"}

// Stream returns the recorder of a stream. It may be asked for the same again; what they count adds up.
func (c *Capture) Stream(s gnomon.CaptureStream) gnomon.CaptureRecorder {
	key := streamKey{s.Endpoint, s.Variant, s.Destination, s.KmsKey}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts[key] == nil {
		c.counts[key] = &counts{}
	}
	return &stream{s, key, newContentTypes(s.CSVContentTypes, s.JSONContentTypes), c.queue, c.counts[key], c.opts.Log}
}

// Capture implements [gnomon.CaptureRecorder].
func (s *stream) Capture(g *gnomon.CapturedLeg) {
	if !s.queue.put(s, g) {
		s.Lose()
	}
}

// Lose implements [gnomon.CaptureRecorder]. Only the first loss of all is told of: this is called where nothing may wait.
func (s *stream) Lose() {
	if s.counts.lost[noMemory].Add(1) == 1 {
		s.log.Warn("capture: records are being lost for want of memory", "endpoint", s.Endpoint, "variant", s.Variant)
	}
}

// Run writes and uploads until ctx ends, then writes what waits, and uploads it as far as that is possible in the grace. What
// an earlier run has left in the spool is uploaded first. It returns what makes capturing impossible.
func (c *Capture) Run(ctx context.Context) error {
	left, err := c.spool.resume(c.opts.Log)
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	uploading, end := context.WithCancel(context.WithoutCancel(ctx))
	defer c.uploads.wait()
	defer end()
	for _, f := range left {
		c.uploads.add(uploading, f)
	}
	w := writer{capture: c, files: make(map[streamKey]*file), done: func(f *file) { c.uploads.add(uploading, f) }}
	w.run(ctx)
	c.uploads.drain(c.opts.Grace)
	return nil
}

// Stats is what an operator may want to know of a capture at one moment.
type Stats struct {
	Streams    []StreamStats
	Memory     int64 // bytes that wait to be written
	MaxMemory  int64
	Spooled    int64 // bytes in the spool
	MaxSpooled int64
	Uploaded   int64 // objects
	Failed     int64 // uploads
}

// StreamStats are what became of one stream's records.
type StreamStats struct {
	Endpoint gnomon.EndpointName
	Variant  gnomon.VariantName
	Written  int64
	Lost     map[string]int64 // by reason: each has an entry
}

// Stats returns the state of things now. Streams that differ in their destination only are added up.
func (c *Capture) Stats() Stats {
	s := Stats{
		Memory: c.queue.memory.Used(), MaxMemory: c.queue.memory.Limit(), Spooled: c.spool.size.Load(), MaxSpooled: c.opts.SpoolSize,
		Uploaded: c.uploads.uploaded.Load(), Failed: c.uploads.failed.Load(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	type name struct {
		gnomon.EndpointName
		gnomon.VariantName
	}
	at := make(map[name]int)
	for key, n := range c.counts {
		i, ok := at[name{key.endpoint, key.variant}]
		if !ok {
			i = len(s.Streams)
			at[name{key.endpoint, key.variant}] = i
			s.Streams = append(s.Streams, StreamStats{Endpoint: key.endpoint, Variant: key.variant, Lost: make(map[string]int64)})
		}
		s.Streams[i].Written += n.written.Load()
		for why, name := range names {
			s.Streams[i].Lost[name] += n.lost[why].Load()
		}
	}
	slices.SortFunc(s.Streams, func(a, b StreamStats) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Variant, b.Variant))
	})
	return s
}

// Trouble says why nothing is captured for a destination just now; nil if it is.
func (c *Capture) Trouble(destination string) error {
	return errors.Join(c.spool.trouble(), c.uploads.trouble(destination))
}
