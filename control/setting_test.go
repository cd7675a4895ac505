package control_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gnomon"
	"gnomon/control"
)

// tag sets a tag on an experiment.
func (s *stage) tag(name, key, value string) error {
	_, err := s.tags.Add(s.ctx, s.rules.Partition.ARN("inference-experiment", name), []gnomon.Tag{{Key: key, Value: value}})
	return err
}

// untag takes a tag of an experiment away.
func (s *stage) untag(name, key string) error {
	return s.tags.Delete(s.ctx, s.rules.Partition.ARN("inference-experiment", name), []string{key})
}

// wantMirror wants the experiment on endpoint e to copy with that fraction and bound.
func (s *stage) wantMirror(fraction, rate float64) {
	s.t.Helper()
	s.settle()
	if m := s.router.mirror("e"); m == nil || m.Fraction != fraction || m.MaxRate != rate {
		s.t.Errorf("the mirror is %+v, want fraction %v and rate %v", m, fraction, rate)
	}
}

func (s *stage) wantRefused(err error, says string) {
	s.t.Helper()
	if !errors.Is(err, gnomon.Invalid) || !strings.Contains(err.Error(), says) {
		s.t.Errorf("%v, want Invalid that says %q", err, says)
	}
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) sample(percent int) error {
	_, err := s.experiments.Update(s.ctx, control.ExperimentUpdate{
		Name: "x", Accept: accept, Shadowing: &control.Shadowing{Source: "AllTraffic", Shadow: "shadow", SamplingPercent: percent},
	})
	return err
}

func TestSettings_OfARunningExperiment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		r := s.request("x", "e")
		r.SamplingPercent = 1
		r.Tags = []gnomon.Tag{{Key: "gnomon:sampling", Value: "0.5"}, {Key: "gnomon:max-rate", Value: "50"}}
		s.create(r)
		s.wantMirror(0.005, 50)
		s.must(s.tag("x", "gnomon:max-rate", "0.5"))
		s.wantMirror(0.005, 0.5)
		s.must(s.untag("x", "gnomon:max-rate"))
		s.wantMirror(0.005, 0)
		s.must(s.tag("x", "gnomon:max-rate", "7"))

		const moves = `The tag "gnomon:sampling" of inference experiment "x" cannot be changed in status Running`
		s.wantRefused(s.tag("x", "gnomon:sampling", "0.7"), moves)
		s.wantRefused(s.untag("x", "gnomon:sampling"), moves)
		s.wantRefused(s.sample(2), `"gnomon:sampling" with the value 0.5 does not fit SamplingPercentage 2`)
		s.wantRefused(s.tag("x", "gnomon:colour", "red"), "The settings are")
		s.wantRefused(s.tag("x", "gnomon:error-margin", "1"), `The tag "gnomon:error-margin" of inference experiment "x" cannot be changed in status Running`)
		s.must(s.tag("x", "gnomon:auto-stop", "on"))
		s.must(s.tag("x", "gnomon:sampling", "0.5")) // as it is
		s.must(s.sample(1))
		s.wantMirror(0.005, 7)
		s.restart(time.Minute)
		s.wantMirror(0.005, 7)

		s.end("x", gnomon.Remove)
		s.settle()
		s.wantExperiment("x", gnomon.Cancelled)
		s.wantRefused(s.tag("x", "gnomon:max-rate", "8"), "nothing is copied any more")
		s.wantRefused(s.untag("x", "gnomon:sampling"), "cannot be changed in status Cancelled")
		s.must(s.tag("x", "note", "done"))
	})
}

func TestSettings_BeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		r := s.later("x", time.Hour)
		r.SamplingPercent = 1
		s.create(r)
		s.settle()
		s.must(s.tag("x", "gnomon:sampling", "0.5"))
		s.must(s.tag("x", "gnomon:max-rate", "50"))
		s.wantRefused(s.tag("x", "gnomon:sampling", "1.5"), "does not fit SamplingPercentage 1")
		s.wantRefused(s.sample(2), "take the tag away by DeleteTags")
		s.must(s.untag("x", "gnomon:sampling"))
		s.must(s.sample(2))
		s.settle()
		time.Sleep(55 * time.Minute)
		if n := len(s.host.running("shadow")); n != 1 {
			t.Fatalf("%d shadow instances run five minutes before the start", n)
		}
		s.must(s.tag("x", "gnomon:sampling", "1.5")) // what is deployed already follows
		s.settle()
		s.wantExperiment("x", gnomon.Created)
		if e := s.wantEndpoint("e", gnomon.EndpointInService); len(e.Live.Shadows) != 1 || e.Live.Shadows[0].Weight != 0.015 {
			t.Errorf("the shadow is deployed as %+v", e.Live.Shadows)
		}
		time.Sleep(5 * time.Minute)
		s.wantExperiment("x", gnomon.Running)
		s.wantMirror(0.015, 50)
	})
}

func TestSettings_ARetainedShadowKeepsItsShareOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		r := s.request("x", "e")
		r.Tags = []gnomon.Tag{{Key: "gnomon:sampling", Value: "49.5"}, {Key: "gnomon:max-rate", Value: "50"}}
		s.create(r)
		s.wantMirror(0.495, 50)
		s.end("x", gnomon.Retain)
		s.wantMirror(0.495, 0)
		if x := s.wantExperiment("x", gnomon.Cancelled); len(x.Warnings) != 2 || !strings.Contains(x.Warnings[1], "gnomon:max-rate") {
			t.Errorf("warnings %q", x.Warnings)
		}
	})
}

// TestAutoStop has a shadow found to be worse: without the tag nothing happens, and once it is set the experiment ends.
func TestAutoStop(t *testing.T) {
	for _, before := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			s.endpoint("e")
			s.create(s.request("x", "e"))
			s.settle()
			x := s.wantExperiment("x", gnomon.Running)
			if before {
				s.must(s.tag("x", "gnomon:auto-stop", "on"))
			}
			s.verdicts.found.Store(x.Mirror(), "errors: it fails")
			s.experiments.Plane.Experiments.Wake("x")
			s.settle()
			if !before {
				s.wantExperiment("x", gnomon.Running)
				s.must(s.tag("x", "gnomon:auto-stop", "on"))
				s.settle()
			}
			x = s.wantExperiment("x", gnomon.Cancelled)
			if x.Outcome != gnomon.Stopped || !strings.Contains(x.Reason, "errors: it fails") || !strings.Contains(x.Reason, "gnomon:auto-stop") {
				t.Errorf("it ended as %s: %s", x.Outcome, x.Reason)
			}
			s.must(s.experiments.Delete(s.ctx, "x"))
			if s.verdicts.Worse(x.Mirror()) != "" {
				t.Error("what was found outlives the experiment")
			}
		})
	}
}
