package control_test

import (
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"gnomon"
	"gnomon/control"
)

func TestExperiment_EndsOnSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		before := s.host.running("AllTraffic")
		if _, err := s.experiments.Create(s.ctx, s.request("x", "e")); err != nil {
			t.Fatal(err)
		}
		s.wantExperiment("x", gnomon.Creating)
		s.settle()
		x := s.wantExperiment("x", gnomon.Running)
		e := s.wantEndpoint("e", gnomon.EndpointInService)
		if e.Live.Config != x.Overlay.Config || len(e.Live.Shadows) != 1 {
			t.Errorf("the endpoint lives by config %q with %d shadows", e.Live.Config, len(e.Live.Shadows))
		}
		if m := s.router.mirror("e"); m == nil || m.Fraction != 0.5 || len(m.Shadow.Instances) != 1 || m.ID != x.Mirror() {
			t.Errorf("requests are not mirrored: %+v", m)
		}

		time.Sleep(7*24*time.Hour - 6*time.Second)
		s.wantExperiment("x", gnomon.Running)
		time.Sleep(10 * time.Second)
		x = s.wantExperiment("x", gnomon.Completed)
		if x.Outcome != gnomon.Expired || x.Overlay != nil {
			t.Errorf("it ended %s with overlay %v", x.Outcome, x.Overlay)
		}
		e = s.wantEndpoint("e", gnomon.EndpointInService)
		if e.Live.Config != "c" || len(e.Live.Shadows) != 0 || s.router.mirror("e") != nil {
			t.Errorf("the endpoint was not restored: %+v", e.Live)
		}
		if after := s.host.running("AllTraffic"); !maps.Equal(before, after) {
			t.Errorf("production's instances changed from %v to %v", before, after)
		}
		if left := s.host.running("shadow"); len(left) != 0 {
			t.Errorf("shadow instances are left: %v", left)
		}
		if len(s.frozen.frozen) == 0 || s.frozen.frozen[0] != x.Mirror() {
			t.Errorf("frozen: %v", s.frozen.frozen)
		}
	})
}

func TestExperiment_PromotesTheShadow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		if _, err := s.experiments.Create(s.ctx, s.request("x", "e")); err != nil {
			t.Fatal(err)
		}
		s.settle()
		before := s.host.running("shadow")
		_, err := s.experiments.Stop(s.ctx, "x", gnomon.Stop{Actions: map[gnomon.VariantName]gnomon.Action{"shadow": gnomon.Promote}, Reason: "better"})
		if err != nil {
			t.Fatal(err)
		}
		s.settle()
		x := s.wantExperiment("x", gnomon.Completed)
		if x.Outcome != gnomon.Promoted || x.Reason != "better" {
			t.Errorf("outcome %s, reason %q", x.Outcome, x.Reason)
		}
		r := s.router.route("e")
		if len(r.Production) != 1 || r.Production[0].Name != "shadow" || len(r.Production[0].Instances) != 1 || len(r.Mirrors) != 0 {
			t.Errorf("route after promotion: %+v", r)
		}
		if after := s.host.running("shadow"); !maps.Equal(before, after) {
			t.Errorf("the promoted variant's instances changed from %v to %v", before, after)
		}
		if left := s.host.running("AllTraffic"); len(left) != 0 {
			t.Errorf("old production instances are left: %v", left)
		}
		time.Sleep(time.Hour)
		if e := s.wantEndpoint("e", gnomon.EndpointInService); e.Base.Production[0].Name != "shadow" || e.Base.Production[0].Weight != 1 {
			t.Errorf("the endpoint's own spec is %+v", e.Base)
		}
	})
}

func TestExperiment_RetainsBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		if _, err := s.experiments.Create(s.ctx, s.request("x", "e")); err != nil {
			t.Fatal(err)
		}
		s.settle()
		_, err := s.experiments.Stop(s.ctx, "x", gnomon.Stop{
			Actions:      map[gnomon.VariantName]gnomon.Action{"shadow": gnomon.Retain, "AllTraffic": gnomon.Retain},
			DesiredState: gnomon.Completed,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.settle()
		x := s.wantExperiment("x", gnomon.Completed)
		m := s.router.mirror("e")
		if m == nil || m.ID == x.Mirror() || m.Fraction != 0.5 {
			t.Errorf("mirroring does not go on as the endpoint's own: %+v", m)
		}
		if len(x.Warnings) != 1 {
			t.Errorf("warnings: %q", x.Warnings)
		}
		if err := s.experiments.Delete(s.ctx, "x"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestExperiment_ThatFailsLeavesTheEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		before := s.host.running("AllTraffic")
		s.host.bad["n"] = true
		if _, err := s.experiments.Create(s.ctx, s.request("x", "e")); err != nil {
			t.Fatal(err)
		}
		s.settle()
		x := s.wantExperiment("x", gnomon.Cancelled)
		if x.Outcome != gnomon.Failed || x.Reason != (gnomon.Failure{Kind: gnomon.FailedPing}).Reason("shadow") {
			t.Errorf("outcome %s, reason %q", x.Outcome, x.Reason)
		}
		if e := s.wantEndpoint("e", gnomon.EndpointInService); e.Live.Config != "c" {
			t.Errorf("the endpoint lives by %q", e.Live.Config)
		}
		if after := s.host.running("AllTraffic"); !maps.Equal(before, after) {
			t.Errorf("production's instances changed from %v to %v", before, after)
		}
	})
}

func TestExperiment_MakesItsEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.model("m")
		s.model("n")
		if _, err := s.experiments.Create(s.ctx, s.request("x", "e")); err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.wantExperiment("x", gnomon.Running)
		_, err := s.experiments.Stop(s.ctx, "x", gnomon.Stop{Actions: map[gnomon.VariantName]gnomon.Action{"shadow": gnomon.Remove}})
		if err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.wantExperiment("x", gnomon.Cancelled)
		if e := s.wantEndpoint("e", gnomon.EndpointInService); len(e.Live.Production) != 1 || len(e.Live.Shadows) != 0 {
			t.Errorf("the endpoint is left with %+v", e.Live)
		}
	})
}

func TestExperiment_ThatFailsTakesItsEndpointAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.model("m")
		s.model("n")
		s.host.bad["m"] = true
		if _, err := s.experiments.Create(s.ctx, s.request("x", "e")); err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.wantExperiment("x", gnomon.Cancelled)
		if _, err := s.endpoints.Get(s.ctx, "e"); !errors.Is(err, gnomon.NotFound) {
			t.Errorf("the endpoint that never served is still there: %v", err)
		}
	})
}

func TestExperiment_SurvivesRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		r := s.request("x", "e")
		r.Schedule = gnomon.Schedule{Start: time.Now().Add(time.Hour), End: time.Now().Add(2 * time.Hour)}
		if _, err := s.experiments.Create(s.ctx, r); err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.wantExperiment("x", gnomon.Created)
		if n := len(s.host.running("shadow")); n != 0 {
			t.Errorf("%d shadow instances run an hour before the start", n)
		}
		time.Sleep(51 * time.Minute)
		s.wantExperiment("x", gnomon.Created)
		if n := len(s.host.running("shadow")); n != 1 {
			t.Errorf("%d shadow instances run nine minutes before the start", n)
		}
		if m := s.router.mirror("e"); m != nil {
			t.Errorf("requests are mirrored before the start: %+v", m)
		}
		s.restart(20 * time.Minute)
		s.settle()
		s.wantExperiment("x", gnomon.Running)
		s.restart(time.Hour)
		s.settle()
		x := s.wantExperiment("x", gnomon.Completed)
		if x.Outcome != gnomon.Expired {
			t.Errorf("outcome %s", x.Outcome)
		}
	})
}

func TestExperiment_MissesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		r := s.request("x", "e")
		r.Schedule = gnomon.Schedule{Start: time.Now().Add(time.Hour), End: time.Now().Add(2 * time.Hour)}
		if _, err := s.experiments.Create(s.ctx, r); err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.restart(3 * time.Hour)
		s.settle()
		x := s.wantExperiment("x", gnomon.Cancelled)
		if x.Outcome != gnomon.Failed || x.Reason == "" || len(s.host.running("shadow")) != 0 {
			t.Errorf("outcome %s, reason %q", x.Outcome, x.Reason)
		}
	})
}

func TestExperiment_KeepsAnOwnersScaling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		if _, err := s.experiments.Create(s.ctx, s.request("x", "e")); err != nil {
			t.Fatal(err)
		}
		s.settle()
		if _, err := s.endpoints.Scale(s.ctx, "e", []control.Scale{{Variant: "AllTraffic", Count: new(3)}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.endpoints.Scale(s.ctx, "e", []control.Scale{{Variant: "shadow", Weight: new(1.0)}}); !errors.Is(err, gnomon.Invalid) {
			t.Errorf("the shadow's weight could be changed: %v", err)
		}
		s.settle()
		u := control.ExperimentUpdate{Name: "x", Shadowing: &control.Shadowing{Source: "AllTraffic", Shadow: "shadow", SamplingPercent: 10}, Accept: accept}
		if _, err := s.experiments.Update(s.ctx, u); err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.wantExperiment("x", gnomon.Running)
		if m := s.router.mirror("e"); m == nil || m.Fraction != 0.1 {
			t.Errorf("mirror after the update: %+v", m)
		}
		if n := len(s.host.running("AllTraffic")); n != 3 {
			t.Errorf("%d production instances after the update, want 3", n)
		}
		if _, err := s.experiments.Stop(s.ctx, "x", gnomon.Stop{Actions: map[gnomon.VariantName]gnomon.Action{"shadow": gnomon.Remove}}); err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.wantExperiment("x", gnomon.Cancelled)
		if n := len(s.host.running("AllTraffic")); n != 3 {
			t.Errorf("%d production instances after the end, want 3", n)
		}
	})
}

func TestExperiment_GuardsItsEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		if _, err := s.experiments.Create(s.ctx, s.request("x", "e")); err != nil {
			t.Fatal(err)
		}
		s.settle()
		if err := s.endpoints.Delete(s.ctx, "e"); !errors.Is(err, gnomon.Invalid) {
			t.Errorf("delete of an endpoint under test: %v", err)
		}
		if _, err := s.endpoints.Update(s.ctx, control.Change{Name: "e", Config: "c"}); !errors.Is(err, gnomon.Invalid) {
			t.Errorf("update of an endpoint under test: %v", err)
		}
		if _, err := s.experiments.Create(s.ctx, s.request("y", "e")); !errors.Is(err, gnomon.InUse) {
			t.Errorf("second experiment at the same time: %v", err)
		}
		later := s.request("y", "e")
		later.Schedule.Start = time.Now().Add(8 * 24 * time.Hour)
		if _, err := s.experiments.Create(s.ctx, later); err != nil {
			t.Errorf("second experiment at another time: %v", err)
		}
		if _, err := s.experiments.Start(s.ctx, "x"); !errors.Is(err, gnomon.Conflict) {
			t.Errorf("start of a running experiment: %v", err)
		}
	})
}

func TestEndpoint_UpdateThatFailsIsUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		before := s.host.running("AllTraffic")
		s.config("d", variant("AllTraffic", "n", 1))
		s.host.bad["n"] = true
		if _, err := s.endpoints.Update(s.ctx, control.Change{Name: "e", Config: "d"}); err != nil {
			t.Fatal(err)
		}
		s.wantEndpoint("e", gnomon.EndpointUpdating)
		s.settle()
		e := s.wantEndpoint("e", gnomon.EndpointInService)
		if e.Live.Config != "c" || e.Base.Config != "c" || e.FailureReason == "" {
			t.Errorf("live %q, base %q, reason %q", e.Live.Config, e.Base.Config, e.FailureReason)
		}
		if after := s.host.running("AllTraffic"); !maps.Equal(before, after) {
			t.Errorf("instances changed from %v to %v", before, after)
		}
	})
}

func TestEndpoint_IsDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		if err := s.endpoints.Delete(s.ctx, "E"); err != nil {
			t.Fatal(err)
		}
		s.settle()
		if _, err := s.endpoints.Get(s.ctx, "e"); !errors.Is(err, gnomon.NotFound) {
			t.Errorf("still there: %v", err)
		}
		if n := len(s.host.Instances()); n != 0 || s.router.route("e") != nil {
			t.Errorf("%d instances and the route %v are left", n, s.router.route("e"))
		}
	})
}
