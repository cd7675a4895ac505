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
	return a.Name == b.Name && a.ID == b.ID && sameMirror(a.Mirror, b.Mirror) &&
		slices.EqualFunc(a.Production, b.Production, sameVariant)
}

func sameVariant(a, b gnomon.VariantRoute) bool {
	return a.Name == b.Name && a.Weight == b.Weight && a.Routing == b.Routing && slices.Equal(a.Instances, b.Instances)
}

func sameMirror(a, b *gnomon.MirrorRoute) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	same := sameVariant(x.Shadow, y.Shadow) && x.Until.Equal(y.Until)
	return same && x.ID == y.ID && x.Experiment == y.Experiment && x.Source == y.Source &&
		x.Fraction == y.Fraction && x.MaxRate == y.MaxRate && x.Paused == y.Paused
}

// route returns where the requests of the site's endpoint go: to the instances in service of what is live.
func (s site) route(instances map[gnomon.InstanceID]gnomon.Instance) gnomon.EndpointRoute {
	r := gnomon.EndpointRoute{Name: s.e.Name, ID: s.e.ID}
	for _, v := range s.e.Live.Production {
		r.Production = append(r.Production, s.variantRoute(v, gnomon.Production, instances))
	}
	r.Mirror = s.mirror(instances)
	return r
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

// mirror returns the copying that goes on: the experiment's while one lies over the endpoint, the endpoint's own shadow
// otherwise.
func (s site) mirror(instances map[gnomon.InstanceID]gnomon.Instance) *gnomon.MirrorRoute {
	if len(s.e.Live.Shadows) == 0 {
		return nil
	}
	shadow := s.e.Live.Shadows[0]
	to := s.variantRoute(shadow, gnomon.Shadow, instances)
	if o := s.overlay(); o != nil {
		deployed := strings.HasPrefix(s.e.Overlay, s.x.ID) && o.Shadow != nil && o.Shadow.Name == shadow.Name
		if !deployed || !(o.Mirror || o.Paused) {
			return nil
		}
		return &gnomon.MirrorRoute{
			ID: s.x.Mirror(), Experiment: s.x.Name, Source: s.x.Production.Name, Shadow: to,
			Fraction: o.Fraction, MaxRate: s.x.Settings.MaxRate, Paused: o.Paused, Until: s.x.Schedule.End,
		}
	}
	if s.e.Overlay != "" {
		return nil // an experiment's shadow that is about to be taken away
	}
	source := s.e.Live.Production[0]
	return &gnomon.MirrorRoute{
		ID: gnomon.MirrorID(s.e.ID + "/" + string(shadow.Name)), Source: source.Name, Shadow: to,
		Fraction: fraction(shadow.Weight, source.Weight),
	}
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
