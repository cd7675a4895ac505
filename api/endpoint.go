package api

import (
	"context"

	"gnomon"
	"gnomon/control"
	"gnomon/sagemaker"
)

type endpoints struct {
	service   control.Endpoints
	partition gnomon.Partition
}

func (e endpoints) create(ctx context.Context, in *sagemaker.CreateEndpointInput) (*sagemaker.CreateEndpointOutput, error) {
	d, kept, err := deployment(in.DeploymentConfig)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	made, err := e.service.Create(ctx, control.Change{
		Name: gnomon.EndpointName(in.EndpointName), Config: gnomon.EndpointConfigName(in.EndpointConfigName),
		Deployment: d, Accepted: kept, Tags: tags,
	})
	if err != nil {
		return nil, err
	}
	return &sagemaker.CreateEndpointOutput{EndpointArn: e.arn(made.Name)}, nil
}

func (e endpoints) update(ctx context.Context, in *sagemaker.UpdateEndpointInput) (*sagemaker.UpdateEndpointOutput, error) {
	c := control.Change{
		Name: gnomon.EndpointName(in.EndpointName), Config: gnomon.EndpointConfigName(in.EndpointConfigName),
		RetainProperties: value(in.RetainAllVariantProperties),
	}
	for _, p := range in.ExcludeRetainedVariantProperties {
		switch p.VariantPropertyType {
		case sagemaker.VariantPropertyTypeDesiredInstanceCount:
			c.DropCounts = true
		case sagemaker.VariantPropertyTypeDesiredWeight:
			c.DropWeights = true
		case sagemaker.VariantPropertyTypeDataCaptureConfig:
			c.DropCapture = true
		}
	}
	switch retain := value(in.RetainDeploymentConfig); {
	case retain && in.DeploymentConfig != nil:
		return nil, invalid("RetainDeploymentConfig cannot be true when DeploymentConfig is given. Give one of them.")
	case !retain:
		var err error
		if c.Deployment, c.Accepted, err = deployment(in.DeploymentConfig); err != nil {
			return nil, err
		}
	}
	updated, err := e.service.Update(ctx, c)
	if err != nil {
		return nil, err
	}
	return &sagemaker.UpdateEndpointOutput{EndpointArn: e.arn(updated.Name)}, nil
}

func (e endpoints) scale(ctx context.Context, in *sagemaker.UpdateEndpointWeightsAndCapacitiesInput) (*sagemaker.UpdateEndpointWeightsAndCapacitiesOutput, error) {
	scales := make([]control.Scale, len(in.DesiredWeightsAndCapacities))
	for i, d := range in.DesiredWeightsAndCapacities {
		if d.ServerlessUpdateConfig != nil {
			return nil, invalid("Invalid DesiredWeightsAndCapacities.ServerlessUpdateConfig of variant %q: serverless inference is not supported. Give DesiredInstanceCount instead.", d.VariantName)
		}
		scales[i].Variant = gnomon.VariantName(d.VariantName)
		if d.DesiredInstanceCount != nil {
			scales[i].Count = new(int(*d.DesiredInstanceCount))
		}
		if d.DesiredWeight != nil {
			scales[i].Weight = new(float64(*d.DesiredWeight))
		}
	}
	scaled, err := e.service.Scale(ctx, gnomon.EndpointName(in.EndpointName), scales)
	if err != nil {
		return nil, err
	}
	return &sagemaker.UpdateEndpointWeightsAndCapacitiesOutput{EndpointArn: e.arn(scaled.Name)}, nil
}

func (e endpoints) list(ctx context.Context, in *sagemaker.ListEndpointsInput) (*sagemaker.ListEndpointsOutput, error) {
	q := gnomon.Query{
		NameContains: value(in.NameContains), Status: string(in.StatusEquals),
		CreatedAfter: in.CreationTimeAfter.Time, CreatedBefore: in.CreationTimeBefore.Time,
		ModifiedAfter: in.LastModifiedTimeAfter.Time, ModifiedBefore: in.LastModifiedTimeBefore.Time,
		Sort: sortKey(in.SortBy), Descending: descending(in.SortOrder),
	}
	shown, next, err := page(ctx, paging{"ListEndpoints", in.NextToken, in.MaxResults}, q, e.service.List, func(found *gnomon.Endpoint) sagemaker.EndpointSummary {
		return sagemaker.EndpointSummary{
			EndpointName: string(found.Name), EndpointArn: e.arn(found.Name), EndpointStatus: sagemaker.EndpointStatus(found.Status),
			CreationTime: moment(found.CreatedAt), LastModifiedTime: moment(found.ModifiedAt),
		}
	})
	if err != nil {
		return nil, err
	}
	return &sagemaker.ListEndpointsOutput{Endpoints: shown, NextToken: next}, nil
}

func (e endpoints) delete(ctx context.Context, in *sagemaker.DeleteEndpointInput) (*sagemaker.DeleteEndpointOutput, error) {
	if err := e.service.Delete(ctx, gnomon.EndpointName(in.EndpointName)); err != nil {
		return nil, err
	}
	return &sagemaker.DeleteEndpointOutput{}, nil
}

func (e endpoints) arn(name gnomon.EndpointName) string {
	return e.partition.ARN("endpoint", string(name))
}
