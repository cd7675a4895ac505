package metrics

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gnomon"
	"gnomon/cloudwatch"
	"gnomon/meter"
)

// variants are a meter that knows of these.
type variants []meter.Activity

func (variants) Minutes(context.Context, gnomon.EndpointName, gnomon.VariantName, time.Time, time.Time, func(meter.Minute) error) error {
	return nil
}

func (v variants) Activity(context.Context) ([]meter.Activity, error) { return v, nil }

// list returns what ListMetrics answers, all pages together, as texts.
func list(t *testing.T, v variants, in cloudwatch.ListMetricsInput) []string {
	t.Helper()
	m := New(v, gnomon.Partition{Account: "1"})
	var all []string
	for {
		out, err := m.ListMetrics(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Metrics) > 500 {
			t.Errorf("a page of %d metrics", len(out.Metrics))
		}
		if linked := in.IncludeLinkedAccounts != nil; linked && len(out.OwningAccounts) != len(out.Metrics) || !linked && len(out.OwningAccounts) > 0 {
			t.Errorf("%d accounts of %d metrics", len(out.OwningAccounts), len(out.Metrics))
		}
		for _, m := range out.Metrics {
			if len(m.Dimensions) != 2 || m.Dimensions[0].Name != "EndpointName" || m.Dimensions[1].Name != "VariantName" {
				t.Fatalf("dimensions %v", m.Dimensions)
			}
			all = append(all, fmt.Sprintf("%s %s %s/%s", m.Namespace, m.MetricName, m.Dimensions[0].Value, m.Dimensions[1].Value))
		}
		if in.NextToken = out.NextToken; in.NextToken == "" {
			return all
		}
	}
}

func TestListMetrics_ListsWhatThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, now := time.Now(), time.Now().Add(4*time.Hour)
		v := variants{
			{Endpoint: "e", Variant: "plain", Legs: old, Latency: old, Overhead: old},
			{Endpoint: "e", Variant: "shadow", Legs: now, Latency: now, Streams: now, Usage: now},
			{Endpoint: "f", Variant: "down", Legs: old},
			{Endpoint: "f", Variant: "idle", Usage: now},
		}
		time.Sleep(4*time.Hour + 30*time.Second)
		for _, c := range []struct {
			name string
			in   cloudwatch.ListMetricsInput
			want []string
		}{
			{"recently", cloudwatch.ListMetricsInput{RecentlyActive: "PT3H", Namespace: invocationSpace}, []string{
				"AWS/SageMaker FirstChunkModelLatency e/shadow", "AWS/SageMaker Invocation4XXErrors e/shadow", "AWS/SageMaker Invocation5XXErrors e/shadow",
				"AWS/SageMaker InvocationModelErrors e/shadow", "AWS/SageMaker Invocations e/shadow", "AWS/SageMaker InvocationsPerInstance e/shadow",
				"AWS/SageMaker MidStreamErrors e/shadow", "AWS/SageMaker ModelLatency e/shadow",
			}},
			{"namespace", cloudwatch.ListMetricsInput{Namespace: instanceSpace}, []string{
				"/aws/sagemaker/Endpoints CPUUtilization e/shadow", "/aws/sagemaker/Endpoints CPUUtilization f/idle",
				"/aws/sagemaker/Endpoints DiskUtilization e/shadow", "/aws/sagemaker/Endpoints DiskUtilization f/idle",
				"/aws/sagemaker/Endpoints MemoryUtilization e/shadow", "/aws/sagemaker/Endpoints MemoryUtilization f/idle",
			}},
			{"metric", cloudwatch.ListMetricsInput{MetricName: "OverheadLatency", IncludeLinkedAccounts: new(true)}, []string{"AWS/SageMaker OverheadLatency e/plain"}},
			{"dimensions", cloudwatch.ListMetricsInput{MetricName: "Invocations", Dimensions: []cloudwatch.DimensionFilter{
				{Name: "VariantName"}, {Name: "EndpointName", Value: new("e")},
			}}, []string{"AWS/SageMaker Invocations e/plain", "AWS/SageMaker Invocations e/shadow"}},
			{"other dimension", cloudwatch.ListMetricsInput{Dimensions: []cloudwatch.DimensionFilter{{Name: "InstanceId"}}}, nil},
			{"own account", cloudwatch.ListMetricsInput{MetricName: "ModelLatency", OwningAccount: "1"}, []string{"AWS/SageMaker ModelLatency e/plain", "AWS/SageMaker ModelLatency e/shadow"}},
			{"other account", cloudwatch.ListMetricsInput{OwningAccount: "2"}, nil},
			{"other namespace", cloudwatch.ListMetricsInput{Namespace: "AWS/EC2"}, nil},
		} {
			if got := list(t, v, c.in); !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		}
	})
}

func TestListMetrics_Pages(t *testing.T) {
	var v variants
	for i := range 250 {
		v = append(v, meter.Activity{Endpoint: gnomon.EndpointName(fmt.Sprintf("e%03d", i)), Variant: "v", Legs: time.Now()})
	}
	got := list(t, v, cloudwatch.ListMetricsInput{})
	if len(got) != 5*250 || !slices.IsSorted(got) || len(slices.Compact(got)) != 5*250 {
		t.Errorf("%d metrics, sorted %v", len(got), slices.IsSorted(got))
	}
	_, err := New(v, gnomon.Partition{}).ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{NextToken: "x"})
	refused(t, err, "InvalidParameterValueException", "NextToken")
}

func TestCatalogue_IsInTheOrderOfLists(t *testing.T) {
	sorted := slices.IsSortedFunc(catalogue, func(a, b definition) int {
		return listed{Namespace: a.namespace, Name: a.name}.compare(listed{Namespace: b.namespace, Name: b.name})
	})
	if !sorted {
		t.Error("it is not")
	}
}
