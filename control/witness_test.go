package control_test

import (
	"context"
	"testing"

	"gnomon"
	"gnomon/store"
)

// A witness is the store of every stage. At each commit it sees whether the router has been told already what the rows
// are about to tell callers: that an endpoint serves, or that an experiment runs.
type witness struct {
	t      *testing.T
	db     *store.DB
	router *paper
}

func (w witness) Do(ctx context.Context, f func(*gnomon.Tx) error) error {
	return w.db.Do(ctx, func(tx *gnomon.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return w.look(tx)
	})
}

func (w witness) look(tx *gnomon.Tx) error {
	endpoints, _, err := tx.Endpoints.List(gnomon.Query{Status: string(gnomon.EndpointInService)})
	if err != nil {
		return err
	}
	for _, e := range endpoints {
		r := w.router.route(string(e.Name))
		if r == nil || len(r.Production) != len(e.Live.Production) || r.Production[0].Name != e.Live.Production[0].Name {
			w.t.Errorf("endpoint %s is said to be in service with %v, its route is %+v", e.Name, e.Live.Production, r)
		}
	}
	experiments, _, err := tx.Experiments.List(gnomon.Query{Status: string(gnomon.Running)})
	if err != nil {
		return err
	}
	for _, x := range experiments {
		m := w.router.mirror(string(x.Endpoint))
		if m == nil || m.Experiment != x.Name || m.Fraction != x.Overlay.Fraction {
			w.t.Errorf("experiment %s is said to be Running at %v, the mirror of its endpoint is %+v", x.Name, x.Overlay.Fraction, m)
		}
	}
	return nil
}
