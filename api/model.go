package api

import (
	"context"
	"encoding/json"
	"fmt"

	"gnomon"
	"gnomon/control"
	"gnomon/sagemaker"
)

type models struct {
	service   control.Models
	partition gnomon.Partition
}

func (m models) create(ctx context.Context, in *sagemaker.CreateModelInput) (*sagemaker.CreateModelOutput, error) {
	c, err := container(in)
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
	made, err := m.service.Create(ctx, gnomon.Model{
		Name: gnomon.ModelName(in.ModelName), Container: c, Role: value(in.ExecutionRoleArn), Accepted: accepted,
	}, tags)
	if err != nil {
		return nil, err
	}
	return &sagemaker.CreateModelOutput{ModelArn: m.arn(made.Name)}, nil
}

func (m models) describe(ctx context.Context, in *sagemaker.DescribeModelInput) (*sagemaker.DescribeModelOutput, error) {
	found, err := m.service.Get(ctx, gnomon.ModelName(in.ModelName))
	if err != nil {
		return nil, err
	}
	made, err := accepted[sagemaker.CreateModelInput](found.Accepted)
	if err != nil {
		return nil, fmt.Errorf("describe model %s: %w", found.Name, err)
	}
	return &sagemaker.DescribeModelOutput{
		ModelName:                string(found.Name),
		ModelArn:                 m.arn(found.Name),
		CreationTime:             moment(found.CreatedAt),
		PrimaryContainer:         made.PrimaryContainer,
		Containers:               made.Containers,
		InferenceExecutionConfig: made.InferenceExecutionConfig,
		ExecutionRoleArn:         made.ExecutionRoleArn,
		VpcConfig:                made.VpcConfig,
		EnableNetworkIsolation:   made.EnableNetworkIsolation,
	}, nil
}

func (m models) list(ctx context.Context, in *sagemaker.ListModelsInput) (*sagemaker.ListModelsOutput, error) {
	q := gnomon.Query{
		NameContains: value(in.NameContains),
		CreatedAfter: in.CreationTimeAfter.Time, CreatedBefore: in.CreationTimeBefore.Time,
		Sort: sortKey(in.SortBy), Descending: descending(in.SortOrder),
	}
	shown, next, err := page(ctx, paging{"ListModels", in.NextToken, in.MaxResults}, q, m.service.List, func(found *gnomon.Model) sagemaker.ModelSummary {
		return sagemaker.ModelSummary{ModelName: string(found.Name), ModelArn: m.arn(found.Name), CreationTime: moment(found.CreatedAt)}
	})
	if err != nil {
		return nil, err
	}
	return &sagemaker.ListModelsOutput{Models: shown, NextToken: next}, nil
}

func (m models) delete(ctx context.Context, in *sagemaker.DeleteModelInput) (*sagemaker.DeleteModelOutput, error) {
	if err := m.service.Delete(ctx, gnomon.ModelName(in.ModelName)); err != nil {
		return nil, err
	}
	return &sagemaker.DeleteModelOutput{}, nil
}

func (m models) arn(name gnomon.ModelName) string { return m.partition.ARN("model", string(name)) }

// accept returns a request as it is kept beside what it made.
func accept(in any) (json.RawMessage, error) {
	b, err := sagemaker.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("keep the request: %w", err)
	}
	return b, nil
}

// accepted reads a request that was kept. None was kept for what nobody asked for: that is the zero request.
func accepted[T any](kept json.RawMessage) (T, error) {
	var in T
	if len(kept) == 0 {
		return in, nil
	}
	if err := sagemaker.Unmarshal(kept, &in); err != nil {
		return in, fmt.Errorf("read the kept request: %w", err)
	}
	return in, nil
}
