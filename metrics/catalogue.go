package metrics

import (
	"time"

	"gnomon"
	"gnomon/cloudwatch"
	"gnomon/meter"
)

// The namespaces of SageMaker's metrics of endpoints.
const (
	invocationSpace = "AWS/SageMaker"
	instanceSpace   = "/aws/sagemaker/Endpoints"
)

// The dimensions of all of them.
const (
	endpointDimension = "EndpointName"
	variantDimension  = "VariantName"
)

// A definition says what a metric is, as SageMaker documents it in "Amazon SageMaker AI metrics in Amazon CloudWatch".
type definition struct {
	namespace, name, unit string

	// add adds what the metric has in a minute. instances is how many were in service then, 0 if that is not known.
	add func(s *samples, n *meter.Numbers, instances float64)

	// last returns when a variant last had such a metric, zero if it had none.
	last func(meter.Activity) time.Time
}

// catalogue is in the order in which metrics are listed: by namespace, then by name.
var catalogue = []definition{
	// Of one processor: an instance with four has up to 400.
	{instanceSpace, "CPUUtilization", "Percent", spread(cpu), lastUsage},
	{instanceSpace, "DiskUtilization", "Percent", spread(disk), lastUsage},
	{instanceSpace, "MemoryUtilization", "Percent", spread(memory), lastUsage},

	{invocationSpace, "FirstChunkLatency", "Microseconds", spread(firstChunk), lastCallersStream},
	{invocationSpace, "FirstChunkModelLatency", "Microseconds", spread(firstChunkModel), lastStream},
	{invocationSpace, "FirstChunkOverheadLatency", "Microseconds", spread(firstChunkOverhead), lastCallersStream},
	// Of each request, 1 if the model answered so and 0 if not: the sum is a count and the average a rate.
	{invocationSpace, "Invocation4XXErrors", "None", share(answers4xx), lastLeg},
	{invocationSpace, "Invocation5XXErrors", "None", share(answers5xx), lastLeg},
	{invocationSpace, "InvocationModelErrors", "None", share(modelErrors), lastLeg},
	// Of each request, 1.
	{invocationSpace, "Invocations", "None", each, lastLeg},
	// Of each request, 1 divided by the number of instances at that time: here, on the minute's average.
	{invocationSpace, "InvocationsPerInstance", "None", perInstance, lastLeg},
	// Of each streamed answer, 1 if it ended in the middle and 0 if not.
	{invocationSpace, "MidStreamErrors", "None", midStream, lastStream},
	{invocationSpace, "ModelLatency", "Microseconds", spread(latency), lastLatency},
	{invocationSpace, "OverheadLatency", "Microseconds", spread(overhead), lastOverhead},
}

// spread is of a metric whose values are those of a distribution.
func spread(of func(*meter.Numbers) *meter.Distribution) func(*samples, *meter.Numbers, float64) {
	return func(s *samples, n *meter.Numbers, _ float64) { s.many.Merge(of(n)) }
}

func cpu(n *meter.Numbers) *meter.Distribution                { return &n.Usage.CPU }
func disk(n *meter.Numbers) *meter.Distribution               { return &n.Usage.Disk }
func memory(n *meter.Numbers) *meter.Distribution             { return &n.Usage.Memory }
func firstChunk(n *meter.Numbers) *meter.Distribution         { return &n.Streams.FirstChunk }
func firstChunkModel(n *meter.Numbers) *meter.Distribution    { return &n.Streams.FirstChunkModel }
func firstChunkOverhead(n *meter.Numbers) *meter.Distribution { return &n.Streams.FirstChunkOverhead }
func latency(n *meter.Numbers) *meter.Distribution            { return &n.Latency }
func overhead(n *meter.Numbers) *meter.Distribution           { return &n.Overhead }

func each(s *samples, n *meter.Numbers, _ float64) { s.weigh(1, n.Invocations) }

// share is of a metric that is 1 for some requests and 0 for the others.
func share(of func(*meter.Numbers) int64) func(*samples, *meter.Numbers, float64) {
	return func(s *samples, n *meter.Numbers, _ float64) {
		s.weigh(1, of(n))
		s.weigh(0, n.Invocations-of(n))
	}
}

func answers4xx(n *meter.Numbers) int64  { return n.Answers4xx }
func answers5xx(n *meter.Numbers) int64  { return n.Answers5xx }
func modelErrors(n *meter.Numbers) int64 { return n.ModelErrors() }

func perInstance(s *samples, n *meter.Numbers, instances float64) {
	if instances > 0 {
		s.weigh(1/instances, n.Invocations)
	}
}

func midStream(s *samples, n *meter.Numbers, _ float64) {
	s.weigh(1, n.MidStreamErrors)
	s.weigh(0, n.Streams.FirstChunkModel.Count()-n.MidStreamErrors) // one that broke before its first chunk is not among them
}

func lastLeg(a meter.Activity) time.Time      { return a.Legs }
func lastLatency(a meter.Activity) time.Time  { return a.Latency }
func lastOverhead(a meter.Activity) time.Time { return a.Overhead }
func lastStream(a meter.Activity) time.Time   { return a.Streams }
func lastUsage(a meter.Activity) time.Time    { return a.Usage }

// lastCallersStream is of what only callers' streams have, which have an overhead too.
func lastCallersStream(a meter.Activity) time.Time {
	if a.Overhead.Before(a.Streams) {
		return a.Overhead
	}
	return a.Streams
}

// A metric is one that can be read.
type metric struct {
	definition
	endpoint gnomon.EndpointName
	variant  gnomon.VariantName
}

// find returns the metric that is named. It reports false if there is none of that name and those dimensions: to
// CloudWatch that is a metric without data, and no error.
func find(namespace, name string, dimensions []cloudwatch.Dimension) (metric, bool) {
	var m metric
	for _, d := range dimensions {
		switch d.Name {
		case endpointDimension:
			m.endpoint = gnomon.EndpointName(d.Value)
		case variantDimension:
			m.variant = gnomon.VariantName(d.Value)
		}
	}
	if len(dimensions) != 2 || m.endpoint == "" || m.variant == "" {
		return metric{}, false
	}
	for _, d := range catalogue {
		if d.namespace == namespace && d.name == name {
			m.definition = d
			return m, true
		}
	}
	return metric{}, false
}
