package gnomon

import "time"

// An Overlay is what an experiment asks of its endpoint while it lasts. It lies over the endpoint's own spec; dropping
// it restores the endpoint.
type Overlay struct {
	ID      string             // of the experiment and the generation: a changed overlay has another
	Config  EndpointConfigName // the generated config, the overlay's face
	Capture *DataCapture       // nil: as the endpoint has it
	KmsKey  string             // empty: as the endpoint has it

	// Production replaces the production variant, Shadow all shadow variants; nil Production leaves it alone, nil Shadow
	// leaves the endpoint without any.
	Production *Variant
	Shadow     *Variant
	// CountsAt is when the counts were asked for: an owner's scaling after it holds, one before it does not.
	CountsAt time.Time
	// Adopt makes the result the endpoint's own, for good, once it is in service.
	Adopt bool

	// Mirror says that requests are copied to the shadow. It is no part of what is deployed: it may change at any
	// time without touching an instance.
	Mirror   bool
	Paused   bool    // the accounting goes on, with every request in the bucket stopped
	Fraction float64 // 0..1
}

// With returns the spec with the overlay over it. A nil overlay changes nothing.
func (s EndpointSpec) With(o *Overlay) EndpointSpec {
	if o == nil {
		return s
	}
	s = s.clone()
	if o.Config != "" {
		s.Config = o.Config
	}
	if o.Capture != nil {
		s.Capture = o.Capture
	}
	if o.KmsKey != "" {
		s.KmsKey = o.KmsKey
	}
	if o.Production != nil {
		s.Production = []Variant{*o.Production}
	}
	s.Shadows = nil
	if o.Shadow != nil {
		s.Shadows = []Variant{*o.Shadow}
	}
	return s
}
