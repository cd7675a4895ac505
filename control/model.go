package control

import (
	"context"
	"errors"

	"gnomon"
)

// Models are the model resources.
type Models struct{ Plane *Plane }

// Create keeps a new model. Its role, if it names one, must be able to read the artifacts and pull the image, and the
// artifacts must be there.
func (m Models) Create(ctx context.Context, model gnomon.Model, tags []gnomon.Tag) (*gnomon.Model, error) {
	if err := m.check(ctx, model); err != nil {
		return nil, err
	}
	model.ID, model.CreatedAt = gnomon.NewID(), now()
	arn := m.Plane.Rules.Partition.ARN("model", string(model.Name))
	return do(ctx, m.Plane.Store, func(tx *gnomon.Tx) (*gnomon.Model, error) {
		if err := tx.Models.Insert(&model); err != nil {
			return nil, taken(err, "model", arn)
		}
		return &model, tx.Tags.Set(arn, tags)
	})
}

func (m Models) check(ctx context.Context, model gnomon.Model) error {
	c := model.Container
	if model.Role != "" {
		if err := m.Plane.Rules.role(model.Role, containerPowers(c)...); err != nil {
			return err
		}
	}
	for _, a := range c.Artifacts {
		if err := m.Plane.Artifacts.Check(ctx, a); err != nil {
			return &gnomon.Error{Code: gnomon.Invalid, Err: err, Message: "Could not access model data at " + a.URI + ". Please ensure that the role \"" + model.Role +
				"\" exists and that its trust relationship policy allows the action \"sts:AssumeRole\" for the service principal \"sagemaker.amazonaws.com\". Also ensure that the role has \"s3:GetObject\" permissions and that the object is located in " +
				m.Plane.Rules.Partition.Region + ". (" + err.Error() + ")"}
		}
	}
	return nil
}

// containerPowers are the powers that the role of a model with that container needs.
func containerPowers(c gnomon.Container) []gnomon.Power {
	powers := []gnomon.Power{gnomon.PullImages}
	if len(c.Artifacts) > 0 {
		powers = append(powers, gnomon.ReadArtifacts)
	}
	return powers
}

// Get returns the model of that name.
func (m Models) Get(ctx context.Context, name gnomon.ModelName) (*gnomon.Model, error) {
	return do(ctx, m.Plane.Store, func(tx *gnomon.Tx) (*gnomon.Model, error) { return m.Plane.model(tx, name) })
}

// List returns a page of the models.
func (m Models) List(ctx context.Context, q gnomon.Query) (Page[gnomon.Model], error) {
	return do(ctx, m.Plane.Store, func(tx *gnomon.Tx) (Page[gnomon.Model], error) { return list(tx.Models, q) })
}

// Delete removes the model. Endpoints that run it keep running it.
func (m Models) Delete(ctx context.Context, name gnomon.ModelName) error {
	return m.Plane.Store.Do(ctx, func(tx *gnomon.Tx) error {
		if _, err := m.Plane.model(tx, name); err != nil {
			return err
		}
		if err := tx.Tags.Set(m.Plane.Rules.Partition.ARN("model", string(name)), nil); err != nil {
			return err
		}
		return tx.Models.Delete(string(name))
	})
}

func (p *Plane) model(tx *gnomon.Tx, name gnomon.ModelName) (*gnomon.Model, error) {
	m, err := tx.Models.Get(string(name))
	return m, missing(err, "model", p.Rules.Partition.ARN("model", string(name)))
}

// resolve fills in what a variant takes from its model.
func (p *Plane) resolve(tx *gnomon.Tx, v gnomon.Variant) (gnomon.Variant, error) {
	m, err := p.model(tx, v.Model)
	if errors.Is(err, gnomon.NotFound) {
		return v, invalid(err)
	}
	if err != nil {
		return v, err
	}
	if m.Role != "" {
		if err := p.Rules.role(m.Role, containerPowers(m.Container)...); err != nil {
			return v, err
		}
	}
	v.ModelID, v.Container, v.Role = m.ID, m.Container, m.Role
	return v, nil
}

// missing words NotFound as AWS does.
func missing(err error, what, arn string) error {
	if errors.Is(err, gnomon.NotFound) {
		return gnomon.Errorf(gnomon.NotFound, "Could not find %s %q.", what, arn)
	}
	return err
}

// taken words InUse as AWS does.
func taken(err error, what, arn string) error {
	if errors.Is(err, gnomon.InUse) {
		return gnomon.Errorf(gnomon.InUse, "Cannot create already existing %s %q.", what, arn)
	}
	return err
}

// invalid makes an error about another resource one about the request that names it.
func invalid(err error) error {
	if e, ok := errors.AsType[*gnomon.Error](err); ok {
		return &gnomon.Error{Code: gnomon.Invalid, Message: e.Message, Err: e.Err}
	}
	return err
}
