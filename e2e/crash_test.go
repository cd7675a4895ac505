package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

// lead makes a scheduled shadow be deployed shortly before its start, so that the kills fall before and behind that.
const lead = "start_lead: 1s\n"

// scheduled is a server with an endpoint and an experiment on it that is to run in a window that begins and ends so
// long from now.
func scheduled(t *testing.T, begin, end time.Duration) (client, time.Time, time.Time) {
	t.Helper()
	c := newServer(t, lead).client()
	c.faults("none", "describe")
	c.serving("e", "describe")
	in := c.testing("x", "e", "none")
	now := time.Now().Truncate(time.Millisecond) // the wire's precision
	in.Schedule = &types.InferenceExperimentSchedule{EndTime: aws.Time(now.Add(end))}
	if begin > 0 {
		in.Schedule.StartTime = aws.Time(now.Add(begin))
	}
	if _, err := c.CreateInferenceExperiment(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return c, now.Add(begin), now.Add(end)
}

// wantRestored fails the test unless the endpoint is as it was before the experiment.
func (c client) wantRestored(endpoint string) {
	c.t.Helper()
	c.wantVariants(endpoint, production, "")
	if e := c.describeEndpoint(endpoint); *e.EndpointConfigName != endpoint {
		c.t.Errorf("the endpoint's config is %s, want %s", *e.EndpointConfigName, endpoint)
	}
	c.s.eventually("no process of the shadow is left", func() error { return c.s.none("FAULT=none") })
}

func TestSchedule_RunsByItselfThroughKills(t *testing.T) {
	t.Parallel()
	c, begin, end := scheduled(t, 3*time.Second, 8*time.Second)
	c.until("x", types.InferenceExperimentStatusCreated)
	c.s.kill()
	c.s.start()
	x := c.until("x", types.InferenceExperimentStatusRunning)
	if late := x.Schedule.StartTime.Sub(begin); late < 0 || late > 3*time.Second {
		t.Errorf("it started %s after its StartTime", late)
	}
	c.wantVariants("e", production, shadow)
	c.s.kill()
	c.s.start()
	x = c.until("x", types.InferenceExperimentStatusCompleted)
	if late := x.CompletionTime.Sub(end); late < 0 || late > 5*time.Second {
		t.Errorf("it was Completed %s after its EndTime", late)
	}
	c.wantRestored("e")
}

func TestSchedule_DownAtStart(t *testing.T) {
	t.Parallel()
	c, begin, _ := scheduled(t, 2*time.Second, time.Hour)
	c.s.kill()
	c.s.awaitTime(begin)
	c.s.start()
	c.until("x", types.InferenceExperimentStatusRunning)
	c.wantVariants("e", production, shadow)
	for range 10 {
		c.process("e")
	}
	if a := c.settled("x").Accounting; a["mirrored"] != 10 {
		t.Errorf("accounting after 10 requests: %v", a)
	}
}

func TestSchedule_DownAtEnd(t *testing.T) {
	t.Parallel()
	c, _, end := scheduled(t, 0, 12*time.Second)
	c.until("x", types.InferenceExperimentStatusRunning)
	for range 10 {
		c.process("e")
	}
	before := c.settled("x").Accounting
	c.s.awaitTime(time.Now().Add(saved)) // a crash may lose what is not
	if left := time.Until(end); left <= 0 {
		t.Fatalf("the experiment ended %s before the kill", -left)
	}
	c.s.kill()
	c.s.awaitTime(end)
	c.s.start()
	c.until("x", types.InferenceExperimentStatusCompleted)
	c.wantRestored("e")
	if after := c.compare("x").Accounting; after["mirrored"] != before["mirrored"] {
		t.Errorf("accounting %v before the kill, %v after", before, after)
	}
}

func TestSchedule_WindowMissed(t *testing.T) {
	t.Parallel()
	c, _, end := scheduled(t, 2*time.Second, 3*time.Second)
	pid := c.process("e").PID
	c.s.kill()
	c.s.awaitTime(end)
	c.s.start()
	x := c.until("x", types.InferenceExperimentStatusCancelled)
	if reason := aws.ToString(x.StatusReason); !strings.Contains(reason, "before the experiment was running") {
		t.Errorf("StatusReason is %q", reason)
	}
	c.wantRestored("e")
	if c.process("e").PID == pid {
		t.Error("the model's process outlived the server")
	}
	if o := c.compare("x").Outcome; o != "failed" {
		t.Errorf("outcome %q", o)
	}
}
