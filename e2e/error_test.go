package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	rtypes "github.com/aws/aws-sdk-go-v2/service/sagemakerruntime/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// TestErrors_Typed provokes each error that the operations on experiments declare, and wants the SDK's own type for it.
func TestErrors_Typed(t *testing.T) {
	t.Parallel()
	c := newServer(t, "quotas: {ml.m5.xlarge: 0, ml.m5.large: 3}\n").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.serving("digits", "linear")
	c.begin(c.experiment("running", "digits", "linear", "linear"))
	ctx := t.Context()

	_, err := c.CreateInferenceExperiment(ctx, c.experiment("running", "elsewhere", "nothing", "nothing"))
	wantType[*types.ResourceInUse](t, err, `Cannot create already existing inference experiment "arn:aws:sagemaker:us-east-1:000000000000:inference-experiment/running".`)
	_, err = c.CreateInferenceExperiment(ctx, c.experiment("second", "digits", "linear", "linear"))
	wantType[*types.ResourceInUse](t, err, `"arn:aws:sagemaker:us-east-1:000000000000:inference-experiment/running"`)

	name := aws.String("nobody")
	stop := map[string]types.ModelVariantAction{production: types.ModelVariantActionRetain, shadow: types.ModelVariantActionRemove}
	const missing = `Could not find inference experiment "arn:aws:sagemaker:us-east-1:000000000000:inference-experiment/nobody".`
	_, err = c.DescribeInferenceExperiment(ctx, &sagemaker.DescribeInferenceExperimentInput{Name: name})
	wantType[*types.ResourceNotFound](t, err, missing)
	_, err = c.UpdateInferenceExperiment(ctx, &sagemaker.UpdateInferenceExperimentInput{Name: name})
	wantType[*types.ResourceNotFound](t, err, missing)
	_, err = c.StartInferenceExperiment(ctx, &sagemaker.StartInferenceExperimentInput{Name: name})
	wantType[*types.ResourceNotFound](t, err, missing)
	_, err = c.StopInferenceExperiment(ctx, &sagemaker.StopInferenceExperimentInput{Name: name, ModelVariantActions: stop})
	wantType[*types.ResourceNotFound](t, err, missing)
	_, err = c.DeleteInferenceExperiment(ctx, &sagemaker.DeleteInferenceExperimentInput{Name: name})
	wantType[*types.ResourceNotFound](t, err, missing)

	name = aws.String("running")
	_, err = c.StartInferenceExperiment(ctx, &sagemaker.StartInferenceExperimentInput{Name: name})
	wantType[*types.ConflictException](t, err, "Running. It is allowed in Created.")
	_, err = c.DeleteInferenceExperiment(ctx, &sagemaker.DeleteInferenceExperimentInput{Name: name})
	wantType[*types.ConflictException](t, err, "Created, Completed or Cancelled")

	_, err = c.CreateInferenceExperiment(ctx, c.experiment("many", "another", "linear", "linear"))
	wantType[*types.ResourceLimitExceeded](t, err, "'ml.m5.large for endpoint usage' is 3 Instances, with current utilization of 2 Instances and a request delta of 2 Instances.")
	c.config("large", types.ProductionVariant{VariantName: aws.String(production), ModelName: aws.String("linear"), InstanceType: "ml.m5.xlarge", InitialInstanceCount: aws.Int32(1)})
	_, err = c.CreateEndpoint(ctx, &sagemaker.CreateEndpointInput{EndpointName: aws.String("large"), EndpointConfigName: aws.String("large")})
	wantType[*types.ResourceLimitExceeded](t, err, "'ml.m5.xlarge for endpoint usage' is 0 Instances")

	if _, err = c.StopInferenceExperiment(ctx, &sagemaker.StopInferenceExperimentInput{Name: name, ModelVariantActions: stop}); err != nil {
		t.Fatal(err)
	}
	c.until("running", types.InferenceExperimentStatusCancelled)
	_, err = c.UpdateInferenceExperiment(ctx, &sagemaker.UpdateInferenceExperimentInput{Name: name, Description: aws.String("late")})
	wantType[*types.ConflictException](t, err, "Cancelled. It is allowed in Created or Running.")
	_, err = c.StopInferenceExperiment(ctx, &sagemaker.StopInferenceExperimentInput{Name: name, ModelVariantActions: stop})
	wantType[*types.ConflictException](t, err, "Cancelled. It is allowed in Created or Running.")
}

// TestErrors_Validation sends what AWS refuses, and wants the code that clients look for.
func TestErrors_Validation(t *testing.T) {
	t.Parallel()
	c := newServer(t, "roles: {gnomon: [artifacts, images, endpoints, captures], reader: [artifacts, images]}\n").client()
	c.digitsModel("linear", "linear.tar.gz")
	reader := strings.Replace(c.role, "role/gnomon", "role/reader", 1)
	tests := []struct {
		name string
		edit func(*sagemaker.CreateInferenceExperimentInput)
		text string
	}{
		{"name", func(in *sagemaker.CreateInferenceExperimentInput) { in.Name = aws.String("two words") },
			"1 validation error detected: Value 'two words' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: "},
		{"type", func(in *sagemaker.CreateInferenceExperimentInput) { in.Type = "ABTest" }, "Member must satisfy enum value set: [ShadowMode]"},
		{"three at once", func(in *sagemaker.CreateInferenceExperimentInput) {
			in.Name, in.EndpointName = aws.String(strings.Repeat("n", 121)), aws.String("-")
		}, "3 validation errors detected: "},
		{"sampling", func(in *sagemaker.CreateInferenceExperimentInput) { in.ShadowModeConfig = shadowing(101) },
			"'shadowModeConfig.shadowModelVariants.1.member.samplingPercentage' failed to satisfy constraint: Member must have value less than or equal to 100"},
		{"two shadows", func(in *sagemaker.CreateInferenceExperimentInput) {
			m := shadowing(10)
			m.ShadowModelVariants = append(m.ShadowModelVariants, m.ShadowModelVariants...)
			in.ShadowModeConfig = m
		}, "Member must have length less than or equal to 1"},
		{"instance type", func(in *sagemaker.CreateInferenceExperimentInput) {
			in.ModelVariants[1].InfrastructureConfig.RealTimeInferenceConfig.InstanceType = "ml.abacus"
		}, "Member must satisfy enum value set"},
		{"model", func(in *sagemaker.CreateInferenceExperimentInput) {
			in.ModelVariants[1].ModelName = aws.String("nobody")
		},
			`Could not find model "arn:aws:sagemaker:us-east-1:000000000000:model/nobody".`},
		{"role that is not", func(in *sagemaker.CreateInferenceExperimentInput) { in.RoleArn = aws.String(*in.RoleArn + "-not") }, "Could not assume role"},
		{"role that may not", func(in *sagemaker.CreateInferenceExperimentInput) { in.RoleArn = &reader }, "endpoints"},
		{"end in the past", func(in *sagemaker.CreateInferenceExperimentInput) {
			in.Schedule = &types.InferenceExperimentSchedule{EndTime: aws.Time(time.Now().Add(-time.Hour))}
		}, "in the past"},
		{"too long", func(in *sagemaker.CreateInferenceExperimentInput) {
			in.Schedule = &types.InferenceExperimentSchedule{EndTime: aws.Time(time.Now().Add(31 * 24 * time.Hour))}
		}, "30 days"},
		{"one variant and no endpoint", func(in *sagemaker.CreateInferenceExperimentInput) { in.ModelVariants = in.ModelVariants[1:] }, `"AllTraffic"`},
		{"same variant twice", func(in *sagemaker.CreateInferenceExperimentInput) {
			in.ModelVariants[0].VariantName = aws.String(shadow)
		}, "non-unique"},
		{"tag", func(in *sagemaker.CreateInferenceExperimentInput) {
			in.Tags = []types.Tag{{Key: aws.String("aws:reserved"), Value: aws.String("")}}
		}, "aws:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := c.experiment("wrong", "wrong", "linear", "linear")
			tt.edit(in)
			_, err := c.CreateInferenceExperiment(t.Context(), in)
			wantCode(t, err, "ValidationException", tt.text)
		})
	}
	_, err := c.DescribeEndpoint(t.Context(), &sagemaker.DescribeEndpointInput{EndpointName: aws.String("wrong")})
	wantCode(t, err, "ValidationException", `Could not find endpoint "arn:aws:sagemaker:us-east-1:000000000000:endpoint/wrong".`)
	if list, err := c.ListInferenceExperiments(t.Context(), &sagemaker.ListInferenceExperimentsInput{}); err != nil || len(list.InferenceExperiments) != 0 {
		t.Errorf("a refused request has left %v, %v", list, err)
	}
}

// TestErrors_Access calls as somebody else, as nobody, and what is not there, on both faces.
func TestErrors_Access(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	wrong, unknown := c.key, c.key
	wrong.SecretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	unknown.AccessKeyID = "AKIAIOSFODNN7EXAMPLE"
	for _, tt := range []struct {
		name, code string
		key        aws.Credentials
	}{
		{"wrong secret", "InvalidSignatureException", wrong},
		{"unknown key", "UnrecognizedClientException", unknown},
	} {
		plane, runtime := c.as(tt.key)
		_, err := plane.ListModels(t.Context(), &sagemaker.ListModelsInput{})
		wantCode(t, err, tt.code, "")
		_, err = runtime.InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{EndpointName: aws.String("any"), Body: []byte("{}")})
		wantCode(t, err, tt.code, "")
	}
	anonymous := sagemaker.New(sagemaker.Options{Region: "us-east-1", Credentials: aws.AnonymousCredentials{}, BaseEndpoint: aws.String(c.s.url()), RetryMaxAttempts: 1})
	_, err := anonymous.ListModels(t.Context(), &sagemaker.ListModelsInput{})
	wantCode(t, err, "MissingAuthenticationTokenException", "Missing Authentication Token")
	_, err = c.ListModels(t.Context(), &sagemaker.ListModelsInput{}, func(o *sagemaker.Options) { o.Region = "eu-west-3" })
	wantCode(t, err, "InvalidSignatureException", "scoped to a valid region")
	_, err = c.ListTrainingJobs(t.Context(), &sagemaker.ListTrainingJobsInput{})
	wantCode(t, err, "UnknownOperationException", "")
	if res := c.get("/nothing/here", c.key); res.StatusCode != 404 {
		t.Errorf("GET /nothing/here: %s", res.Status)
	}
}

// TestErrors_Runtime provokes each error of InvokeEndpoint.
func TestErrors_Runtime(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.faultyModel("failing", "status500")
	c.faultyModel("cutting", "reset")
	c.faultyModel("dying", "exit-after=1s")
	for _, name := range []string{"linear", "failing", "cutting", "dying"} {
		c.serving(name, name)
	}
	invoke := func(endpoint, body string) error {
		_, err := c.runtime.InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{EndpointName: &endpoint, ContentType: aws.String("application/json"), Body: []byte(body)})
		return err
	}

	err := invoke("failing", `{"no":"luck"}`)
	wantType[*rtypes.ModelError](t, err, `Received server error (500) from primary with message "{"no":"luck"}"`)
	wantModelError(t, err, "failing", 500, `{"no":"luck"}`)
	err = invoke("linear", `{"features":[1]}`)
	wantType[*rtypes.ModelError](t, err, "Received client error (400) from primary with message")
	wantModelError(t, err, "linear", 400, "error")
	err = invoke("cutting", "{}")
	wantType[*rtypes.ModelError](t, err, "Received server error (0) from primary")
	wantModelError(t, err, "cutting", 0, "")

	err = invoke("Nobody", "{}")
	wantType[*rtypes.ValidationError](t, err, "Endpoint Nobody of account 000000000000 not found.")
	_, err = c.runtime.InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{EndpointName: aws.String("linear"), TargetVariant: aws.String("nobody"), Body: []byte(picture)})
	wantType[*rtypes.ValidationError](t, err, "nobody")
	_, err = c.runtime.InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{EndpointName: aws.String("linear"), TargetModel: aws.String("other.tar.gz"), Body: []byte(picture)})
	wantType[*rtypes.ValidationError](t, err, "not a multi-model endpoint")
	_, err = c.runtime.InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{EndpointName: aws.String("linear"), InferenceId: aws.String(strings.Repeat("i", 65)), Body: []byte(picture)})
	wantType[*rtypes.ValidationError](t, err, "'inferenceId' failed to satisfy constraint: Member must have length less than or equal to 64")
	err = invoke("linear", strings.Repeat(" ", 25<<20+1))
	wantType[*rtypes.ValidationError](t, err, "")

	c.s.eventually("an endpoint whose model has died says so", func() error {
		err := invoke("dying", "{}")
		if _, ok := errors.AsType[*rtypes.ServiceUnavailable](err); !ok {
			return fmt.Errorf("got %v, want a ServiceUnavailable", err)
		}
		return nil
	})
}

// wantModelError wants what a ModelError has beside its message.
func wantModelError(t *testing.T, err error, endpoint string, status int32, original string) {
	t.Helper()
	e, ok := errors.AsType[*rtypes.ModelError](err)
	if !ok {
		return // said already
	}
	logs := "arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/Endpoints/" + endpoint
	if aws.ToInt32(e.OriginalStatusCode) != status || !strings.Contains(aws.ToString(e.OriginalMessage), original) || aws.ToString(e.LogStreamArn) != logs {
		t.Errorf("ModelError of %s: status %d, message %q, logs %s", endpoint, aws.ToInt32(e.OriginalStatusCode), aws.ToString(e.OriginalMessage), aws.ToString(e.LogStreamArn))
	}
	if got := httpStatus(err); got != 424 {
		t.Errorf("a ModelError has the HTTP status %d, want 424", got)
	}
}

// httpStatus returns the status that an SDK's error came with.
func httpStatus(err error) int {
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}

// TestAuthOff calls unsigned, and with a signature of nobody, where signatures are not asked for.
func TestAuthOff(t *testing.T) {
	t.Parallel()
	c := newServer(t, "auth: off\n").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.serving("digits", "linear")
	for name, key := range map[string]aws.CredentialsProvider{
		"unsigned": aws.AnonymousCredentials{},
		"anybody": aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "thing"}, nil
		}),
	} {
		plane, runtime := c.Options(), c.runtime.Options()
		plane.Credentials, runtime.Credentials = key, key
		if found, err := sagemaker.New(plane).ListModels(t.Context(), &sagemaker.ListModelsInput{}); err != nil || len(found.Models) != 1 {
			t.Errorf("%s: ListModels: %+v, %v", name, found, err)
		}
		_, err := sagemakerruntime.New(runtime).InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{
			EndpointName: aws.String("digits"), ContentType: aws.String("application/json"), Body: []byte(picture),
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
