package sagemaker_test

import (
	"context"

	"gnomon/sagemaker"
)

// stub is a handler of a few operations; calling another panics.
type stub struct {
	sagemaker.Handler
	createExperiment   func(*sagemaker.CreateInferenceExperimentInput) (*sagemaker.CreateInferenceExperimentOutput, error)
	describeExperiment func(*sagemaker.DescribeInferenceExperimentInput) (*sagemaker.DescribeInferenceExperimentOutput, error)
	listModels         func(*sagemaker.ListModelsInput) (*sagemaker.ListModelsOutput, error)
	deleteModel        func(*sagemaker.DeleteModelInput) (*sagemaker.DeleteModelOutput, error)
}

func (s stub) CreateInferenceExperiment(_ context.Context, in *sagemaker.CreateInferenceExperimentInput) (*sagemaker.CreateInferenceExperimentOutput, error) {
	return s.createExperiment(in)
}

func (s stub) DescribeInferenceExperiment(_ context.Context, in *sagemaker.DescribeInferenceExperimentInput) (*sagemaker.DescribeInferenceExperimentOutput, error) {
	return s.describeExperiment(in)
}

func (s stub) ListModels(_ context.Context, in *sagemaker.ListModelsInput) (*sagemaker.ListModelsOutput, error) {
	return s.listModels(in)
}

func (s stub) DeleteModel(_ context.Context, in *sagemaker.DeleteModelInput) (*sagemaker.DeleteModelOutput, error) {
	return s.deleteModel(in)
}
