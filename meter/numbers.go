package meter

import (
	"encoding/json"
	"fmt"
	"time"

	"gnomon"
)

// Counts are sums over legs. Each leg is an invocation and exactly one of Answers2xx, Answers4xx, Answers5xx,
// AnswersOther, Timeouts, ConnectionFaults, ProtocolFaults and NoInstance.
type Counts struct {
	Invocations      int64 `json:"invocations"`
	Answers2xx       int64 `json:"answers_2xx"`
	Answers4xx       int64 `json:"answers_4xx"`
	Answers5xx       int64 `json:"answers_5xx"`
	AnswersOther     int64 `json:"answers_other"`     // 1xx, 3xx and what HTTP does not know
	Timeouts         int64 `json:"timeouts"`          // no answer within the deadline
	ConnectionFaults int64 `json:"connection_faults"` // no connection, or it broke
	ProtocolFaults   int64 `json:"protocol_faults"`   // not an HTTP answer, or over the limit
	NoInstance       int64 `json:"no_instance"`       // no instance was in service: no model was asked

	RequestBytes int64 `json:"request_bytes"`
	AnswerBytes  int64 `json:"answer_bytes"`

	MidStreamErrors int64 `json:"mid_stream_errors,omitempty"` // AWS's: streamed answers that ended in the middle
}

// ModelErrors is AWS's InvocationModelErrors: the invocations that a model was asked for and did not answer with 2xx.
func (c Counts) ModelErrors() int64 {
	return c.Answers4xx + c.Answers5xx + c.AnswersOther + c.Timeouts + c.ConnectionFaults + c.ProtocolFaults
}

func (c *Counts) add(l *gnomon.Leg) {
	c.Invocations++
	c.RequestBytes += int64(l.RequestBytes)
	c.AnswerBytes += int64(l.AnswerBytes)
	*c.outcome(l)++
	if l.Broken {
		c.MidStreamErrors++
	}
}

func (c *Counts) outcome(l *gnomon.Leg) *int64 {
	switch l.Fault {
	case gnomon.FaultTimeout:
		return &c.Timeouts
	case gnomon.FaultConnection:
		return &c.ConnectionFaults
	case gnomon.FaultProtocol:
		return &c.ProtocolFaults
	case gnomon.FaultNoInstance:
		return &c.NoInstance
	}
	switch l.Status / 100 {
	case 2:
		return &c.Answers2xx
	case 4:
		return &c.Answers4xx
	case 5:
		return &c.Answers5xx
	}
	return &c.AnswersOther
}

func (c *Counts) merge(o *Counts) {
	c.Invocations += o.Invocations
	c.Answers2xx += o.Answers2xx
	c.Answers4xx += o.Answers4xx
	c.Answers5xx += o.Answers5xx
	c.AnswersOther += o.AnswersOther
	c.Timeouts += o.Timeouts
	c.ConnectionFaults += o.ConnectionFaults
	c.ProtocolFaults += o.ProtocolFaults
	c.NoInstance += o.NoInstance
	c.RequestBytes += o.RequestBytes
	c.AnswerBytes += o.AnswerBytes
	c.MidStreamErrors += o.MidStreamErrors
}

// Numbers are what is kept of many legs, and of the instances that answered them.
type Numbers struct {
	Counts
	Latency  Distribution // AWS's ModelLatency: of the legs that were answered, and the deadlines of those that timed out
	Overhead Distribution // AWS's OverheadLatency: of the legs that were a caller's request
	Streams  Streams
	Usage    Usage
}

func (n *Numbers) add(l *gnomon.Leg) {
	n.Counts.add(l)
	if l.Fault == gnomon.NoFault || l.Fault == gnomon.FaultTimeout {
		n.Latency.Add(l.ModelLatency)
	}
	if l.Overhead > 0 { // a shadow's is 0: nobody waited
		n.Overhead.Add(l.Overhead)
	}
	n.Streams.add(l)
}

// Merge adds all of o's legs. It leaves o alone.
func (n *Numbers) Merge(o *Numbers) {
	n.Counts.merge(&o.Counts)
	n.Latency.Merge(&o.Latency)
	n.Overhead.Merge(&o.Overhead)
	n.Streams.merge(&o.Streams)
	n.Usage.merge(&o.Usage)
}

func (n *Numbers) reset() {
	n.Counts = Counts{}
	n.Latency.reset()
	n.Overhead.reset()
	n.Streams.reset()
	n.Usage.reset()
}

// noLegs are the counts of a row that is about instances only: a store can tell.
const noLegs = "{}"

// row returns the numbers as a row of a store.
func (n *Numbers) row(s gnomon.Series, start time.Time, span time.Duration, writer string) Row {
	counts, err := json.Marshal(n.Counts)
	if err != nil {
		panic(err) // whole numbers always marshal
	}
	if n.Counts == (Counts{}) {
		counts = []byte(noLegs)
	}
	instances, usage := n.Usage.encode()
	return Row{
		Series: s, Start: start, Span: span, Writer: writer,
		Counts: counts, Latency: n.Latency.encode(nil), Overhead: n.Overhead.encode(nil),
		Streams: n.Streams.encode(), Instances: instances, Usage: usage,
	}
}

// decodeRow is the inverse of row.
func decodeRow(r Row) (*Numbers, error) {
	var n Numbers
	err := json.Unmarshal(r.Counts, &n.Counts)
	if err == nil {
		n.Latency, err = decodeDistribution(r.Latency)
	}
	if err == nil {
		n.Overhead, err = decodeDistribution(r.Overhead)
	}
	if err == nil {
		n.Streams, err = decodeStreams(r.Streams)
	}
	if err == nil {
		n.Usage, err = decodeUsage(r.Instances, r.Usage)
	}
	if err != nil {
		return nil, fmt.Errorf("numbers of %s, variant %s, at %s: %w", r.Series.Endpoint, r.Series.Variant, r.Start, err)
	}
	return &n, nil
}
