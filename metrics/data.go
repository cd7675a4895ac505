package metrics

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"gnomon/cloudwatch"
)

const (
	mostPagePoints = 100_800          // MaxDatapoints' default and most
	pageTime       = 10 * time.Second // a page that has taken so long ends early, so that no caller waits for ever
)

// A place is where the next page of GetMetricData begins.
type place struct {
	Query   int    // the first that is not done
	Last    int64  // the last of its points that was answered, if Begun
	Begun   bool   `json:",omitzero"`
	Request string // what is asked for
}

// GetMetricData tells one statistic of each of several metrics.
func (m *Metrics) GetMetricData(ctx context.Context, in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
	questions, err := m.questions(in)
	if err != nil {
		return nil, err
	}
	p, err := pageOf(in)
	if err != nil {
		return nil, err
	}
	done, err := m.read(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	out := &cloudwatch.GetMetricDataOutput{}
	until := time.Now().Add(pageTime)
	for p.place.Query < len(questions) {
		if p.left == 0 || len(out.MetricDataResults) > 0 && time.Now().After(until) {
			out.NextToken = writeToken(p.place)
			break
		}
		q := questions[p.place.Query]
		result, more, err := m.ask(ctx, q, &p)
		if err != nil {
			return nil, err
		}
		if q.returned {
			out.MetricDataResults = append(out.MetricDataResults, result)
		}
		if more {
			out.NextToken = writeToken(p.place)
			break
		}
		p.place.Query, p.place.Begun, p.place.Last = p.place.Query+1, false, 0
	}
	return out, nil
}

// A page is how far an answer has got.
type page struct {
	place      place
	left       int // points
	descending bool
}

func pageOf(in *cloudwatch.GetMetricDataInput) (page, error) {
	p := page{left: mostPagePoints, descending: in.ScanBy != cloudwatch.Ascending}
	if n := in.MaxDatapoints; n != nil {
		if *n < 1 || *n > mostPagePoints {
			return page{}, cloudwatch.Invalid("The parameter MaxDatapoints must be between 1 and %d.", mostPagePoints)
		}
		p.left = *n
	}
	request := fingerprint(in)
	if in.NextToken != "" {
		if !readToken(in.NextToken, &p.place) || p.place.Request != request || p.place.Query < 0 {
			return page{}, cloudwatch.InvalidNextToken("The parameter NextToken is not one that GetMetricData has given for this request.")
		}
	}
	p.place.Request = request
	return p, nil
}

// fingerprint names what a request asks for, whichever page of it.
func fingerprint(in *cloudwatch.GetMetricDataInput) string {
	same := *in
	same.NextToken, same.MaxDatapoints = "", nil
	b, err := json.Marshal(same)
	if err != nil {
		panic(err) // plain data always marshals
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// A question is a query that is understood.
type question struct {
	id, label  string
	returned   bool
	foreign    bool // of another account
	known      bool // there is such a metric, in that unit
	of         metric
	period     int
	begin, end int64 // Unix seconds
	statistic  statistic
}

// ask answers one question, from where the page stands, with as many points as are left. It reports whether there are more;
// the page's place is then behind the last.
func (m *Metrics) ask(ctx context.Context, q question, p *page) (cloudwatch.MetricDataResult, bool, error) {
	result := cloudwatch.MetricDataResult{ID: q.id, Label: q.label, StatusCode: cloudwatch.Complete}
	switch {
	case q.foreign:
		result.StatusCode = cloudwatch.Forbidden
		return result, false, nil
	case !q.known || !q.returned:
		return result, false, nil
	}
	points, more, err := m.points(ctx, q, p)
	if err != nil {
		return result, false, err
	}
	for _, one := range points {
		result.Timestamps = append(result.Timestamps, time.Unix(one.at, 0).UTC())
		result.Values = append(result.Values, one.value)
	}
	p.left -= len(points)
	if more {
		result.StatusCode = cloudwatch.PartialData
		p.place.Begun, p.place.Last = true, points[len(points)-1].at
	}
	return result, more, nil
}

var errEnough = errors.New("enough")

// points returns the points of a question that the page has room for, in its order.
func (m *Metrics) points(ctx context.Context, q question, p *page) (all []point, more bool, err error) {
	begin, end := q.begin, q.end
	switch {
	case p.place.Begun && p.descending:
		end = min(end, p.place.Last)
	case p.place.Begun:
		begin = max(begin, p.place.Last+int64(q.period))
	}
	if begin >= end {
		return nil, false, nil
	}
	err = m.periods(ctx, q.of, begin, end, q.period, func(at int64, s *samples) error {
		all = append(all, point{at, q.statistic(s)})
		switch {
		case len(all) <= p.left:
			return nil
		case !p.descending:
			return errEnough
		case len(all) > 2*p.left+1000: // only the last are wanted
			all = append(all[:0], all[len(all)-p.left-1:]...)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, false, err
	}
	if p.descending {
		slices.Reverse(all)
	}
	if len(all) > p.left {
		return all[:p.left], true, nil
	}
	return all, false, nil
}

// questions checks a request and tells of everything that is wrong with it at once, as CloudWatch does.
func (m *Metrics) questions(in *cloudwatch.GetMetricDataInput) ([]question, error) {
	var faults []string
	if in.StartTime.Equal(in.EndTime) {
		faults = append(faults, "The parameter StartTime must not equal parameter EndTime.")
	} else if in.StartTime.After(in.EndTime) {
		faults = append(faults, "The parameter StartTime must be less than the parameter EndTime.")
	}
	if len(in.MetricDataQueries) == 0 {
		faults = append(faults, "The collection MetricDataQueries must not be empty.")
	}
	ids := make(map[string]bool)
	returned := false
	var all []question
	now := time.Now()
	for i, q := range in.MetricDataQueries {
		one, fault := m.question(q, in, now)
		if fault != "" {
			faults = append(faults, strings.ReplaceAll(fault, "{}", "MetricDataQueries.member."+strconv.Itoa(i+1)))
		}
		if ids[q.ID] {
			faults = append(faults, "The values for parameter Id in MetricDataQueries are not unique: "+q.ID+" is there more than once.")
		}
		ids[q.ID] = true
		returned = returned || one.returned
		all = append(all, one)
	}
	if len(faults) == 0 && !returned {
		faults = append(faults, "At least one of MetricDataQueries must have ReturnData true.")
	}
	if len(faults) > 0 {
		return nil, cloudwatch.Invalid("%s", strings.Join(faults[:min(len(faults), 100)], "\n"))
	}
	return all, nil
}

// question understands a query, or says what is wrong with it, with {} for the query's place in the request.
func (m *Metrics) question(q cloudwatch.MetricDataQuery, in *cloudwatch.GetMetricDataInput, now time.Time) (question, string) {
	one := question{
		id: q.ID, returned: q.ReturnData == nil || *q.ReturnData, end: ceil(in.EndTime),
		foreign: q.AccountID != "" && q.AccountID != m.partition.Account,
	}
	stat := q.MetricStat
	switch {
	case stat == nil && q.Expression == "":
		return one, "One of the parameters {}.MetricStat and {}.Expression must be specified."
	case stat != nil && q.Expression != "":
		return one, "Only one of the parameters {}.MetricStat and {}.Expression may be specified."
	case q.Expression != "":
		return one, "The parameter {}.Expression is not served: neither metric math nor SEARCH nor Metrics Insights are. Ask for each metric with MetricStat, and calculate with the answers."
	case q.Period != nil:
		return one, "The parameter {}.Period goes with Expression only; that of a metric is {}.MetricStat.Period."
	case !validPeriod(stat.Period):
		return one, "The parameter {}.MetricStat.Period " + periods + "."
	case stat.Metric.Namespace == "" || stat.Metric.MetricName == "":
		return one, "The parameters {}.MetricStat.Metric.Namespace and {}.MetricStat.Metric.MetricName are required."
	}
	var ok bool
	if one.statistic, ok = parseStatistic(stat.Stat); !ok {
		return one, "The value " + quoted(stat.Stat) + " for parameter {}.MetricStat.Stat is not a valid statistic: " + served + "."
	}
	one.period, one.begin = stat.Period, begin(in.StartTime, stat.Period, now)
	one.of, one.known = find(stat.Metric.Namespace, stat.Metric.MetricName, stat.Metric.Dimensions)
	one.known = one.known && (stat.Unit == "" || stat.Unit == one.of.unit)
	var fault string
	one.label, fault = m.label(q)
	return one, fault
}

// quoted makes a caller's text fit for an error. It hides the mark of a place.
func quoted(s string) string {
	const most = 100
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strings.ReplaceAll(s, "{}", "{ }")
}
