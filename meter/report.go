package meter

import (
	"cmp"
	"context"
	"slices"
	"time"

	"gnomon"
)

// A Comparison sets a production variant beside its shadow, over the time that a mirror lasted or has lasted so far.
type Comparison struct {
	Variants   Sides[gnomon.VariantName] `json:"variants"`
	From       time.Time                 `json:"from,omitzero"` // of the first leg, to the minute; zero: no leg yet
	To         time.Time                 `json:"to,omitzero"`   // of the last leg's start, likewise
	Accounting Accounting                `json:"accounting"`
	Latency    Sides[Latency]            `json:"latency"`       // of the models
	Shapes     Sides[Shape]              `json:"distributions"` // of Latency
	Overhead   Latency                   `json:"overhead"`      // of production's requests beyond the model
	Errors     Sides[Errors]             `json:"errors"`
	Streams    *Sides[StreamReport]      `json:"streams,omitempty"` // nil: no answer was streamed
}

// Sides are two things of one kind, one for each variant.
type Sides[T any] struct {
	Production T `json:"production"`
	Shadow     T `json:"shadow"`
}

// A Latency sums up many durations, in microseconds. Without any, all is 0. Quantiles are within [RelativeError].
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_us"`
	Min   float64 `json:"min_us"`
	P50   float64 `json:"p50_us"`
	P90   float64 `json:"p90_us"`
	P99   float64 `json:"p99_us"`
	P999  float64 `json:"p99_9_us"`
	Max   float64 `json:"max_us"`
}

func latencyOf(d *Distribution) Latency {
	return Latency{
		Count: d.Count(), Mean: d.Mean(), Min: d.Min(), Max: d.Max(),
		P50: d.Quantile(0.5), P90: d.Quantile(0.9), P99: d.Quantile(0.99), P999: d.Quantile(0.999),
	}
}

// Errors are a variant's counts, with the sum and share of those that were no good answer.
type Errors struct {
	Counts
	ModelErrors int64   `json:"model_errors"`
	Rate        float64 `json:"rate"` // of the invocations, 0..1; no_instance counts too
}

func errorsOf(c Counts) Errors {
	e := Errors{Counts: c, ModelErrors: c.ModelErrors()}
	if c.Invocations > 0 {
		e.Rate = float64(c.Invocations-c.Answers2xx) / float64(c.Invocations)
	}
	return e
}

// Accounting returns what became of a mirror's copies, up to this instant, over all restarts. Of a mirror that never
// was, everything is 0.
func (m *Meter) Accounting(ctx context.Context, id gnomon.MirrorID) (Accounting, error) {
	mi, err := m.hold(ctx, id)
	if err != nil {
		return Accounting{}, err
	}
	defer m.mu.Unlock()
	mi.look()
	return mi.accounting(), nil
}

// Report compares two variants over the time of a mirror, up to this instant, over all restarts.
func (m *Meter) Report(ctx context.Context, id gnomon.MirrorID, production, shadow gnomon.VariantName) (Comparison, error) {
	var latency Sides[Distribution]
	c, err := m.compare(ctx, id, production, shadow, &latency)
	if err != nil {
		return Comparison{}, err
	}
	c.Shapes = Sides[Shape]{shapeOf(&latency.Production, m.opts.Band), shapeOf(&latency.Shadow, m.opts.Band)}
	return c, nil
}

// compare is Report without the shapes of the latencies: those take their time, so the latencies are copied for it.
func (m *Meter) compare(ctx context.Context, id gnomon.MirrorID, production, shadow gnomon.VariantName, latency *Sides[Distribution]) (Comparison, error) {
	mi, err := m.hold(ctx, id)
	if err != nil {
		return Comparison{}, err
	}
	defer m.mu.Unlock()
	m.drainAll()
	p, s := mi.total(production), mi.total(shadow)
	latency.Production.Merge(&p.Latency)
	latency.Shadow.Merge(&s.Latency)
	c := Comparison{
		Variants:   Sides[gnomon.VariantName]{production, shadow},
		Accounting: mi.accounting(),
		Latency:    Sides[Latency]{latencyOf(&p.Latency), latencyOf(&s.Latency)},
		Overhead:   latencyOf(&p.Overhead),
		Errors:     Sides[Errors]{errorsOf(p.Counts), errorsOf(s.Counts)},
	}
	if p.Streams.FirstChunkModel.Count()+s.Streams.FirstChunkModel.Count() > 0 {
		c.Streams = &Sides[StreamReport]{streamsOf(&p.Numbers), streamsOf(&s.Numbers)}
	}
	for _, t := range []*total{p, s} {
		if c.From.IsZero() || !t.from.IsZero() && t.from.Before(c.From) {
			c.From = t.from
		}
		if t.to.After(c.To) {
			c.To = t.to
		}
	}
	return c, nil
}

// total returns a variant's total, an empty one if there is none.
func (mi *mirror) total(v gnomon.VariantName) *total {
	if t, ok := mi.variants[v]; ok {
		return t
	}
	return new(total)
}

// A Minute is one variant's numbers over one minute, or over one hour for what is old.
type Minute struct {
	Start time.Time
	Span  time.Duration
	Numbers
}

// Minutes calls fn with the numbers of one variant from from (inclusive) to to (exclusive; zero: up to now), by rising
// Start, until fn returns an error, which it returns. Minutes without a leg or a look at instances are left out. It includes what
// is not saved yet. Minutes older than [Options.KeepMinutes] come as hours. fn must not call the Meter.
func (m *Meter) Minutes(ctx context.Context, e gnomon.EndpointName, v gnomon.VariantName, from, to time.Time, fn func(Minute) error) error {
	f := Filter{Endpoint: e, Variant: v, From: from, To: to}
	held := m.held(f)
	inMemory := make(map[rowKey]bool, len(held))
	for _, r := range held {
		inMemory[keyOf(r)] = true
	}
	g := gather{m: m, fn: fn}
	err := m.store.Rows(ctx, f, func(r Row) error {
		for len(held) > 0 && !held[0].Start.After(r.Start) {
			if err := g.add(held[0]); err != nil {
				return err
			}
			held = held[1:]
		}
		if inMemory[keyOf(r)] {
			return nil
		}
		return g.add(r)
	})
	for _, r := range held {
		if err == nil {
			err = g.add(r)
		}
	}
	if err != nil {
		return err
	}
	return g.done()
}

type rowKey struct {
	series gnomon.Series
	start  int64
	span   time.Duration
	writer string
}

func keyOf(r Row) rowKey { return rowKey{r.Series, r.Start.Unix(), r.Span, r.Writer} }

// held returns the sheets in memory that pass f, as rows by rising Start.
func (m *Meter) held(f Filter) []Row {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drainAll()
	var rows []Row
	for k, sh := range m.sheets {
		start := time.Unix(k.minute, 0)
		if k.series.Endpoint == f.Endpoint && k.series.Variant == f.Variant &&
			!start.Before(f.From) && (f.To.IsZero() || start.Before(f.To)) {
			rows = append(rows, k.row(sh))
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.Start.Unix(), b.Start.Unix()) })
	return rows
}

// A gather adds rows of one start and span up and hands them on.
type gather struct {
	m   *Meter
	fn  func(Minute) error
	now *Minute
}

func (g *gather) add(r Row) error {
	n, ok := g.m.decode(r)
	if !ok {
		return nil
	}
	if g.now == nil || !g.now.Start.Equal(r.Start) || g.now.Span != r.Span {
		if err := g.done(); err != nil {
			return err
		}
		g.now = &Minute{Start: r.Start, Span: r.Span}
	}
	g.now.Merge(n)
	return nil
}

// done hands on what was added up since it was last called.
func (g *gather) done() error {
	if g.now == nil {
		return nil
	}
	now := *g.now
	g.now = nil
	return g.fn(now)
}
