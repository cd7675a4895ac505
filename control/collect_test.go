package control_test

import (
	"testing"
	"testing/synctest"
	"time"

	"gnomon"
	"gnomon/control"
)

// generated lists the configs that nobody made by hand.
func (s *stage) generated() []gnomon.EndpointConfigName {
	s.t.Helper()
	all, err := s.configs.List(s.ctx, gnomon.Query{})
	if err != nil {
		s.t.Fatal(err)
	}
	var names []gnomon.EndpointConfigName
	for _, c := range all.Items {
		if c.Experiment != "" {
			names = append(names, c.Name)
		}
	}
	return names
}

func TestGeneratedConfigs_GoWithTheLastThatRefersToThem(t *testing.T) {
	for name, test := range map[string]func(*stage){
		"DeletedAheadOfItsStart":  deletedAheadOfItsStart,
		"PutOffAndStopped":        putOffAndStopped,
		"PromotedAndUpdated":      promotedAndUpdated,
		"EndpointOfItsOwnDeleted": endpointOfItsOwnDeleted,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.endpoint("e")
				test(s)
				s.settle()
				if n := s.generated(); len(n) != 0 {
					t.Errorf("left: %q", n)
				}
			})
		})
	}
}

func deletedAheadOfItsStart(s *stage) {
	s.create(s.later("x", time.Hour))
	time.Sleep(55 * time.Minute)
	if err := s.experiments.Delete(s.ctx, "x"); err != nil {
		s.t.Fatal(err)
	}
}

func putOffAndStopped(s *stage) {
	s.create(s.later("x", 5*time.Minute))
	s.settle()
	u := control.ExperimentUpdate{Name: "x", Schedule: s.later("x", 24*time.Hour).Schedule, Accept: accept}
	if _, err := s.experiments.Update(s.ctx, u); err != nil {
		s.t.Fatal(err)
	}
	s.settle()
	s.end("x", gnomon.Remove)
}

func promotedAndUpdated(s *stage) {
	s.create(s.request("x", "e"))
	s.settle()
	s.end("x", gnomon.Promote)
	s.settle()
	s.wantExperiment("x", gnomon.Completed)
	if n := s.generated(); len(n) != 1 {
		s.t.Errorf("after the promotion: %q", n)
	}
	if _, err := s.endpoints.Update(s.ctx, control.Change{Name: "e", Config: "c"}); err != nil {
		s.t.Fatal(err)
	}
}

func endpointOfItsOwnDeleted(s *stage) {
	s.create(s.request("x", "own"))
	s.settle()
	s.end("x", gnomon.Remove)
	s.settle()
	if n := s.generated(); len(n) != 1 {
		s.t.Errorf("after the end: %q", n)
	}
	if err := s.endpoints.Delete(s.ctx, "own"); err != nil {
		s.t.Fatal(err)
	}
}

func TestGeneratedConfigs_StayWhereAnotherEndpointRefersToThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.endpoint("e")
		s.create(s.request("x", "e"))
		s.settle()
		config := s.generated()[0]
		if _, err := s.endpoints.Create(s.ctx, control.Change{Name: "copy", Config: config}); err != nil {
			t.Fatal(err)
		}
		s.settle()
		s.end("x", gnomon.Remove)
		s.settle()
		s.wantExperiment("x", gnomon.Cancelled)
		if n := s.generated(); len(n) != 1 || n[0] != config {
			t.Errorf("left: %q, want %q", n, config)
		}
	})
}
