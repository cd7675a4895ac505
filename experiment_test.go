package gnomon_test

import (
	"strings"
	"testing"
	"time"

	"gnomon"
)

func TestExperimentArrows_LeadToAnEnd(t *testing.T) {
	arrows := gnomon.ExperimentArrows()
	for from := range arrows {
		reached := map[gnomon.ExperimentStatus]bool{from: true}
		for grown := true; grown; {
			grown = false
			for s := range reached {
				for _, next := range arrows[s] {
					grown = grown || !reached[next]
					reached[next] = true
				}
			}
		}
		if !reached[gnomon.Completed] && !reached[gnomon.Cancelled] {
			t.Errorf("%s leads nowhere", from)
		}
		if from.Final() != (len(arrows[from]) == 0) {
			t.Errorf("%s: final %v with arrows %v", from, from.Final(), arrows[from])
		}
	}
}

func TestExperiment_ConfigName(t *testing.T) {
	for _, name := range []string{"x", strings.Repeat("a", 120), strings.Repeat("a", 44) + "-" + strings.Repeat("b", 60)} {
		x := &gnomon.Experiment{Name: gnomon.ExperimentName(name), ID: "1"}
		got := string(x.ConfigName())
		if len(got) > 63 || strings.Contains(got, "--") || x.ConfigName() != gnomon.EndpointConfigName(got) {
			t.Errorf("%q gives %q", name, got)
		}
		x.Generation++
		if string(x.ConfigName()) == got {
			t.Errorf("%q: two generations share the name %q", name, got)
		}
	}
}

func TestExperiment_LieCarriesOver(t *testing.T) {
	own := gnomon.Variant{Name: "p", Model: "m", InstanceType: "ml.m5.large", Count: 2, Weight: 4, Routing: gnomon.LeastOutstandingRequests, StartupTimeout: time.Minute}
	base := gnomon.EndpointSpec{Config: "c", Production: []gnomon.Variant{own}, KmsKey: "k", Role: "r", Capture: &gnomon.DataCapture{Destination: "s3://d"}}
	x := &gnomon.Experiment{
		Name: "x", ID: "1", ProductionGiven: true, SamplingPercent: 50,
		Production: gnomon.Variant{Name: "p", Model: "m", InstanceType: "ml.m5.large", Count: 2, Weight: 1},
		Shadow:     gnomon.Variant{Name: "s", Model: "n", InstanceType: "ml.c5.large", Count: 1},
	}
	got := base.With(x.Lie(base))
	if p := got.Production[0]; p.Fingerprint() != own.Fingerprint() || p.Weight != 4 || p.Routing != own.Routing {
		t.Errorf("the production variant became %+v", p)
	}
	if got.Capture != base.Capture || got.KmsKey != "k" || got.Role != "r" {
		t.Errorf("not carried over: %+v", got)
	}
	if s := got.Shadows[0]; s.Weight != 2 {
		t.Errorf("shadow weight %v, want half of production's 4", s.Weight)
	}
	if base.Config != "c" || len(base.Shadows) != 0 || base.Production[0].Count != 2 {
		t.Errorf("the endpoint's own spec changed: %+v", base)
	}
}

func TestEndpoint_WantedKeepsLaterScalings(t *testing.T) {
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	e := &gnomon.Endpoint{
		Base:     gnomon.EndpointSpec{Production: []gnomon.Variant{{Name: "p", Count: 2}}},
		Scalings: map[gnomon.VariantName]gnomon.Scaling{"p": {Count: new(3), CountAt: t0}},
	}
	o := &gnomon.Overlay{Production: &gnomon.Variant{Name: "p", Count: 5}, CountsAt: t0.Add(time.Hour)}
	if n := e.Wanted(o).Production[0].Count; n != 5 {
		t.Errorf("a scaling from before the overlay holds against it: %d", n)
	}
	if n := e.Wanted(nil).Production[0].Count; n != 3 {
		t.Errorf("after the overlay the count is %d, want the 3 from before it", n)
	}
	e.Scalings["p"] = gnomon.Scaling{Count: new(7), CountAt: t0.Add(2 * time.Hour)}
	if a, b := e.Wanted(o).Production[0].Count, e.Wanted(nil).Production[0].Count; a != 7 || b != 7 {
		t.Errorf("a scaling during the overlay: %d under it, %d after it, want 7", a, b)
	}
	if e.Base.Production[0].Count != 2 {
		t.Error("the endpoint's own spec changed")
	}
}

func TestPartition_ARN(t *testing.T) {
	p := gnomon.Partition{Name: "aws", Region: "eu-west-1", Account: "123456789012"}
	kind, name, ok := p.ParseARN(p.ARN("endpoint", "e"))
	if kind != "endpoint" || name != "e" || !ok {
		t.Errorf("%q %q %v", kind, name, ok)
	}
	for _, s := range []string{"", "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/", "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e", "arn:aws:sagemaker:eu-west-1:123456789012:endpoint"} {
		if _, _, ok := p.ParseARN(s); ok {
			t.Errorf("%q was taken for an ARN of %+v", s, p)
		}
	}
}

func TestInstanceType_Machine(t *testing.T) {
	if m, ok := gnomon.InstanceType("ml.m5.xlarge").Machine(); !ok || m.VCPU != 4 || m.MemoryBytes != 16<<30 {
		t.Errorf("%+v, %v", m, ok)
	}
	if _, ok := gnomon.InstanceType("ml.none").Machine(); ok {
		t.Error("a type that does not exist has a machine")
	}
}
