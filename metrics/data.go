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
	done, err := m.turn(ctx)
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
		result, more, err := m.ask(ctx, questions, &p)
		if err != nil {
			return nil, err
		}
		if questions[p.place.Query].returned {
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
	ahead      map[int][]point // of questions that were answered on the way, by their places
}

func pageOf(in *cloudwatch.GetMetricDataInput) (page, error) {
	p := page{left: mostPagePoints, descending: in.ScanBy != cloudwatch.Ascending, ahead: make(map[int][]point)}
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
	id, label string
	returned  bool
	foreign   bool // of another account
	known     bool // there is such a metric, in that unit
	of        definition
	span      span
	statistic statistic
}

// asked reports whether numbers must be read for it.
func (q question) asked() bool { return q.known && q.returned && !q.foreign }

// ask answers the question that the page has come to, with as many points as are left. It reports whether there are more;
// the page's place is then behind the last.
func (m *Metrics) ask(ctx context.Context, questions []question, p *page) (cloudwatch.MetricDataResult, bool, error) {
	q := questions[p.place.Query]
	result := cloudwatch.MetricDataResult{ID: q.id, Label: q.label, StatusCode: cloudwatch.Complete}
	if q.foreign {
		result.StatusCode = cloudwatch.Forbidden
	}
	if !q.asked() {
		return result, false, nil
	}
	points, ok := p.ahead[p.place.Query]
	if !ok {
		var err error
		if points, err = m.points(ctx, questions, p); err != nil {
			return result, false, err
		}
	}
	more := len(points) > p.left
	points = points[:min(len(points), p.left)]
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

// points returns the points of the question that the page has come to, in the page's order: all, or more than there is
// room for. Other questions about the same numbers are answered on the way, if all of them fit into the page.
func (m *Metrics) points(ctx context.Context, questions []question, p *page) ([]point, error) {
	sp := questions[p.place.Query].span
	switch {
	case p.place.Begun && p.descending:
		sp.end = min(sp.end, p.place.Last)
	case p.place.Begun:
		sp.begin = max(sp.begin, p.place.Last+int64(sp.period))
	}
	if sp.begin >= sp.end {
		return nil, nil
	}
	together := []int{p.place.Query}
	for i := p.place.Query + 1; i < len(questions) && !p.place.Begun; i++ {
		if q := questions[i]; q.asked() && q.span == sp && int64(len(together)+1)*sp.most() <= int64(p.left) {
			together = append(together, i)
		}
	}
	var of []definition
	for _, i := range together {
		of = append(of, questions[i].of)
	}
	all := make([][]point, len(together))
	err := m.read(ctx, sp, of, func(at int64, s []samples) error {
		for n, i := range together {
			if s[n].count() > 0 {
				all[n] = append(all[n], point{at, questions[i].statistic(&s[n])})
			}
		}
		switch first := all[0]; {
		case len(first) <= p.left:
			return nil
		case !p.descending:
			return errEnough
		case len(first) > 2*p.left+1000: // only the last are wanted
			all[0] = append(first[:0], first[len(first)-p.left-1:]...)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	for n, i := range together {
		if p.descending {
			slices.Reverse(all[n])
		}
		p.ahead[i] = all[n]
	}
	return all[0], nil
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
		id: q.ID, returned: q.ReturnData == nil || *q.ReturnData,
		foreign: q.AccountID != "" && q.AccountID != m.partition.Account,
	}
	stat := q.MetricStat
	switch {
	case stat == nil && q.Expression == "":
		return one, "One of the parameters {}.MetricStat and {}.Expression must be specified."
	case stat != nil && q.Expression != "":
		return one, "Only one of the parameters {}.MetricStat and {}.Expression may be specified."
	case q.Expression != "":
		return one, "The parameter {}.Expression is not served: neither metric math nor SEARCH nor Metrics Insights are. " +
			"Ask for each metric with MetricStat, and calculate with the answers."
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
	of, known := find(stat.Metric.Namespace, stat.Metric.MetricName, stat.Metric.Dimensions)
	one.of, one.known = of.definition, known && (stat.Unit == "" || stat.Unit == of.unit)
	one.span = span{of.endpoint, of.variant, begin(in.StartTime, stat.Period, now), ceil(in.EndTime), stat.Period}
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
