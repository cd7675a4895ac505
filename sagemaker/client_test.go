package sagemaker_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"gnomon/sagemaker"
)

// client is AWS's own SDK, with no change but the endpoint.
func client(t *testing.T, h sagemaker.Handler) *sdk.Client {
	t.Helper()
	server := httptest.NewServer(sagemaker.NewServer(h, sagemaker.Options{}))
	t.Cleanup(server.Close)
	return sdk.New(sdk.Options{
		BaseEndpoint:     new(server.URL),
		HTTPClient:       server.Client(),
		Region:           "eu-west-1",
		RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
		}),
	})
}

func sdkVariant(model, name string) types.ModelVariantConfig {
	return types.ModelVariantConfig{
		ModelName: &model, VariantName: &name,
		InfrastructureConfig: &types.ModelInfrastructureConfig{
			InfrastructureType: types.ModelInfrastructureTypeRealTimeInference,
			RealTimeInferenceConfig: &types.RealTimeInferenceConfig{
				InstanceType: "ml.m5.xlarge", InstanceCount: new(int32(2)),
			},
		},
	}
}

func sdkExperiment(start time.Time) *sdk.CreateInferenceExperimentInput {
	return &sdk.CreateInferenceExperimentInput{
		Name: new("fraud"), Type: types.InferenceExperimentTypeShadowMode,
		RoleArn: new("arn:aws:iam::123456789012:role/gnomon"), EndpointName: new("fraud"),
		Schedule:      &types.InferenceExperimentSchedule{StartTime: &start},
		ModelVariants: []types.ModelVariantConfig{sdkVariant("m1", "production"), sdkVariant("m2", "shadow")},
		ShadowModeConfig: &types.ShadowModeConfig{
			SourceModelVariantName: new("production"),
			ShadowModelVariants: []types.ShadowModelVariantConfig{{
				ShadowModelVariantName: new("shadow"), SamplingPercentage: new(int32(20)),
			}},
		},
	}
}

func TestClient_Creates(t *testing.T) {
	start := time.Date(2026, 11, 22, 16, 0, 0, 250e6, time.UTC)
	const arn = "arn:aws:sagemaker:eu-west-1:123456789012:inference-experiment/fraud"
	variant := func(model, name string) sagemaker.ModelVariantConfig {
		return sagemaker.ModelVariantConfig{
			ModelName: model, VariantName: name,
			InfrastructureConfig: sagemaker.ModelInfrastructureConfig{
				InfrastructureType:      sagemaker.ModelInfrastructureTypeRealTimeInference,
				RealTimeInferenceConfig: sagemaker.RealTimeInferenceConfig{InstanceType: "ml.m5.xlarge", InstanceCount: 2},
			},
		}
	}
	want := &sagemaker.CreateInferenceExperimentInput{
		Name: "fraud", Type: sagemaker.InferenceExperimentTypeShadowMode,
		RoleArn: "arn:aws:iam::123456789012:role/gnomon", EndpointName: "fraud",
		Schedule:      &sagemaker.InferenceExperimentSchedule{StartTime: sagemaker.NewTime(start)},
		ModelVariants: []sagemaker.ModelVariantConfig{variant("m1", "production"), variant("m2", "shadow")},
		ShadowModeConfig: sagemaker.ShadowModeConfig{
			SourceModelVariantName: "production",
			ShadowModelVariants:    []sagemaker.ShadowModelVariantConfig{{ShadowModelVariantName: "shadow", SamplingPercentage: 20}},
		},
	}
	c := client(t, stub{createExperiment: func(in *sagemaker.CreateInferenceExperimentInput) (*sagemaker.CreateInferenceExperimentOutput, error) {
		if diff := cmp.Diff(want, in); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		return &sagemaker.CreateInferenceExperimentOutput{InferenceExperimentArn: arn}, nil
	}})
	out, err := c.CreateInferenceExperiment(t.Context(), sdkExperiment(start))
	if err != nil {
		t.Fatal(err)
	}
	if *out.InferenceExperimentArn != arn {
		t.Errorf("ARN %q, want %q", *out.InferenceExperimentArn, arn)
	}
}

func TestClient_ReadsTimestampsAndAbsence(t *testing.T) {
	created := time.Date(2026, 11, 22, 16, 0, 0, 986e6, time.UTC)
	c := client(t, stub{describeExperiment: func(in *sagemaker.DescribeInferenceExperimentInput) (*sagemaker.DescribeInferenceExperimentOutput, error) {
		return &sagemaker.DescribeInferenceExperimentOutput{
			Name: in.Name, Status: sagemaker.InferenceExperimentStatusRunning, CreationTime: sagemaker.NewTime(created),
		}, nil
	}})
	out, err := c.DescribeInferenceExperiment(t.Context(), &sdk.DescribeInferenceExperimentInput{Name: new("fraud")})
	if err != nil {
		t.Fatal(err)
	}
	if out.CreationTime == nil || !out.CreationTime.Equal(created) {
		t.Errorf("created %v, want %v", out.CreationTime, created)
	}
	if out.CompletionTime != nil || out.Description != nil || out.Schedule != nil {
		t.Errorf("got %v, %v, %v, want nothing that was not set", out.CompletionTime, out.Description, out.Schedule)
	}
	if out.Status != types.InferenceExperimentStatusRunning {
		t.Errorf("status %s, want Running", out.Status)
	}
}

func TestClient_TakesAnEmptyBody(t *testing.T) {
	c := client(t, stub{deleteModel: func(*sagemaker.DeleteModelInput) (*sagemaker.DeleteModelOutput, error) {
		return &sagemaker.DeleteModelOutput{}, nil
	}})
	if _, err := c.DeleteModel(t.Context(), &sdk.DeleteModelInput{ModelName: new("m")}); err != nil {
		t.Error(err)
	}
}

func TestClient_TellsErrorsApart(t *testing.T) {
	c := client(t, stub{
		describeExperiment: func(in *sagemaker.DescribeInferenceExperimentInput) (*sagemaker.DescribeInferenceExperimentOutput, error) {
			return nil, &sagemaker.Error{Code: sagemaker.CodeResourceNotFound, Message: "no " + in.Name}
		},
		deleteModel: func(*sagemaker.DeleteModelInput) (*sagemaker.DeleteModelOutput, error) {
			return nil, errors.New("secret")
		},
	})
	_, err := c.DescribeInferenceExperiment(t.Context(), &sdk.DescribeInferenceExperimentInput{Name: new("fraud")})
	if e, ok := errors.AsType[*types.ResourceNotFound](err); !ok || e.ErrorMessage() != "no fraud" {
		t.Errorf("got %v, want a ResourceNotFound", err)
	}

	_, err = c.DeleteModel(t.Context(), &sdk.DeleteModelInput{ModelName: new("m")})
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "InternalFailure" || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an InternalFailure that tells nothing", err)
	}

	in := sdkExperiment(time.Now())
	in.Name = new("")
	in.ShadowModeConfig.ShadowModelVariants[0].SamplingPercentage = new(int32(101))
	_, err = c.CreateInferenceExperiment(t.Context(), in)
	const want = "3 validation errors detected: " +
		"Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
		"Value '' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}; " +
		"Value '101' at 'shadowModeConfig.shadowModelVariants.1.member.samplingPercentage' failed to satisfy constraint: Member must have value less than or equal to 100"
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "ValidationException" || e.ErrorMessage() != want {
		t.Errorf("got %v, want a ValidationException", err)
	}
}
