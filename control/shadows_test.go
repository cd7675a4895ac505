package control_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gnomon"
	"gnomon/control"
)

// shadowed makes endpoint e with production variant AllTraffic, of weight 2 on two instances, and shadows of these
// weights on one instance each.
func (s *stage) shadowed(weights map[string]float64) {
	s.t.Helper()
	s.model("m")
	s.model("n")
	s.must(s.shadowConfig("c", weights))
	_, err := s.endpoints.Create(s.ctx, control.Change{Name: "e", Config: "c"})
	s.must(err)
	s.settle()
	s.wantEndpoint("e", gnomon.EndpointInService)
}

func (s *stage) shadowConfig(name gnomon.EndpointConfigName, weights map[string]float64) error {
	production := variant("AllTraffic", "m", 2)
	production.Weight = 2
	spec := gnomon.EndpointSpec{Production: []gnomon.Variant{production}}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		v := variant(name, "n", 1)
		v.Weight = weights[name]
		spec.Shadows = append(spec.Shadows, v)
	}
	_, err := s.configs.Create(s.ctx, gnomon.EndpointConfig{Name: name, Spec: spec}, nil)
	return err
}

// wantMirrors wants the endpoint's own shadows, and no others, to get these shares of the requests, as samples of one
// kind.
func (s *stage) wantMirrors(want map[string]float64) {
	s.t.Helper()
	s.settle()
	got := make(map[string]float64)
	e := s.wantEndpoint("e", gnomon.EndpointInService)
	for _, m := range s.router.route("e").Mirrors {
		got[string(m.Shadow.Name)] = m.Fraction
		if m.ID != gnomon.MirrorID(e.ID+"/"+string(m.Shadow.Name)) || m.Salt != e.ID || m.Experiment != "" || m.Source != "AllTraffic" ||
			len(m.Shadow.Instances) != 1 || m.Paused || !m.Until.IsZero() {
			s.t.Errorf("the mirror of an own shadow is %+v", m)
		}
	}
	if !maps.Equal(got, want) {
		s.t.Errorf("shadows get %v, want %v", got, want)
	}
}

func TestEndpoint_HasSeveralShadows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.shadowed(map[string]float64{"a": 0.5, "b": 2, "c": 0})
		s.wantMirrors(map[string]float64{"a": 0.25, "b": 1, "c": 0})

		before := s.host.running("b")
		_, err := s.endpoints.Scale(s.ctx, "e", []control.Scale{{Variant: "a", Weight: new(1.0)}, {Variant: "c", Weight: new(0.1)}})
		s.must(err)
		s.wantMirrors(map[string]float64{"a": 0.5, "b": 1, "c": 0.05})
		_, err = s.endpoints.Scale(s.ctx, "e", []control.Scale{{Variant: "AllTraffic", Weight: new(4.0)}})
		s.must(err)
		s.wantMirrors(map[string]float64{"a": 0.25, "b": 0.5, "c": 0.025})

		// Shadows come and go by updates; one that stays keeps its instances, and its weight if that is asked for.
		s.must(s.shadowConfig("d", map[string]float64{"a": 0.5, "b": 2}))
		_, err = s.endpoints.Update(s.ctx, control.Change{Name: "e", Config: "d", RetainProperties: true})
		s.must(err)
		s.wantMirrors(map[string]float64{"a": 0.25, "b": 0.5})
		if after := s.host.running("b"); !maps.Equal(before, after) {
			t.Errorf("a shadow that stays went from %v to %v", before, after)
		}
		if n := len(s.host.running("c")); n != 0 {
			t.Errorf("%d instances of a shadow that went still run", n)
		}
		s.restart(time.Minute)
		s.wantMirrors(map[string]float64{"a": 0.25, "b": 0.5})
	})
}

func TestEndpointConfigs_RefuseShadows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.model("m")
		for name, c := range map[string]struct {
			production, shadows []gnomon.Variant
			says                string
		}{
			"TwoProductions":   {[]gnomon.Variant{variant("a", "m", 1), variant("b", "m", 1)}, []gnomon.Variant{variant("s", "m", 1)}, "exactly one variant in ProductionVariants is allowed. The request has 2."},
			"NameTwice":        {[]gnomon.Variant{variant("a", "m", 1)}, []gnomon.Variant{variant("s", "m", 1), variant("s", "m", 1)}, `The variant name "s" was non-unique`},
			"NameOfProduction": {[]gnomon.Variant{variant("a", "m", 1)}, []gnomon.Variant{variant("s", "m", 1), variant("a", "m", 1)}, `The variant name "a" was non-unique`},
		} {
			_, err := s.configs.Create(s.ctx, gnomon.EndpointConfig{Name: "c", Spec: gnomon.EndpointSpec{Production: c.production, Shadows: c.shadows}}, nil)
			if !errors.Is(err, gnomon.Invalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, want Invalid that says %q", name, err, c.says)
			}
		}
	})
}

func TestEndpoint_CountsAllItsShadowsForTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.model("m")
		spec := gnomon.EndpointSpec{Production: []gnomon.Variant{variant("AllTraffic", "m", 1)}}
		for i := range 3 {
			v := variant(fmt.Sprint("s", i), "m", 1)
			v.InstanceType = "ml.c5.large"
			spec.Shadows = append(spec.Shadows, v)
		}
		_, err := s.configs.Create(s.ctx, gnomon.EndpointConfig{Name: "c", Spec: spec}, nil)
		s.must(err)
		if _, err := s.endpoints.Create(s.ctx, control.Change{Name: "e", Config: "c"}); !errors.Is(err, gnomon.Limit) {
			t.Errorf("three shadows within a quota of two: %v", err)
		}
	})
}

// An experiment's shadow, whatever its name, takes the place of all that the endpoint has.
func TestExperiments_ReplaceAnEndpointsOwnShadowsForAWhile(t *testing.T) {
	for _, name := range []string{"shadow", "a"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				own := map[string]float64{"a": 0.5, "b": 1}
				s.shadowed(own)
				r := s.request("x", "e")
				r.Variants[1].Name, r.Shadow = gnomon.VariantName(name), gnomon.VariantName(name)
				r.Schedule.End = time.Now().Add(time.Hour)
				s.create(r)
				s.settle()
				x := s.wantExperiment("x", gnomon.Running)
				if m := s.router.mirror("e"); m == nil || m.Experiment != "x" || string(m.Shadow.Name) != name || m.Salt != string(x.Mirror()) {
					t.Errorf("during the test the mirrors are %+v", s.router.route("e").Mirrors)
				}
				if n := len(s.host.running("b")); n != 0 {
					t.Errorf("%d instances of an own shadow run during the test", n)
				}
				time.Sleep(2 * time.Hour)
				s.wantExperiment("x", gnomon.Completed)
				s.wantMirrors(map[string]float64{"a": 0.25, "b": 0.5})
			})
		})
	}
}

func TestExperiments_TakeTheirShadowFromSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.shadowed(map[string]float64{"a": 0.5, "b": 1})
		r := s.request("x", "e")
		r.Variants, r.Shadow = r.Variants[:1], "b"
		s.create(r)
		s.settle()
		s.wantExperiment("x", gnomon.Running)
		if m := s.router.mirror("e"); m == nil || m.Shadow.Name != "b" || m.Fraction != 0.5 {
			t.Errorf("the mirrors are %+v", s.router.route("e").Mirrors)
		}
		_, err := s.experiments.Stop(s.ctx, "x", gnomon.Stop{Actions: map[gnomon.VariantName]gnomon.Action{"b": gnomon.Retain}})
		s.must(err)
		s.wantMirrors(map[string]float64{"b": 0.5}) // those that were kept, and no other
	})
}
