package api

import (
	"context"

	"gnomon"
	"gnomon/control"
	"gnomon/sagemaker"
)

type experiments struct {
	service   control.Experiments
	partition gnomon.Partition
}

func (x experiments) create(ctx context.Context, in *sagemaker.CreateInferenceExperimentInput) (*sagemaker.CreateInferenceExperimentOutput, error) {
	name := gnomon.ExperimentName(in.Name)
	if err := x.service.Free(ctx, name); err != nil {
		return nil, err
	}
	capture, err := storage(in.DataStorageConfig, in.RoleArn)
	if err != nil {
		return nil, err
	}
	kept := *in
	kept.Tags = nil // they change, and are kept elsewhere
	accepted, err := accept(kept)
	if err != nil {
		return nil, err
	}
	shadow := in.ShadowModeConfig.ShadowModelVariants[0]
	made, err := x.service.Create(ctx, control.NewExperiment{
		Name:            name,
		Description:     value(in.Description),
		Role:            in.RoleArn,
		Endpoint:        gnomon.EndpointName(in.EndpointName),
		KmsKey:          value(in.KmsKey),
		Schedule:        schedule(in.Schedule),
		Variants:        modelVariants(in.ModelVariants),
		Source:          gnomon.VariantName(in.ShadowModeConfig.SourceModelVariantName),
		Shadow:          gnomon.VariantName(shadow.ShadowModelVariantName),
		SamplingPercent: int(shadow.SamplingPercentage),
		Capture:         capture,
		Tags:            tagsOf(in.Tags),
		Accepted:        accepted,
	})
	if err != nil {
		return nil, err
	}
	return &sagemaker.CreateInferenceExperimentOutput{InferenceExperimentArn: x.arn(made.Name)}, nil
}

// schedule returns what the request says of the time; an absent member is a zero time.
func schedule(in *sagemaker.InferenceExperimentSchedule) gnomon.Schedule {
	s := value(in)
	return gnomon.Schedule{Start: s.StartTime.Time, End: s.EndTime.Time}
}

func (x experiments) list(ctx context.Context, in *sagemaker.ListInferenceExperimentsInput) (*sagemaker.ListInferenceExperimentsOutput, error) {
	q := gnomon.Query{
		NameContains: value(in.NameContains), Status: string(in.StatusEquals),
		CreatedAfter: in.CreationTimeAfter.Time, CreatedBefore: in.CreationTimeBefore.Time,
		ModifiedAfter: in.LastModifiedTimeAfter.Time, ModifiedBefore: in.LastModifiedTimeBefore.Time,
		Sort: sortKey(in.SortBy), Descending: descending(in.SortOrder),
	}
	shown, next, err := page(ctx, paging{"ListInferenceExperiments", in.NextToken, in.MaxResults}, q, x.service.List, summarizeExperiment)
	if err != nil {
		return nil, err
	}
	return &sagemaker.ListInferenceExperimentsOutput{InferenceExperiments: shown, NextToken: next}, nil
}

func summarizeExperiment(found *gnomon.Experiment) sagemaker.InferenceExperimentSummary {
	return sagemaker.InferenceExperimentSummary{
		Name:             string(found.Name),
		Type:             sagemaker.InferenceExperimentTypeShadowMode,
		Schedule:         showSchedule(found.Schedule),
		Status:           sagemaker.InferenceExperimentStatus(found.Status),
		StatusReason:     optional(found.Reason),
		Description:      optional(found.Description),
		CreationTime:     moment(found.CreatedAt),
		CompletionTime:   moment(found.CompletedAt),
		LastModifiedTime: moment(found.ModifiedAt),
		RoleArn:          optional(found.Role),
	}
}

func (x experiments) start(ctx context.Context, in *sagemaker.StartInferenceExperimentInput) (*sagemaker.StartInferenceExperimentOutput, error) {
	started, err := x.service.Start(ctx, gnomon.ExperimentName(in.Name))
	if err != nil {
		return nil, err
	}
	return &sagemaker.StartInferenceExperimentOutput{InferenceExperimentArn: x.arn(started.Name)}, nil
}

func (x experiments) stop(ctx context.Context, in *sagemaker.StopInferenceExperimentInput) (*sagemaker.StopInferenceExperimentOutput, error) {
	actions := make(map[gnomon.VariantName]gnomon.Action, len(in.ModelVariantActions))
	for v, a := range in.ModelVariantActions {
		actions[gnomon.VariantName(v)] = gnomon.Action(a)
	}
	stopped, err := x.service.Stop(ctx, gnomon.ExperimentName(in.Name), gnomon.Stop{
		Actions:      actions,
		Desired:      modelVariants(in.DesiredModelVariants),
		DesiredState: gnomon.ExperimentStatus(in.DesiredState),
		Reason:       value(in.Reason),
	})
	if err != nil {
		return nil, err
	}
	return &sagemaker.StopInferenceExperimentOutput{InferenceExperimentArn: x.arn(stopped.Name)}, nil
}

func (x experiments) delete(ctx context.Context, in *sagemaker.DeleteInferenceExperimentInput) (*sagemaker.DeleteInferenceExperimentOutput, error) {
	name := gnomon.ExperimentName(in.Name)
	if err := x.service.Delete(ctx, name); err != nil {
		return nil, err
	}
	return &sagemaker.DeleteInferenceExperimentOutput{InferenceExperimentArn: x.arn(name)}, nil
}

func (x experiments) arn(name gnomon.ExperimentName) string {
	return x.partition.ARN("inference-experiment", string(name))
}
