package api_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

func TestClient_WaitsForEndpoints(t *testing.T) {
	onStage(t, func(s *stage) {
		ctx, e := s.Context(), &sdk.DescribeEndpointInput{EndpointName: new("e")}
		s.serve()
		if err := sdk.NewEndpointInServiceWaiter(s.aws).Wait(ctx, e, time.Hour); err != nil {
			s.Errorf("wait for InService: %v", err)
		}
		if _, err := s.aws.DeleteEndpoint(ctx, &sdk.DeleteEndpointInput{EndpointName: new("e")}); err != nil {
			s.Fatal(err)
		}
		if err := sdk.NewEndpointDeletedWaiter(s.aws).Wait(ctx, e, time.Hour); err != nil {
			s.Errorf("wait for the end: %v", err)
		}
	})
}

func TestClient_TurnsPages(t *testing.T) {
	onStage(t, func(s *stage) {
		want := 25
		for i := range want {
			s.model(fmt.Sprintf("m%d", i))
		}
		seen := make(map[string]bool)
		pages := sdk.NewListModelsPaginator(s.aws, &sdk.ListModelsInput{SortBy: types.ModelSortKeyName})
		turned := 0
		for ; pages.HasMorePages(); turned++ {
			p, err := pages.NextPage(s.Context())
			if err != nil {
				s.Fatal(err)
			}
			for _, m := range p.Models {
				seen[*m.ModelName] = true
			}
		}
		if len(seen) != want || turned != 3 {
			s.Errorf("got %d models on %d pages, want %d on 3", len(seen), turned, want)
		}
	})
}

func shadowTest() *sdk.CreateInferenceExperimentInput {
	variant := func(name, model string) types.ModelVariantConfig {
		return types.ModelVariantConfig{ModelName: &model, VariantName: &name, InfrastructureConfig: &types.ModelInfrastructureConfig{
			InfrastructureType:      types.ModelInfrastructureTypeRealTimeInference,
			RealTimeInferenceConfig: &types.RealTimeInferenceConfig{InstanceType: "ml.m5.large", InstanceCount: new(int32(2))},
		}}
	}
	return &sdk.CreateInferenceExperimentInput{
		Name: new("x"), Type: types.InferenceExperimentTypeShadowMode, RoleArn: new(role), EndpointName: new("e"),
		ModelVariants: []types.ModelVariantConfig{variant("AllTraffic", "m"), variant("shadow", "n")},
		ShadowModeConfig: &types.ShadowModeConfig{
			SourceModelVariantName: new("AllTraffic"),
			ShadowModelVariants:    []types.ShadowModelVariantConfig{{ShadowModelVariantName: new("shadow"), SamplingPercentage: new(int32(50))}},
		},
	}
}

func TestClient_RunsAShadowTest(t *testing.T) {
	onStage(t, func(s *stage) {
		ctx := s.Context()
		s.serve()
		if _, err := s.aws.CreateInferenceExperiment(ctx, shadowTest()); err != nil {
			s.Fatal(err)
		}
		s.settle()
		if _, err := s.aws.StopInferenceExperiment(ctx, &sdk.StopInferenceExperimentInput{
			Name: new("x"), ModelVariantActions: map[string]types.ModelVariantAction{"shadow": types.ModelVariantActionRemove},
		}); err != nil {
			s.Fatal(err)
		}
		s.settle()
		out, err := s.aws.DescribeInferenceExperiment(ctx, &sdk.DescribeInferenceExperimentInput{Name: new("x")})
		if err != nil {
			s.Fatal(err)
		}
		if out.Status != types.InferenceExperimentStatusCancelled || aws.ToString(out.EndpointMetadata.EndpointConfigName) != "c" {
			s.Errorf("got %s on %s, want Cancelled on c", out.Status, aws.ToString(out.EndpointMetadata.EndpointConfigName))
		}
	})
}

func TestClient_TellsErrorsApart(t *testing.T) {
	onStage(t, func(s *stage) {
		ctx := s.Context()
		s.serve()
		if _, err := s.aws.CreateInferenceExperiment(ctx, shadowTest()); err != nil {
			s.Fatal(err)
		}
		s.settle()
		_, err := s.aws.CreateInferenceExperiment(ctx, shadowTest())
		if _, ok := errors.AsType[*types.ResourceInUse](err); !ok {
			s.Errorf("made it twice: got %v, want ResourceInUse", err)
		}
		_, err = s.aws.StartInferenceExperiment(ctx, &sdk.StartInferenceExperimentInput{Name: new("x")})
		if _, ok := errors.AsType[*types.ConflictException](err); !ok {
			s.Errorf("started it twice: got %v, want ConflictException", err)
		}
		_, err = s.aws.StartInferenceExperiment(ctx, &sdk.StartInferenceExperimentInput{Name: new("y")})
		if _, ok := errors.AsType[*types.ResourceNotFound](err); !ok {
			s.Errorf("started what is not there: got %v, want ResourceNotFound", err)
		}
	})
}
