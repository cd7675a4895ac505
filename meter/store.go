package meter

import (
	"context"
	"time"

	"gnomon"
)

// A Store keeps rows and accounts. What Save has acknowledged survives the end of the process.
type Store interface {
	// Save makes all of the changes in one transaction.
	Save(ctx context.Context, c Changes) error

	// Rows calls fn with the rows that pass the filter, by rising Start, until fn returns an error, which it returns
	// as it is. fn must not call the store.
	Rows(ctx context.Context, f Filter, fn func(Row) error) error

	// Accounts returns the accounts of one mirror, in no order.
	Accounts(ctx context.Context, id gnomon.MirrorID) ([]Account, error)

	// Activity returns of each variant with rows from since on when it last had which numbers.
	Activity(ctx context.Context, since time.Time) ([]Activity, error)
}

// Changes, Row, Account, Evidence, Activity and Filter are aliases of types without a name: a store can offer them without importing this package.
type (
	// Changes put rows, accounts and evidence, each in place of what has the same key, and remove rows by their keys.
	Changes = struct {
		Put, Remove []Row
		Accounts    []Account
		Evidence    []Evidence
	}

	// Evidence is what is judged of a mirror's requests. Its key is Mirror; no State removes it. The meter does not look into it.
	Evidence = struct {
		Mirror gnomon.MirrorID
		State  []byte
	}

	// A Row is what one writer counted for one series in one span of time. Its key is Series, Start, Span and Writer.
	Row = struct {
		Series   gnomon.Series
		Start    time.Time     // whole minutes or hours
		Span     time.Duration // a minute or an hour
		Writer   string        // names a piece of one process's counting; empty: added up from several
		Counts   []byte        // [Counts], as JSON
		Latency  []byte        // [Distribution], encoded
		Overhead []byte        // likewise
		Streams  []byte        // [Streams], encoded; empty: none

		Instances []byte // [Usage], its counts of instances, encoded; empty: nobody looked
		Usage     []byte // and what they used; empty: nothing was measured
	}

	// An Account is what one writer counted for a mirror. Its key is Mirror and Writer. Requests in none of the
	// buckets were under way when it was saved.
	Account = struct {
		Mirror   gnomon.MirrorID
		Writer   string
		Requests int64
		Ended    map[gnomon.Bucket]int64
		Final    bool // the mirror's accounting is closed, with this and all other accounts of it
	}

	// An Activity says when a variant last had numbers of each kind: the start of the minute or hour, zero if it had none.
	Activity = struct {
		Endpoint gnomon.EndpointName
		Variant  gnomon.VariantName
		Legs     time.Time
		Latency  time.Time
		Overhead time.Time
		Streams  time.Time
		Usage    time.Time
	}

	// A Filter says which rows are wanted: a field with its zero value lets everything pass.
	Filter = struct {
		EndpointID string
		Endpoint   gnomon.EndpointName
		Variant    gnomon.VariantName
		Mirror     gnomon.MirrorID // one of the series' mirrors
		Span       time.Duration
		From, To   time.Time // From ≤ Start < To
	}
)
