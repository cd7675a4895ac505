package api

import (
	"context"
	"fmt"

	"gnomon"
	"gnomon/sagemaker"
)

func (x experiments) describe(ctx context.Context, in *sagemaker.DescribeInferenceExperimentInput) (*sagemaker.DescribeInferenceExperimentOutput, error) {
	view, err := x.service.Get(ctx, gnomon.ExperimentName(in.Name))
	if err != nil {
		return nil, err
	}
	found, e := view.Experiment, view.Endpoint
	if e != nil && e.ID != found.EndpointID {
		e = nil // another one, that took the name later
	}
	made, err := accepted[sagemaker.CreateInferenceExperimentInput](found.Accepted)
	if err != nil {
		return nil, fmt.Errorf("describe experiment %s: %w", found.Name, err)
	}
	s := summarizeExperiment(found)
	return &sagemaker.DescribeInferenceExperimentOutput{
		Arn:               x.arn(found.Name),
		Name:              s.Name,
		Type:              s.Type,
		Schedule:          s.Schedule,
		Status:            s.Status,
		StatusReason:      s.StatusReason,
		Description:       s.Description,
		CreationTime:      s.CreationTime,
		CompletionTime:    s.CompletionTime,
		LastModifiedTime:  s.LastModifiedTime,
		RoleArn:           s.RoleArn,
		EndpointMetadata:  metadata(found, e),
		ModelVariants:     []sagemaker.ModelVariantConfigSummary{modelVariant(found, e, gnomon.Production), modelVariant(found, e, gnomon.Shadow)},
		DataStorageConfig: made.DataStorageConfig,
		ShadowModeConfig: &sagemaker.ShadowModeConfig{
			SourceModelVariantName: string(found.Production.Name),
			ShadowModelVariants: []sagemaker.ShadowModelVariantConfig{
				{ShadowModelVariantName: string(found.Shadow.Name), SamplingPercentage: int32(found.SamplingPercent)},
			},
		},
		KmsKey: optional(found.KmsKey),
	}, nil
}

func showSchedule(s gnomon.Schedule) *sagemaker.InferenceExperimentSchedule {
	return &sagemaker.InferenceExperimentSchedule{StartTime: moment(s.Start), EndTime: moment(s.End)}
}

// metadata returns what is known of the experiment's endpoint: of one that is gone, the name.
func metadata(x *gnomon.Experiment, e *gnomon.Endpoint) sagemaker.EndpointMetadata {
	if e == nil {
		return sagemaker.EndpointMetadata{EndpointName: string(x.Endpoint)}
	}
	return sagemaker.EndpointMetadata{
		EndpointName:       string(e.Name),
		EndpointConfigName: optional(string(effective(e, e.Base).Config)),
		EndpointStatus:     sagemaker.EndpointStatus(e.Status),
		FailureReason:      optional(e.FailureReason),
	}
}

// modelVariant returns one variant of the experiment as it is on the endpoint, where its owner may have scaled it; one
// that is not there is shown as it was asked for.
func modelVariant(x *gnomon.Experiment, e *gnomon.Endpoint, c gnomon.Class) sagemaker.ModelVariantConfigSummary {
	v, status := x.Production, x.VariantStatus(c, e)
	if c == gnomon.Shadow {
		v = x.Shadow
	}
	if deployed, ok := deployed(x, e, v.Name); ok && status != gnomon.VariantDeleted {
		v = deployed
	}
	return sagemaker.ModelVariantConfigSummary{
		ModelName:   string(v.Model),
		VariantName: string(v.Name),
		InfrastructureConfig: sagemaker.ModelInfrastructureConfig{
			InfrastructureType: sagemaker.ModelInfrastructureTypeRealTimeInference,
			RealTimeInferenceConfig: sagemaker.RealTimeInferenceConfig{
				InstanceType: sagemaker.ProductionVariantInstanceType(v.InstanceType), InstanceCount: int32(v.Count),
			},
		},
		Status: sagemaker.ModelVariantStatus(status),
	}
}

// deployed returns the variant as the endpoint has it or is about to have it.
func deployed(x *gnomon.Experiment, e *gnomon.Endpoint, name gnomon.VariantName) (gnomon.Variant, bool) {
	if e == nil || (x.Overlay == nil && !x.Status.Final()) {
		return gnomon.Variant{}, false
	}
	v, _, ok := e.Wanted(x.Overlay).Variant(name)
	return v, ok
}
