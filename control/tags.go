package control

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"gnomon"
)

// experimentKind is what ARNs call an experiment.
const experimentKind = "inference-experiment"

// maxTags is how many tags a resource may have.
const maxTags = 50

// Tags are the tags of all resources.
type Tags struct{ Plane *Plane }

// CheckTags returns an error in AWS's words if the tags may not stand together on one resource that has no settings.
func CheckTags(tags []gnomon.Tag) error {
	for _, t := range tags {
		if gnomon.IsSetting(t.Key) {
			return gnomon.Errorf(gnomon.Invalid, "The tag key %q begins with %q, which is reserved for settings of an inference experiment. It cannot stand on another resource.", t.Key, gnomon.SettingPrefix)
		}
	}
	return checkTags(tags)
}

func checkTags(tags []gnomon.Tag) error {
	seen := make(map[string]bool)
	for _, t := range tags {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return gnomon.Errorf(gnomon.Invalid, "The tag key %q begins with \"aws:\", which is reserved for AWS use.", t.Key)
		}
		if seen[t.Key] {
			return gnomon.Errorf(gnomon.Invalid, "Duplicate tag keys found: %q. Tag keys must be unique.", t.Key)
		}
		seen[t.Key] = true
	}
	return checkNumber(tags)
}

// settings returns what the tags of a new experiment ask for, if they may stand on it together.
func settings(tags []gnomon.Tag, percent int) (gnomon.Settings, error) {
	if err := checkTags(tags); err != nil {
		return gnomon.Settings{}, err
	}
	s, err := gnomon.ParseSettings(tags)
	if err != nil {
		return gnomon.Settings{}, err
	}
	if err := s.Answers.Check(); err != nil {
		return gnomon.Settings{}, err
	}
	return s, s.Fit(percent)
}

func checkNumber(tags []gnomon.Tag) error {
	if len(tags) > maxTags {
		return gnomon.Errorf(gnomon.Invalid, "The resource would have %d tags. A resource can have at most %d.", len(tags), maxTags)
	}
	return nil
}

// Add sets tags on a resource, beside those it has, and returns all of them.
func (t Tags) Add(ctx context.Context, arn string, add []gnomon.Tag) ([]gnomon.Tag, error) {
	check := CheckTags
	if kind, _, _ := t.Plane.Rules.Partition.ParseARN(arn); kind == experimentKind {
		check = checkTags
	}
	if err := check(add); err != nil {
		return nil, err
	}
	return t.change(ctx, arn, func(tags []gnomon.Tag) []gnomon.Tag {
		for _, tag := range add {
			if i := slices.IndexFunc(tags, func(have gnomon.Tag) bool { return have.Key == tag.Key }); i >= 0 {
				tags[i] = tag
			} else {
				tags = append(tags, tag)
			}
		}
		return tags
	})
}

// Delete removes the tags with those keys. A key that is not there is removed already.
func (t Tags) Delete(ctx context.Context, arn string, keys []string) error {
	_, err := t.change(ctx, arn, func(tags []gnomon.Tag) []gnomon.Tag {
		return slices.DeleteFunc(tags, func(tag gnomon.Tag) bool { return slices.Contains(keys, tag.Key) })
	})
	return err
}

// List returns the tags of a resource, in the order of their keys.
func (t Tags) List(ctx context.Context, arn string) ([]gnomon.Tag, error) {
	return do(ctx, t.Plane.Store, func(tx *gnomon.Tx) ([]gnomon.Tag, error) {
		arn, err := t.resource(tx, arn)
		if err != nil {
			return nil, err
		}
		return tx.Tags.Get(arn)
	})
}

// change gives a resource other tags. Those of an experiment that are settings act from then on.
func (t Tags) change(ctx context.Context, arn string, f func([]gnomon.Tag) []gnomon.Tag) ([]gnomon.Tag, error) {
	var set *gnomon.Experiment
	tags, err := do(ctx, t.Plane.Store, func(tx *gnomon.Tx) ([]gnomon.Tag, error) {
		arn, err := t.resource(tx, arn)
		if err != nil {
			return nil, err
		}
		tags, err := tx.Tags.Get(arn)
		if err != nil {
			return nil, err
		}
		tags = f(tags)
		if err := checkNumber(tags); err != nil {
			return nil, err
		}
		if set, err = t.set(tx, arn, tags); err != nil {
			return nil, err
		}
		if err := tx.Tags.Set(arn, tags); err != nil {
			return nil, err
		}
		return tx.Tags.Get(arn)
	})
	if err == nil && set != nil {
		t.Plane.Endpoints.Wake(fold(set.Endpoint))
		t.Plane.Experiments.Wake(string(set.Name))
	}
	return tags, err
}

// set gives an experiment the settings that its tags ask for, and returns it. Nil: the resource is none, or has them.
func (t Tags) set(tx *gnomon.Tx, arn string, tags []gnomon.Tag) (*gnomon.Experiment, error) {
	kind, name, _ := t.Plane.Rules.Partition.ParseARN(arn)
	if kind != experimentKind {
		return nil, nil
	}
	s, err := gnomon.ParseSettings(tags)
	if err != nil {
		return nil, err
	}
	x, err := Experiments(t).find(tx, gnomon.ExperimentName(name))
	if err != nil {
		return nil, err
	}
	before := *x
	if err := x.Set(s); err != nil {
		return nil, err
	}
	if !s.Answers.Equal(before.Settings.Answers) {
		if err := s.Answers.Check(); err != nil {
			return nil, err
		}
	}
	if reflect.DeepEqual(before, *x) {
		return nil, nil
	}
	if err := t.Plane.relay(tx, &before, x); err != nil {
		return nil, err
	}
	return x, tx.Experiments.Put(x)
}

// resource returns the ARN of a resource as it is kept, or an error that is NotFound: an endpoint is found whatever the
// case of its name.
func (t Tags) resource(tx *gnomon.Tx, arn string) (string, error) {
	p := t.Plane.Rules.Partition
	kind, name, ok := p.ParseARN(arn)
	if !ok {
		return "", gnomon.Errorf(gnomon.Invalid, "Invalid ResourceArn %q: it names no resource of this account and region.", arn)
	}
	var err error
	switch kind {
	case "model":
		_, err = t.Plane.model(tx, gnomon.ModelName(name))
	case "endpoint-config":
		_, err = t.Plane.config(tx, gnomon.EndpointConfigName(name))
	case "endpoint":
		var e *gnomon.Endpoint
		if e, err = t.Plane.endpoint(tx, gnomon.EndpointName(name)); err == nil {
			name = string(e.Name)
		}
	case experimentKind:
		_, err = Experiments(t).find(tx, gnomon.ExperimentName(name))
	default:
		err = gnomon.Errorf(gnomon.Invalid, "Invalid ResourceArn %q: tags can stand on models, endpoint configs, endpoints and inference experiments.", arn)
	}
	return p.ARN(kind, name), err
}
