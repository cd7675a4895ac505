package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	"github.com/aws/smithy-go"
)

const (
	digits   = "000000000000.dkr.ecr.us-east-1.amazonaws.com/digits:1" // the image of the example models
	faulty   = "faulty:1"                                              // the image of the fault server
	instance = types.ProductionVariantInstanceTypeMlM5Large

	production = "AllTraffic"
	shadow     = "Shadow-01"
)

// A client is both halves of the API through the AWS SDK for Go, with what most tests begin with.
type client struct {
	*sagemaker.Client
	runtime *sagemakerruntime.Client
	t       *testing.T
	s       *server
	key     aws.Credentials
	role    string
}

// client returns one for the server as it runs now. Nothing is tried again: what fails is seen to fail.
func (s *server) client() client {
	c := client{
		t: s.t, s: s, role: s.env["GNOMON_ROLE_ARN"],
		key: aws.Credentials{AccessKeyID: s.env["AWS_ACCESS_KEY_ID"], SecretAccessKey: s.env["AWS_SECRET_ACCESS_KEY"]},
	}
	c.Client, c.runtime = c.as(c.key)
	return c
}

// in returns the client for a subtest, which fails by itself.
func (c client) in(t *testing.T) client {
	s := *c.s
	s.t = t
	c.t, c.s = t, &s
	return c
}

// as returns the SDK's clients with other credentials. They try nothing again, so that a fault of their own (see plainBody) has to
// be kept from them; the AWS CLI, boto3 and the SDK for JavaScript come as they are.
func (c client) as(key aws.Credentials) (*sagemaker.Client, *sagemakerruntime.Client) {
	credentials := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return key, nil })
	return sagemaker.New(sagemaker.Options{
			Region: c.s.env["AWS_REGION"], Credentials: credentials, RetryMaxAttempts: 1,
			BaseEndpoint: aws.String(c.s.env["AWS_ENDPOINT_URL_SAGEMAKER"]),
		}, func(o *sagemaker.Options) { o.HTTPClient = plainBody{o.HTTPClient} }), sagemakerruntime.New(sagemakerruntime.Options{
			Region: c.s.env["AWS_REGION"], Credentials: credentials, RetryMaxAttempts: 1,
			BaseEndpoint: aws.String(c.s.env["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"]),
		}, func(o *sagemakerruntime.Options) { o.HTTPClient = plainBody{o.HTTPClient} })
}

// digitsModel makes a model that serves one of the example artifacts.
func (c client) digitsModel(name, artifact string) {
	c.t.Helper()
	_, err := c.CreateModel(c.t.Context(), &sagemaker.CreateModelInput{
		ModelName: &name, ExecutionRoleArn: &c.role,
		PrimaryContainer: &types.ContainerDefinition{Image: aws.String(digits), ModelDataUrl: aws.String("s3://models/" + artifact)},
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// faultyModel makes a model that misbehaves as FAULT of the fault server says.
func (c client) faultyModel(name, fault string) {
	c.t.Helper()
	_, err := c.CreateModel(c.t.Context(), &sagemaker.CreateModelInput{
		ModelName: &name, ExecutionRoleArn: &c.role,
		PrimaryContainer: &types.ContainerDefinition{Image: aws.String(faulty), Environment: map[string]string{"FAULT": fault}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// config makes an endpoint config with these production variants.
func (c client) config(name string, variants ...types.ProductionVariant) {
	c.t.Helper()
	_, err := c.CreateEndpointConfig(c.t.Context(), &sagemaker.CreateEndpointConfigInput{EndpointConfigName: &name, ProductionVariants: variants})
	if err != nil {
		c.t.Fatal(err)
	}
}

// endpoint makes an endpoint of a config and waits until it is in service.
func (c client) endpoint(name, config string) {
	c.t.Helper()
	_, err := c.CreateEndpoint(c.t.Context(), &sagemaker.CreateEndpointInput{EndpointName: &name, EndpointConfigName: &config})
	if err != nil {
		c.t.Fatal(err)
	}
	c.inService(name)
}

// serving makes an endpoint, with a config of its name, whose one variant AllTraffic runs one instance of the model.
func (c client) serving(name, model string) {
	c.t.Helper()
	c.config(name, types.ProductionVariant{
		VariantName: aws.String(production), ModelName: &model, InstanceType: instance, InitialInstanceCount: aws.Int32(1),
	})
	c.endpoint(name, name)
}

// inService waits, with the SDK's own waiter, until the endpoint is in service.
func (c client) inService(name string) {
	c.t.Helper()
	wait := sagemaker.NewEndpointInServiceWaiter(c, func(w *sagemaker.EndpointInServiceWaiterOptions) {
		w.MinDelay, w.MaxDelay = 50*time.Millisecond, 200*time.Millisecond
	})
	if err := wait.Wait(c.t.Context(), &sagemaker.DescribeEndpointInput{EndpointName: &name}, time.Minute); err != nil {
		c.t.Fatalf("endpoint %s: %v", name, err)
	}
}

// variant is a variant as experiments have them, on count instances.
func variant(name, model string, count int32) types.ModelVariantConfig {
	return types.ModelVariantConfig{
		VariantName: &name, ModelName: &model,
		InfrastructureConfig: &types.ModelInfrastructureConfig{
			InfrastructureType:      types.ModelInfrastructureTypeRealTimeInference,
			RealTimeInferenceConfig: &types.RealTimeInferenceConfig{InstanceType: instance, InstanceCount: &count},
		},
	}
}

// shadowing is a ShadowModeConfig that copies percent of AllTraffic to Shadow-01.
func shadowing(percent int32) *types.ShadowModeConfig {
	return &types.ShadowModeConfig{
		SourceModelVariantName: aws.String(production),
		ShadowModelVariants:    []types.ShadowModelVariantConfig{{ShadowModelVariantName: aws.String(shadow), SamplingPercentage: &percent}},
	}
}

// experiment is a request for one on an endpoint, with a shadow of one instance and every request copied.
func (c client) experiment(name, endpoint, productionModel, shadowModel string) *sagemaker.CreateInferenceExperimentInput {
	return &sagemaker.CreateInferenceExperimentInput{
		Name: &name, Type: types.InferenceExperimentTypeShadowMode, RoleArn: &c.role, EndpointName: &endpoint,
		ModelVariants:    []types.ModelVariantConfig{variant(production, productionModel, 1), variant(shadow, shadowModel, 1)},
		ShadowModeConfig: shadowing(100),
	}
}

// begin makes an experiment and waits until it runs.
func (c client) begin(in *sagemaker.CreateInferenceExperimentInput) {
	c.t.Helper()
	if _, err := c.CreateInferenceExperiment(c.t.Context(), in); err != nil {
		c.t.Fatal(err)
	}
	c.until(*in.Name, types.InferenceExperimentStatusRunning)
}

// until waits for a status of an experiment and returns what Describe said then.
func (c client) until(name string, want types.InferenceExperimentStatus) *sagemaker.DescribeInferenceExperimentOutput {
	c.t.Helper()
	var x *sagemaker.DescribeInferenceExperimentOutput
	c.s.eventually(fmt.Sprintf("experiment %s is %s", name, want), func() error {
		x = c.describe(name)
		switch x.Status {
		case want:
			return nil
		case types.InferenceExperimentStatusCompleted, types.InferenceExperimentStatusCancelled:
			c.t.Fatalf("experiment %s is %s instead of %s: %s", name, x.Status, want, aws.ToString(x.StatusReason))
		}
		return errors.New(string(x.Status))
	})
	return x
}

func (c client) describe(name string) *sagemaker.DescribeInferenceExperimentOutput {
	c.t.Helper()
	x, err := c.DescribeInferenceExperiment(c.t.Context(), &sagemaker.DescribeInferenceExperimentInput{Name: &name})
	if err != nil {
		c.t.Fatal(err)
	}
	return x
}

func (c client) describeEndpoint(name string) *sagemaker.DescribeEndpointOutput {
	c.t.Helper()
	e, err := c.DescribeEndpoint(c.t.Context(), &sagemaker.DescribeEndpointInput{EndpointName: &name})
	if err != nil {
		c.t.Fatal(err)
	}
	return e
}

// invoke sends a body and wants an answer from the variant.
func (c client) invoke(endpoint, body, fromVariant string) *sagemakerruntime.InvokeEndpointOutput {
	c.t.Helper()
	out, err := c.runtime.InvokeEndpoint(c.t.Context(), &sagemakerruntime.InvokeEndpointInput{
		EndpointName: &endpoint, ContentType: aws.String("application/json"), Body: []byte(body),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if got := aws.ToString(out.InvokedProductionVariant); got != fromVariant {
		c.t.Fatalf("variant %s answered, want %s", got, fromVariant)
	}
	return out
}

// picture is a request that the example models answer.
var picture = `{"features":[` + strings.Repeat("0,", 63) + `0]}`

// A comparison is what Gnomon's own JSON says of an experiment.
type comparison struct {
	Status  string
	Outcome string

	SamplingPercentage float64 `json:"sampling_percentage"`
	SampledPercentage  float64 `json:"sampled_percentage"`
	MaxRate            float64 `json:"max_rate"`

	Accounting map[string]int64
	Latency    struct{ Production, Shadow struct{ Count int64 } }
	Errors     struct {
		Production, Shadow struct {
			Invocations int64
			Answers2xx  int64 `json:"answers_2xx"`
			ModelErrors int64 `json:"model_errors"`
			Rate        float64
		}
	}
}

// compare asks for the comparison of an experiment, and wants the buckets to add up to the requests.
func (c client) compare(name string) comparison {
	c.t.Helper()
	res := c.get("/gnomon/v1/experiments/"+name+"/comparison", c.key)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		c.t.Fatalf("comparison of %s: %s %v\n%s", name, res.Status, err, body)
	}
	return readComparison(c.t, body)
}

func readComparison(t *testing.T, body []byte) comparison {
	t.Helper()
	var found comparison
	if err := json.Unmarshal(body, &found); err != nil {
		t.Fatalf("comparison: %v\n%s", err, body)
	}
	var sum int64
	for bucket, n := range found.Accounting {
		if bucket != "requests" {
			sum += n
		}
	}
	if sum != found.Accounting["requests"] {
		t.Errorf("the buckets sum to %d and not to the requests: %v", sum, found.Accounting)
	}
	return found
}

// saved is how long it takes until numbers outlive the server, whatever ends it: they are saved every five seconds.
const saved = 6 * time.Second

// settled waits until no copy is under way any more, and returns the numbers then.
func (c client) settled(name string) comparison {
	c.t.Helper()
	var found comparison
	c.s.eventually("all copies are done", func() error {
		if found = c.compare(name); found.Accounting["pending"] > 0 {
			return fmt.Errorf("%v", found.Accounting)
		}
		return nil
	})
	return found
}

// get sends a signed GET to the server. Without credentials it is not signed.
func (c client) get(path string, key aws.Credentials) *http.Response {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.s.url()+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if key.HasKeys() {
		c.sign(req, key, "")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	return res
}

// sign signs a request with that body.
func (c client) sign(req *http.Request, key aws.Credentials, body string) {
	c.t.Helper()
	if err := v4.NewSigner().SignHTTP(c.t.Context(), key, req, sha256Hex(body), "sagemaker", c.s.env["AWS_REGION"], time.Now()); err != nil {
		c.t.Fatal(err)
	}
}

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// wantCode fails the test unless err is the API's error with that code, and some of that text.
func wantCode(t *testing.T, err error, code, text string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), text) {
		t.Errorf("got the error %v, want %s with %q", err, code, text)
	}
}

// wantType fails the test unless the SDK made err an E, with some of that text.
func wantType[E error](t *testing.T, err error, text string) {
	t.Helper()
	e, ok := errors.AsType[E](err)
	if !ok || !strings.Contains(e.Error(), text) {
		t.Errorf("got the error %v, want a %T with %q", err, e, text)
	}
}
