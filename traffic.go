package gnomon

import (
	"slices"
	"strings"
	"time"
)

// A Bucket is what became of the shadow's copy of one production request. Each request is in exactly one.
type Bucket string

// The buckets, in the names metrics and reports show.
const (
	BucketMirrored          Bucket = "mirrored"           // the shadow answered with 2xx
	BucketShadowError       Bucket = "shadow_error"       // it answered otherwise, or not in HTTP, or too much
	BucketShadowTimeout     Bucket = "shadow_timeout"     // it did not answer within its deadline
	BucketShadowUnreachable Bucket = "shadow_unreachable" // it took no connection, or cut it
	BucketSampledOut        Bucket = "sampled_out"        // not in the sample
	BucketQueueFull         Bucket = "queue_full"         // the shadow's queue, workers or memory budget were used up
	BucketTooLarge          Bucket = "too_large"          // the body is over the shadow's limit
	BucketRateCapped        Bucket = "rate_capped"        // over the mirror's MaxRate
	BucketShadowNotReady    Bucket = "shadow_not_ready"   // no instance in service, or the circuit breaker is open
	BucketStopped           Bucket = "stopped"            // the experiment, or Gnomon, was ending
	BucketPending           Bucket = "pending"            // under way: derived, never recorded
)

// Buckets lists the buckets in the order they are shown. BucketPending is last: it is the difference between the
// requests and all others.
func Buckets() []Bucket {
	return []Bucket{
		BucketMirrored, BucketShadowError, BucketShadowTimeout, BucketShadowUnreachable, BucketSampledOut,
		BucketQueueFull, BucketTooLarge, BucketRateCapped, BucketShadowNotReady, BucketStopped, BucketPending,
	}
}

// A Mirror is one accounting, with the names by which a person knows it.
type Mirror struct {
	ID         MirrorID
	Endpoint   EndpointName
	Experiment ExperimentName // empty: the shadow is the endpoint's own
	Shadow     VariantName
}

// A Series names the numbers of one variant. Mirrors are those that its legs are compared in while the endpoint's
// requests are under test, so that what happened during an experiment can be told apart from before and after. A leg is in
// one series only, in however many mirrors it is compared.
type Series struct {
	EndpointID string
	Endpoint   EndpointName
	Variant    VariantName
	Mirrors    Mirrors
}

// Mirrors are a set of mirrors that can be compared and kept as text: their IDs in order, with spaces between them. The
// zero Mirrors are none.
type Mirrors string

// NewMirrors returns the set of those mirrors, in any order, each once however often it is given.
func NewMirrors(ids ...MirrorID) Mirrors {
	sorted := slices.Compact(slices.Sorted(slices.Values(ids)))
	var b strings.Builder
	for i, id := range sorted {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(id))
	}
	return Mirrors(b.String())
}

// IDs lists the mirrors of the set, in order.
func (m Mirrors) IDs() []MirrorID {
	var ids []MirrorID
	for id := range strings.FieldsSeq(string(m)) {
		ids = append(ids, MirrorID(id))
	}
	return ids
}

// Has reports whether the mirror is in the set.
func (m Mirrors) Has(id MirrorID) bool { return slices.Contains(m.IDs(), id) }

// A Leg is one variant's answering of one request.
type Leg struct {
	Started      time.Time     // when the request was written to the model
	ModelLatency time.Duration // from then to the last byte of the answer; or to the deadline, for a timeout
	Overhead     time.Duration // of the whole request, beyond ModelLatency; 0 for a shadow
	Status       int           // of the model's answer; 0: none
	Fault        LegFault
	RequestBytes int
	AnswerBytes  int

	// Of a streamed answer; Chunks is 0 for any other.
	Chunks             int           // runs of data, as they came
	FirstChunk         time.Duration // from Started to the first of them
	FirstChunkOverhead time.Duration // of the whole request till then, beyond FirstChunk; 0 for a shadow
	Streaming          time.Duration // from the first to the last
	Broken             bool          // it ended in the middle
}

// A LegFault says why a leg brought no answer.
type LegFault uint8

// The faults.
const (
	NoFault         LegFault = iota // the model answered, whatever the status
	FaultTimeout                    // not within the deadline
	FaultConnection                 // no connection, or it broke
	FaultProtocol                   // what came back is not an HTTP answer, or is over the limit
	FaultNoInstance                 // no instance was in service
)

// A LegRecorder takes the legs of one [Series], each for the variant and for every mirror of the series. It is called on the hot path: it never blocks and loses nothing.
type LegRecorder interface {
	Record(Leg)
}

// A MirrorRecorder takes the accounting of one mirror. For every Begin there is exactly one End. It is called on the
// hot path: it never blocks and loses nothing.
type MirrorRecorder interface {
	Begin()
	End(Bucket)
}
