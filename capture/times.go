package capture

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"gnomon"
)

// Times are what a [Record] does not say of a leg, since AWS's has no place for it: exactly when it began, how long it took
// and how it ended. They are in an object of their own beside the records.
type Times struct {
	EventID string
	Began   time.Time     // of the request, to the microsecond
	Latency time.Duration // of the model, to the microsecond
	Status  int           // of the model's answer; 0: none
	Fault   gnomon.LegFault
}

// faults are how an object says why there was no answer.
var faults = []string{
	gnomon.NoFault: "", gnomon.FaultTimeout: "timeout", gnomon.FaultConnection: "connection", gnomon.FaultProtocol: "protocol",
	gnomon.FaultNoInstance: "no_instance",
}

// FaultName says why there was no answer; an empty string: there was one.
func (t *Times) FaultName() string { return faults[t.Fault] }

// append writes the times of an event, whatever the ID in them says, and the end of the line.
func (t *Times) append(dst, eventID []byte) []byte {
	dst = appendString(append(dst, `{"eventId":`...), eventID)
	dst = strconv.AppendInt(append(dst, `,"beganMicros":`...), t.Began.UnixMicro(), 10)
	dst = strconv.AppendInt(append(dst, `,"modelLatencyMicros":`...), t.Latency.Microseconds(), 10)
	if t.Status != 0 {
		dst = strconv.AppendInt(append(dst, `,"status":`...), int64(t.Status), 10)
	}
	if t.Fault != gnomon.NoFault {
		dst = appendString(append(dst, `,"fault":`...), faults[t.Fault])
	}
	return append(dst, "}\n"...)
}

// ParseTimes reads one line of an object.
func ParseTimes(line []byte) (Times, error) {
	var w struct {
		EventID            string `json:"eventId"`
		BeganMicros        int64  `json:"beganMicros"`
		ModelLatencyMicros int64  `json:"modelLatencyMicros"`
		Status             int    `json:"status"`
		Fault              string `json:"fault"`
	}
	if err := json.Unmarshal(line, &w); err != nil {
		return Times{}, fmt.Errorf("read times of a captured record: %w", err)
	}
	t := Times{EventID: w.EventID, Began: time.UnixMicro(w.BeganMicros).UTC(), Latency: time.Duration(w.ModelLatencyMicros) * time.Microsecond, Status: w.Status}
	for f, name := range faults {
		if name == w.Fault {
			t.Fault = gnomon.LegFault(f)
			return t, nil
		}
	}
	return Times{}, fmt.Errorf("read times of captured record %s: fault %q is unknown", w.EventID, w.Fault)
}
