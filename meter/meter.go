// Package meter keeps what happened: how many requests each variant answered, how well and how fast, minute by minute,
// and what became of every copy for a shadow.
//
// Start at [Meter]. Routers ask it for recorders ([Meter.Series], [Meter.Mirror]) and call them for every request;
// [Meter.Run] gathers what they counted and saves it every five seconds; [Meter.Report] sets production beside its shadow,
// [Meter.Minutes] is what metrics are made of, [Collector] what Prometheus reads. A number's way is: stripe (series.go),
// sheet in memory (flush.go), row in the [Store]. Every step only adds or replaces, so each may be repeated.
//
// The package must not know of HTTP, routers, databases or experiments' states. It judges nothing: that one variant is
// worse than another is for others to say.
package meter

import (
	"context"
	"fmt"
	"log/slog"
	"math/bits"
	"runtime"
	"sync"
	"time"

	"gnomon"
)

// Options are the settings of a Meter. The zero value of each means its default.
type Options struct {
	FlushEvery  time.Duration // what a crash may lose; default 5 s
	LongestLeg  time.Duration // no leg takes longer; a minute is kept in memory for so long after it ended; default 10 min
	KeepMinutes time.Duration // age at which minutes are added up to hours; default 63 days
	KeepHours   time.Duration // age at which hours are deleted; default 455 days

	// Judge has evidence about the same requests, which is saved together with their counts, so that they agree whenever the
	// process ends. Nil: there is none.
	Judge Judge

	// Band says between which shares of n durations, in rising order, the true q-quantile is. A lower of 0 and an upper of 1
	// say that nothing bounds it. Nil: nothing is known of any.
	Band func(n int64, q float64) (lower, upper float64)
}

// A Judge keeps evidence. Load reads what of it is in the store and not in memory. Unsaved returns what the store does not have,
// and what to call once it does; it is not called again before.
type Judge interface {
	Load(ctx context.Context) error
	Unsaved() (evidence []Evidence, saved func())
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	const day = 24 * time.Hour
	// To save takes some milliseconds, since nothing of it is in the processors' caches when it begins: where they are few, as many
	// requests wait for it. Once a second that would be the slowest hundredth of them.
	def(&o.FlushEvery, 5*time.Second)
	def(&o.LongestLeg, 10*time.Minute)
	def(&o.KeepMinutes, 63*day)
	def(&o.KeepHours, 455*day)
	return o
}

// A Meter counts, and remembers across restarts what it counted. Its methods may be called concurrently. There must be
// one Meter only over a store: what others left unfinished there is taken for a dead process's.
type Meter struct {
	opts    Options
	store   Store
	log     *slog.Logger
	writer  string // of this process's rows; every Meter has its own
	stripes int    // a power of two
	buckets map[gnomon.Bucket]int
	cells   *sync.Pool // of *cell, cleared

	// saving is held while the store is written to, or read for what is about to be written. It is taken before mu.
	saving sync.Mutex

	mu      sync.Mutex // never held while the store is at work
	seq     int64
	series  map[gnomon.Series]*series
	mirrors map[gnomon.MirrorID]*mirror
	sheets  map[sheetKey]*sheet
	totals  map[variant]*Numbers
	retired map[names]*tally // of mirrors no longer in memory, for Prometheus
	actives map[variant]*Activity
	// activesKnown: actives has what was in the store, too.
	activesKnown bool

	failing  bool      // owned by Run
	sweepDue time.Time // owned by Run
}

// A variant is what Prometheus tells apart.
type variant struct {
	endpoint gnomon.EndpointName
	name     gnomon.VariantName
}

// New returns a Meter that saves to store. It starts nothing: recorders work at once, but nothing is saved until Run.
func New(opts Options, store Store, log *slog.Logger) *Meter {
	m := &Meter{
		opts:    opts.withDefaults(),
		store:   store,
		log:     log,
		writer:  gnomon.NewID(),
		stripes: stripeCount(runtime.GOMAXPROCS(0)),
		buckets: make(map[gnomon.Bucket]int, endedBuckets),
		cells:   &sync.Pool{New: func() any { return new(cell) }},
		series:  make(map[gnomon.Series]*series),
		mirrors: make(map[gnomon.MirrorID]*mirror),
		sheets:  make(map[sheetKey]*sheet),
		totals:  make(map[variant]*Numbers),
		retired: make(map[names]*tally),
		actives: make(map[variant]*Activity),
	}
	for i, b := range gnomon.Buckets()[:endedBuckets] {
		m.buckets[b] = i
	}
	return m
}

// stripeCount returns the power of two at or above twice the parallelism: random stripes seldom meet then.
func stripeCount(parallelism int) int {
	return min(64, 1<<bits.Len(uint(2*parallelism-1)))
}

// Series returns a recorder for the legs of s. Asking twice is allowed; both recorders add to the same numbers. What
// was recorded through it counts even after it was dropped.
func (m *Meter) Series(s gnomon.Series) gnomon.LegRecorder {
	m.mu.Lock()
	defer m.mu.Unlock()
	sr, ok := m.series[s]
	if !ok {
		sr = newSeries(s, m.stripes, m.cells)
		for _, id := range s.Mirrors.IDs() {
			sr.mirrors = append(sr.mirrors, m.mirror(id))
		}
		m.series[s] = sr
	}
	r := &legRecorder{sr}
	sr.recorders.Add(1)
	runtime.AddCleanup(r, func(sr *series) { sr.recorders.Add(-1) }, sr)
	return r
}

// Mirror returns a recorder for the accounting of a mirror, which has those names from then on. Asking twice is allowed;
// both recorders add to the same numbers.
func (m *Meter) Mirror(of gnomon.Mirror) gnomon.MirrorRecorder {
	m.mu.Lock()
	defer m.mu.Unlock()
	mi := m.mirror(of.ID)
	mi.names = names{of.Endpoint, of.Experiment, of.Shadow}
	r := &mirrorRecorder{mi, m.buckets}
	mi.recorders.Add(1)
	runtime.AddCleanup(r, func(mi *mirror) { mi.recorders.Add(-1) }, mi)
	return r
}

// mirror returns the mirror of that ID, in memory from now on. The caller holds mu.
func (m *Meter) mirror(id gnomon.MirrorID) *mirror {
	mi, ok := m.mirrors[id]
	if !ok {
		mi = newMirror(id, m.newWriter(), m.stripes)
		m.mirrors[id] = mi
	}
	mi.used = time.Now()
	return mi
}

// newWriter returns a name that no row in the store has. The caller holds mu.
func (m *Meter) newWriter() string {
	m.seq++
	return fmt.Sprintf("%s-%d", m.writer, m.seq)
}

// Run saves every [Options.FlushEvery] until ctx ends, and then once more, and thins out what is old. It never gives up on a store
// that fails: the numbers stay in memory, about 10 KB per series and minute, and are saved when it works again. The
// error is that of the last save: what could not be saved then is lost.
func (m *Meter) Run(ctx context.Context) error {
	tick := time.NewTicker(m.opts.FlushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.turn(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			return m.flush(last)
		}
	}
}

const (
	lastFlush  = 10 * time.Second // for saving when Run ends
	sweepEvery = 24 * time.Hour
)

// turn is what Run does every [Options.FlushEvery].
func (m *Meter) turn(ctx context.Context) {
	err := m.flush(ctx)
	if err == nil && !time.Now().Before(m.sweepDue) {
		var more bool
		more, err = m.sweep(ctx)
		if err == nil && !more {
			m.sweepDue = time.Now().Add(sweepEvery)
		}
	}
	if ctx.Err() != nil {
		return // the last flush says how it ended
	}
	switch {
	case err != nil && !m.failing:
		m.log.Error("traffic numbers cannot be saved and are kept in memory", "error", err)
	case err == nil && m.failing:
		m.log.Info("traffic numbers are saved again")
	}
	m.failing = err != nil
}
