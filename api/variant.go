package api

import (
	"slices"

	"gnomon"
	"gnomon/sagemaker"
)

// variants returns the variants of an endpoint config. At is the member that has them, for the errors.
func variants(at string, in []sagemaker.ProductionVariant) ([]gnomon.Variant, error) {
	all := make([]gnomon.Variant, len(in))
	for i, v := range in {
		if err := checkVariant(at, v); err != nil {
			return nil, err
		}
		all[i] = variant(v)
	}
	return all, nil
}

func variant(in sagemaker.ProductionVariant) gnomon.Variant {
	v := gnomon.Variant{
		Name:            gnomon.VariantName(in.VariantName),
		Model:           gnomon.ModelName(*in.ModelName),
		InstanceType:    gnomon.InstanceType(in.InstanceType),
		Count:           int(*in.InitialInstanceCount),
		Weight:          1,
		Routing:         gnomon.RandomRouting,
		DownloadTimeout: seconds(in.ModelDataDownloadTimeoutInSeconds),
		StartupTimeout:  seconds(in.ContainerStartupHealthCheckTimeoutInSeconds),
	}
	if in.InitialVariantWeight != nil {
		v.Weight = float64(*in.InitialVariantWeight)
	}
	if in.RoutingConfig != nil {
		v.Routing = gnomon.RoutingStrategy(in.RoutingConfig.RoutingStrategy)
	}
	return v
}

// checkVariant refuses what a variant may be in AWS and not here, and asks for what an instance needs.
func checkVariant(at string, v sagemaker.ProductionVariant) error {
	scaling := v.ManagedInstanceScaling
	for _, m := range []struct {
		refused bool
		member  string
		instead string
	}{
		{v.ServerlessConfig != nil, "ServerlessConfig", "serverless inference is not supported. Give InstanceType and InitialInstanceCount instead."},
		{v.AcceleratorType != "", "AcceleratorType", "Elastic Inference is not supported. Give an InstanceType with accelerators instead."},
		{v.InstancePools != nil, "InstancePools", "instance pools are not supported. Give InstanceType and InitialInstanceCount instead."},
		{v.CapacityReservationConfig != nil, "CapacityReservationConfig", "capacity reservations are not supported. Leave it out."},
		{v.CoreDumpConfig != nil, "CoreDumpConfig", "core dumps are not kept. Leave it out."},
		{value(v.EnableSSMAccess), "EnableSSMAccess", "access by SSM is not supported. It must be false or left out."},
		{scaling != nil && scaling.Status == sagemaker.ManagedInstanceScalingStatusEnabled, "ManagedInstanceScaling.Status", "ENABLED is not supported. It must be DISABLED; use UpdateEndpointWeightsAndCapacities to change the number of instances."},
		{v.ModelName == nil, "ModelName", "it is missing. Name the model that the variant runs."},
		{v.InstanceType == "", "InstanceType", "it is missing. Name the type of the variant's instances."},
		{v.InitialInstanceCount == nil, "InitialInstanceCount", "it is missing. Give the number of the variant's instances, at least 1."},
	} {
		if m.refused {
			return invalid("Invalid %s.%s of variant %q: %s", at, m.member, v.VariantName, m.instead)
		}
	}
	return nil
}

// showVariants returns variants for the wire: each as the request had it, with what holds now laid over it.
func showVariants(all []gnomon.Variant, requested []sagemaker.ProductionVariant) []sagemaker.ProductionVariant {
	var out []sagemaker.ProductionVariant
	for _, v := range all {
		shown := sagemaker.ProductionVariant{VariantName: string(v.Name)}
		if i := slices.IndexFunc(requested, func(r sagemaker.ProductionVariant) bool { return r.VariantName == shown.VariantName }); i >= 0 {
			shown = requested[i]
		}
		shown.ModelName = new(string(v.Model))
		shown.InstanceType = sagemaker.ProductionVariantInstanceType(v.InstanceType)
		shown.InitialInstanceCount = new(int32(v.Count))
		shown.InitialVariantWeight = new(float32(v.Weight))
		shown.ModelDataDownloadTimeoutInSeconds = inSeconds(v.DownloadTimeout)
		shown.ContainerStartupHealthCheckTimeoutInSeconds = inSeconds(v.StartupTimeout)
		if shown.RoutingConfig != nil || leastOutstanding(v) {
			shown.RoutingConfig = showRouting(v)
		}
		out = append(out, shown)
	}
	return out
}

func leastOutstanding(v gnomon.Variant) bool { return v.Routing == gnomon.LeastOutstandingRequests }

// showRouting returns how a variant picks an instance; one that an experiment brought does not say and has the default.
func showRouting(v gnomon.Variant) *sagemaker.ProductionVariantRoutingConfig {
	strategy := sagemaker.RoutingStrategyRandom
	if leastOutstanding(v) {
		strategy = sagemaker.RoutingStrategyLeastOutstandingRequests
	}
	return &sagemaker.ProductionVariantRoutingConfig{RoutingStrategy: strategy}
}

// modelVariants returns the variants that an experiment's request gives.
func modelVariants(in []sagemaker.ModelVariantConfig) []gnomon.Variant {
	var all []gnomon.Variant
	for _, v := range in {
		c := v.InfrastructureConfig.RealTimeInferenceConfig
		all = append(all, gnomon.Variant{
			Name:         gnomon.VariantName(v.VariantName),
			Model:        gnomon.ModelName(v.ModelName),
			InstanceType: gnomon.InstanceType(c.InstanceType),
			Count:        int(c.InstanceCount),
			Routing:      gnomon.RandomRouting,
		})
	}
	return all
}
