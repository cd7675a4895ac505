package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	"github.com/google/go-cmp/cmp"
)

// pids returns the processes that answer an endpoint whose model describes itself, once n of them have.
func (c client) pids(endpoint string, n int) []int {
	c.t.Helper()
	seen := make(map[int]bool)
	c.s.eventually(fmt.Sprintf("%d processes answer", n), func() error {
		for range 20 {
			_, d := c.asks(&sagemakerruntime.InvokeEndpointInput{EndpointName: &endpoint, Body: []byte("who?")})
			seen[d.PID] = true
		}
		if len(seen) < n {
			return fmt.Errorf("only %v", seen)
		}
		return nil
	})
	return slices.Sorted(maps.Keys(seen))
}

// rich is a config with members that experiments know nothing of.
func rich(name string) *sagemaker.CreateEndpointConfigInput {
	return &sagemaker.CreateEndpointConfigInput{
		EndpointConfigName: &name, KmsKeyId: aws.String("alias/volumes"),
		ProductionVariants: []types.ProductionVariant{{
			VariantName: aws.String(production), ModelName: aws.String("before"), InstanceType: instance, InitialInstanceCount: aws.Int32(1),
			InitialVariantWeight: aws.Float32(2), VolumeSizeInGB: aws.Int32(30), InferenceAmiVersion: types.ProductionVariantInferenceAmiVersionAl2Gpu2,
			ModelDataDownloadTimeoutInSeconds: aws.Int32(900), ContainerStartupHealthCheckTimeoutInSeconds: aws.Int32(120),
			RoutingConfig: &types.ProductionVariantRoutingConfig{RoutingStrategy: types.RoutingStrategyLeastOutstandingRequests},
		}},
		DataCaptureConfig: &types.DataCaptureConfig{
			EnableCapture: aws.Bool(true), InitialSamplingPercentage: aws.Int32(30), DestinationS3Uri: aws.String("s3://captured/own"),
			CaptureOptions:           []types.CaptureOption{{CaptureMode: types.CaptureModeInputAndOutput}},
			CaptureContentTypeHeader: &types.CaptureContentTypeHeader{JsonContentTypes: []string{"application/json"}},
		},
		MetricsConfig: &types.MetricsConfig{EnableEnhancedMetrics: aws.Bool(true), MetricPublishFrequencyInSeconds: 30},
	}
}

// configOf returns the config that an endpoint has now.
func (c client) configOf(endpoint string) *sagemaker.DescribeEndpointConfigOutput {
	c.t.Helper()
	cfg, err := c.DescribeEndpointConfig(c.t.Context(), &sagemaker.DescribeEndpointConfigInput{EndpointConfigName: c.describeEndpoint(endpoint).EndpointConfigName})
	if err != nil {
		c.t.Fatal(err)
	}
	return cfg
}

// wantCarried wants the config that an endpoint has under an experiment to be the one it had, but for the shadow.
func (c client) wantCarried(endpoint string, had *sagemaker.CreateEndpointConfigInput, shadowWeight float32) string {
	c.t.Helper()
	cfg := c.configOf(endpoint)
	if *cfg.EndpointConfigName == *had.EndpointConfigName {
		c.t.Errorf("under the experiment the endpoint has its own config %s", *cfg.EndpointConfigName)
	}
	got := sagemaker.CreateEndpointConfigInput{
		EndpointConfigName: had.EndpointConfigName, KmsKeyId: cfg.KmsKeyId, ProductionVariants: cfg.ProductionVariants,
		DataCaptureConfig: cfg.DataCaptureConfig, MetricsConfig: cfg.MetricsConfig,
	}
	if diff := cmp.Diff(*had, got, exported); diff != "" {
		c.t.Errorf("not carried over: %s", diff)
	}
	if s := cfg.ShadowProductionVariants; len(s) != 1 || *s[0].VariantName != shadow || *s[0].InitialVariantWeight != shadowWeight {
		c.t.Errorf("shadow variants %+v, want one of weight %g", s, shadowWeight)
	}
	return *cfg.EndpointConfigName
}

// TestExisting_KeepsProcesses takes an endpoint with a config full of members through an experiment: the production
// processes are the same from before it until after it, and the endpoint is afterwards as it was.
func TestExisting_KeepsProcesses(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.faultyModel("before", "describe")
	c.faultyModel("after", "describe")
	c.s.gnomon("keys", "create", "--alias", "alias/volumes")
	own := rich("own-config")
	if _, err := c.CreateEndpointConfig(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	c.endpoint("prod", "own-config")
	first := c.pids("prod", 1)[0]

	c.begin(c.experiment("keeps", "prod", "before", "after"))
	if got := c.pids("prod", 1); !slices.Equal(got, []int{first}) {
		t.Errorf("after Create the processes are %v, before %d", got, first)
	}
	generated := []string{c.wantCarried("prod", own, 2)}

	c.scale("prod", 2)
	both := c.pids("prod", 2)
	if !slices.Contains(both, first) || len(both) != 2 {
		t.Errorf("after the scaling the processes are %v, before %d", both, first)
	}
	if got := *c.describe("keeps").ModelVariants[0].InfrastructureConfig.RealTimeInferenceConfig.InstanceCount; got != 2 {
		t.Errorf("Describe tells of %d production instances, want 2", got)
	}
	c.wantGuarded("prod", "keeps")

	_, err := c.UpdateInferenceExperiment(t.Context(), &sagemaker.UpdateInferenceExperimentInput{Name: aws.String("keeps"), ShadowModeConfig: shadowing(25)})
	if err != nil {
		t.Fatal(err)
	}
	c.until("keeps", types.InferenceExperimentStatusRunning)
	if got := c.pids("prod", 2); !slices.Equal(got, both) {
		t.Errorf("after Update the processes are %v, before %v", got, both)
	}
	generated = append(generated, c.wantCarried("prod", own, 0.5))

	_, err = c.StopInferenceExperiment(t.Context(), &sagemaker.StopInferenceExperimentInput{
		Name: aws.String("keeps"), DesiredState: types.InferenceExperimentStopDesiredStateCompleted,
		ModelVariantActions: map[string]types.ModelVariantAction{production: types.ModelVariantActionRetain, shadow: types.ModelVariantActionRemove},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.until("keeps", types.InferenceExperimentStatusCompleted)
	if got := c.pids("prod", 2); !slices.Equal(got, both) {
		t.Errorf("after Stop the processes are %v, before %v", got, both)
	}
	c.wantAsBefore("prod", "own-config", 2, generated)
}

// TestExisting_OwnCapture lays an experiment's own storage over an endpoint's data capture.
func TestExisting_OwnCapture(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.faultyModel("before", "describe")
	c.faultyModel("after", "describe")
	c.s.gnomon("keys", "create", "--alias", "alias/volumes")
	own := rich("own-config")
	if _, err := c.CreateEndpointConfig(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	c.endpoint("prod", "own-config")
	pids := c.pids("prod", 1)
	in := c.experiment("capturing", "prod", "", "after")
	in.ModelVariants = in.ModelVariants[1:] // production is what the endpoint has
	in.DataStorageConfig = &types.InferenceExperimentDataStorageConfig{
		Destination: aws.String("s3://captured/test"), ContentType: &types.CaptureContentTypeHeader{CsvContentTypes: []string{"text/csv"}},
	}
	c.begin(in)
	e := c.describeEndpoint("prod")
	if d := e.DataCaptureConfig; d == nil || *d.DestinationS3Uri != "s3://captured/test" || *d.CurrentSamplingPercentage != 100 {
		t.Errorf("data capture under the experiment: %+v", d)
	}
	if diff := cmp.Diff(in.DataStorageConfig, c.describe("capturing").DataStorageConfig, exported); diff != "" {
		t.Errorf("DataStorageConfig: %s", diff)
	}
	if got := c.pids("prod", 1); !slices.Equal(got, pids) {
		t.Errorf("the processes are %v, before %v", got, pids)
	}
	generated := *e.EndpointConfigName
	_, err := c.StopInferenceExperiment(t.Context(), &sagemaker.StopInferenceExperimentInput{
		Name: aws.String("capturing"), ModelVariantActions: map[string]types.ModelVariantAction{shadow: types.ModelVariantActionRemove},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.until("capturing", types.InferenceExperimentStatusCancelled)
	if d := c.describeEndpoint("prod").DataCaptureConfig; d == nil || *d.DestinationS3Uri != "s3://captured/own" || *d.CurrentSamplingPercentage != 30 {
		t.Errorf("data capture after the experiment: %+v", d)
	}
	if got := c.pids("prod", 1); !slices.Equal(got, pids) {
		t.Errorf("afterwards the processes are %v, before %v", got, pids)
	}
	c.wantAsBefore("prod", "own-config", 1, []string{generated})
}

// scale sets the number of production instances and waits until they are there.
func (c client) scale(endpoint string, n int32) {
	c.t.Helper()
	_, err := c.UpdateEndpointWeightsAndCapacities(c.t.Context(), &sagemaker.UpdateEndpointWeightsAndCapacitiesInput{
		EndpointName: &endpoint, DesiredWeightsAndCapacities: []types.DesiredWeightAndCapacity{{VariantName: aws.String(production), DesiredInstanceCount: &n}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.inService(endpoint)
}

// wantGuarded tries what the owner of an endpoint may not do while an experiment has it.
func (c client) wantGuarded(endpoint, experiment string) {
	c.t.Helper()
	_, err := c.UpdateEndpoint(c.t.Context(), &sagemaker.UpdateEndpointInput{EndpointName: &endpoint, EndpointConfigName: aws.String("own-config")})
	wantCode(c.t, err, "ValidationException", experiment)
	_, err = c.DeleteEndpoint(c.t.Context(), &sagemaker.DeleteEndpointInput{EndpointName: &endpoint})
	wantCode(c.t, err, "ValidationException", "StopInferenceExperiment")
	_, err = c.UpdateEndpointWeightsAndCapacities(c.t.Context(), &sagemaker.UpdateEndpointWeightsAndCapacitiesInput{
		EndpointName: &endpoint, DesiredWeightsAndCapacities: []types.DesiredWeightAndCapacity{{VariantName: aws.String(shadow), DesiredWeight: aws.Float32(1)}},
	})
	wantCode(c.t, err, "ValidationException", "UpdateInferenceExperiment")
}

// wantAsBefore wants an endpoint to be what it was before an experiment, whose generated configs are gone.
func (c client) wantAsBefore(endpoint, config string, count int32, generated []string) {
	c.t.Helper()
	e := c.describeEndpoint(endpoint)
	if *e.EndpointConfigName != config || len(e.ShadowProductionVariants) != 0 || len(e.ProductionVariants) != 1 || *e.ProductionVariants[0].CurrentInstanceCount != count {
		c.t.Errorf("afterwards the endpoint has config %s with %+v and shadows %+v, want %s with %d instances", *e.EndpointConfigName, e.ProductionVariants, e.ShadowProductionVariants, config, count)
	}
	for _, name := range generated {
		_, err := c.DescribeEndpointConfig(c.t.Context(), &sagemaker.DescribeEndpointConfigInput{EndpointConfigName: &name})
		wantCode(c.t, err, "ValidationException", "Could not find endpoint configuration")
	}
}
