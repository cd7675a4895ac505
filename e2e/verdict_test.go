package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
)

// judged is what Gnomon's own JSON says of verdicts.
type judged struct {
	Verdict  struct{ Overall, Latency, Errors, Answers string }
	Evidence struct {
		Why, Warnings []string
		Pairs         int64
		Latency       struct {
			Values       int64
			DecidedAfter int64 `json:"decided_after"`
		}
		Errors struct {
			DecidedAfter int64 `json:"decided_after"`
		}
		Answers struct {
			DecidedAfter  int64 `json:"decided_after"`
			Agree, Differ int64
		}
	}
}

func (j judged) String() string {
	v := j.Verdict
	return strings.Join([]string{v.Overall, v.Latency, v.Errors, v.Answers}, " ")
}

func (c client) judged(name string) judged {
	c.t.Helper()
	res := c.get("/gnomon/v1/experiments/"+name+"/comparison", c.key)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	var j judged
	if err == nil {
		err = json.Unmarshal(body, &j)
	}
	if err != nil {
		c.t.Fatalf("comparison of %s: %s %v\n%s", name, res.Status, err, body)
	}
	return j
}

// ask sends requests to endpoints, n senders each, until ctx ends. Whatever the answers are is right.
func (c client) ask(ctx context.Context, n int, endpoints ...string) (wait func()) {
	var senders sync.WaitGroup
	for _, endpoint := range endpoints {
		for range n {
			senders.Go(func() {
				for ctx.Err() == nil {
					_, err := c.runtime.InvokeEndpoint(context.WithoutCancel(ctx), &sagemakerruntime.InvokeEndpointInput{
						EndpointName: &endpoint, ContentType: aws.String("application/json"), Body: []byte(picture),
					})
					if err != nil {
						c.t.Errorf("endpoint %s: %v", endpoint, err)
						return
					}
				}
			})
		}
	}
	return senders.Wait
}

func settings(pairs ...string) []types.Tag {
	var all []types.Tag
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return all
}

// wide are settings with a margin of 10 % for latency: on a machine that others use, a shadow is slower by some percent since it
// yields to production.
func wide(pairs ...string) []types.Tag {
	return settings(append(pairs, "gnomon:latency-margin", "10")...)
}

// decided is after how many pairs each verdict below is reached at the latest. The least number of slots takes some 6,000.
const decided = 30_000

type verdictCase struct {
	production, shadow string // faults
	tags               []types.Tag
	want               string // overall, latency, errors, answers
}

// as is what is wanted in the circumstances: on a machine that is too busy to compare latencies, that is the right thing to say.
func (v verdictCase) as(j judged) string {
	if !strings.Contains(j.Evidence.Why[0], "the machine is too busy") {
		return v.want
	}
	return strings.Join(append([]string{j.Verdict.Overall, "undecided"}, strings.Fields(v.want)[2:]...), " ")
}

// TestVerdict has models that are the same, and models that are worse in one way each. It has the machine for itself: what is
// told of latencies would else be about the other tests.
func TestVerdict(t *testing.T) {
	c := newServer(t, "verdict: {least_time: 5s}\n").client()
	const well = "slow=100ms"
	c.faultyModel("well", well)
	cases := map[string]verdictCase{
		"same":      {well, well, wide(), "no_worse no_worse no_worse no_worse"},
		"slower":    {well, "slow=105ms", nil, "worse worse no_worse no_worse"},
		"failing":   {well, well + ",fail-one-in=200", wide("gnomon:error-margin", "0.1"), "worse no_worse worse no_worse"},
		"differing": {well, well + ",differ-one-in=100", wide(), "worse no_worse no_worse worse"},
		"noisy":     {well + ",differ-one-in=20", well + ",differ-one-in=20", wide("gnomon:answer-margin", "3"), "worse no_worse no_worse worse"},
		"floored": {well + ",differ-one-in=20", well + ",differ-one-in=20", wide("gnomon:answer-margin", "3", "gnomon:noise-floor", "20"),
			"no_worse no_worse no_worse no_worse"},
	}
	var endpoints []string
	for name, tc := range cases {
		c.faultyModel("production-"+name, tc.production)
		c.faultyModel("shadow-"+name, tc.shadow)
		c.serving(name, "production-"+name)
		x := c.experiment(name, name, "production-"+name, "shadow-"+name)
		x.Tags = tc.tags
		c.begin(x)
		endpoints = append(endpoints, name)
	}
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	wait := c.ask(ctx, 12, endpoints...)
	open := len(cases)
	for open > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
		open = 0
		for name, tc := range cases {
			if j := c.judged(name); j.String() != tc.as(j) {
				open++
			}
		}
	}
	stop()
	wait()
	for name, tc := range cases {
		j := c.judged(name)
		e := j.Evidence
		if got, want := j.String(), tc.as(j); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
		if n := max(e.Latency.DecidedAfter, e.Errors.DecidedAfter, e.Answers.DecidedAfter); n > decided {
			t.Errorf("%s took %d pairs", name, n)
		}
		t.Logf("%s, after %d pairs:\n%s\n%s", name, e.Pairs, strings.Join(e.Why, "\n"), strings.Join(e.Warnings, "\n"))
	}
	if text := c.s.gnomon("report", "failing"); !strings.Contains(text, "The shadow is WORSE.") || !strings.Contains(text, "Errors are worse") {
		t.Errorf("the report is\n%s", text)
	}
}

// TestVerdict_SurvivesAKill kills the server under traffic again and again: the counts of the verdict go on, and stay those of the
// accounting.
func TestVerdict_SurvivesAKill(t *testing.T) {
	t.Parallel()
	c := newServer(t, "verdict: {least_time: 5s}\n").client()
	c.faultyModel("echo", "none")
	c.serving("e", "echo")
	c.begin(c.experiment("x", "e", "echo", "echo"))
	var before int64
	for range 3 {
		crowd := c.crowd("e", 4)
		crowd.await(1500)
		crowd.leave()
		c.s.eventually("all pairs are folded and saved", func() error {
			a := c.compare("x").Accounting
			if n := a["requests"] - a["stopped"] - a["sampled_out"]; c.judged("x").Evidence.Pairs != n || n < before+1500 {
				return fmt.Errorf("%d pairs, and the accounting is %v", c.judged("x").Evidence.Pairs, a)
			}
			return nil
		})
		before = c.judged("x").Evidence.Pairs
		c.s.awaitTime(time.Now().Add(2 * time.Second)) // it is saved once a second
		c.s.kill()
		c.s.start()
		c.inService("e")
		if got := c.judged("x").Evidence.Pairs; got != before {
			t.Errorf("%d pairs before the kill, %d after", before, got)
		}
		c.until("x", types.InferenceExperimentStatusRunning)
	}
}

// TestVerdict_AutoStop has a shadow that always fails, and a tag that has it taken away.
func TestVerdict_AutoStop(t *testing.T) {
	t.Parallel()
	c := newServer(t, "verdict: {least_time: 5s}\n").client()
	c.faultyModel("echo", "none")
	c.faultyModel("broken", "status500")
	c.serving("e", "echo")
	x := c.experiment("x", "e", "echo", "broken")
	x.Tags = settings("gnomon:auto-stop", "on")
	c.begin(x)
	crowd := c.crowd("e", 2)
	defer crowd.leave()
	c.s.eventually("it is stopped", func() error {
		x := c.describe("x")
		if x.Status != types.InferenceExperimentStatusCancelled {
			return fmt.Errorf("%s", x.Status)
		}
		if why := aws.ToString(x.StatusReason); !strings.Contains(why, "gnomon:auto-stop") || !strings.Contains(why, "errors: ") {
			t.Errorf("the reason is %q", why)
		}
		return nil
	})
	c.s.eventually("the endpoint is as before", func() error { return c.consists("e", production, "") })
	if v := c.judged("x").Verdict; v.Overall != "worse" || v.Errors != "worse" {
		t.Errorf("the verdict is %+v", v)
	}
}
