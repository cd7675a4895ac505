package metrics

import (
	"context"
	"slices"
	"time"

	"gnomon"
	"gnomon/meter"
)

const day = 24 * time.Hour

// shortPeriods are those below a minute that CloudWatch takes. Numbers are kept by the minute: what such a period yields
// is a minute's numbers, at its beginning.
var shortPeriods = []int{1, 5, 10, 20, 30}

// validPeriod reports whether CloudWatch takes a period of so many seconds.
func validPeriod(seconds int) bool {
	return seconds >= 60 && seconds%60 == 0 || slices.Contains(shortPeriods, seconds)
}

const periods = "must be 1, 5, 10, 20, 30 or a multiple of 60"

// begin returns where the first period begins, as CloudWatch rounds a start: down to the minute, for what is older than 15
// days to five, older than 63 to the hour; for periods of 5 to 30 seconds down to one of them.
func begin(start time.Time, period int, now time.Time) int64 {
	step := int64(60)
	switch age := now.Sub(start); {
	case period > 1 && period < 60:
		step = int64(period)
	case age > 63*day:
		step = 3600
	case age > 15*day:
		step = 300
	}
	at := start.Unix()
	return at - (at%step+step)%step
}

// lookBack is how far back the number of instances is looked for when a minute has none of its own.
const lookBack = 5 * time.Minute

// A span is what is read of one variant at once.
type span struct {
	endpoint   gnomon.EndpointName
	variant    gnomon.VariantName
	begin, end int64 // Unix seconds
	period     int   // seconds; the first period begins at begin, all of them before end
}

// most returns how many periods it has.
func (sp span) most() int64 { return (sp.end - sp.begin + int64(sp.period) - 1) / int64(sp.period) }

// read calls fn with the samples of several metrics in each period in which there were any numbers, by rising time, until
// fn returns an error, which it returns. Of some metrics there may be none.
func (m *Metrics) read(ctx context.Context, sp span, of []definition, fn func(at int64, s []samples) error) error {
	var at int64
	var now []samples
	flush := func() error {
		s := now
		now = nil
		if s == nil {
			return nil
		}
		return fn(at, s)
	}
	instances := 0.0
	from, to := time.Unix(sp.begin, 0).Add(-lookBack), time.Unix(sp.end, 0)
	err := m.meter.Minutes(ctx, sp.endpoint, sp.variant, from, to, func(mi meter.Minute) error {
		if mi.Usage.Looks > 0 {
			instances = mi.Usage.MeanInstances()
		}
		start := mi.Start.Unix()
		if start < sp.begin {
			return nil
		}
		if bucket := start - (start-sp.begin)%int64(sp.period); now == nil || bucket != at {
			if err := flush(); err != nil {
				return err
			}
			at, now = bucket, make([]samples, len(of))
		}
		for i, d := range of {
			d.add(&now[i], &mi.Numbers, instances)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}
