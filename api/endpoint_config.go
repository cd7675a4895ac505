package api

import (
	"context"
	"fmt"
	"slices"

	"gnomon"
	"gnomon/control"
	"gnomon/sagemaker"
)

type configs struct {
	service   control.EndpointConfigs
	partition gnomon.Partition
}

func (c configs) create(ctx context.Context, in *sagemaker.CreateEndpointConfigInput) (*sagemaker.CreateEndpointConfigOutput, error) {
	spec, err := plan(in)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	kept := *in
	kept.Tags = nil // they change, and are kept elsewhere
	accepted, err := accept(kept)
	if err != nil {
		return nil, err
	}
	made, err := c.service.Create(ctx, gnomon.EndpointConfig{Name: gnomon.EndpointConfigName(in.EndpointConfigName), Spec: spec, Accepted: accepted}, tags)
	if err != nil {
		return nil, err
	}
	return &sagemaker.CreateEndpointConfigOutput{EndpointConfigArn: c.arn(made.Name)}, nil
}

// plan returns what an endpoint of the config consists of.
func plan(in *sagemaker.CreateEndpointConfigInput) (gnomon.EndpointSpec, error) {
	var spec gnomon.EndpointSpec
	if in.AsyncInferenceConfig != nil {
		return spec, invalid("AsyncInferenceConfig is not supported: asynchronous inference is not served, endpoints answer in real time only. Leave it out.")
	}
	if in.ExplainerConfig != nil {
		return spec, invalid("ExplainerConfig is not supported: answers come without explanations. Leave it out.")
	}
	if in.MetricsConfig != nil {
		if err := checkFrequency("MetricsConfig", in.MetricsConfig.MetricPublishFrequencyInSeconds); err != nil {
			return spec, err
		}
	}
	var err error
	if spec.Production, err = variants("ProductionVariants", in.ProductionVariants); err != nil {
		return spec, err
	}
	if spec.Shadows, err = variants("ShadowProductionVariants", in.ShadowProductionVariants); err != nil {
		return spec, err
	}
	spec.KmsKey, spec.Role = value(in.KmsKeyId), value(in.ExecutionRoleArn)
	spec.Capture, err = capture(in.DataCaptureConfig, spec.Role)
	return spec, err
}

// checkFrequency refuses intervals that AWS does not document.
func checkFrequency(at string, given *int32) error {
	if given == nil || slices.Contains([]int32{10, 30, 60, 120, 180, 240, 300}, *given) {
		return nil
	}
	return invalid("%s.MetricPublishFrequencyInSeconds %d is not valid. It must be one of 10, 30, 60, 120, 180, 240 and 300.", at, *given)
}

// describe shows the request that made the config with the config laid over it: one that an experiment generated has the
// request of the config it was derived from, which knows nothing of the experiment.
func (c configs) describe(ctx context.Context, in *sagemaker.DescribeEndpointConfigInput) (*sagemaker.DescribeEndpointConfigOutput, error) {
	found, err := c.service.Get(ctx, gnomon.EndpointConfigName(in.EndpointConfigName))
	if err != nil {
		return nil, err
	}
	made, err := accepted[sagemaker.CreateEndpointConfigInput](found.Accepted)
	if err != nil {
		return nil, fmt.Errorf("describe endpoint config %s: %w", found.Name, err)
	}
	requested := slices.Concat(made.ProductionVariants, made.ShadowProductionVariants)
	return &sagemaker.DescribeEndpointConfigOutput{
		EndpointConfigName:       string(found.Name),
		EndpointConfigArn:        c.arn(found.Name),
		CreationTime:             moment(found.CreatedAt),
		ProductionVariants:       showVariants(found.Spec.Production, requested),
		ShadowProductionVariants: showVariants(found.Spec.Shadows, requested),
		DataCaptureConfig:        showCapture(found.Spec.Capture, made.DataCaptureConfig),
		KmsKeyId:                 optional(found.Spec.KmsKey),
		ExecutionRoleArn:         optional(found.Spec.Role),
		VpcConfig:                made.VpcConfig,
		EnableNetworkIsolation:   made.EnableNetworkIsolation,
		MetricsConfig:            made.MetricsConfig,
	}, nil
}

func (c configs) list(ctx context.Context, in *sagemaker.ListEndpointConfigsInput) (*sagemaker.ListEndpointConfigsOutput, error) {
	q := gnomon.Query{
		NameContains: value(in.NameContains),
		CreatedAfter: in.CreationTimeAfter.Time, CreatedBefore: in.CreationTimeBefore.Time,
		Sort: sortKey(in.SortBy), Descending: descending(in.SortOrder),
	}
	shown, next, err := page(ctx, paging{"ListEndpointConfigs", in.NextToken, in.MaxResults}, q, c.service.List, func(found *gnomon.EndpointConfig) sagemaker.EndpointConfigSummary {
		return sagemaker.EndpointConfigSummary{EndpointConfigName: string(found.Name), EndpointConfigArn: c.arn(found.Name), CreationTime: moment(found.CreatedAt)}
	})
	if err != nil {
		return nil, err
	}
	return &sagemaker.ListEndpointConfigsOutput{EndpointConfigs: shown, NextToken: next}, nil
}

func (c configs) delete(ctx context.Context, in *sagemaker.DeleteEndpointConfigInput) (*sagemaker.DeleteEndpointConfigOutput, error) {
	if err := c.service.Delete(ctx, gnomon.EndpointConfigName(in.EndpointConfigName)); err != nil {
		return nil, err
	}
	return &sagemaker.DeleteEndpointConfigOutput{}, nil
}

func (c configs) arn(name gnomon.EndpointConfigName) string {
	return c.partition.ARN("endpoint-config", string(name))
}
