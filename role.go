package gnomon

import "slices"

// A Power is something a role allows Gnomon to do on behalf of whoever passes it.
type Power string

// The powers of roles.
const (
	ReadArtifacts   Power = "artifacts" // read model artifacts from buckets
	PullImages      Power = "images"    // start an image
	ChangeEndpoints Power = "endpoints" // make endpoints and change them
	WriteCaptures   Power = "captures"  // write captured data to buckets
)

// Powers lists all powers.
func Powers() []Power { return []Power{ReadArtifacts, PullImages, ChangeEndpoints, WriteCaptures} }

// A Role is an IAM role that Gnomon knows, with what it allows.
type Role struct {
	ARN    string
	Powers []Power
}

// May reports whether the role allows p.
func (r Role) May(p Power) bool { return slices.Contains(r.Powers, p) }
