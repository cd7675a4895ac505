package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
)

// faults makes models of the fault server, each named after its faults.
func (c client) faults(lists ...string) {
	c.t.Helper()
	for _, list := range lists {
		c.faultyModel(named(list), list)
	}
}

// named makes a resource's name of a list of faults.
func named(faults string) string { return strings.NewReplacer("=", "-", ",", "-").Replace(faults) }

// testing is a request for an experiment on an endpoint, with a shadow that runs the model and every request copied.
// Production is what the endpoint has.
func (c client) testing(name, endpoint, model string) *sagemaker.CreateInferenceExperimentInput {
	in := c.experiment(name, endpoint, "", model)
	in.ModelVariants = in.ModelVariants[1:]
	return in
}

// stop stops an experiment with an action for its shadow and waits until it has ended so.
func (c client) stop(name string, action types.ModelVariantAction, want types.InferenceExperimentStatus) {
	c.t.Helper()
	_, err := c.StopInferenceExperiment(c.t.Context(), &sagemaker.StopInferenceExperimentInput{
		Name: &name, ModelVariantActions: map[string]types.ModelVariantAction{shadow: action},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.until(name, want)
}

// send sends a body and returns the answer, whoever gave it.
func (c client) send(endpoint, body string) (*sagemakerruntime.InvokeEndpointOutput, error) {
	return c.runtime.InvokeEndpoint(c.t.Context(), &sagemakerruntime.InvokeEndpointInput{
		EndpointName: &endpoint, ContentType: aws.String("text/plain"), Body: []byte(body),
	})
}

// wantEchoes sends n requests and wants each to come back as it was.
func (c client) wantEchoes(endpoint string, n int) {
	c.t.Helper()
	for i := range n {
		body := fmt.Sprintf("request %d", i)
		out, err := c.send(endpoint, body)
		if err != nil {
			c.t.Fatal(err)
		}
		if string(out.Body) != body {
			c.t.Fatalf("request %q is answered with %q", body, out.Body)
		}
	}
}

// A process is what a model with the fault describe tells of itself.
type process struct {
	PID        int
	Nice       string
	OOMScore   string `json:"oom_score_adj"`
	Cgroup     string
	Grandchild int
}

// process asks an endpoint whose model describes itself.
func (c client) process(endpoint string) process {
	c.t.Helper()
	out, err := c.send(endpoint, "")
	if err != nil {
		c.t.Fatal(err)
	}
	var p process
	if err := json.Unmarshal(out.Body, &p); err != nil || p.PID == 0 {
		c.t.Fatalf("process: %v\n%s", err, out.Body)
	}
	return p
}

// consists returns nil if an endpoint is in service and has just these variants; an empty shadow means none.
func (c client) consists(endpoint, production, shadow string) error {
	c.t.Helper()
	e := c.describeEndpoint(endpoint)
	var ps, ss []string
	for _, v := range e.ProductionVariants {
		ps = append(ps, *v.VariantName)
	}
	for _, v := range e.ShadowProductionVariants {
		ss = append(ss, *v.VariantName)
	}
	p, s := strings.Join(ps, " "), strings.Join(ss, " ")
	if e.EndpointStatus != types.EndpointStatusInService || p != production || s != shadow {
		return fmt.Errorf("endpoint %s is %s (%s) with production %q and shadow %q, want production %q and shadow %q",
			endpoint, e.EndpointStatus, aws.ToString(e.FailureReason), p, s, production, shadow)
	}
	return nil
}

func (c client) wantVariants(endpoint, production, shadow string) {
	c.t.Helper()
	if err := c.consists(endpoint, production, shadow); err != nil {
		c.t.Error(err)
	}
}

// wantFailed waits until an endpoint has failed, and wants some text in the reason.
func (c client) wantFailed(endpoint string, texts ...string) {
	c.t.Helper()
	c.s.within(2*time.Minute, "endpoint "+endpoint+" has failed", func() error {
		e := c.describeEndpoint(endpoint)
		if e.EndpointStatus != types.EndpointStatusFailed {
			return fmt.Errorf("it is %s", e.EndpointStatus)
		}
		for _, text := range texts {
			if !strings.Contains(aws.ToString(e.FailureReason), text) {
				c.t.Errorf("endpoint %s failed with %q, which lacks %q", endpoint, aws.ToString(e.FailureReason), text)
			}
		}
		return nil
	})
}

// processesWith lists the server's model servers that have NAME=value in their environment, by pid.
func (s *server) processesWith(variable string) []string {
	var found []string
	for pid := range s.processes() {
		environ, err := os.ReadFile(filepath.Join("/proc", pid, "environ"))
		if err == nil && strings.Contains("\x00"+string(environ), "\x00"+variable+"\x00") {
			found = append(found, pid)
		}
	}
	return found
}

// awaitTime waits until a moment of the clock.
func (s *server) awaitTime(at time.Time) {
	select {
	case <-time.After(time.Until(at)):
	case <-s.t.Context().Done():
	}
}

// none returns nil if no model server has NAME=value in its environment.
func (s *server) none(variable string) error {
	if left := s.processesWith(variable); len(left) > 0 {
		return fmt.Errorf("%s: %v", variable, left)
	}
	return nil
}
