package gnomon

import (
	"encoding/json"
	"time"
)

// A Model is a container with its artifacts, under a name.
type Model struct {
	Name      ModelName
	ID        string
	Container Container
	Role      string // ARN of the execution role; gates artifacts and image
	CreatedAt time.Time

	// Accepted is the request that made it, as canonical JSON. Only the wire's face reads it.
	Accepted json.RawMessage
}

// A Container is what an instance of a model runs. It is kept by value wherever it is deployed: deleting the model
// does not take it away from a live endpoint.
type Container struct {
	Image       string            // an image's name, or an http(s) URL of a server someone else runs
	Artifacts   []Artifact        // laid out before the server starts
	Environment map[string]string // of the server
}

// An Artifact is a model's files in a bucket.
type Artifact struct {
	URI     string // s3://bucket/key, or s3://bucket/prefix/
	Prefix  bool   // everything under URI, laid out uncompressed; otherwise one object
	Gzip    bool   // the object is a tar.gz to be unpacked; otherwise it is laid out as it is
	Channel string // empty: the model's own directory; else an additional source of that name
}
