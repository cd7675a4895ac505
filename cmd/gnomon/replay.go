package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"gnomon"
	"gnomon/access"
	"gnomon/capture"
	"gnomon/objects"
	"gnomon/replay"
	"gnomon/sigv4"
)

// A replayCommand sends a captured run again, at an endpoint of a running server. What an inference experiment on that endpoint
// makes of it is in its report, as of any other traffic.
type replayCommand struct {
	configFlags
	From     string  `required:"" help:"Folder of a captured variant: s3://bucket/prefix/endpoint/variant."`
	To       string  `required:"" help:"Endpoint that the requests are sent at."`
	Variant  string  `help:"Production variant of that endpoint that they are to go to; default: as the endpoint's weights have it."`
	Speed    float64 `help:"How many times as fast as it was." default:"1"`
	Rate     float64 `help:"Requests per second, instead of the captured spacing."`
	InFlight int     `help:"Requests under way at most; more are sent late." default:"256"`
	Resume   bool    `help:"Go on where the same replay was ended."`
	URL      string  `help:"Where the server is; default: where the one over the data directory says."`
}

// Run replays, and prints what came of it.
func (r *replayCommand) Run(ctx context.Context) error {
	c, err := r.loadBeside()
	if err != nil {
		return err
	}
	source, err := capturedFolder(r.From)
	if err != nil {
		return err
	}
	if r.Speed <= 0 || r.Rate < 0 || r.InFlight < 1 {
		return errors.New("speed must be positive, rate not negative, and in-flight at least 1")
	}
	if r.Rate > 0 && r.Speed != 1 {
		return errors.New("speed is of the captured spacing, and rate is instead of it: only one can be given")
	}
	table, err := objects.New(c.buckets(), c.keyring())
	if err != nil {
		return err
	}
	defer table.Close()
	sender, err := r.newSender(c)
	if err != nil {
		return err
	}
	mark := newBookmark(c.DataDir, r)
	skip := 0
	if r.Resume {
		if skip, err = mark.read(); err != nil {
			return err
		}
	}
	reading := &reading{}
	if reading.total, err = size(ctx, table, source); err != nil {
		return err
	}
	bar := newBar(os.Stderr)
	report, err := replay.Run(ctx, reading.requests(ctx, table, source), replay.Options{
		Speed: r.Speed, Rate: r.Rate, InFlight: r.InFlight, Skip: skip, Send: sender.send,
		Progress: func(done int) {
			mark.keep(done)
			bar.show(reading, done)
		},
	})
	bar.end()
	ended := mark.end(err == nil)
	if e := report.WriteText(os.Stdout); e != nil {
		return e
	}
	if errors.Is(err, context.Canceled) {
		return errors.Join(errors.New("ended early; with --resume it goes on from here"), ended)
	}
	if err == nil && report.Sent == 0 && skip == 0 {
		err = fmt.Errorf("there are no captured records in %s", r.From)
	}
	return errors.Join(err, ended)
}

// capturedFolder takes s3://bucket/prefix/endpoint/variant apart.
func capturedFolder(uri string) (gnomon.CaptureStream, error) {
	trimmed := strings.TrimRight(uri, "/")
	rest, variant, ok1 := cutLast(trimmed)
	destination, endpoint, ok2 := cutLast(rest)
	if _, _, err := objects.Split(destination + "/"); err != nil || !ok1 || !ok2 || variant == "" || endpoint == "" {
		return gnomon.CaptureStream{}, fmt.Errorf("%q is not the folder of a captured variant, as in s3://bucket/prefix/endpoint/AllTraffic", uri)
	}
	return gnomon.CaptureStream{
		Endpoint: gnomon.EndpointName(endpoint), Variant: gnomon.VariantName(variant), DataCapture: gnomon.DataCapture{Destination: destination},
	}, nil
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// size is how many bytes the objects have.
func size(ctx context.Context, table *objects.Table, s gnomon.CaptureStream) (int64, error) {
	var sum int64
	for o, err := range capture.List(ctx, table, s, capture.Window{}) {
		if err != nil {
			return 0, err
		}
		sum += o.Size
	}
	return sum, nil
}

// reading is how far the captured objects have been read.
type reading struct {
	total   int64        // bytes
	read    atomic.Int64 // of them
	records atomic.Int64
}

func (p *reading) requests(ctx context.Context, table *objects.Table, s gnomon.CaptureStream) iter.Seq2[replay.Request, error] {
	return func(yield func(replay.Request, error) bool) {
		for l, err := range capture.Legs(ctx, table, s, capture.Window{}) {
			if err == nil && l.Input == nil {
				err = fmt.Errorf("%s: event %s was captured without its input, so it cannot be sent", l.Object, l.EventID)
			}
			if err != nil {
				yield(replay.Request{}, err)
				return
			}
			p.read.Add(int64(l.Size()))
			p.records.Add(1)
			if !yield(asRequest(l), nil) {
				return
			}
		}
	}
}

func asRequest(l capture.Leg) replay.Request {
	q := replay.Request{
		Began: l.Time, ContentType: l.Input.ContentType, Body: l.Input.Data, InferenceID: l.InferenceID, CustomAttributes: l.CustomAttributes,
	}
	if l.Times != nil {
		q.Began, q.Latency = l.Times.Began, l.Times.Latency
	}
	if l.Output != nil {
		q.Answered, q.Answer = true, l.Output.Data
	}
	return q
}

// A sender sends requests at an endpoint.
type sender struct {
	url     string
	variant string
	signer  sigv4.Signer
	client  *http.Client
}

func (r *replayCommand) newSender(c *config) (*sender, error) {
	keys, err := access.Load(c.keysPath())
	if err != nil {
		return nil, fmt.Errorf("%w; requests are signed by the access key in the data directory", err)
	}
	key := keys.First()
	return &sender{
		url: c.at(r.URL) + "/endpoints/" + url.PathEscape(r.To) + "/invocations", variant: r.Variant,
		signer: sigv4.Signer{AccessKeyID: key.AccessKeyID, Key: sigv4.Key{Secret: key.SecretAccessKey}, Region: c.Region, Service: signingService},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: r.InFlight}, Timeout: 10 * time.Minute},
	}, nil
}

func (s *sender) send(ctx context.Context, q replay.Request) replay.Answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(q.Body))
	if err != nil {
		return replay.Answer{Err: err}
	}
	for name, value := range map[string]string{
		"Content-Type": q.ContentType, "X-Amzn-SageMaker-Inference-Id": q.InferenceID,
		"X-Amzn-SageMaker-Custom-Attributes": q.CustomAttributes, "X-Amzn-SageMaker-Target-Variant": s.variant,
	} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if err := s.signer.Sign(req, q.Body); err != nil {
		return replay.Answer{Err: err}
	}
	res, err := s.client.Do(req)
	if err != nil {
		return replay.Answer{Err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return replay.Answer{Err: err}
	}
	a := replay.Answer{Status: res.StatusCode, Body: body}
	if res.StatusCode > 299 {
		a.Err = fmt.Errorf("%s: %.300s", res.Status, body)
	}
	return a
}

// A bookmark says how far a replay has come, so that it can go on. It is of one source, endpoint and variant.
type bookmark struct {
	path    string
	done    int
	written time.Time
}

func newBookmark(dataDir string, r *replayCommand) *bookmark {
	sum := sha256.Sum256([]byte(strings.Join([]string{r.From, r.To, r.Variant}, "\x00")))
	return &bookmark{path: filepath.Join(dataDir, "replay", fmt.Sprintf("%x.json", sum[:8]))}
}

func (b *bookmark) read() (int, error) {
	text, err := os.ReadFile(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, errors.New("there is nothing to go on with: this replay has not been ended early")
	}
	var kept struct{ Done int }
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	b.done = kept.Done
	return kept.Done, err
}

// keep takes down, every second or so, how many requests are done.
func (b *bookmark) keep(done int) {
	b.done = done
	if now := time.Now(); now.Sub(b.written) > time.Second {
		b.written = now
		_ = b.write() // the last one counts
	}
}

func (b *bookmark) write() error {
	if err := os.MkdirAll(filepath.Dir(b.path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(b.path+".new", fmt.Appendf(nil, "{\"Done\": %d}\n", b.done), 0o600); err != nil {
		return err
	}
	return os.Rename(b.path+".new", b.path)
}

// end keeps the bookmark of a replay that ended early, and takes away that of a whole one.
func (b *bookmark) end(whole bool) error {
	if !whole {
		return b.write()
	}
	if err := os.Remove(b.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// A bar shows progress where somebody looks.
type bar struct {
	to    *os.File
	shown time.Time
	quiet bool
}

func newBar(to *os.File) *bar {
	info, err := to.Stat()
	return &bar{to: to, quiet: err != nil || info.Mode()&os.ModeCharDevice == 0}
}

// show draws the bar, a few times a second at most. What is read is ahead of what is sent.
func (b *bar) show(r *reading, done int) {
	if now := time.Now(); !b.quiet && now.Sub(b.shown) > 250*time.Millisecond {
		b.shown = now
		share := 1.0
		if records := r.records.Load(); r.total > 0 && records > 0 {
			share = float64(r.read.Load()) / float64(r.total) * float64(done) / float64(records)
		}
		const width = 30
		filled := min(width, int(share*width))
		fmt.Fprintf(b.to, "\r[%s%s] %3.0f %%  %d sent", strings.Repeat("#", filled), strings.Repeat(" ", width-filled), 100*share, done)
	}
}

func (b *bar) end() {
	if !b.shown.IsZero() {
		fmt.Fprintln(b.to)
	}
}
