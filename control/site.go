package control

import (
	"strings"

	"gnomon"
)

// A site is an endpoint with the experiment that lies over it, if one does.
type site struct {
	e *gnomon.Endpoint
	x *gnomon.Experiment // nil: none
}

func siteOf(tx *gnomon.Tx, e *gnomon.Endpoint) (site, error) {
	all, err := on(tx, e.Name)
	if err != nil {
		return site{}, err
	}
	for _, x := range all {
		if x.Overlay != nil && x.EndpointID == e.ID {
			return site{e: e, x: x}, nil
		}
	}
	return site{e: e}, nil
}

// on lists the experiments on an endpoint that have not ended.
func on(tx *gnomon.Tx, name gnomon.EndpointName) ([]*gnomon.Experiment, error) {
	return open(tx, gnomon.Query{Endpoint: string(name)})
}

// open lists the experiments that have not ended. Of those that have, there may be any number.
func open(tx *gnomon.Tx, q gnomon.Query) ([]*gnomon.Experiment, error) {
	q.Except = []string{string(gnomon.Completed), string(gnomon.Cancelled)}
	all, _, err := tx.Experiments.List(q)
	return all, err
}

func (s site) overlay() *gnomon.Overlay {
	if s.x == nil {
		return nil
	}
	return s.x.Overlay
}

// wanted is what the endpoint should consist of. An overlay that could not be deployed counts for nothing: until its
// experiment has dropped it, the endpoint stays as it is.
func (s site) wanted() gnomon.EndpointSpec {
	if s.rejected() {
		return *s.e.Live
	}
	return s.e.Wanted(s.overlay())
}

func (s site) rejected() bool {
	o := s.overlay()
	return o != nil && s.e.FailedOverlay == o.ID && s.e.Live != nil
}

// settled reports whether what is wanted is what is live.
func (s site) settled() bool {
	if s.e.Live == nil {
		return false
	}
	if s.rejected() {
		return true
	}
	o := s.overlay()
	if o == nil {
		return s.e.Overlay == "" && s.wanted().Revision() == s.e.Live.Revision()
	}
	if o.Adopt {
		return s.e.Adopted == o.ID
	}
	return s.e.Overlay == o.ID && s.wanted().Revision() == s.e.Live.Revision()
}

// governed returns the experiment that has a say over the endpoint now: its shadow is deployed or being deployed, or
// it is on the way to or from that. Nil: there is none.
func governed(tx *gnomon.Tx, e *gnomon.Endpoint) (*gnomon.Experiment, error) {
	all, err := on(tx, e.Name)
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		if x.EndpointID == e.ID && (x.Overlay != nil || x.Status != gnomon.Created) {
			return x, nil
		}
	}
	return nil, nil
}

// fold is the form in which endpoint names are compared.
func fold(name gnomon.EndpointName) string { return strings.ToLower(string(name)) }
