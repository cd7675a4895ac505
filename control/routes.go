package control

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"gnomon"
)

// board holds the route of each endpoint and publishes them together. Its one writer is the endpoints' reconciler.
type board struct {
	router Router

	mu     sync.Mutex
	routes map[string]gnomon.EndpointRoute
}

func newBoard(r Router) *board {
	return &board{router: r, routes: make(map[string]gnomon.EndpointRoute)}
}

// put publishes an endpoint's route, unless it is published already.
func (b *board) put(key string, r gnomon.EndpointRoute) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, ok := b.routes[key]; ok && sameRoute(old, r) {
		return
	}
	b.routes[key] = r
	b.publish()
}

// drop takes an endpoint's route away.
func (b *board) drop(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.routes[key]; ok {
		delete(b.routes, key)
		b.publish()
	}
}

func (b *board) publish() {
	var all gnomon.Routes
	for _, key := range slices.Sorted(maps.Keys(b.routes)) {
		all.Endpoints = append(all.Endpoints, b.routes[key])
	}
	b.router.Publish(all)
}

func sameRoute(a, b gnomon.EndpointRoute) bool {
	return a.Name == b.Name && a.ID == b.ID && slices.EqualFunc(a.Mirrors, b.Mirrors, sameMirror) &&
		slices.EqualFunc(a.Production, b.Production, sameVariant) && sameCaptureRoute(a.Capture, b.Capture)
}

func sameCaptureRoute(a, b *gnomon.CaptureRoute) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Salt == b.Salt && a.DataCapture.Equal(b.DataCapture)
}

func sameVariant(a, b gnomon.VariantRoute) bool {
	return a.Name == b.Name && a.Weight == b.Weight && a.Routing == b.Routing && slices.Equal(a.Instances, b.Instances)
}

func sameMirror(x, y gnomon.MirrorRoute) bool {
	same := sameVariant(x.Shadow, y.Shadow) && x.Until.Equal(y.Until)
	return same && x.ID == y.ID && x.Experiment == y.Experiment && x.Source == y.Source &&
		x.Fraction == y.Fraction && x.Salt == y.Salt && x.MaxRate == y.MaxRate && x.Paused == y.Paused &&
		x.Revision == y.Revision && x.Answers.Equal(y.Answers) && x.Judging == y.Judging
}

// route returns where the requests of the site's endpoint go: to the instances in service of what is live.
func (s site) route(instances map[gnomon.InstanceID]gnomon.Instance) gnomon.EndpointRoute {
	r := gnomon.EndpointRoute{Name: s.e.Name, ID: s.e.ID}
	for _, v := range s.e.Live.Production {
		r.Production = append(r.Production, s.variantRoute(v, gnomon.Production, instances))
	}
	r.Mirrors = s.mirrorRoutes(instances)
	if c := s.capture(); c.Active() {
		r.Capture = &gnomon.CaptureRoute{DataCapture: *c, Salt: s.e.ID}
	}
	return r
}

// capture is what is kept of the requests: what the experiment asks for while they are under test, and what the endpoint has
// of its own before and after.
func (s site) capture() *gnomon.DataCapture {
	if o := s.overlay(); o != nil && o.Capture != nil && !o.Mirror && s.e.LiveBase != nil {
		return s.e.LiveBase.Capture
	}
	return s.e.Live.Capture
}

func (s site) variantRoute(v gnomon.Variant, c gnomon.Class, instances map[gnomon.InstanceID]gnomon.Instance) gnomon.VariantRoute {
	r := gnomon.VariantRoute{Name: v.Name, Weight: v.Weight, Routing: v.Routing}
	for _, id := range ordinals(gnomon.NewFleet(s.e.ID, s.e.Name, v, c)) {
		if i := instances[id]; i.State == gnomon.InstanceInService {
			r.Instances = append(r.Instances, gnomon.InstanceRoute{ID: id, Address: i.Address})
		}
	}
	return r
}

// mirrorRoutes returns the copying that goes on: the experiment's while one lies over the endpoint, that of the endpoint's
// own shadows otherwise.
func (s site) mirrorRoutes(instances map[gnomon.InstanceID]gnomon.Instance) []gnomon.MirrorRoute {
	switch {
	case s.overlay() != nil:
		return s.underTest(instances)
	case s.e.Overlay != "":
		return nil // an experiment's shadow that is about to be taken away
	}
	source := s.e.Live.Production[0]
	var all []gnomon.MirrorRoute
	for _, shadow := range s.e.Live.Shadows {
		all = append(all, gnomon.MirrorRoute{
			ID: gnomon.MirrorID(s.e.ID + "/" + string(shadow.Name)), Source: source.Name,
			Shadow:   s.variantRoute(shadow, gnomon.Shadow, instances),
			Fraction: fraction(shadow.Weight, source.Weight), Salt: s.e.ID,
		})
	}
	return all
}

// underTest returns the copying to the experiment's shadow, once that is deployed.
func (s site) underTest(instances map[gnomon.InstanceID]gnomon.Instance) []gnomon.MirrorRoute {
	o := s.overlay()
	if o.Shadow == nil || !strings.HasPrefix(s.e.Overlay, s.x.ID) || !(o.Mirror || o.Paused) {
		return nil
	}
	shadow, class, ok := s.e.Live.Variant(o.Shadow.Name)
	if !ok || class != gnomon.Shadow {
		return nil
	}
	return []gnomon.MirrorRoute{{
		ID: s.x.Mirror(), Experiment: s.x.Name, Source: s.x.Production.Name,
		Shadow:   s.variantRoute(shadow, gnomon.Shadow, instances),
		Fraction: o.Fraction, Salt: string(s.x.Mirror()), MaxRate: s.x.Settings.MaxRate, Answers: s.x.Settings.Answers, Judging: s.x.Settings.Judging,
		Paused: o.Paused, Until: s.x.Schedule.End, Revision: s.revision(shadow),
	}}
}

// revision names what the experiment compares.
func (s site) revision(shadow gnomon.Variant) string {
	production, _, _ := s.e.Live.Variant(s.x.Production.Name)
	return production.Fingerprint() + "/" + shadow.Fingerprint()
}

// fraction is the share of requests that a shadow's weight asks for beside the weight of production: their ratio, at
// most 1.
func fraction(shadow, production float64) float64 {
	if production <= 0 {
		production = 1
	}
	return min(1, shadow/production)
}

// shadowWeight is the inverse of [fraction]: the weight of a shadow that gets a share of the requests.
func shadowWeight(share, production float64) float64 {
	if production <= 0 {
		production = 1
	}
	return share * production
}

func ordinals(f gnomon.Fleet) []gnomon.InstanceID {
	ids := make([]gnomon.InstanceID, f.Count)
	for i := range ids {
		ids[i] = gnomon.InstanceID{Fleet: f.ID, Ordinal: i}
	}
	return ids
}
