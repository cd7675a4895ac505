package metrics

import (
	"regexp"
	"strconv"
	"strings"

	"gnomon/cloudwatch"
)

// dynamic is a part of a label that CloudWatch replaces.
var dynamic = regexp.MustCompile(`\$\{[^}]*\}`)

// property is a dynamic part that tells something of the metric.
var property = regexp.MustCompile(`^\$\{PROP\('([^']+)'\)\}$`)

// label returns how a query's answer is called: by the metric's name unless the query says otherwise. Of CloudWatch's
// dynamic labels those are served that tell something of the query; those that tell of its values are not.
func (m *Metrics) label(q cloudwatch.MetricDataQuery) (label, fault string) {
	name := q.MetricStat.Metric.MetricName
	if q.Label == nil {
		return name, ""
	}
	label = dynamic.ReplaceAllStringFunc(*q.Label, func(part string) string {
		if part == "${LABEL}" {
			return name
		}
		if found := property.FindStringSubmatch(part); found != nil {
			if value, ok := m.property(q, found[1]); ok {
				return value
			}
		}
		fault = "The dynamic label " + quoted(part) + " in {}.Label is not served: served are ${LABEL} and ${PROP('…')} of " +
			"MetricName, Namespace, Stat, Period, AccountId, Region and Dim.NAME."
		return part
	})
	return label, fault
}

func (m *Metrics) property(q cloudwatch.MetricDataQuery, name string) (string, bool) {
	stat := q.MetricStat
	switch name {
	case "MetricName":
		return stat.Metric.MetricName, true
	case "Namespace":
		return stat.Metric.Namespace, true
	case "Stat":
		return stat.Stat, true
	case "Period":
		return strconv.Itoa(stat.Period), true
	case "AccountId":
		return m.partition.Account, true
	case "Region":
		return m.partition.Region, true
	}
	dimension, ok := strings.CutPrefix(name, "Dim.")
	if !ok {
		return "", false
	}
	for _, d := range stat.Metric.Dimensions {
		if d.Name == dimension {
			return d.Value, true
		}
	}
	return "", true // as a metric without that dimension has it
}
