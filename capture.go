package gnomon

import "time"

// A CaptureRoute says what of an endpoint's requests is kept, and where. Of a sampled request, each variant that was asked
// is captured for itself.
type CaptureRoute struct {
	DataCapture
	Salt string // keys the sample
}

// A CaptureStream names what is captured of one variant.
type CaptureStream struct {
	Endpoint EndpointName
	Variant  VariantName
	DataCapture
}

// A CapturedLeg is one variant's answering of one request, with what was sent and answered.
type CapturedLeg struct {
	EventID          []byte // of the request, the same for all variants
	InferenceID      []byte // as the caller gave it; empty: not
	CustomAttributes []byte // likewise
	Began            time.Time
	InputType        []byte // content type
	Input            []byte
	Answered         bool   // with 2xx, to its end; else there is no output
	OutputType       []byte // content type
	Output           []byte
	Leg
}

// A CaptureRecorder keeps the legs of one [CaptureStream]. It is called on the hot path: it never blocks, keeps nothing
// that it is handed after it returns, and counts what it cannot take.
type CaptureRecorder interface {
	Capture(*CapturedLeg)
	// Lose counts a leg whose answer could not be kept.
	Lose()
}
