package control

import (
	"context"
	"errors"
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
	if err := c.Plane.checkCapture(cfg.Spec.Capture); err != nil {
		return nil, err
	}
	if err := c.Plane.checkKey("KmsKeyId", cfg.Spec.KmsKey); err != nil {
		return nil, err
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
				variants[i].KmsKey = cfg.Spec.KmsKey
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
	if len(s.Production) != 1 {
		return gnomon.Errorf(gnomon.Invalid, "When ShadowProductionVariants is used, exactly one variant in ProductionVariants is allowed. The request has %d.", len(s.Production))
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

// collect deletes those of the configs that were generated for an experiment and that nothing refers to any more.
func (p *Plane) collect(tx *gnomon.Tx, names ...gnomon.EndpointConfigName) error {
	var used map[gnomon.EndpointConfigName]bool
	for _, name := range names {
		c, err := tx.EndpointConfigs.Get(string(name))
		if errors.Is(err, gnomon.NotFound) || (err == nil && c.Experiment == "") {
			continue
		}
		if err == nil && used == nil {
			used, err = referred(tx)
		}
		if err == nil && !used[name] {
			err = p.deleteConfig(tx, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// referred returns the configs that endpoints live by or may go back to, and those that overlays ask for.
func referred(tx *gnomon.Tx) (map[gnomon.EndpointConfigName]bool, error) {
	used := make(map[gnomon.EndpointConfigName]bool)
	endpoints, _, err := tx.Endpoints.List(gnomon.Query{})
	if err != nil {
		return nil, err
	}
	for _, e := range endpoints {
		for _, name := range configsOf(e) {
			used[name] = true
		}
	}
	experiments, err := open(tx, gnomon.Query{})
	for _, x := range experiments {
		if x.Overlay != nil {
			used[x.Overlay.Config] = true
		}
	}
	return used, err
}

func configsOf(e *gnomon.Endpoint) []gnomon.EndpointConfigName {
	names := []gnomon.EndpointConfigName{e.Base.Config}
	for _, s := range []*gnomon.EndpointSpec{e.Live, e.LiveBase} {
		if s != nil {
			names = append(names, s.Config)
		}
	}
	return names
}

// generated returns the names of all configs that were ever generated for x.
func generated(x gnomon.Experiment) []gnomon.EndpointConfigName {
	var names []gnomon.EndpointConfigName
	for ; x.Generation >= 0; x.Generation-- {
		names = append(names, x.ConfigName())
	}
	return names
}
