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

// become puts every instance of a variant into a state and tells of it.
func (s *stage) become(v gnomon.VariantName, state gnomon.InstanceState) {
	s.host.mu.Lock()
	endpoints := make(map[string]bool)
	for _, i := range s.host.instances {
		if i.Variant == v {
			i.State = state
			endpoints[i.EndpointID] = true
		}
	}
	changed := s.host.changed
	s.host.mu.Unlock()
	for id := range endpoints {
		changed(id)
	}
	s.settle()
}

// later returns a request for an experiment from then on for an hour.
func (s *stage) later(name string, in time.Duration) control.NewExperiment {
	r := s.request(name, "e")
	r.Schedule.Start = time.Now().Add(in)
	r.Schedule.End = r.Schedule.Start.Add(time.Hour)
	return r
}

func (s *stage) create(r control.NewExperiment) {
	s.t.Helper()
	if _, err := s.experiments.Create(s.ctx, r); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) end(name string, shadow gnomon.Action) {
	s.t.Helper()
	if _, err := s.experiments.Stop(s.ctx, gnomon.ExperimentName(name), gnomon.Stop{Actions: map[gnomon.VariantName]gnomon.Action{"shadow": shadow}}); err != nil {
		s.t.Fatal(err)
	}
}

func TestExperiment_EndsWithTheFailureOfItsEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.model("m")
		s.model("n")
		s.host.bad["m"] = true
		s.config("c", variant("AllTraffic", "m", 2))
		if _, err := s.endpoints.Create(s.ctx, control.Change{Name: "e", Config: "c"}); err != nil {
			t.Fatal(err)
		}
		s.create(s.request("x", "e"))
		s.settle()
		s.wantEndpoint("e", gnomon.EndpointFailed)
		if x := s.wantExperiment("x", gnomon.Cancelled); x.Outcome != gnomon.Failed || x.Reason == "" {
			t.Errorf("outcome %s, reason %q", x.Outcome, x.Reason)
		}
		if err := s.endpoints.Delete(s.ctx, "e"); err != nil {
			t.Errorf("the endpoint cannot be deleted: %v", err)
		}
	})
}

func TestExperiment_PromotesOnlyAShadowThatIsInService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		s.create(s.request("x", "e"))
		s.settle()
		s.become("shadow", gnomon.InstanceRestarting)
		s.end("x", gnomon.Promote)
		s.settle()
		s.wantExperiment("x", gnomon.Stopping)
		if r := s.router.route("e"); r.Production[0].Name != "AllTraffic" || len(r.Production[0].Instances) != 2 {
			t.Errorf("production went to a shadow that is out of service: %+v", r.Production)
		}
		s.become("shadow", gnomon.InstanceInService)
		s.wantExperiment("x", gnomon.Completed)
		if r := s.router.route("e"); r.Production[0].Name != "shadow" || len(r.Production[0].Instances) != 1 {
			t.Errorf("route after the promotion: %+v", r.Production)
		}
	})
}

func TestExperiment_APromotionThatNeverGetsReadyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		s.create(s.request("x", "e"))
		s.settle()
		s.become("shadow", gnomon.InstanceRestarting)
		s.end("x", gnomon.Promote)
		time.Sleep(12 * time.Hour)
		if x := s.wantExperiment("x", gnomon.Cancelled); x.Outcome != gnomon.Failed {
			t.Errorf("outcome %s, reason %q", x.Outcome, x.Reason)
		}
		if e := s.wantEndpoint("e", gnomon.EndpointInService); e.Live.Config != "c" {
			t.Errorf("the endpoint lives by %q", e.Live.Config)
		}
	})
}

func TestExperiment_EndsWhereTheEndpointCannotGoBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		r := s.request("x", "e")
		r.Variants[0].InstanceType = "ml.m5.xlarge"
		s.create(r)
		s.settle()
		s.wantExperiment("x", gnomon.Running)
		before := s.host.running("AllTraffic")
		s.host.bad["m"] = true
		s.end("x", gnomon.Remove)
		s.settle()
		x := s.wantExperiment("x", gnomon.Cancelled)
		e := s.wantEndpoint("e", gnomon.EndpointInService)
		if x.Outcome != gnomon.Failed || x.Reason == "" || e.FailureReason != x.Reason {
			t.Errorf("outcome %s, reasons %q and %q", x.Outcome, x.Reason, e.FailureReason)
		}
		if after := s.host.running("AllTraffic"); !maps.Equal(before, after) || len(s.host.running("shadow")) != 0 {
			t.Errorf("production's instances changed from %v to %v", before, after)
		}
		s.host.bad["m"] = false
		if _, err := s.endpoints.Update(s.ctx, control.Change{Name: "e", Config: "c"}); err != nil {
			t.Fatalf("the owner cannot go back: %v", err)
		}
		s.settle()
		if e := s.wantEndpoint("e", gnomon.EndpointInService); e.Live.Config != "c" || e.FailureReason != "" {
			t.Errorf("the endpoint lives by %q, reason %q", e.Live.Config, e.FailureReason)
		}
	})
}

func TestExperiment_WaitsForAnOwnersUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		s.model("bad")
		s.config("d", variant("AllTraffic", "bad", 2))
		s.host.bad["bad"] = true
		s.create(s.later("x", time.Hour))
		time.Sleep(50*time.Minute - 500*time.Millisecond)
		if _, err := s.endpoints.Update(s.ctx, control.Change{Name: "e", Config: "d"}); err != nil {
			t.Fatal(err)
		}
		s.settle()
		if e := s.wantEndpoint("e", gnomon.EndpointInService); e.Base.Config != "c" {
			t.Errorf("an update that cannot be deployed was kept: the endpoint's own config is %q", e.Base.Config)
		}
		time.Sleep(15 * time.Minute)
		s.wantExperiment("x", gnomon.Running)
		s.end("x", gnomon.Remove)
		s.settle()
		s.wantExperiment("x", gnomon.Cancelled)
		s.wantEndpoint("e", gnomon.EndpointInService)
	})
}

func TestExperiment_IsNotFailedByWhatFailedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.model("m")
		s.model("n")
		s.config("c", variant("AllTraffic", "m", 2))
		wait := &gnomon.Deployment{TerminationWait: 10 * time.Minute}
		if _, err := s.endpoints.Create(s.ctx, control.Change{Name: "e", Config: "c", Deployment: wait}); err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.host.bad["n"] = true
		s.create(s.request("x", "e"))
		s.settle()
		s.wantExperiment("x", gnomon.Cancelled)
		s.host.bad["n"] = false
		s.create(s.request("y", "e"))
		s.settle()
		s.wantExperiment("y", gnomon.Running)
	})
}

func TestExperiment_PutOffTakesItsShadowAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		s.create(s.later("x", time.Hour))
		time.Sleep(55 * time.Minute)
		if n := len(s.host.running("shadow")); n != 1 {
			t.Fatalf("%d shadow instances run five minutes before the start", n)
		}
		start := time.Now().Add(24 * time.Hour)
		u := control.ExperimentUpdate{Name: "x", Schedule: gnomon.Schedule{Start: start, End: start.Add(time.Hour)}, Accept: accept}
		if _, err := s.experiments.Update(s.ctx, u); err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.wantExperiment("x", gnomon.Created)
		if n := len(s.host.running("shadow")); n != 0 {
			t.Errorf("%d shadow instances run a day before the start", n)
		}
		time.Sleep(24 * time.Hour)
		s.wantExperiment("x", gnomon.Running)
	})
}

func TestExperiment_ComesBeforeTheNextAfterARestart(t *testing.T) {
	for range 5 { // the two are looked at in any order
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.endpoint("e")
			s.create(s.later("x", time.Hour))
			s.create(s.later("y", 2*time.Hour))
			s.settle()
			s.restart(time.Hour + 55*time.Minute)
			s.settle()
			s.wantExperiment("x", gnomon.Running)
			s.wantExperiment("y", gnomon.Created)
			time.Sleep(6 * time.Minute)
			s.wantExperiment("x", gnomon.Completed)
			s.wantExperiment("y", gnomon.Running)
		})
	}
}

func TestExperiments_OneAfterTheOtherShareTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		for i, name := range []string{"x", "y"} {
			r := s.later(name, time.Duration(i)*2*time.Hour)
			r.Variants[1].InstanceType, r.Variants[1].Count = "ml.c5.large", 2
			s.create(r)
			s.settle()
		}
		s.wantExperiment("x", gnomon.Running)
		time.Sleep(2 * time.Hour)
		s.wantExperiment("y", gnomon.Running)
	})
}

func TestEndpointReconciler_IsReadyWithoutWhatIsDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.model("m")
		s.config("c", variant("AllTraffic", "m", 1))
		if _, err := s.endpoints.Create(s.ctx, control.Change{Name: "e", Config: "c"}); err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.host.bad["m"] = true
		s.restart(time.Minute)
		s.settle()
		if s.ready() {
			t.Error("ready without an instance in service")
		}
		if err := s.endpoints.Delete(s.ctx, "e"); err != nil {
			t.Fatal(err)
		}
		s.settle()
		if !s.ready() {
			t.Error("not ready because of an endpoint that is gone")
		}
	})
}

func TestTags_StandOnTheEndpointHoweverItsNameIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("End")
		p := s.rules.Partition
		if _, err := s.tags.Add(s.ctx, p.ARN("endpoint", "eND"), []gnomon.Tag{{Key: "k", Value: "v"}}); err != nil {
			t.Fatal(err)
		}
		if tags, err := s.tags.List(s.ctx, p.ARN("endpoint", "End")); err != nil || len(tags) != 1 {
			t.Errorf("tags %v, %v", tags, err)
		}
		if _, err := s.tags.List(s.ctx, p.ARN("endpoint", "none")); !errors.Is(err, gnomon.NotFound) {
			t.Errorf("tags of nothing: %v", err)
		}
	})
}

func TestEndpoint_ServesOnWhileTheStoreIsIll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		s.ill.Store(true)
		s.become("AllTraffic", gnomon.InstanceInService)
		if r := s.router.route("e"); r == nil || len(r.Production[0].Instances) != 2 {
			t.Errorf("production's route became %+v", r)
		}
		s.ill.Store(false)
		time.Sleep(time.Minute)
		s.wantEndpoint("e", gnomon.EndpointInService)
	})
}

func TestEndpoint_TimeAwayIsNoTimeOfItsDeployment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.model("m")
		s.config("c", variant("AllTraffic", "m", 1))
		limit := &gnomon.Deployment{MaximumExecutionTime: 10 * time.Minute}
		if _, err := s.endpoints.Create(s.ctx, control.Change{Name: "e", Config: "c", Deployment: limit}); err != nil {
			t.Fatal(err)
		}
		s.restart(time.Hour)
		s.settle()
		s.wantEndpoint("e", gnomon.EndpointInService)
	})
}
