package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	metrictypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"
	"github.com/aws/smithy-go/transport/http/protocol/rpcv2"
)

// metricProtocols are those that CloudWatch's clients speak: the SDK for Go by itself the last, those of before 2025 the
// first.
var metricProtocols = map[string]smithyhttp.ClientProtocol{
	"query": awsquery.New(schemas.GraniteServiceVersion20100801),
	"json":  awsjson.New10(schemas.GraniteServiceVersion20100801),
	"cbor":  rpcv2.NewCBOR(schemas.GraniteServiceVersion20100801),
}

// metrics is the SDK's client of CloudWatch, with that protocol.
func (c client) metrics(protocol smithyhttp.ClientProtocol, key aws.Credentials) *cloudwatch.Client {
	return cloudwatch.New(cloudwatch.Options{
		Region: c.s.env["AWS_REGION"], RetryMaxAttempts: 1,
		BaseEndpoint: aws.String(c.s.env["AWS_ENDPOINT_URL_CLOUDWATCH"]),
		Credentials:  aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return key, nil }),
	}, func(o *cloudwatch.Options) { o.Protocol = protocol }) // Options.Protocol itself is not heeded
}

// of are the dimensions of a variant's metrics.
func of(endpoint, variant string) []metrictypes.Dimension {
	return []metrictypes.Dimension{
		{Name: aws.String("EndpointName"), Value: &endpoint}, {Name: aws.String("VariantName"), Value: &variant},
	}
}

// around is a span of time that has all of a test in it, and only so much of it.
func around() (from, to *time.Time) {
	now := time.Now()
	return aws.Time(now.Add(-15 * time.Minute)), aws.Time(now.Add(2 * time.Minute))
}

// total asks for one statistic over the whole time of a test.
func (c client) total(m *cloudwatch.Client, metric, variant, stat string) float64 {
	c.t.Helper()
	namespace := "AWS/SageMaker"
	if strings.HasSuffix(metric, "Utilization") {
		namespace = "/aws/sagemaker/Endpoints"
	}
	from, to := around()
	out, err := m.GetMetricData(c.t.Context(), &cloudwatch.GetMetricDataInput{StartTime: from, EndTime: to, MetricDataQueries: []metrictypes.MetricDataQuery{{
		Id: aws.String("q"), MetricStat: &metrictypes.MetricStat{Period: aws.Int32(3600), Stat: &stat, Metric: &metrictypes.Metric{
			Namespace: &namespace, MetricName: &metric, Dimensions: of("digits", variant),
		}},
	}}})
	if err != nil {
		c.t.Fatalf("%s of %s: %v", stat, metric, err)
	}
	r := out.MetricDataResults[0]
	if len(r.Values) != 1 || len(r.Timestamps) != 1 || *r.Id != "q" || *r.Label != metric || r.StatusCode != metrictypes.StatusCodeComplete {
		c.t.Fatalf("%s of %s: got %+v, want one value", stat, metric, r)
	}
	return r.Values[0]
}

const (
	goodRequests = 40
	badRequests  = 10
)

// compared is a server with an experiment "digits" on an endpoint of that name, whose variants have both answered some
// requests, and refused some.
func compared(t *testing.T) client {
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.digitsModel("trees", "trees.tar.gz")
	c.serving("digits", "linear")
	c.begin(c.experiment("digits", "digits", "linear", "trees"))
	for range goodRequests {
		c.invoke("digits", picture, production)
	}
	for range badRequests {
		_, err := c.runtime.InvokeEndpoint(t.Context(), &sagemakerruntime.InvokeEndpointInput{
			EndpointName: aws.String("digits"), ContentType: aws.String("text/plain"), Body: []byte("no picture"),
		})
		wantCode(t, err, "ModelError", "415")
	}
	if a := c.settled("digits").Accounting; a["mirrored"] != goodRequests || a["shadow_error"] != badRequests {
		t.Fatalf("accounting: %v", a)
	}
	return c
}

// TestCloudWatch asks for the metrics of an experiment with all clients there are, and compares them with the report.
func TestCloudWatch(t *testing.T) {
	t.Parallel()
	c := compared(t)
	c.s.eventually("the instances are measured", func() error {
		out, err := c.metrics(metricProtocols["cbor"], c.key).ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{MetricName: aws.String("CPUUtilization")})
		if err == nil && len(out.Metrics) != 2 {
			err = fmt.Errorf("%d metrics, want 2", len(out.Metrics))
		}
		return err
	})
	for name, protocol := range metricProtocols {
		t.Run(name, func(t *testing.T) {
			c := c.in(t)
			c.compareMetrics(c.metrics(protocol, c.key))
			c.refusedMetrics(c.metrics(protocol, c.key))
			c.unsignedMetrics(protocol)
		})
	}
	t.Run("CLI", func(t *testing.T) { c.in(t).metricsByCLI() })
	for _, python := range []string{python, "python3"} {
		t.Run("boto3 of "+python, func(t *testing.T) { c.in(t).metricsByBoto3(python) })
	}
}

// compareMetrics wants the metrics to agree with the report.
func (c client) compareMetrics(m *cloudwatch.Client) {
	c.t.Helper()
	var report struct {
		Latency map[string]map[string]float64
	}
	if err := json.Unmarshal([]byte(c.s.gnomon("report", "digits", "--format", "json")), &report); err != nil {
		c.t.Fatal(err)
	}
	const all = goodRequests + badRequests
	for side, variant := range map[string]string{"production": production, "shadow": shadow} {
		for _, w := range []struct {
			metric, stat string
			want         float64
		}{
			{"Invocations", "Sum", all},
			{"Invocations", "SampleCount", all},
			{"InvocationsPerInstance", "Sum", all},
			{"Invocation4XXErrors", "Sum", badRequests},
			{"Invocation4XXErrors", "Average", float64(badRequests) / all},
			{"Invocation4XXErrors", "SampleCount", all},
			{"Invocation5XXErrors", "Sum", 0},
			{"InvocationModelErrors", "Sum", badRequests},
			{"ModelLatency", "SampleCount", all},
			{"ModelLatency", "p50", report.Latency[side]["p50_us"]},
			{"ModelLatency", "p99", report.Latency[side]["p99_us"]},
			{"ModelLatency", "Maximum", report.Latency[side]["max_us"]},
			{"ModelLatency", "Minimum", report.Latency[side]["min_us"]},
			{"ModelLatency", "Average", report.Latency[side]["mean_us"]},
		} {
			got := c.total(m, w.metric, variant, w.stat)
			if d := got - w.want; d > 1e-9*w.want || -d > 1e-9*w.want {
				c.t.Errorf("%s: %s of %s is %g, want %g", variant, w.stat, w.metric, got, w.want)
			}
		}
		if cpu, memory, disk := c.total(m, "CPUUtilization", variant, "Maximum"), c.total(m, "MemoryUtilization", variant, "Average"),
			c.total(m, "DiskUtilization", variant, "Average"); cpu > 1000 || memory <= 0 || memory > 100 || disk <= 0 || disk > 100 {
			c.t.Errorf("%s: %g %% of a processor, %g %% of memory, %g %% of the disk", variant, cpu, memory, disk)
		}
	}
	out, err := m.ListMetrics(c.t.Context(), &cloudwatch.ListMetricsInput{
		Dimensions: []metrictypes.DimensionFilter{{Name: aws.String("VariantName"), Value: aws.String(shadow)}}, RecentlyActive: metrictypes.RecentlyActivePt3h,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	var listed []string
	for _, m := range out.Metrics {
		listed = append(listed, *m.MetricName)
	}
	want := []string{
		"CPUUtilization", "DiskUtilization", "MemoryUtilization", "Invocation4XXErrors", "Invocation5XXErrors",
		"InvocationModelErrors", "Invocations", "InvocationsPerInstance", "ModelLatency",
	}
	if !slices.Equal(listed, want) {
		c.t.Errorf("metrics of the shadow: %v, want %v: no stream, and nobody waited for it", listed, want)
	}
}

// refusedMetrics wants errors by their names.
func (c client) refusedMetrics(m *cloudwatch.Client) {
	c.t.Helper()
	refused := func(err error, code, text string) {
		c.t.Helper()
		// The SDK has the name of the query protocol for an error, or, by that protocol itself, that of its own type.
		if e, ok := errors.AsType[smithy.APIError](err); ok && e.ErrorCode() == map[string]string{
			"InvalidParameterCombination": "InvalidParameterCombinationException", "InvalidParameterValue": "InvalidParameterValueException", "ValidationError": "ValidationException",
		}[code] {
			code = e.ErrorCode()
		}
		wantCode(c.t, err, code, text)
	}
	from, to := around()
	_, err := m.GetMetricStatistics(c.t.Context(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("AWS/SageMaker"), MetricName: aws.String("Invocations"), Dimensions: of("digits", production),
		StartTime: from, EndTime: aws.Time(to.Add(24 * time.Hour)), Period: aws.Int32(1), Statistics: []metrictypes.Statistic{metrictypes.StatisticSum},
	})
	refused(err, "InvalidParameterCombination", "which exceeds the limit of 1,440")
	_, err = m.GetMetricStatistics(c.t.Context(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("AWS/SageMaker"), MetricName: aws.String("Invocations"),
		StartTime: from, EndTime: to, Period: aws.Int32(61), Statistics: []metrictypes.Statistic{metrictypes.StatisticSum},
	})
	refused(err, "InvalidParameterValue", "Period must be 1, 5, 10, 20, 30 or a multiple of 60")
	if e, ok := errors.AsType[*metrictypes.InvalidParameterValueException](err); !ok {
		c.t.Errorf("%v is no %T", err, e)
	}
	_, err = m.GetMetricData(c.t.Context(), &cloudwatch.GetMetricDataInput{
		StartTime: from, EndTime: to, MetricDataQueries: []metrictypes.MetricDataQuery{{Id: aws.String("Q"), Expression: aws.String("SEARCH('x', 'Sum')")}},
	})
	refused(err, "ValidationError", "^[a-z][a-zA-Z0-9_]*$")
	_, err = m.DescribeAlarms(c.t.Context(), &cloudwatch.DescribeAlarmsInput{})
	refused(err, "InvalidAction", "served are GetMetricData, GetMetricStatistics, ListMetrics")
}

// unsignedMetrics wants only requests that are signed rightly to be answered.
func (c client) unsignedMetrics(protocol smithyhttp.ClientProtocol) {
	c.t.Helper()
	_, err := c.metrics(protocol, aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret"}).ListMetrics(c.t.Context(), &cloudwatch.ListMetricsInput{})
	wantCode(c.t, err, "InvalidClientTokenId", "security token")
	_, err = c.metrics(protocol, aws.Credentials{AccessKeyID: c.key.AccessKeyID, SecretAccessKey: "secret"}).ListMetrics(c.t.Context(), &cloudwatch.ListMetricsInput{})
	wantCode(c.t, err, "SignatureDoesNotMatch", "does not match")
}

// run runs a client's program in a shell's environment after "gnomon env", and returns what it prints.
func (c client) run(program string, args ...string) string {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), program, args...)
	cmd.Env = append(c.s.environ(), "AWS_PAGER=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (c client) metricsByCLI() {
	c.t.Helper()
	if err := exec.Command(awsCLI, "--version").Run(); err != nil {
		c.t.Skip("the AWS CLI is missing: install the package awscli")
	}
	stamp := func(t *time.Time) string { return t.UTC().Format(time.RFC3339) }
	from, to := around()
	url := []string{"--endpoint-url", c.s.url(), "--output", "text"}
	got := c.run(awsCLI, append(url, "cloudwatch", "get-metric-statistics", "--namespace", "AWS/SageMaker", "--metric-name", "Invocations",
		"--dimensions", "Name=EndpointName,Value=digits", "Name=VariantName,Value=AllTraffic", "--period", "1", "--statistics", "Sum",
		"--start-time", stamp(from), "--end-time", stamp(to), "--query", "sum(Datapoints[].Sum)")...)
	if strings.TrimSpace(got) != "50.0" {
		c.t.Errorf("Sum of Invocations by get-metric-statistics: %q, want 50.0", got)
	}
	got = c.run(awsCLI, append(url, "cloudwatch", "get-metric-data", "--start-time", stamp(from), "--end-time", stamp(to), "--metric-data-queries",
		`[{"Id": "a", "MetricStat": {"Stat": "Sum", "Period": 60, "Metric": {"Namespace": "AWS/SageMaker", "MetricName": "Invocation4XXErrors", "Dimensions": [`+
			`{"Name": "EndpointName", "Value": "digits"}, {"Name": "VariantName", "Value": "Shadow-01"}]}}}]`,
		"--query", "[sum(MetricDataResults[0].Values), length(Messages)]")...)
	if strings.Join(strings.Fields(got), " ") != "10.0 0" {
		c.t.Errorf("errors by get-metric-data: %q, want 10.0 and 0 messages", got)
	}
	got = c.run(awsCLI, append(url, "cloudwatch", "list-metrics", "--namespace", "AWS/SageMaker", "--dimensions", "Name=EndpointName,Value=digits",
		"--query", "Metrics[].MetricName")...)
	if n := len(strings.Fields(got)); n != 13 {
		c.t.Errorf("%d metrics by list-metrics, want 6 of the shadow and OverheadLatency more of production: %q", n, got)
	}
}

func (c client) metricsByBoto3(python string) {
	c.t.Helper()
	version, err := exec.Command(python, "-c", "import boto3; print(boto3.__version__)").Output()
	if err != nil {
		c.t.Skip("boto3 is missing: install the package python3-boto3")
	}
	c.t.Logf("boto3 %s", version)
	c.run(python, "testdata/metrics.py")
}

// TestCloudWatch_BySignature asks in the ways that a client's configuration may be wrong.
func TestCloudWatch_BySignature(t *testing.T) {
	t.Parallel()
	const form = "Action=ListMetrics&Version=2010-08-01"
	post := func(c client, service string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.s.url()+"/", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		if service != "" {
			if err := v4.NewSigner().SignHTTP(t.Context(), c.key, req, sha256Hex(form), service, c.s.env["AWS_REGION"], time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(res.StatusCode, " ", string(body))
	}
	want := func(got, what, status string, texts ...string) {
		t.Helper()
		for _, text := range append(texts, "http://monitoring.amazonaws.com/doc/2010-08-01/") {
			if !strings.HasPrefix(got, status) || !strings.Contains(got, text) {
				t.Errorf("%s: got %s, want %s and %q", what, got, status, text)
			}
		}
	}
	signed := newServer(t, "").client()
	want(post(signed, "monitoring"), "signed", "200", "<ListMetricsResult><Metrics></Metrics></ListMetricsResult>")
	want(post(signed, "sagemaker"), "signed for SageMaker", "403", "<Code>SignatureDoesNotMatch</Code>", "correct service: &#39;monitoring&#39;")
	want(post(signed, ""), "not signed", "403", "<Code>MissingAuthenticationToken</Code>")
	open := newServer(t, "auth: off\n").client()
	want(post(open, ""), "to a server that is open", "200", "<Metrics></Metrics>")
}
