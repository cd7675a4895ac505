package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
)

// TestVolumes_Encrypted makes an experiment with a KmsKey on an endpoint that has none: its shadow finds its model in memory, a
// production that runs is left alone, and what is promoted is as encrypted as it was.
func TestVolumes_Encrypted(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.faultyModel("describe", "describe")
	c.serving("e", "describe")
	x := c.experiment("x", "e", "describe", "describe")
	x.KmsKey = aws.String("alias/volumes")
	_, err := c.CreateInferenceExperiment(t.Context(), x)
	wantCode(t, err, "ValidationException", "alias/volumes")
	arn := strings.TrimSpace(c.s.gnomon("keys", "create", "--alias", "alias/volumes"))
	c.s.gnomon("keys", "disable", arn)
	_, err = c.CreateInferenceExperiment(t.Context(), x)
	wantCode(t, err, "ValidationException", "the key is disabled")
	c.s.gnomon("keys", "enable", arn)

	before := c.pids("e", 1)[0]
	c.begin(x)
	_, d := c.asks(&sagemakerruntime.InvokeEndpointInput{EndpointName: aws.String("e"), Body: []byte("who?")})
	if d.PID != before || !strings.HasPrefix(d.Directory, c.s.data()) {
		t.Errorf("production was process %d and is %d, in %s", before, d.PID, d.Directory)
	}
	c.stop("x", types.ModelVariantActionPromote, types.InferenceExperimentStatusCompleted)
	c.wantInMemory("e")

	x.Name, x.EndpointName = aws.String("y"), aws.String("new")
	c.begin(x)
	c.wantInMemory("new")
}

func (c client) wantInMemory(endpoint string) {
	c.t.Helper()
	if _, d := c.asks(&sagemakerruntime.InvokeEndpointInput{EndpointName: &endpoint, Body: []byte("who?")}); !strings.HasPrefix(d.Directory, "/dev/shm/gnomon-") {
		c.t.Errorf("the model of endpoint %s is in %s", endpoint, d.Directory)
	}
}
