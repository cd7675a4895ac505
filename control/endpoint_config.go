package control

import (
	"context"
	"slices"

	"gnomon"
)

// EndpointConfigs are the endpoint config resources.
type EndpointConfigs struct{ Plane *Plane }

// Create keeps a new config. Its variants name models, which must exist; what they run is taken from the models then.
func (c EndpointConfigs) Create(ctx context.Context, cfg gnomon.EndpointConfig, tags []gnomon.Tag) (*gnomon.EndpointConfig, error) {
	if err := checkSpec(cfg.Spec); err != nil {
		return nil, err
	}
	if cfg.Spec.Role != "" {
		if err := c.Plane.Rules.role(cfg.Spec.Role); err != nil {
			return nil, err
		}
	}
	cfg.ID, cfg.CreatedAt, cfg.Spec.Config = gnomon.NewID(), now(), cfg.Name
	arn := c.Plane.Rules.Partition.ARN("endpoint-config", string(cfg.Name))
	return do(ctx, c.Plane.Store, func(tx *gnomon.Tx) (*gnomon.EndpointConfig, error) {
		for _, variants := range [][]gnomon.Variant{cfg.Spec.Production, cfg.Spec.Shadows} {
			for i, v := range variants {
				resolved, err := c.Plane.resolve(tx, v)
				if err != nil {
					return nil, err
				}
				variants[i] = resolved
			}
		}
		if err := tx.EndpointConfigs.Insert(&cfg); err != nil {
			return nil, taken(err, "endpoint configuration", arn)
		}
		return &cfg, tx.Tags.Set(arn, tags)
	})
}

// checkSpec checks what the wire's constraints cannot say.
func checkSpec(s gnomon.EndpointSpec) error {
	seen := make(map[gnomon.VariantName]bool)
	for _, v := range slices.Concat(s.Production, s.Shadows) {
		if seen[v.Name] {
			return gnomon.Errorf(gnomon.Invalid, "The variant name %q was non-unique within the request.", v.Name)
		}
		seen[v.Name] = true
	}
	if len(s.Shadows) == 0 {
		return nil
	}
	if len(s.Shadows) != 1 || len(s.Production) != 1 {
		return gnomon.Errorf(gnomon.Invalid, "When ShadowProductionVariants is used, exactly one variant in ProductionVariants and one in ShadowProductionVariants are allowed. The request has %d and %d.",
			len(s.Production), len(s.Shadows))
	}
	return noInferentia(slices.Concat(s.Production, s.Shadows))
}

// noInferentia refuses instance types that AWS excludes from shadow tests.
func noInferentia(variants []gnomon.Variant) error {
	for _, v := range variants {
		if v.InstanceType.Inferentia1() {
			return gnomon.Errorf(gnomon.Invalid, "Shadow variants are not supported with Inf1 instances: variant %q has the instance type %q.", v.Name, v.InstanceType)
		}
	}
	return nil
}

// Get returns the config of that name.
func (c EndpointConfigs) Get(ctx context.Context, name gnomon.EndpointConfigName) (*gnomon.EndpointConfig, error) {
	return do(ctx, c.Plane.Store, func(tx *gnomon.Tx) (*gnomon.EndpointConfig, error) { return c.Plane.config(tx, name) })
}

// List returns a page of the configs.
func (c EndpointConfigs) List(ctx context.Context, q gnomon.Query) (Page[gnomon.EndpointConfig], error) {
	return do(ctx, c.Plane.Store, func(tx *gnomon.Tx) (Page[gnomon.EndpointConfig], error) {
		return list(tx.EndpointConfigs, q)
	})
}

// Delete removes the config. Endpoints made from it do not change.
func (c EndpointConfigs) Delete(ctx context.Context, name gnomon.EndpointConfigName) error {
	return c.Plane.Store.Do(ctx, func(tx *gnomon.Tx) error {
		if _, err := c.Plane.config(tx, name); err != nil {
			return err
		}
		return c.Plane.deleteConfig(tx, name)
	})
}

func (p *Plane) deleteConfig(tx *gnomon.Tx, name gnomon.EndpointConfigName) error {
	if err := tx.Tags.Set(p.Rules.Partition.ARN("endpoint-config", string(name)), nil); err != nil {
		return err
	}
	return tx.EndpointConfigs.Delete(string(name))
}

func (p *Plane) config(tx *gnomon.Tx, name gnomon.EndpointConfigName) (*gnomon.EndpointConfig, error) {
	c, err := tx.EndpointConfigs.Get(string(name))
	return c, missing(err, "endpoint configuration", p.Rules.Partition.ARN("endpoint-config", string(name)))
}

// collect deletes the configs that were generated for x and that nothing refers to any more.
func (p *Plane) collect(tx *gnomon.Tx, x *gnomon.Experiment, e *gnomon.Endpoint) error {
	configs, _, err := tx.EndpointConfigs.List(gnomon.Query{})
	if err != nil {
		return err
	}
	for _, c := range configs {
		if c.Experiment != x.ID || refers(e, x, c.Name) {
			continue
		}
		if err := p.deleteConfig(tx, c.Name); err != nil {
			return err
		}
	}
	return nil
}

func refers(e *gnomon.Endpoint, x *gnomon.Experiment, name gnomon.EndpointConfigName) bool {
	if x.Overlay != nil && x.Overlay.Config == name {
		return true
	}
	return e != nil && (e.Base.Config == name || (e.Live != nil && e.Live.Config == name))
}
