package e2e

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
)

// A description is what a model with the fault describe answers: itself, and the request as it came.
type description struct {
	PID       int
	Directory string
	Headers   http.Header
	Body      string
}

// asks sends a request to a model that describes itself.
func (c client) asks(in *sagemakerruntime.InvokeEndpointInput) (*sagemakerruntime.InvokeEndpointOutput, description) {
	c.t.Helper()
	out, err := c.runtime.InvokeEndpoint(c.t.Context(), in)
	if err != nil {
		c.t.Fatal(err)
	}
	var d description
	if err := json.Unmarshal(out.Body, &d); err != nil {
		c.t.Fatalf("%v\n%s", err, out.Body)
	}
	return out, d
}

// TestInvoke sends every member of InvokeEndpoint that means something here, and wants the model to get it.
func TestInvoke(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.faultyModel("describe", "describe")
	part := func(name string, weight float32) types.ProductionVariant {
		return types.ProductionVariant{
			VariantName: &name, ModelName: aws.String("describe"), InstanceType: instance, InitialInstanceCount: aws.Int32(1), InitialVariantWeight: &weight,
		}
	}
	c.config("two", part("Blue", 1), part("Green", 0))
	c.endpoint("two", "two")

	in := &sagemakerruntime.InvokeEndpointInput{
		EndpointName: aws.String("two"), Body: []byte("1,2,3"), ContentType: aws.String("text/csv"), Accept: aws.String("application/jsonlines"),
		CustomAttributes: aws.String("trace=7f, team=vision"), InferenceId: aws.String("order-4711"),
	}
	out, seen := c.asks(in)
	blue := seen.PID
	if got := aws.ToString(out.InvokedProductionVariant); got != "Blue" {
		t.Errorf("variant %s answered, but all weight is on Blue", got)
	}
	if got := aws.ToString(out.ContentType); got != "application/json" {
		t.Errorf("ContentType %q", got)
	}
	want := map[string]string{
		"Content-Type": *in.ContentType, "Accept": *in.Accept,
		"X-Amzn-Sagemaker-Custom-Attributes": *in.CustomAttributes, "X-Amzn-Sagemaker-Inference-Id": *in.InferenceId,
		"Authorization": "", "X-Amz-Date": "", "Amz-Sdk-Request": "", // the caller's affair, and none of the model's
	}
	for header, value := range want {
		if got := seen.Headers.Get(header); got != value {
			t.Errorf("the model got %s: %q, want %q", header, got, value)
		}
	}
	if seen.Body != "1,2,3" {
		t.Errorf("the model got the body %q", seen.Body)
	}

	in.TargetVariant = aws.String("Green")
	out, seen = c.asks(in)
	if got := aws.ToString(out.InvokedProductionVariant); got != "Green" || seen.PID == blue {
		t.Errorf("aimed at Green: variant %s, process %d; Blue's is %d", got, seen.PID, blue)
	}
}
