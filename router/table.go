package router

import (
	"math/rand/v2"

	"gnomon"
)

// A table is what requests look things up in. It does not change; another takes its place.
type table struct {
	endpoints map[string]*endpoint
}

// An endpoint is one row of the table.
type endpoint struct {
	name       gnomon.EndpointName
	production []*variant
}

// A variant is a set of instances.
type variant struct {
	name      string
	weight    float64
	least     bool // outstanding requests, else random
	instances []*instance
	plain     gnomon.LegRecorder
	tested    gnomon.LegRecorder // while its endpoint is under test; nil for a variant that is not compared
	mirrors   []*mirrorRoute     // that it is compared in
	capture   *capture           // nil: nothing of it is kept
}

// compiled is a table, and which long-lived things it uses.
type compiled struct {
	table     *table
	instances map[instanceKey]bool
	mirrors   map[gnomon.MirrorID]bool
}

// compile makes the table. It reuses instances and mirrors that exist, and makes those that do not.
func (r *Router) compile(routes gnomon.Routes) compiled {
	next := compiled{
		table:     &table{endpoints: make(map[string]*endpoint, len(routes.Endpoints))},
		instances: make(map[instanceKey]bool),
		mirrors:   make(map[gnomon.MirrorID]bool),
	}
	for _, route := range routes.Endpoints {
		next.table.endpoints[string(route.Name)] = r.compileEndpoint(route, &next)
	}
	return next
}

func (r *Router) compileEndpoint(route gnomon.EndpointRoute, next *compiled) *endpoint {
	ep := &endpoint{name: route.Name}
	mirrors := r.compileMirrors(route, next)
	for _, v := range route.Production {
		row := r.compileVariant(v, next)
		series := gnomon.Series{EndpointID: route.ID, Endpoint: route.Name, Variant: v.Name}
		row.plain = r.rec.Series(series)
		row.capture = r.compileCapture(route, v.Name)
		var ids []gnomon.MirrorID
		for i, m := range route.Mirrors {
			if m.Source == v.Name || m.Source == "" {
				row.mirrors, ids = append(row.mirrors, mirrors[i]), append(ids, m.ID)
				mirrors[i].production = row
			}
		}
		if len(ids) > 0 {
			series.Mirrors = gnomon.NewMirrors(ids...)
			row.tested = r.rec.Series(series)
		}
		ep.production = append(ep.production, row)
	}
	for _, m := range mirrors {
		m.route.Store(m) // it does not change any more
	}
	return ep
}

func (r *Router) compileMirrors(route gnomon.EndpointRoute, next *compiled) []*mirrorRoute {
	var all []*mirrorRoute
	for _, m := range route.Mirrors {
		shadow := r.compileVariant(m.Shadow, next)
		shadow.plain = r.rec.Series(gnomon.Series{EndpointID: route.ID, Endpoint: route.Name, Variant: m.Shadow.Name, Mirrors: gnomon.NewMirrors(m.ID)})
		shadow.capture = r.compileCapture(route, m.Shadow.Name)
		all = append(all, r.compileMirror(m, route.Name, shadow))
		next.mirrors[m.ID] = true
	}
	return all
}

func (r *Router) compileVariant(route gnomon.VariantRoute, next *compiled) *variant {
	v := &variant{
		name:   string(route.Name),
		weight: route.Weight,
		least:  route.Routing == gnomon.LeastOutstandingRequests,
	}
	for _, i := range route.Instances {
		key := instanceKey{i.ID, i.Address}
		in := r.instances[key]
		if in == nil {
			in = newInstance(key, r.lanes)
			r.instances[key] = in
		}
		in.restore()
		next.instances[key] = true
		v.instances = append(v.instances, in)
	}
	return v
}

func (r *Router) compileMirror(route gnomon.MirrorRoute, of gnomon.EndpointName, shadow *variant) *mirrorRoute {
	names := gnomon.Mirror{ID: route.ID, Endpoint: of, Experiment: route.Experiment, Shadow: route.Shadow.Name}
	m := r.mirrors[route.ID]
	if m == nil {
		m = newMirror(names, r)
		r.mirrors[route.ID] = m
		m.closed.Store(r.ended)
	}
	mr := newMirrorRoute(m, route, shadow)
	mr.pairs = r.compilePairs(route, names)
	return mr
}

// variant returns the production variant of that name, or nil.
func (ep *endpoint) variant(name []byte) *variant {
	for _, v := range ep.production {
		if v.name == string(name) {
			return v
		}
	}
	return nil
}

// pick returns the production variant for x, which is uniform in [0, 1): a share of weight ÷ sum of weights each, equal
// shares if all are 0. It returns nil if there is none.
func (ep *endpoint) pick(x float64) *variant {
	switch len(ep.production) {
	case 0:
		return nil
	case 1:
		return ep.production[0]
	}
	var sum float64
	for _, v := range ep.production {
		sum += v.weight
	}
	if sum <= 0 {
		return ep.production[int(x*float64(len(ep.production)))]
	}
	x *= sum
	last := ep.production[0]
	for _, v := range ep.production {
		if v.weight <= 0 {
			continue
		}
		if x < v.weight {
			return v
		}
		x -= v.weight
		last = v
	}
	return last // rounding left a crumb
}

// claim claims an instance other than avoid by the variant's strategy. It returns nil if none can be had.
func (v *variant) claim(max int, avoid *instance) *instance {
	n := len(v.instances)
	if n == 0 {
		return nil
	}
	first := 0
	if n > 1 {
		first = v.first(n)
	}
	for i := range n {
		in := v.instances[(first+i)%n]
		if in != avoid && in.claim(max) {
			return in
		}
	}
	return nil
}

// first is the index of the instance to try first; ties are broken at random, lest every router load the same one.
func (v *variant) first(n int) int {
	start := rand.IntN(n)
	if !v.least {
		return start
	}
	best, fewest := start, v.instances[start].claims()
	for i := 1; i < n && fewest > 0; i++ {
		at := (start + i) % n
		if c := v.instances[at].claims(); c < fewest {
			best, fewest = at, c
		}
	}
	return best
}
