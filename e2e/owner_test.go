package e2e

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

// one is a production variant with one instance.
func one(name, model string) types.ProductionVariant {
	return types.ProductionVariant{VariantName: &name, ModelName: &model, InstanceType: instance, InitialInstanceCount: aws.Int32(1)}
}

// TestOwner_ScalesShadow scales the shadow while it is tested: the count survives an update, is what Describe tells and
// an update may repeat, and is what is promoted.
func TestOwner_ScalesShadow(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.digitsModel("trees", "trees.tar.gz")
	c.begin(c.experiment("scaled", "digits", "linear", "trees"))
	_, err := c.UpdateEndpointWeightsAndCapacities(t.Context(), &sagemaker.UpdateEndpointWeightsAndCapacitiesInput{
		EndpointName: aws.String("digits"),
		DesiredWeightsAndCapacities: []types.DesiredWeightAndCapacity{
			{VariantName: aws.String(production), DesiredInstanceCount: aws.Int32(3)}, {VariantName: aws.String(shadow), DesiredInstanceCount: aws.Int32(2)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.inService("digits")
	var told []types.ModelVariantConfig
	for _, v := range c.describe("scaled").ModelVariants {
		told = append(told, types.ModelVariantConfig{ModelName: v.ModelName, VariantName: v.VariantName, InfrastructureConfig: v.InfrastructureConfig})
	}
	if p, s := *told[0].InfrastructureConfig.RealTimeInferenceConfig.InstanceCount, *told[1].InfrastructureConfig.RealTimeInferenceConfig.InstanceCount; p != 3 || s != 2 {
		t.Errorf("Describe tells of %d and %d instances, want 3 and 2", p, s)
	}
	_, err = c.UpdateInferenceExperiment(t.Context(), &sagemaker.UpdateInferenceExperimentInput{Name: aws.String("scaled"), ShadowModeConfig: shadowing(30), ModelVariants: told})
	if err != nil {
		t.Fatalf("an update that repeats what Describe tells: %v", err)
	}
	c.until("scaled", types.InferenceExperimentStatusRunning)
	e := c.describeEndpoint("digits")
	if p, s := *e.ProductionVariants[0].CurrentInstanceCount, *e.ShadowProductionVariants[0].CurrentInstanceCount; p != 3 || s != 2 {
		t.Errorf("after the update there are %d and %d instances, want 3 and 2", p, s)
	}
	_, err = c.StopInferenceExperiment(t.Context(), &sagemaker.StopInferenceExperimentInput{
		Name: aws.String("scaled"), ModelVariantActions: map[string]types.ModelVariantAction{shadow: types.ModelVariantActionPromote},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.until("scaled", types.InferenceExperimentStatusCompleted)
	if n := *c.describeEndpoint("digits").ProductionVariants[0].CurrentInstanceCount; n != 2 {
		t.Errorf("the promoted variant has %d instances, want 2", n)
	}
}

// TestOwner_HasShadow tests on an endpoint that has a shadow of its own, which is put aside and comes back.
func TestOwner_HasShadow(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.digitsModel("trees", "trees.tar.gz")
	own := one("Own", "linear")
	own.InitialVariantWeight = aws.Float32(0.5)
	_, err := c.CreateEndpointConfig(t.Context(), &sagemaker.CreateEndpointConfigInput{
		EndpointConfigName: aws.String("with-shadow"), ProductionVariants: []types.ProductionVariant{one(production, "linear")}, ShadowProductionVariants: []types.ProductionVariant{own},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.endpoint("digits", "with-shadow")
	in := c.experiment("other", "digits", "linear", "trees")
	c.begin(in)
	c.wantVariants("digits", production, shadow)
	c.invoke("digits", picture, production)
	_, err = c.StopInferenceExperiment(t.Context(), &sagemaker.StopInferenceExperimentInput{
		Name: in.Name, ModelVariantActions: map[string]types.ModelVariantAction{shadow: types.ModelVariantActionRemove},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.until("other", types.InferenceExperimentStatusCancelled)
	c.wantVariants("digits", production, "Own")
	if s := c.describeEndpoint("digits").ShadowProductionVariants[0]; *s.CurrentWeight != 0.5 {
		t.Errorf("the endpoint's own shadow is back with weight %g, want 0.5", *s.CurrentWeight)
	}

	// One that tests the endpoint's own shadow need not describe either variant's model anew.
	in = c.experiment("own", "digits", "linear", "linear")
	in.ModelVariants = in.ModelVariants[:1]
	in.ShadowModeConfig.ShadowModelVariants[0].ShadowModelVariantName = aws.String("Own")
	c.begin(in)
	c.wantVariants("digits", production, "Own")
	for range 5 {
		c.invoke("digits", picture, production)
	}
	if got := c.settled("own").Accounting; got["mirrored"] != 5 {
		t.Errorf("accounting: %v", got)
	}
}

// TestOwner_ChangesEndpointAhead updates an endpoint that an experiment is planned for, which then tests against what
// the endpoint has become.
func TestOwner_ChangesEndpointAhead(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.digitsModel("trees", "trees.tar.gz")
	c.serving("digits", "linear")
	in := c.experiment("later", "digits", "", "linear")
	in.ModelVariants = in.ModelVariants[1:]
	in.Schedule = &types.InferenceExperimentSchedule{StartTime: aws.Time(time.Now().Add(24 * time.Hour))}
	if _, err := c.CreateInferenceExperiment(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	c.until("later", types.InferenceExperimentStatusCreated)
	c.config("next", one(production, "trees"))
	if _, err := c.UpdateEndpoint(t.Context(), &sagemaker.UpdateEndpointInput{EndpointName: aws.String("digits"), EndpointConfigName: aws.String("next")}); err != nil {
		t.Fatal(err)
	}
	c.inService("digits")
	for _, name := range []string{"digits", "next"} { // what runs needs none of it any more
		if _, err := c.DeleteEndpointConfig(t.Context(), &sagemaker.DeleteEndpointConfigInput{EndpointConfigName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.DeleteModel(t.Context(), &sagemaker.DeleteModelInput{ModelName: aws.String("trees")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.StartInferenceExperiment(t.Context(), &sagemaker.StartInferenceExperimentInput{Name: in.Name}); err != nil {
		t.Fatal(err)
	}
	x := c.until("later", types.InferenceExperimentStatusRunning)
	if got := *x.ModelVariants[0].ModelName; got != "trees" {
		t.Errorf("production runs %s, but the endpoint was moved to trees", got)
	}
	c.invoke("digits", picture, production)
	_, err := c.StopInferenceExperiment(t.Context(), &sagemaker.StopInferenceExperimentInput{
		Name: in.Name, ModelVariantActions: map[string]types.ModelVariantAction{shadow: types.ModelVariantActionRemove},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.until("later", types.InferenceExperimentStatusCancelled)
	if got := *c.describeEndpoint("digits").EndpointConfigName; got != "next" {
		t.Errorf("afterwards the endpoint has the config %s, want next", got)
	}
}

// TestOwner_Refused asks for experiments on endpoints that cannot have them, and for names that are taken but for case.
func TestOwner_Refused(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.config("two", one(production, "linear"), one("Green", "linear"))
	c.endpoint("Two", "two")
	_, err := c.CreateInferenceExperiment(t.Context(), c.experiment("x", "Two", "linear", "linear"))
	wantCode(t, err, "ValidationException", `["AllTraffic" "Green"]`)
	c.config("blue", one("Blue", "linear"))
	c.endpoint("blue", "blue")
	_, err = c.CreateInferenceExperiment(t.Context(), c.experiment("x", "blue", "linear", "linear"))
	wantCode(t, err, "ValidationException", `"Blue"`)
	_, err = c.CreateEndpoint(t.Context(), &sagemaker.CreateEndpointInput{EndpointName: aws.String("two"), EndpointConfigName: aws.String("two")})
	wantCode(t, err, "ValidationException", "Cannot create already existing endpoint")
	_, err = c.CreateEndpointConfig(t.Context(), &sagemaker.CreateEndpointConfigInput{
		EndpointConfigName: aws.String("shadowed-two"), ProductionVariants: []types.ProductionVariant{one(production, "linear"), one("Green", "linear")},
		ShadowProductionVariants: []types.ProductionVariant{one(shadow, "linear")},
	})
	wantCode(t, err, "ValidationException", "ShadowProductionVariants")
	_, err = c.UpdateEndpoint(t.Context(), &sagemaker.UpdateEndpointInput{EndpointName: aws.String("blue"), EndpointConfigName: aws.String("blue")})
	wantCode(t, err, "ValidationException", "its own endpoint configuration")
}

// TestOwner_Races asks for the same thing from many sides at once: one gets it, and the others are told so.
func TestOwner_Races(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.serving("digits", "linear")
	for _, name := range []func(int) string{
		func(int) string { return "same" },
		func(i int) string { return fmt.Sprintf("side-%d", i) },
	} {
		var all sync.WaitGroup
		made := make(chan string, 8)
		for i := range 8 {
			all.Go(func() {
				_, err := c.CreateInferenceExperiment(t.Context(), c.experiment(name(i), "digits", "linear", "linear"))
				if err == nil {
					made <- name(i)
				} else if _, ok := errors.AsType[*types.ResourceInUse](err); !ok {
					t.Errorf("experiment %s: %v, want a ResourceInUse", name(i), err)
				}
			})
		}
		all.Wait()
		if len(made) != 1 {
			t.Fatalf("%d of 8 were made", len(made))
		}
		winner := <-made
		c.until(winner, types.InferenceExperimentStatusRunning)
		_, err := c.StopInferenceExperiment(t.Context(), &sagemaker.StopInferenceExperimentInput{
			Name: &winner, ModelVariantActions: map[string]types.ModelVariantAction{shadow: types.ModelVariantActionRemove},
		})
		if err != nil {
			t.Fatal(err)
		}
		c.until(winner, types.InferenceExperimentStatusCancelled)
	}
}
