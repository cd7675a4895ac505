package api

import (
	"context"

	"gnomon/sagemaker"
)

// CreateInferenceExperiment makes an experiment, and its endpoint if there is none of that name.
func (a *API) CreateInferenceExperiment(ctx context.Context, in *sagemaker.CreateInferenceExperimentInput) (*sagemaker.CreateInferenceExperimentOutput, error) {
	return experiment(a.experiments.create(ctx, in))
}

// DescribeInferenceExperiment shows an experiment as it is now.
func (a *API) DescribeInferenceExperiment(ctx context.Context, in *sagemaker.DescribeInferenceExperimentInput) (*sagemaker.DescribeInferenceExperimentOutput, error) {
	return experiment(a.experiments.describe(ctx, in))
}

// ListInferenceExperiments lists experiments, the newest first unless asked otherwise.
func (a *API) ListInferenceExperiments(ctx context.Context, in *sagemaker.ListInferenceExperimentsInput) (*sagemaker.ListInferenceExperimentsOutput, error) {
	return experiment(a.experiments.list(ctx, in))
}

// UpdateInferenceExperiment changes what may still be changed of an experiment.
func (a *API) UpdateInferenceExperiment(ctx context.Context, in *sagemaker.UpdateInferenceExperimentInput) (*sagemaker.UpdateInferenceExperimentOutput, error) {
	return experiment(a.experiments.update(ctx, in))
}

// StartInferenceExperiment begins an experiment ahead of its schedule.
func (a *API) StartInferenceExperiment(ctx context.Context, in *sagemaker.StartInferenceExperimentInput) (*sagemaker.StartInferenceExperimentOutput, error) {
	return experiment(a.experiments.start(ctx, in))
}

// StopInferenceExperiment ends an experiment before its time.
func (a *API) StopInferenceExperiment(ctx context.Context, in *sagemaker.StopInferenceExperimentInput) (*sagemaker.StopInferenceExperimentOutput, error) {
	return experiment(a.experiments.stop(ctx, in))
}

// DeleteInferenceExperiment removes an experiment that does not run; its endpoint stays.
func (a *API) DeleteInferenceExperiment(ctx context.Context, in *sagemaker.DeleteInferenceExperimentInput) (*sagemaker.DeleteInferenceExperimentOutput, error) {
	return experiment(a.experiments.delete(ctx, in))
}

// CreateModel keeps a model of one container.
func (a *API) CreateModel(ctx context.Context, in *sagemaker.CreateModelInput) (*sagemaker.CreateModelOutput, error) {
	return resource(a.models.create(ctx, in))
}

// DescribeModel shows a model as it was made.
func (a *API) DescribeModel(ctx context.Context, in *sagemaker.DescribeModelInput) (*sagemaker.DescribeModelOutput, error) {
	return resource(a.models.describe(ctx, in))
}

// ListModels lists models, the newest first unless asked otherwise.
func (a *API) ListModels(ctx context.Context, in *sagemaker.ListModelsInput) (*sagemaker.ListModelsOutput, error) {
	return resource(a.models.list(ctx, in))
}

// DeleteModel removes a model; endpoints that run it go on running it.
func (a *API) DeleteModel(ctx context.Context, in *sagemaker.DeleteModelInput) (*sagemaker.DeleteModelOutput, error) {
	return resource(a.models.delete(ctx, in))
}

// CreateEndpointConfig keeps a plan for an endpoint.
func (a *API) CreateEndpointConfig(ctx context.Context, in *sagemaker.CreateEndpointConfigInput) (*sagemaker.CreateEndpointConfigOutput, error) {
	return resource(a.configs.create(ctx, in))
}

// DescribeEndpointConfig shows a config; one that an experiment generated shows what it carries over as well.
func (a *API) DescribeEndpointConfig(ctx context.Context, in *sagemaker.DescribeEndpointConfigInput) (*sagemaker.DescribeEndpointConfigOutput, error) {
	return resource(a.configs.describe(ctx, in))
}

// ListEndpointConfigs lists configs, the newest first unless asked otherwise.
func (a *API) ListEndpointConfigs(ctx context.Context, in *sagemaker.ListEndpointConfigsInput) (*sagemaker.ListEndpointConfigsOutput, error) {
	return resource(a.configs.list(ctx, in))
}

// DeleteEndpointConfig removes a config; endpoints made from it do not change.
func (a *API) DeleteEndpointConfig(ctx context.Context, in *sagemaker.DeleteEndpointConfigInput) (*sagemaker.DeleteEndpointConfigOutput, error) {
	return resource(a.configs.delete(ctx, in))
}

// CreateEndpoint begins to make an endpoint from a config.
func (a *API) CreateEndpoint(ctx context.Context, in *sagemaker.CreateEndpointInput) (*sagemaker.CreateEndpointOutput, error) {
	return resource(a.endpoints.create(ctx, in))
}

// DescribeEndpoint shows what an endpoint consists of, and what it is to consist of.
func (a *API) DescribeEndpoint(ctx context.Context, in *sagemaker.DescribeEndpointInput) (*sagemaker.DescribeEndpointOutput, error) {
	return resource(a.endpoints.describe(ctx, in))
}

// ListEndpoints lists endpoints, the newest first unless asked otherwise.
func (a *API) ListEndpoints(ctx context.Context, in *sagemaker.ListEndpointsInput) (*sagemaker.ListEndpointsOutput, error) {
	return resource(a.endpoints.list(ctx, in))
}

// UpdateEndpoint begins to move an endpoint to another config.
func (a *API) UpdateEndpoint(ctx context.Context, in *sagemaker.UpdateEndpointInput) (*sagemaker.UpdateEndpointOutput, error) {
	return resource(a.endpoints.update(ctx, in))
}

// UpdateEndpointWeightsAndCapacities begins to change counts and weights.
func (a *API) UpdateEndpointWeightsAndCapacities(ctx context.Context, in *sagemaker.UpdateEndpointWeightsAndCapacitiesInput) (*sagemaker.UpdateEndpointWeightsAndCapacitiesOutput, error) {
	return resource(a.endpoints.scale(ctx, in))
}

// DeleteEndpoint begins to take an endpoint away.
func (a *API) DeleteEndpoint(ctx context.Context, in *sagemaker.DeleteEndpointInput) (*sagemaker.DeleteEndpointOutput, error) {
	return resource(a.endpoints.delete(ctx, in))
}

// AddTags sets tags on a resource beside those it has, and answers all of them.
func (a *API) AddTags(ctx context.Context, in *sagemaker.AddTagsInput) (*sagemaker.AddTagsOutput, error) {
	return resource(a.addTags(ctx, in))
}

// ListTags lists the tags of a resource by key.
func (a *API) ListTags(ctx context.Context, in *sagemaker.ListTagsInput) (*sagemaker.ListTagsOutput, error) {
	return resource(a.listTags(ctx, in))
}

// DeleteTags removes tags by key.
func (a *API) DeleteTags(ctx context.Context, in *sagemaker.DeleteTagsInput) (*sagemaker.DeleteTagsOutput, error) {
	return resource(a.deleteTags(ctx, in))
}
