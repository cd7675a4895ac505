package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"

	"gnomon/examples/data"
)

const (
	image      = "000000000000.dkr.ecr.us-east-1.amazonaws.com/digits:1"
	endpoint   = "digits"
	experiment = "linear-or-trees"
	production = "AllTraffic"
	shadow     = "Trees"
	instance   = types.ProductionVariantInstanceTypeMlM5Large
)

// A client is both halves of the API, from the SDK.
type client struct {
	*sagemaker.Client
	runtime *sagemakerruntime.Client
	role    string
}

func newClient(env map[string]string) client {
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: env["AWS_ACCESS_KEY_ID"], SecretAccessKey: env["AWS_SECRET_ACCESS_KEY"]}, nil
	})
	return client{
		Client: sagemaker.New(sagemaker.Options{
			Region: env["AWS_REGION"], Credentials: credentials, BaseEndpoint: aws.String(env["AWS_ENDPOINT_URL_SAGEMAKER"]),
		}),
		runtime: sagemakerruntime.New(sagemakerruntime.Options{
			Region: env["AWS_REGION"], Credentials: credentials, BaseEndpoint: aws.String(env["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"]),
		}),
		role: env["GNOMON_ROLE_ARN"],
	}
}

func say(format string, args ...any) { fmt.Printf("\n"+format+"\n", args...) }

// story is what the demo does.
func story(ctx context.Context, o options, g *gnomon) error {
	c := newClient(g.env)
	say("Gnomon serves the SageMaker API at %s.", g.env["GNOMON_URL"])
	if err := c.deploy(ctx); err != nil {
		return err
	}
	if err := c.begin(ctx); err != nil {
		return err
	}
	say("Sending %d requests to the endpoint, %d a second. Production answers all of them, and each is copied to the shadow.", o.requests, rate)
	right, err := send(ctx, c.runtime, endpoint, o.requests)
	if err != nil {
		return fmt.Errorf("send requests: %w", err)
	}
	fmt.Printf("  production named %.1f %% of the digits rightly\n", 100*float64(right)/float64(o.requests))
	say("gnomon report %s", experiment)
	fmt.Println()
	if err := g.report(ctx, experiment); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return c.promote(ctx)
}

// deploy makes two models and an endpoint that serves the first.
func (c client) deploy(ctx context.Context) error {
	say("Two models, one endpoint: %s serves the linear model.", endpoint)
	for name, artifact := range map[string]string{"digits-linear": "linear.tar.gz", "digits-trees": "trees.tar.gz"} {
		_, err := c.CreateModel(ctx, &sagemaker.CreateModelInput{
			ModelName: &name, ExecutionRoleArn: &c.role,
			PrimaryContainer: &types.ContainerDefinition{Image: aws.String(image), ModelDataUrl: aws.String("s3://" + bucket + "/" + artifact)},
		})
		if err != nil {
			return err
		}
		fmt.Printf("  CreateModel %s\n", name)
	}
	_, err := c.CreateEndpointConfig(ctx, &sagemaker.CreateEndpointConfigInput{
		EndpointConfigName: aws.String("digits-1"),
		ProductionVariants: []types.ProductionVariant{{
			VariantName: aws.String(production), ModelName: aws.String("digits-linear"),
			InstanceType: instance, InitialInstanceCount: aws.Int32(1),
		}},
	})
	if err != nil {
		return err
	}
	fmt.Println("  CreateEndpointConfig digits-1")
	if _, err := c.CreateEndpoint(ctx, &sagemaker.CreateEndpointInput{EndpointName: aws.String(endpoint), EndpointConfigName: aws.String("digits-1")}); err != nil {
		return err
	}
	wait := sagemaker.NewEndpointInServiceWaiter(c, func(w *sagemaker.EndpointInServiceWaiterOptions) {
		w.MinDelay, w.MaxDelay = 200*time.Millisecond, time.Second
	})
	if err := wait.Wait(ctx, &sagemaker.DescribeEndpointInput{EndpointName: aws.String(endpoint)}, 5*time.Minute); err != nil {
		return err
	}
	fmt.Printf("  CreateEndpoint %s: InService\n", endpoint)
	return nil
}

// begin makes the experiment and waits until it runs.
func (c client) begin(ctx context.Context) error {
	say("An experiment: may the boosted trees replace the linear model?")
	variant := func(name, model string) types.ModelVariantConfig {
		return types.ModelVariantConfig{
			VariantName: &name, ModelName: &model,
			InfrastructureConfig: &types.ModelInfrastructureConfig{
				InfrastructureType:      types.ModelInfrastructureTypeRealTimeInference,
				RealTimeInferenceConfig: &types.RealTimeInferenceConfig{InstanceType: instance, InstanceCount: aws.Int32(1)},
			},
		}
	}
	_, err := c.CreateInferenceExperiment(ctx, &sagemaker.CreateInferenceExperimentInput{
		Name: aws.String(experiment), Type: types.InferenceExperimentTypeShadowMode,
		RoleArn: &c.role, EndpointName: aws.String(endpoint),
		Description:   aws.String("Boosted trees in the shadow of the linear model"),
		Tags:          []types.Tag{{Key: aws.String("gnomon:answers"), Value: aws.String("label")}}, // scores may differ, the digit may not
		ModelVariants: []types.ModelVariantConfig{variant(production, "digits-linear"), variant(shadow, "digits-trees")},
		ShadowModeConfig: &types.ShadowModeConfig{
			SourceModelVariantName: aws.String(production),
			ShadowModelVariants: []types.ShadowModelVariantConfig{{
				ShadowModelVariantName: aws.String(shadow), SamplingPercentage: aws.Int32(100),
			}},
		},
	})
	if err != nil {
		return err
	}
	if err := c.until(ctx, types.InferenceExperimentStatusRunning); err != nil {
		return err
	}
	fmt.Printf("  CreateInferenceExperiment %s: Running\n", experiment)
	return nil
}

// until waits for a status of the experiment.
func (c client) until(ctx context.Context, want types.InferenceExperimentStatus) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		x, err := c.DescribeInferenceExperiment(ctx, &sagemaker.DescribeInferenceExperimentInput{Name: aws.String(experiment)})
		if err != nil {
			return err
		}
		switch {
		case x.Status == want:
			return nil
		case x.Status == types.InferenceExperimentStatusCompleted || x.Status == types.InferenceExperimentStatusCancelled:
			return fmt.Errorf("the experiment is %s instead of %s: %s", x.Status, want, aws.ToString(x.StatusReason))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// promote makes the shadow the production variant and shows that it is.
func (c client) promote(ctx context.Context) error {
	say("Promoting the shadow all the same, to show how it is done. (Where the two differ, either may be right: Gnomon does not know the truth.)")
	_, err := c.StopInferenceExperiment(ctx, &sagemaker.StopInferenceExperimentInput{
		Name: aws.String(experiment), DesiredState: types.InferenceExperimentStopDesiredStateCompleted, Reason: aws.String("shown in the demo"),
		ModelVariantActions: map[string]types.ModelVariantAction{production: types.ModelVariantActionRemove, shadow: types.ModelVariantActionPromote},
	})
	if err != nil {
		return err
	}
	if err := c.until(ctx, types.InferenceExperimentStatusCompleted); err != nil {
		return err
	}
	fmt.Printf("  StopInferenceExperiment %s: Completed\n", experiment)
	digits, err := data.Digits()
	if err != nil {
		return err
	}
	a, err := invoke(ctx, c.runtime, endpoint, digits.Held[0])
	if err != nil {
		return err
	}
	if a.Variant != shadow || a.Model != "digits-trees" {
		return fmt.Errorf("after the promotion variant %s with model %s answers", a.Variant, a.Model)
	}
	fmt.Printf("  InvokeEndpoint %s: answered by variant %s, model %s: it is a %s (%.1f %%)\n",
		endpoint, a.Variant, a.Model, a.Predictions[0].Label, 100*a.Predictions[0].Score)
	return nil
}
