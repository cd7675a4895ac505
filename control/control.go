// Package control is what the operations mean.
//
// It has two halves. The services ([Models], [EndpointConfigs], [Endpoints], [Experiments], [Tags]) check a request,
// record what is wanted in one transaction and wake a reconciler. The reconcilers ([EndpointReconciler],
// [ExperimentReconciler]) read what is wanted, look at what is, and do the next thing; they may be run at any time and
// any number of times, and a process that dies in between loses nothing but the time. The two reconcilers meet only in
// rows: an experiment writes its overlay into its own row, the endpoint's reconciler makes endpoint and overlay so and
// writes how far it has got into the endpoint's row.
//
// The package owns the small interfaces it needs. It knows nothing of wires, SQL, processes or proxies.
package control

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"gnomon"
)

// A Store keeps the control state.
type Store interface {
	// Do runs f in one transaction, alone. f may be run again.
	Do(ctx context.Context, f func(*gnomon.Tx) error) error
}

// Hosts run model servers.
type Hosts interface {
	// Ensure starts what is missing of the fleet and returns without waiting for it. It stops nothing.
	Ensure(ctx context.Context, f gnomon.Fleet) error
	// Stop begins to end an instance and returns without waiting for it. An unknown one has ended.
	Stop(ctx context.Context, id gnomon.InstanceID) error
	// Instances lists all instances there are.
	Instances() []gnomon.Instance
}

// A Router answers the requests.
type Router interface {
	// Publish replaces the routes: when it returns, no instance that is not in them is given another request.
	Publish(gnomon.Routes)
	// InFlight counts the requests and copies that an instance still has to answer.
	InFlight(gnomon.InstanceID) int
}

// Accounts keep the numbers of experiments.
type Accounts interface {
	// Freeze makes the numbers final.
	Freeze(ctx context.Context, id gnomon.MirrorID) error
}

// Artifacts are the models' files.
type Artifacts interface {
	// Check returns an error that says what is wrong if the artifact is not there or cannot be read.
	Check(ctx context.Context, a gnomon.Artifact) error
}

// Images are what hosts can run.
type Images interface {
	// CheckImage returns an error that says what is wrong if no host can run the image.
	CheckImage(name string) error
}

// Rules are what the operator has set.
type Rules struct {
	Partition gnomon.Partition
	Roles     []gnomon.Role               // those that may be passed
	Quotas    map[gnomon.InstanceType]int // instances per type; of no name: of each that is not named. What is not there has no limit
	StartLead time.Duration               // a scheduled shadow is deployed this long before its start

	// RestartPromoted says that hosts cannot give a running shadow production's priority: a promoted variant is started
	// anew and takes over when it is in service.
	RestartPromoted bool
}

// A Plane is what the services have in common. It holds no state of its own.
type Plane struct {
	Store       Store
	Rules       Rules
	Artifacts   Artifacts
	Images      Images
	Captures    Captures
	Volumes     Volumes
	Verdicts    Verdicts
	Log         *slog.Logger
	Endpoints   *Queue // wakes the [EndpointReconciler], by endpoint name
	Experiments *Queue // wakes the [ExperimentReconciler], by experiment name
}

// Captures says how capturing goes.
type Captures interface {
	// Trouble says why nothing is captured for a destination just now; nil if it is.
	Trouble(destination string) error
	// Check says what keeps captures from being written to a destination, encrypted by a key unless that is empty; nil: nothing
	// that is known now.
	Check(destination, kmsKey string) error
}

// Volumes says whether what instances keep can be encrypted.
type Volumes interface {
	// CheckKey says what keeps it from being encrypted by a key; nil: nothing that is known now.
	CheckKey(name string) error
}

// Verdicts are what was found of shadows.
type Verdicts interface {
	// Worse says in what the shadow of a mirror was found to be worse than production; empty: it was not. Whoever finds it wakes
	// Experiments.
	Worse(gnomon.MirrorID) string
	// Forget drops what was found of the shadow of a mirror that is no more, answers among it.
	Forget(gnomon.MirrorID)
}

// checkKey refuses a key that cannot encrypt volumes. None is none.
func (p *Plane) checkKey(member, key string) error {
	if key == "" {
		return nil
	}
	if err := p.Volumes.CheckKey(key); err != nil {
		return gnomon.Errorf(gnomon.Invalid, "%s %q cannot encrypt the storage volumes of instances: %v.", member, key, err)
	}
	return nil
}

// checkCapture says what keeps a capture from being written.
func (p *Plane) checkCapture(c *gnomon.DataCapture) error {
	if c == nil {
		return nil
	}
	if err := p.Captures.Check(c.Destination, c.KmsKey); err != nil {
		return gnomon.Errorf(gnomon.Invalid, "Data cannot be captured to %q: %v.", c.Destination, err)
	}
	return nil
}

// now is the time of a request or a step, in UTC and in the precision that is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// do runs f in a transaction and returns its value.
func do[T any](ctx context.Context, s Store, f func(*gnomon.Tx) (T, error)) (T, error) {
	var v T
	err := s.Do(ctx, func(tx *gnomon.Tx) error {
		var err error
		v, err = f(tx)
		return err
	})
	return v, err
}

// A Page is a part of a list, and where the next one begins; a zero Next: this was the last.
type Page[T any] struct {
	Items []*T
	Next  gnomon.Cursor
}

func list[T any](rows gnomon.Rows[T], q gnomon.Query) (Page[T], error) {
	items, next, err := rows.List(q)
	return Page[T]{Items: items, Next: next}, err
}

// ignoreGone makes nothing of a resource that does not exist any more: there is nothing left to do for it.
func ignoreGone(err error) error {
	if errors.Is(err, gnomon.NotFound) {
		return nil
	}
	return err
}
