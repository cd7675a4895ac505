package gnomon_test

import (
	"errors"
	"testing"

	"gnomon"
)

func TestStop_Outcome(t *testing.T) {
	x := &gnomon.Experiment{Name: "x", Production: gnomon.Variant{Name: "p"}, Shadow: gnomon.Variant{Name: "s"}}
	const none gnomon.Action = ""
	for _, c := range []struct {
		production, shadow gnomon.Action
		want               gnomon.Outcome // empty: refused
	}{
		{gnomon.Retain, gnomon.Remove, gnomon.Stopped},
		{gnomon.Retain, gnomon.Retain, gnomon.Retained},
		{gnomon.Retain, gnomon.Promote, ""},
		{gnomon.Remove, gnomon.Promote, gnomon.Promoted},
		{gnomon.Remove, gnomon.Remove, ""},
		{gnomon.Remove, gnomon.Retain, ""},
		{gnomon.Promote, gnomon.Remove, ""},
		{gnomon.Promote, gnomon.Retain, ""},
		{gnomon.Promote, gnomon.Promote, ""},
		{none, gnomon.Promote, gnomon.Promoted},
		{none, gnomon.Remove, gnomon.Stopped},
		{none, gnomon.Retain, gnomon.Retained},
		{gnomon.Retain, none, gnomon.Stopped},
		{gnomon.Remove, none, gnomon.Promoted},
		{gnomon.Promote, none, ""},
	} {
		s := gnomon.Stop{Actions: make(map[gnomon.VariantName]gnomon.Action)}
		if c.production != none {
			s.Actions["p"] = c.production
		}
		if c.shadow != none {
			s.Actions["s"] = c.shadow
		}
		got, err := s.Outcome(x)
		if got != c.want && err == nil || (c.want == "") != errors.Is(err, gnomon.Invalid) {
			t.Errorf("production %q, shadow %q: %q, %v; want %q", c.production, c.shadow, got, err, c.want)
		}
	}
}

func TestStop_RefusesWhatIsNotThere(t *testing.T) {
	x := &gnomon.Experiment{Name: "x", Production: gnomon.Variant{Name: "p"}, Shadow: gnomon.Variant{Name: "s"}}
	promote := map[gnomon.VariantName]gnomon.Action{"s": gnomon.Promote}
	for name, s := range map[string]gnomon.Stop{
		"UnknownVariant":        {Actions: map[gnomon.VariantName]gnomon.Action{"q": gnomon.Remove}},
		"DesiredThatLeaves":     {Actions: promote, Desired: []gnomon.Variant{{Name: "p"}}},
		"DesiredThatIsNotThere": {Actions: promote, Desired: []gnomon.Variant{{Name: "q"}}},
		"DesiredTwice":          {Actions: promote, Desired: []gnomon.Variant{{Name: "s"}, {Name: "s"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := s.Outcome(x); !errors.Is(err, gnomon.Invalid) {
				t.Errorf("%q, %v", out, err)
			}
		})
	}
}

func TestStop_Final(t *testing.T) {
	for _, c := range []struct {
		desired gnomon.ExperimentStatus
		out     gnomon.Outcome
		want    gnomon.ExperimentStatus
	}{
		{"", gnomon.Promoted, gnomon.Completed},
		{"", gnomon.Retained, gnomon.Cancelled},
		{"", gnomon.Stopped, gnomon.Cancelled},
		{gnomon.Completed, gnomon.Stopped, gnomon.Completed},
		{gnomon.Cancelled, gnomon.Promoted, gnomon.Cancelled},
	} {
		if got := (gnomon.Stop{DesiredState: c.desired}).Final(c.out); got != c.want {
			t.Errorf("desired %q, %s: %s, want %s", c.desired, c.out, got, c.want)
		}
	}
}
