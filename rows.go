package gnomon

import "time"

// A Tx is one transaction over the control state. All of it is kept, or nothing. What it returns is the caller's to
// change; what is read in one Tx must be written in the same one.
type Tx struct {
	Models          Rows[Model]
	EndpointConfigs Rows[EndpointConfig]
	Endpoints       Rows[Endpoint]
	Experiments     Rows[Experiment]
	Tags            TagRows
}

// Rows are the resources of one kind, keyed by name.
type Rows[T any] interface {
	// Get returns the resource, or an error that is NotFound.
	Get(name string) (*T, error)
	// Insert adds a resource, or returns an error that is InUse: its name is taken.
	Insert(*T) error
	// Put replaces the resource of that name, or returns an error that is NotFound.
	Put(*T) error
	// Delete removes the resource. One that is not there is removed already.
	Delete(name string) error
	// List returns a page and where the next one begins; a zero cursor: there is none.
	List(Query) ([]*T, Cursor, error)
}

// TagRows are the tags of resources, by ARN.
type TagRows interface {
	// Get returns the tags in the order of their keys.
	Get(arn string) ([]Tag, error)
	// Set replaces all tags of the resource; none removes them.
	Set(arn string, tags []Tag) error
}

// A Tag is a key and a value on a resource.
type Tag struct{ Key, Value string }

// A Query selects and orders resources. The zero Query is all of them, by name.
type Query struct {
	NameContains   string // without regard to case
	Status         string
	Except         []string // statuses that are left out
	Endpoint       string   // of experiments: only those on this endpoint
	CreatedAfter   time.Time
	CreatedBefore  time.Time
	ModifiedAfter  time.Time
	ModifiedBefore time.Time

	Sort       SortKey
	Descending bool
	After      Cursor // where the page before ended
	Limit      int    // 0: no limit
}

// A SortKey is what a list is ordered by; equal ones are ordered by name.
type SortKey string

// The sort keys.
const (
	ByName    SortKey = "name"
	ByCreated SortKey = "created"
	ByStatus  SortKey = "status"
)

// A Cursor is a place in an ordered list, so that pages stay true while resources come and go.
type Cursor struct {
	Key  string // the sort key's value
	Name string
}
