package host

import (
	"context"
	"fmt"
	"io"
	"time"

	"gnomon"
)

// A Driver runs model servers on something. It keeps no clocks and no states: the [Host] does. Its methods block until
// what they do is done or ctx ends. Calls for different instances are concurrent; for one instance, the host makes one
// call at a time, apart from Wait.
type Driver interface {
	// Start makes the instance run and returns its address, host:port, once the server is started, whether or not it
	// answers yet. An instance that already runs is left alone. What an earlier Start laid out is used again. An error
	// made by [Fail] says that trying again is of no use; any other is tried again.
	Start(ctx context.Context, s Spec) (address string, err error)

	// Wait returns when the instance does not run, and how it came to its end. It returns at once if it does not run
	// now, and with an error when ctx ends.
	Wait(ctx context.Context, id gnomon.InstanceID) (Exit, error)

	// Stop ends the instance and everything it has started: politely, and by force after the grace. What was laid out
	// stays. Stopping what does not run is no error.
	Stop(ctx context.Context, id gnomon.InstanceID, grace time.Duration) error

	// Remove deletes what is left of a stopped instance, except its logs. Removing what is not there is no error.
	Remove(ctx context.Context, id gnomon.InstanceID) error

	// List returns the instances that run although this driver did not start them: those of an earlier Gnomon. What
	// cannot be taken over is ended first. It is called once, before anything else.
	List(ctx context.Context) ([]Spec, error)
}

// A Reclasser is a driver that can change the class of a running instance.
type Reclasser interface {
	SetClass(ctx context.Context, id gnomon.InstanceID, c gnomon.Class) error
}

// A Measurer is a driver that can tell what its instances use.
type Measurer interface {
	// Measure returns the loads of those of the instances that run. With an error, some may be missing.
	Measure(ctx context.Context, ids []gnomon.InstanceID) (map[gnomon.InstanceID]Load, error)
}

// A LogReader is a driver that keeps what its instances write. See [Host.Logs].
type LogReader interface {
	Logs(ctx context.Context, id gnomon.InstanceID) (io.ReadCloser, error)
}

// A driver whose instances cannot outlive Gnomon is also an [io.Closer]. Close ends them, and is called last.

// A Spec is what a driver must run for one instance. Count and StartupTimeout of the fleet do not concern it, and its
// DownloadTimeout is Start's deadline.
type Spec struct {
	gnomon.Fleet
	Ordinal int
}

// ID names the instance.
func (s Spec) ID() gnomon.InstanceID { return gnomon.InstanceID{Fleet: s.Fleet.ID, Ordinal: s.Ordinal} }

// An Exit says how a server ended.
type Exit struct {
	Detail string // for the owner of the endpoint: status and, if there are any, the last lines of the log
}

// Fail returns an error for a start that cannot succeed, however often it is tried.
func Fail(kind gnomon.FailureKind, format string, args ...any) error {
	return &failure{gnomon.Failure{Kind: kind, Detail: fmt.Sprintf(format, args...)}}
}

type failure struct{ gnomon.Failure }

func (f *failure) Error() string { return string(f.Kind) + ": " + f.Detail }
