package e2e

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

// answered returns how many requests and copies a variant has answered well, as /metrics tells it.
func (c client) answered(endpoint, variant string) int {
	c.t.Helper()
	return c.metric(fmt.Sprintf(`gnomon_requests_total{endpoint=%q,outcome="2xx",variant=%q}`, endpoint, variant))
}

// metric returns the whole number that /metrics has for a name with its labels in order; 0: it has none.
func (c client) metric(name string) int {
	c.t.Helper()
	res := c.get("/metrics", c.key)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		c.t.Fatalf("/metrics: %s %v", res.Status, err)
	}
	line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\d+)$`).FindSubmatch(text)
	if line == nil {
		return 0
	}
	n, err := strconv.Atoi(string(line[1]))
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// TestStop_RetainGoesOn keeps both variants: copying goes on as it was, under the endpoint's own accounting, until a new
// experiment or the owner ends it.
func TestStop_RetainGoesOn(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.serving("digits", "linear")
	c.begin(c.experiment("keep", "digits", "linear", "linear"))
	_, err := c.UpdateEndpointWeightsAndCapacities(t.Context(), &sagemaker.UpdateEndpointWeightsAndCapacitiesInput{
		EndpointName:                aws.String("digits"),
		DesiredWeightsAndCapacities: []types.DesiredWeightAndCapacity{{VariantName: aws.String(production), DesiredWeight: aws.Float32(4)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.inService("digits")
	_, err = c.StopInferenceExperiment(t.Context(), &sagemaker.StopInferenceExperimentInput{
		Name: aws.String("keep"), DesiredState: types.InferenceExperimentStopDesiredStateCompleted,
		ModelVariantActions: map[string]types.ModelVariantAction{production: types.ModelVariantActionRetain, shadow: types.ModelVariantActionRetain},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.until("keep", types.InferenceExperimentStatusCompleted)
	e := c.describeEndpoint("digits")
	if p, s := *e.ProductionVariants[0].CurrentWeight, *e.ShadowProductionVariants[0].CurrentWeight; p != s {
		t.Errorf("the weights are %g and %g, but every request was copied", p, s)
	}
	frozen := c.compare("keep").Accounting["requests"]
	before := c.answered("digits", shadow)
	for range 20 {
		c.invoke("digits", picture, production)
	}
	c.s.eventually("all 20 requests are copied", func() error {
		if n := c.answered("digits", shadow) - before; n != 20 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	if n := c.compare("keep").Accounting["requests"]; n != frozen {
		t.Errorf("the ended experiment went on counting: %d, then %d", frozen, n)
	}
	// The owner ends it by an update to a config without a shadow.
	if _, err := c.UpdateEndpoint(t.Context(), &sagemaker.UpdateEndpointInput{EndpointName: aws.String("digits"), EndpointConfigName: aws.String("digits")}); err != nil {
		t.Fatal(err)
	}
	c.inService("digits")
	c.wantVariants("digits", production, "")
}
