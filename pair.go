package gnomon

import "time"

// A Trial is what a shadow is judged by: the accounting it is in, and how.
type Trial struct {
	Mirror
	Production VariantName // that it is compared with
	Revision   string      // names what both variants run; what is known of another one counts for nothing. Empty: as it was
	Fraction   float64     // of the requests that is copied, 0..1
	Answers    Answers
	Judging    Judging
}

// A Pair is what became of one request of a trial's sample, with both variants. It is its recorder's until End returns.
type Pair struct {
	EventID    []byte // the text form of a UUID
	Bucket     Bucket // where the copy ended; never BucketSampledOut or BucketStopped
	Production Side
	Shadow     Side // zero if Bucket says that no copy was sent
	Streamed   bool // the answers were asked for as streams

	// Refused says that no copy was sent since the shadow had not answered so many in a row that there was no hope for this one. It
	// counts as failed.
	Refused bool

	// Cut says that production's latency is the caller's: it left before the end of its stream, or kept it waiting.
	Cut bool

	// Repeat is production asked once more, as the shadow was: by way of the shadow's queue. Repeating says that it was to be, and
	// Repeated that it was, and did not have to be broken off.
	Repeat              Side
	Repeating, Repeated bool
}

// Copied reports whether a copy was sent to the shadow, whatever came of it.
func (p *Pair) Copied() bool {
	switch p.Bucket {
	case BucketMirrored, BucketShadowError, BucketShadowTimeout, BucketShadowUnreachable:
		return true
	}
	return false
}

// A Side is how one variant fared with a request, and what it answered.
type Side struct {
	Leg
	Answer      Kept
	ContentType []byte
	Body        []byte // of an answer that was kept
}

// Failed reports whether the variant did not answer with 2xx, and to the end.
func (s *Side) Failed() bool { return s.Fault != NoFault || s.Status < 200 || s.Status > 299 }

// Kept says whether there is an answer to be compared.
type Kept uint8

// What became of an answer.
const (
	NotKept  Kept = iota // nobody has asked for it, or there is none
	KeptAll              // it is there
	TooLarge             // it is over the limit for answers that are compared
	NoMemory             // there was no memory to keep it in
)

// A PairRecorder takes what became of a trial's requests. Each request is told of once by SampledOut, or by one Begin and, later,
// one End. It is called on the hot path: it never blocks, and of numbers it loses nothing.
type PairRecorder interface {
	// SampledOut says that the request is not in the sample.
	SampledOut()
	// Begin says that production was asked, at about the present time. What it returns is given to End.
	Begin(at time.Time) int64
	// End says that both variants are done with it, or that no copy was to be had.
	End(begun int64, p *Pair)
	// Discard ends, without a trace, what was begun: the trial was stopped meanwhile.
	Discard(begun int64)
}
