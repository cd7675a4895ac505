package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
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

// ask sends requests to endpoints, n senders each, until ctx ends, and wants an answer to each. The senders sign once and then say
// the same bytes again: an SDK takes more of the processors, under the race detector, than all models and Gnomon together, and what
// is told of latencies would be about a machine that is too busy.
func (c client) ask(ctx context.Context, n int, endpoints ...string) (wait func()) {
	var senders sync.WaitGroup
	for e, endpoint := range endpoints {
		text := c.signed(endpoint, picture)
		for i := range n {
			senders.Go(func() {
				select {
				case <-ctx.Done():
				case <-time.After(time.Duration(i*len(endpoints)+e) * takes / time.Duration(n*len(endpoints))):
				}
				if err := c.repeat(ctx, text); err != nil {
					c.t.Errorf("endpoint %s: %v", endpoint, err)
				}
			})
		}
	}
	return senders.Wait
}

// signed is an InvokeEndpoint request as it is sent. It is good for some minutes.
func (c client) signed(endpoint, body string) []byte {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.s.url()+"/endpoints/"+endpoint+"/invocations", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	c.sign(req, c.key, body)
	var text bytes.Buffer
	if err := req.Write(&text); err != nil {
		c.t.Fatal(err)
	}
	return text.Bytes()
}

// repeat sends a request on one connection until ctx ends, each after the answer to the one before.
func (c client) repeat(ctx context.Context, text []byte) error {
	conn, err := net.Dial("tcp", c.s.listen)
	if err != nil {
		return err
	}
	defer conn.Close()
	for answers := bufio.NewReader(conn); ctx.Err() == nil; {
		if _, err := conn.Write(text); err != nil {
			return err
		}
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s %s, %v", res.Status, body, err)
		}
	}
	return nil
}

func settings(pairs ...string) []types.Tag {
	var all []types.Tag
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return all
}

// wide are settings with a margin of 20 % for latency: on a machine that others use, a shadow is slower by some percent, and has been
// by 16, since it yields to production.
func wide(pairs ...string) []types.Tag {
	return settings(append(pairs, "gnomon:latency-margin", "20")...)
}

// takes is how long a good model takes in TestVerdict: long enough that twelve senders for each of six endpoints leave the machine
// half of its processors.
const takes = 200 * time.Millisecond

// decided is after how many pairs each verdict below is reached at the latest. The least number of slots takes some 6,000.
const decided = 30_000

type verdictCase struct {
	production, shadow string // faults
	tags               []types.Tag
	want               string // overall, latency, errors, answers
	twice              bool   // as many requests, for a small difference
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
	well := "slow=" + takes.String()
	c.faultyModel("well", well)
	cases := map[string]verdictCase{
		"same":      {well, well, wide(), "no_worse no_worse no_worse no_worse", false},
		"slower":    {well, "slow=210ms", nil, "worse worse no_worse no_worse", false},
		"failing":   {well, well + ",fail-one-in=200", wide("gnomon:error-margin", "0.1"), "worse no_worse worse no_worse", true},
		"differing": {well, well + ",differ-one-in=100", wide("gnomon:answer-margin", "0.25"), "worse no_worse no_worse worse", false},
		"noisy":     {well + ",differ-one-in=20", well + ",differ-one-in=20", wide("gnomon:answer-margin", "5"), "worse no_worse no_worse worse", false},
		"floored": {well + ",differ-one-in=20", well + ",differ-one-in=20", wide("gnomon:answer-margin", "5", "gnomon:noise-floor", "20"),
			"no_worse no_worse no_worse no_worse", false},
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
		if tc.twice {
			endpoints = append(endpoints, name)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Minute)
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
		c.s.awaitTime(time.Now().Add(saved))
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
