package gnomon

import (
	"maps"
	"slices"
	"strings"
)

// An Action is what becomes of a variant when its experiment is stopped, in AWS's names.
type Action string

// The actions.
const (
	Retain  Action = "Retain"
	Remove  Action = "Remove"
	Promote Action = "Promote"
)

// A Stop is a request to stop an experiment. Desired holds the variants to deploy afterwards; DesiredState may be empty.
type Stop struct {
	Actions      map[VariantName]Action
	Desired      []Variant
	DesiredState ExperimentStatus
	Reason       string
}

// Outcome returns what the actions amount to: [Promoted], [Retained] or [Stopped]. A variant that is not named takes
// the complement of the other's action. Combinations that leave the endpoint without a production variant, or with
// two, are Invalid, and so are unknown names and desired variants that do not stay.
func (s Stop) Outcome(x *Experiment) (Outcome, error) {
	for _, name := range slices.Sorted(maps.Keys(s.Actions)) {
		if name != x.Production.Name && name != x.Shadow.Name {
			return "", Errorf(Invalid, "ModelVariantActions names the variant %q, which is not a variant of inference experiment %q. Its variants are %q (production) and %q (shadow).",
				name, x.Name, x.Production.Name, x.Shadow.Name)
		}
	}
	production, shadow := complement(s.Actions[x.Production.Name], s.Actions[x.Shadow.Name])
	var out Outcome
	switch {
	case production == Retain && shadow == Remove:
		out = Stopped
	case production == Retain && shadow == Retain:
		out = Retained
	case production == Remove && shadow == Promote:
		out = Promoted
	default:
		return "", Errorf(Invalid, "ModelVariantActions cannot be %s for the production variant %q with %s for the shadow variant %q. Valid are Retain with Remove, Retain with Retain, and Remove with Promote.",
			production, x.Production.Name, shadow, x.Shadow.Name)
	}
	return out, s.checkDesired(x, out)
}

func complement(production, shadow Action) (Action, Action) {
	switch {
	case production == "" && shadow == Promote:
		production = Remove
	case production == "":
		production = Retain
	case shadow == "" && production == Remove:
		shadow = Promote
	case shadow == "":
		shadow = Remove
	}
	return production, shadow
}

func (s Stop) checkDesired(x *Experiment, out Outcome) error {
	stay := map[Outcome][]string{
		Stopped:  {string(x.Production.Name)},
		Retained: {string(x.Production.Name), string(x.Shadow.Name)},
		Promoted: {string(x.Shadow.Name)},
	}[out]
	seen := make(map[VariantName]bool)
	for _, v := range s.Desired {
		if !slices.Contains(stay, string(v.Name)) {
			return Errorf(Invalid, "DesiredModelVariants names the variant %q, which does not stay on the endpoint. With these ModelVariantActions only %s may be named.",
				v.Name, strings.Join(stay, " and "))
		}
		if seen[v.Name] {
			return Errorf(Invalid, "The variant name %q was non-unique within the request.", v.Name)
		}
		seen[v.Name] = true
	}
	return nil
}

// Final returns the status that the stop leads to: the desired one, or Completed when a variant was promoted and
// Cancelled otherwise.
func (s Stop) Final(out Outcome) ExperimentStatus {
	if s.DesiredState != "" {
		return s.DesiredState
	}
	if out == Promoted {
		return Completed
	}
	return Cancelled
}
