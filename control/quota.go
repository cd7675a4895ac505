package control

import (
	"maps"
	"slices"

	"gnomon"
)

// quota returns an error in AWS's words if delta more instances would exceed what the account may have.
func (p *Plane) quota(tx *gnomon.Tx, delta map[gnomon.InstanceType]int) error {
	used, err := usage(tx)
	if err != nil {
		return err
	}
	for _, t := range slices.Sorted(maps.Keys(delta)) {
		limit, limited := p.Rules.Quotas[t]
		if !limited {
			limit, limited = p.Rules.Quotas[""]
		}
		if delta[t] <= 0 || !limited || used[t]+delta[t] <= limit {
			continue
		}
		return gnomon.Errorf(gnomon.Limit, "The account-level service limit '%s for endpoint usage' is %d Instances, with current utilization of %d Instances and a request delta of %d Instances. Please use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an increase for this quota.",
			t, limit, used[t], delta[t])
	}
	return nil
}

// usage counts the instances that all endpoints want.
func usage(tx *gnomon.Tx) (map[gnomon.InstanceType]int, error) {
	endpoints, _, err := tx.Endpoints.List(gnomon.Query{})
	if err != nil {
		return nil, err
	}
	used := make(map[gnomon.InstanceType]int)
	for _, e := range endpoints {
		if e.Status == gnomon.EndpointFailed || e.Status == gnomon.EndpointDeleting {
			continue
		}
		s, err := siteOf(tx, e)
		if err != nil {
			return nil, err
		}
		for t, n := range s.wanted().Instances() {
			used[t] += n
		}
	}
	return used, nil
}

// more returns what b has more of than a.
func more(a, b map[gnomon.InstanceType]int) map[gnomon.InstanceType]int {
	d := maps.Clone(b)
	for t, n := range a {
		d[t] -= n
	}
	return d
}
