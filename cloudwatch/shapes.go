package cloudwatch

import "time"

// The tag of a member says what is asked of it: required; min and max, which are the bounds of a number, of the length of
// a string in characters or of the size of a list; in, the set that its value must be of; is, the pattern that it must
// match. Optional members are pointers where their zero value means something; lists are in answers even when empty,
// unless they are tagged omitempty.

// A Dimension is one name and value by which a metric is told from others of its name.
type Dimension struct {
	Name  string `cloudwatch:"required,min=1,max=255"`
	Value string `cloudwatch:"required,min=1,max=1024"`
}

// A Metric names one series of numbers.
type Metric struct {
	Namespace  string      `cloudwatch:"min=1,max=255,is=namespace"`
	MetricName string      `cloudwatch:"min=1,max=255"`
	Dimensions []Dimension `cloudwatch:"max=30"`
}

// A MetricStat asks for one statistic of a metric, over each period.
type MetricStat struct {
	Metric Metric `cloudwatch:"required"`
	Period int    `cloudwatch:"required,min=1"` // seconds
	Stat   string `cloudwatch:"required"`
	Unit   string `cloudwatch:"in=unit"`
}

// A MetricDataQuery is one of the questions of GetMetricData.
type MetricDataQuery struct {
	ID         string `cloudwatch:"required,min=1,max=255,is=id"`
	MetricStat *MetricStat
	Expression string `cloudwatch:"min=1,max=2048"`
	Label      *string
	ReturnData *bool
	Period     *int   `cloudwatch:"min=1"`
	AccountID  string `cloudwatch:"min=1,max=255"`
}

// LabelOptions say how the times in labels are written.
type LabelOptions struct{ Timezone string }

// GetMetricDataInput is the input of GetMetricData.
type GetMetricDataInput struct {
	MetricDataQueries []MetricDataQuery `cloudwatch:"required,max=500"`
	StartTime         time.Time         `cloudwatch:"required"`
	EndTime           time.Time         `cloudwatch:"required"`
	NextToken         string
	ScanBy            string `cloudwatch:"in=scan"`
	MaxDatapoints     *int
	LabelOptions      *LabelOptions
}

// The orders of GetMetricData's data points.
const (
	Descending = "TimestampDescending"
	Ascending  = "TimestampAscending"
)

// MessageData is a remark on an answer.
type MessageData struct{ Code, Value string }

// MetricDataResult is what GetMetricData answers to one query. Values[i] is the one at Timestamps[i].
type MetricDataResult struct {
	ID         string
	Label      string
	Timestamps []time.Time
	Values     []float64
	StatusCode string
	Messages   []MessageData `cloudwatch:"omitempty"`
}

// The statuses of a result.
const (
	Complete    = "Complete"
	PartialData = "PartialData" // there is more with the next token
	Forbidden   = "Forbidden"
)

// GetMetricDataOutput is the output of GetMetricData.
type GetMetricDataOutput struct {
	MetricDataResults []MetricDataResult
	NextToken         string
	Messages          []MessageData
}

// GetMetricStatisticsInput is the input of GetMetricStatistics.
type GetMetricStatisticsInput struct {
	Namespace          string      `cloudwatch:"required,min=1,max=255,is=namespace"`
	MetricName         string      `cloudwatch:"required,min=1,max=255"`
	Dimensions         []Dimension `cloudwatch:"max=30"`
	StartTime          time.Time   `cloudwatch:"required"`
	EndTime            time.Time   `cloudwatch:"required"`
	Period             int         `cloudwatch:"required,min=1"` // seconds
	Statistics         []string    `cloudwatch:"min=1,max=5,in=statistic"`
	ExtendedStatistics []string    `cloudwatch:"min=1,max=10"`
	Unit               string      `cloudwatch:"in=unit"`
}

// A Datapoint is the statistics of a metric over one period, of which Timestamp is the beginning.
type Datapoint struct {
	Timestamp          time.Time
	SampleCount        *float64
	Average            *float64
	Sum                *float64
	Minimum            *float64
	Maximum            *float64
	Unit               string
	ExtendedStatistics map[string]float64
}

// GetMetricStatisticsOutput is the output of GetMetricStatistics.
type GetMetricStatisticsOutput struct {
	Label      string
	Datapoints []Datapoint
}

// A DimensionFilter wants a dimension of that name, of whatever value if that is nil.
type DimensionFilter struct {
	Name  string  `cloudwatch:"required,min=1,max=255"`
	Value *string `cloudwatch:"min=1,max=1024"`
}

// ListMetricsInput is the input of ListMetrics.
type ListMetricsInput struct {
	Namespace             string            `cloudwatch:"min=1,max=255,is=namespace"`
	MetricName            string            `cloudwatch:"min=1,max=255"`
	Dimensions            []DimensionFilter `cloudwatch:"max=10"`
	NextToken             string
	RecentlyActive        string `cloudwatch:"in=recently"`
	IncludeLinkedAccounts *bool
	OwningAccount         string `cloudwatch:"min=1,max=255"`
}

// ListMetricsOutput is the output of ListMetrics.
type ListMetricsOutput struct {
	Metrics        []Metric
	NextToken      string
	OwningAccounts []string `cloudwatch:"omitempty"`
}

// sets are the enumerations of CloudWatch's model.
var sets = map[string][]string{
	"statistic": {"SampleCount", "Average", "Sum", "Minimum", "Maximum"},
	"scan":      {Descending, Ascending},
	"recently":  {"PT3H"},
	"unit": {
		"Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits",
		"Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second",
		"Megabytes/Second", "Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second",
		"Gigabits/Second", "Terabits/Second", "Count/Second", "None",
	},
}

// patterns are what strings must look like, in the words of errors.
var patterns = map[string]string{
	"namespace": `^[^:].*`,
	"id":        `^[a-z][a-zA-Z0-9_]*$`,
}
