// Package metrics answers CloudWatch's questions about endpoints from what the meter keeps: the metrics that SageMaker
// publishes, under the names, units and statistics that it documents.
//
// Start at [New]. catalogue.go says what each metric is made of, samples.go what a statistic of it is, series.go how
// minutes become the periods that a caller asks for; statistics.go, data.go and list.go are the three operations.
//
// It is the meter's face as package api is control's: it holds no numbers of its own. It knows nothing of HTTP, of
// protocols or of what is deployed, so the metrics of an endpoint outlive it.
package metrics

import (
	"context"
	"time"

	"gnomon"
	"gnomon/cloudwatch"
	"gnomon/meter"
)

// A Meter is what the metrics are made of.
type Meter interface {
	// Minutes calls fn with a variant's numbers, by rising start. See [meter.Meter.Minutes].
	Minutes(ctx context.Context, e gnomon.EndpointName, v gnomon.VariantName, from, to time.Time, fn func(meter.Minute) error) error

	// Activity tells which variants had which numbers in the last two weeks. See [meter.Meter.Activity].
	Activity(context.Context) ([]meter.Activity, error)
}

// atOnce is how many requests read numbers at a time; others wait. One that reads all there is of a variant takes about a
// second of a processor.
const atOnce = 2

// Metrics answer the operations. Any number of goroutines may use them.
type Metrics struct {
	meter     Meter
	partition gnomon.Partition
	reading   chan struct{}
}

var _ cloudwatch.Handler = (*Metrics)(nil)

// New returns the metrics of a meter's numbers, which belong to the partition's account.
func New(m Meter, p gnomon.Partition) *Metrics {
	return &Metrics{meter: m, partition: p, reading: make(chan struct{}, atOnce)}
}

// turn waits for its turn to read numbers. The caller calls the function that it returns when it is done.
func (m *Metrics) turn(ctx context.Context) (func(), error) {
	select {
	case m.reading <- struct{}{}:
		return func() { <-m.reading }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
