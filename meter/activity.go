package meter

import (
	"cmp"
	"context"
	"slices"
	"time"

	"gnomon"
)

// activeFor is how long a variant is told of after the last of its numbers: as long as CloudWatch lists a metric.
const activeFor = 14 * 24 * time.Hour

// Activity returns which numbers each variant had when last, of those that had any in the last two weeks, by the names of
// endpoint and variant. It includes what is not saved yet.
func (m *Meter) Activity(ctx context.Context) ([]Activity, error) {
	since := time.Now().Add(-activeFor)
	if err := m.recall(ctx, since); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drainAll()
	var all []Activity
	for v, a := range m.actives {
		if last(a).Before(since) {
			delete(m.actives, v)
			continue
		}
		for _, t := range times(a) {
			if t.Before(since) {
				*t = time.Time{}
			}
		}
		all = append(all, *a)
	}
	slices.SortFunc(all, func(a, b Activity) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Variant, b.Variant))
	})
	return all, nil
}

// recall reads what the store has, once. Until somebody asks, nobody needs it.
func (m *Meter) recall(ctx context.Context, since time.Time) error {
	m.mu.Lock()
	known := m.activesKnown
	m.mu.Unlock()
	if known {
		return nil
	}
	stored, err := m.store.Activity(ctx, since)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range stored {
		theirs := times(&s)
		for i, t := range times(m.activeOf(s.Endpoint, s.Variant)) {
			*t = later(*t, *theirs[i])
		}
	}
	m.activesKnown = true
	return nil
}

// active notes the kinds of numbers that a variant had in a minute. The caller holds mu.
func (m *Meter) active(s gnomon.Series, minute int64, n *Numbers) {
	start := time.Unix(minute, 0).UTC()
	all := times(m.activeOf(s.Endpoint, s.Variant))
	for i, had := range []bool{
		n.Invocations > 0, n.Latency.Count() > 0, n.Overhead.Count() > 0, n.Streams.FirstChunkModel.Count() > 0, n.Usage.CPU.Count() > 0,
	} {
		if had {
			*all[i] = later(*all[i], start)
		}
	}
}

func (m *Meter) activeOf(e gnomon.EndpointName, v gnomon.VariantName) *Activity {
	a, ok := m.actives[variant{e, v}]
	if !ok {
		a = &Activity{Endpoint: e, Variant: v}
		m.actives[variant{e, v}] = a
	}
	return a
}

// times returns the times of an activity, in the order in which active has them.
func times(a *Activity) [5]*time.Time {
	return [5]*time.Time{&a.Legs, &a.Latency, &a.Overhead, &a.Streams, &a.Usage}
}

func last(a *Activity) time.Time {
	var t time.Time
	for _, one := range times(a) {
		t = later(t, *one)
	}
	return t
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
