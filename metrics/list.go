package metrics

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"gnomon/cloudwatch"
	"gnomon/meter"
)

const (
	metricsPerPage = 500
	recently       = 3 * time.Hour // RecentlyActive's one value
	longestToken   = 2048
)

// A listed metric is a place in the order in which metrics are listed.
type listed struct{ Namespace, Name, Endpoint, Variant string }

func (l listed) compare(o listed) int {
	return cmp.Or(cmp.Compare(l.Namespace, o.Namespace), cmp.Compare(l.Name, o.Name),
		cmp.Compare(l.Endpoint, o.Endpoint), cmp.Compare(l.Variant, o.Variant))
}

// ListMetrics lists the metrics that had data in the last two weeks, 500 at a time. A metric that never had any is not
// among them.
func (m *Metrics) ListMetrics(ctx context.Context, in *cloudwatch.ListMetricsInput) (*cloudwatch.ListMetricsOutput, error) {
	var after listed
	if in.NextToken != "" && !readToken(in.NextToken, &after) {
		return nil, cloudwatch.InvalidParameter("The parameter NextToken is not one that ListMetrics has given.")
	}
	out := &cloudwatch.ListMetricsOutput{}
	if in.OwningAccount != "" && in.OwningAccount != m.partition.Account {
		return out, nil
	}
	variants, err := m.meter.Activity(ctx)
	if err != nil {
		return nil, err
	}
	var all []listed
	for _, d := range catalogue {
		if in.Namespace != "" && in.Namespace != d.namespace || in.MetricName != "" && in.MetricName != d.name {
			continue
		}
		for _, v := range variants {
			l := listed{d.namespace, d.name, string(v.Endpoint), string(v.Variant)}
			if active(d, v, in.RecentlyActive != "") && l.passes(in.Dimensions) && l.compare(after) > 0 {
				all = append(all, l)
			}
		}
	}
	slices.SortFunc(all, listed.compare)
	if len(all) > metricsPerPage {
		all = all[:metricsPerPage]
		out.NextToken = writeToken(all[metricsPerPage-1])
	}
	for _, l := range all {
		out.Metrics = append(out.Metrics, l.metric())
		if in.IncludeLinkedAccounts != nil && *in.IncludeLinkedAccounts {
			out.OwningAccounts = append(out.OwningAccounts, m.partition.Account)
		}
	}
	return out, nil
}

// active reports whether a variant had a metric, and lately if that is wanted.
func active(d definition, v meter.Activity, lately bool) bool {
	last := d.last(v)
	return !last.IsZero() && (!lately || time.Since(last) < recently+time.Minute) // its minute may just have begun
}

// passes reports whether all filters find a dimension.
func (l listed) passes(filters []cloudwatch.DimensionFilter) bool {
	for _, f := range filters {
		found := slices.ContainsFunc(l.metric().Dimensions, func(d cloudwatch.Dimension) bool {
			return d.Name == f.Name && (f.Value == nil || d.Value == *f.Value)
		})
		if !found {
			return false
		}
	}
	return true
}

func (l listed) metric() cloudwatch.Metric {
	return cloudwatch.Metric{Namespace: l.Namespace, MetricName: l.Name, Dimensions: []cloudwatch.Dimension{
		{Name: endpointDimension, Value: l.Endpoint}, {Name: variantDimension, Value: l.Variant},
	}}
}

// writeToken returns a place as a token for the next page.
func writeToken(place any) string {
	b, err := json.Marshal(place)
	if err != nil {
		panic(err) // strings and numbers
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// readToken is the inverse of writeToken. It reports whether the token is one.
func readToken(token string, place any) bool {
	if len(token) > longestToken {
		return false
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	return err == nil && json.Unmarshal(b, place) == nil
}
