package control_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gnomon"
	"gnomon/control"
)

func TestExperiments_CreateRefuses(t *testing.T) {
	const reader = role + "-reader"
	for name, c := range map[string]struct {
		change func(*control.NewExperiment)
		code   gnomon.Code
		says   string
	}{
		"UnknownRole":          {func(r *control.NewExperiment) { r.Role = role + "-nobody" }, gnomon.Invalid, "Could not assume role"},
		"RoleWithoutThePower":  {func(r *control.NewExperiment) { r.Role = reader }, gnomon.Invalid, `"endpoints"`},
		"EndInThePast":         {func(r *control.NewExperiment) { r.Schedule.End = time.Now().Add(-time.Hour) }, gnomon.Invalid, "in the past"},
		"UnknownModel":         {func(r *control.NewExperiment) { r.Variants[1].Model = "nothing" }, gnomon.Invalid, "Could not find model"},
		"UnknownImage":         {func(r *control.NewExperiment) { r.Variants[1].Model = "unknown" }, gnomon.Invalid, "nothing runs it"},
		"VariantNotNamed":      {func(r *control.NewExperiment) { r.Variants[1].Name = "other" }, gnomon.Invalid, `names the variant "other"`},
		"VariantTwice":         {func(r *control.NewExperiment) { r.Variants[1].Name = "AllTraffic" }, gnomon.Invalid, "non-unique"},
		"SourceIsShadow":       {func(r *control.NewExperiment) { r.Shadow = r.Source }, gnomon.Invalid, "must differ"},
		"NotTheEndpoints":      {func(r *control.NewExperiment) { r.Source, r.Variants[0].Name = "Blue", "Blue" }, gnomon.Invalid, `which is "AllTraffic"`},
		"NoInstances":          {func(r *control.NewExperiment) { r.Variants[1].Count = 0 }, gnomon.Invalid, "at least 1"},
		"Inferentia1":          {func(r *control.NewExperiment) { r.Variants[1].InstanceType = "ml.inf1.xlarge" }, gnomon.Invalid, "Inf1"},
		"ShadowNowhere":        {func(r *control.NewExperiment) { r.Variants = r.Variants[:1] }, gnomon.Invalid, "does not give the shadow variant"},
		"NeitherNorAnEndpoint": {func(r *control.NewExperiment) { r.Variants, r.Endpoint = r.Variants[:1], "new" }, gnomon.Invalid, "there is no endpoint"},
		"UnknownSetting":       {func(r *control.NewExperiment) { r.Tags = []gnomon.Tag{{Key: "gnomon:sample", Value: "1"}} }, gnomon.Invalid, `The settings are "gnomon:answer-margin", "gnomon:answers", "gnomon:auto-stop", "gnomon:error-margin", "gnomon:ignore", "gnomon:latency-margin", "gnomon:max-rate", "gnomon:noise-floor", "gnomon:sampling" and "gnomon:tolerance".`},
		"MalformedSetting":     {func(r *control.NewExperiment) { r.Tags = []gnomon.Tag{{Key: "gnomon:max-rate", Value: "fast"}} }, gnomon.Invalid, `The value "fast" of the tag "gnomon:max-rate"`},
		"UnfittingSampling":    {func(r *control.NewExperiment) { r.Tags = []gnomon.Tag{{Key: "gnomon:sampling", Value: "0.5"}} }, gnomon.Invalid, "with the value 0.5 does not fit SamplingPercentage 50"},
		"Quota":                {func(r *control.NewExperiment) { r.Variants[1].InstanceType, r.Variants[1].Count = "ml.c5.large", 3 }, gnomon.Limit, "'ml.c5.large for endpoint usage' is 2 Instances, with current utilization of 0 Instances and a request delta of 3 Instances"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.endpoint("e")
				s.model("unknown")
				r := s.request("x", "e")
				c.change(&r)
				_, err := s.experiments.Create(s.ctx, r)
				if !errors.Is(err, c.code) || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("%v, want %s that says %q", err, c.code, c.says)
				}
				if _, err := s.experiments.Get(s.ctx, "x"); !errors.Is(err, gnomon.NotFound) {
					t.Errorf("something was kept: %v", err)
				}
				s.settle()
				if n := len(s.host.Instances()); n != 2 {
					t.Errorf("%d instances run, want the endpoint's own 2", n)
				}
			})
		})
	}
}

func TestExperiments_ATakenNameIsRefusedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		if _, err := s.experiments.Create(s.ctx, s.request("x", "e")); err != nil {
			t.Fatal(err)
		}
		r := s.request("x", "e")
		r.Role = "nonsense"
		if _, err := s.experiments.Create(s.ctx, r); !errors.Is(err, gnomon.InUse) || !strings.Contains(err.Error(), "Cannot create already existing inference experiment") {
			t.Errorf("%v", err)
		}
	})
}

func TestExperiments_TakeTheMissingVariantFromTheEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		before := s.host.running("AllTraffic")
		r := s.request("x", "e")
		r.Variants = r.Variants[1:]
		if _, err := s.experiments.Create(s.ctx, r); err != nil {
			t.Fatal(err)
		}
		s.settle()
		x := s.wantExperiment("x", gnomon.Running)
		if x.Production.Model != "m" || x.Production.Count != 2 || !maps.Equal(before, s.host.running("AllTraffic")) {
			t.Errorf("production became %+v", x.Production)
		}
	})
}

func TestExperiments_NeedOneProductionVariant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.model("m")
		s.model("n")
		s.config("two", variant("AllTraffic", "m", 1), variant("Other", "m", 1))
		if _, err := s.endpoints.Create(s.ctx, control.Change{Name: "e", Config: "two"}); err != nil {
			t.Fatal(err)
		}
		s.settle()
		_, err := s.experiments.Create(s.ctx, s.request("x", "e"))
		if !errors.Is(err, gnomon.Invalid) || !strings.Contains(err.Error(), `["AllTraffic" "Other"]`) {
			t.Errorf("%v", err)
		}
	})
}

func TestExperiments_UpdateBeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		r := s.request("x", "e")
		r.Schedule.Start = time.Now().Add(time.Hour)
		if _, err := s.experiments.Create(s.ctx, r); err != nil {
			t.Fatal(err)
		}
		s.settle()
		end := time.Now().Add(5 * time.Hour)
		_, err := s.experiments.Update(s.ctx, control.ExperimentUpdate{
			Name: "x", Accept: accept, Description: new("other"), Schedule: gnomon.Schedule{End: end},
			Variants:  []gnomon.Variant{variant("renamed", "n", 3)},
			Shadowing: &control.Shadowing{Source: "AllTraffic", Shadow: "renamed", SamplingPercent: 7},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.settle()
		x := s.wantExperiment("x", gnomon.Created)
		if x.Description != "other" || !x.Schedule.End.Equal(end) || x.Shadow.Name != "renamed" || x.Shadow.Count != 3 || x.SamplingPercent != 7 {
			t.Errorf("after the update: %+v", x)
		}
		if _, err := s.experiments.Update(s.ctx, control.ExperimentUpdate{Name: "x", Accept: accept, Variants: []gnomon.Variant{variant("AllTraffic", "n", 2)}}); !errors.Is(err, gnomon.Invalid) {
			t.Errorf("the production variant's model could be changed: %v", err)
		}
		if _, err := s.experiments.Start(s.ctx, "x"); err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.wantExperiment("x", gnomon.Running)
		if n := len(s.host.running("renamed")); n != 3 {
			t.Errorf("%d shadow instances run, want 3", n)
		}
	})
}

func TestExperiments_UpdateWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		if _, err := s.experiments.Create(s.ctx, s.request("x", "e")); err != nil {
			t.Fatal(err)
		}
		s.settle()
		x := s.wantExperiment("x", gnomon.Running)
		same := control.Shadowing{Source: "AllTraffic", Shadow: "shadow", SamplingPercent: 50}
		for name, u := range map[string]control.ExperimentUpdate{
			"Start":       {Schedule: gnomon.Schedule{Start: x.Schedule.Start.Add(time.Hour)}},
			"EndPast":     {Schedule: gnomon.Schedule{End: time.Now().Add(-time.Second)}},
			"EndTooFar":   {Schedule: gnomon.Schedule{End: x.Schedule.Start.Add(31 * 24 * time.Hour)}},
			"ShadowSize":  {Variants: []gnomon.Variant{variant("shadow", "n", 2)}},
			"ShadowModel": {Variants: []gnomon.Variant{variant("shadow", "m", 1)}},
			"Capture":     {Capture: &gnomon.DataCapture{Destination: "s3://b/p"}},
			"OtherNames":  {Shadowing: &control.Shadowing{Source: "AllTraffic", Shadow: "other", SamplingPercent: 1}},
		} {
			u.Name, u.Accept = "x", accept
			if _, err := s.experiments.Update(s.ctx, u); !errors.Is(err, gnomon.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		s.wantExperiment("x", gnomon.Running)
		end := x.Schedule.Start.Add(48 * time.Hour)
		_, err := s.experiments.Update(s.ctx, control.ExperimentUpdate{
			Name: "x", Accept: accept, Shadowing: &same, Variants: []gnomon.Variant{variant("AllTraffic", "m", 2), variant("shadow", "n", 1)},
			Schedule: gnomon.Schedule{Start: x.Schedule.Start.Truncate(time.Second), End: end},
		})
		if err != nil {
			t.Fatalf("what is so already was refused: %v", err)
		}
		s.settle()
		if x := s.wantExperiment("x", gnomon.Running); !x.Schedule.End.Equal(end) {
			t.Errorf("the end is %s, want %s", x.Schedule.End, end)
		}
		time.Sleep(49 * time.Hour)
		s.wantExperiment("x", gnomon.Completed)
	})
}

func TestExperiments_StopBeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		r := s.request("x", "e")
		r.Schedule.Start = time.Now().Add(time.Hour)
		if _, err := s.experiments.Create(s.ctx, r); err != nil {
			t.Fatal(err)
		}
		s.settle()
		promote := gnomon.Stop{Actions: map[gnomon.VariantName]gnomon.Action{"shadow": gnomon.Promote}}
		if _, err := s.experiments.Stop(s.ctx, "x", promote); !errors.Is(err, gnomon.Conflict) {
			t.Errorf("a shadow that never ran could be promoted: %v", err)
		}
		remove := gnomon.Stop{Actions: map[gnomon.VariantName]gnomon.Action{"shadow": gnomon.Remove}, DesiredState: gnomon.Completed, Reason: "why"}
		if _, err := s.experiments.Stop(s.ctx, "x", remove); err != nil {
			t.Fatal(err)
		}
		s.settle()
		if x := s.wantExperiment("x", gnomon.Cancelled); x.Reason != "why" || x.Outcome != gnomon.Stopped {
			t.Errorf("%+v", x)
		}
	})
}

func TestExperiments_PromoteAtAnotherSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		if _, err := s.experiments.Create(s.ctx, s.request("x", "e")); err != nil {
			t.Fatal(err)
		}
		s.settle()
		desired := variant("shadow", "n", 4)
		_, err := s.experiments.Stop(s.ctx, "x", gnomon.Stop{
			Actions: map[gnomon.VariantName]gnomon.Action{"shadow": gnomon.Promote, "AllTraffic": gnomon.Remove},
			Desired: []gnomon.Variant{desired}, DesiredState: gnomon.Cancelled,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.wantExperiment("x", gnomon.Cancelled)
		if n := len(s.router.route("e").Production[0].Instances); n != 4 {
			t.Errorf("%d instances of the promoted variant, want 4", n)
		}
	})
}

func TestExperiments_PromoteStartsAnewWherePrioritiesCannotBeRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.stop()
		s.rules.RestartPromoted = true
		s.start()
		s.endpoint("e")
		if _, err := s.experiments.Create(s.ctx, s.request("x", "e")); err != nil {
			t.Fatal(err)
		}
		s.settle()
		before := s.host.running("shadow")
		if _, err := s.experiments.Stop(s.ctx, "x", gnomon.Stop{Actions: map[gnomon.VariantName]gnomon.Action{"shadow": gnomon.Promote}}); err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.wantExperiment("x", gnomon.Completed)
		after := s.host.running("shadow")
		for id := range after {
			if _, old := before[id]; old {
				t.Errorf("instance %s was kept", id)
			}
		}
		if r := s.router.route("e"); len(after) != 1 || r.Production[0].Name != "shadow" || len(r.Production[0].Instances) != 1 {
			t.Errorf("after the promotion: %v, %+v", after, r)
		}
	})
}

func TestExperiments_PromotionThatFailsLeavesProduction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		s.model("bad")
		s.host.bad["bad"] = true
		if _, err := s.experiments.Create(s.ctx, s.request("x", "e")); err != nil {
			t.Fatal(err)
		}
		s.settle()
		before := s.host.running("AllTraffic")
		_, err := s.experiments.Stop(s.ctx, "x", gnomon.Stop{
			Actions: map[gnomon.VariantName]gnomon.Action{"shadow": gnomon.Promote},
			Desired: []gnomon.Variant{variant("shadow", "bad", 1)},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.settle()
		x := s.wantExperiment("x", gnomon.Cancelled)
		if x.Outcome != gnomon.Failed || x.Reason == "" {
			t.Errorf("outcome %s, reason %q", x.Outcome, x.Reason)
		}
		e := s.wantEndpoint("e", gnomon.EndpointInService)
		if e.Live.Config != "c" || !maps.Equal(before, s.host.running("AllTraffic")) || len(s.host.running("shadow")) != 0 {
			t.Errorf("the endpoint was not left as before: %+v", e.Live)
		}
	})
}

func TestEndpoints_KeepToTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.model("m")
		v := variant("v", "m", 2)
		v.InstanceType = "ml.c5.large"
		s.config("c", v)
		if _, err := s.endpoints.Create(s.ctx, control.Change{Name: "e", Config: "c"}); err != nil {
			t.Fatal(err)
		}
		s.settle()
		if _, err := s.endpoints.Create(s.ctx, control.Change{Name: "f", Config: "c"}); !errors.Is(err, gnomon.Limit) {
			t.Errorf("a second endpoint: %v", err)
		}
		if _, err := s.endpoints.Scale(s.ctx, "e", []control.Scale{{Variant: "v", Count: new(3)}}); !errors.Is(err, gnomon.Limit) {
			t.Errorf("scaled over the quota: %v", err)
		}
		if _, err := s.endpoints.Scale(s.ctx, "e", []control.Scale{{Variant: "v", Count: new(1)}}); err != nil {
			t.Error(err)
		}
	})
}

func TestTags_OnEveryKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		if _, err := s.experiments.Create(s.ctx, s.request("x", "e")); err != nil {
			t.Fatal(err)
		}
		p := s.rules.Partition
		for kind, name := range map[string]string{"model": "m", "endpoint": "e", "endpoint-config": "c", "inference-experiment": "x"} {
			arn := p.ARN(kind, name)
			if _, err := s.tags.Add(s.ctx, arn, []gnomon.Tag{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.tags.Add(s.ctx, arn, []gnomon.Tag{{Key: "a", Value: "3"}}); err != nil {
				t.Fatal(err)
			}
			if err := s.tags.Delete(s.ctx, arn, []string{"b", "never"}); err != nil {
				t.Fatal(err)
			}
			if tags, err := s.tags.List(s.ctx, arn); err != nil || len(tags) != 1 || tags[0] != (gnomon.Tag{Key: "a", Value: "3"}) {
				t.Errorf("%s: %v, %v", kind, tags, err)
			}
			if _, err := s.tags.List(s.ctx, p.ARN(kind, "nobody")); !errors.Is(err, gnomon.NotFound) {
				t.Errorf("tags of no %s: %v", kind, err)
			}
		}
		for _, key := range []string{"aws:x", "gnomon:sampling", "gnomon:max-rate", "GNOMON:x"} {
			for kind, name := range map[string]string{"model": "m", "endpoint": "e", "endpoint-config": "c"} {
				if _, err := s.tags.Add(s.ctx, p.ARN(kind, name), []gnomon.Tag{{Key: key, Value: "1"}}); !errors.Is(err, gnomon.Invalid) {
					t.Errorf("the reserved key %s on the %s: %v", key, kind, err)
				}
			}
		}
		if _, err := s.tags.List(s.ctx, "arn:aws:sagemaker:us-east-1:000000000000:pipeline/p"); !errors.Is(err, gnomon.Invalid) {
			t.Errorf("a kind that is not here: %v", err)
		}
	})
}
