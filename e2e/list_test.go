package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/google/go-cmp/cmp"
)

// scheduled makes an experiment that begins so many days from now and lasts an hour.
func (c client) scheduled(name, endpoint string, days int) {
	c.t.Helper()
	in := c.experiment(name, endpoint, "linear", "linear")
	start := time.Now().Add(time.Duration(days) * 24 * time.Hour)
	in.Schedule = &types.InferenceExperimentSchedule{StartTime: &start, EndTime: aws.Time(start.Add(time.Hour))}
	if _, err := c.CreateInferenceExperiment(c.t.Context(), in); err != nil {
		c.t.Fatal(err)
	}
}

// list returns all pages of ListInferenceExperiments. Between runs between two pages.
func (c client) list(in sagemaker.ListInferenceExperimentsInput, between func()) []types.InferenceExperimentSummary {
	c.t.Helper()
	var all []types.InferenceExperimentSummary
	for p := sagemaker.NewListInferenceExperimentsPaginator(c, &in); p.HasMorePages(); {
		page, err := p.NextPage(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		if n := len(page.InferenceExperiments); in.MaxResults != nil && n > int(*in.MaxResults) {
			c.t.Errorf("a page of %d for MaxResults %d", n, *in.MaxResults)
		}
		all = append(all, page.InferenceExperiments...)
		if between != nil && p.HasMorePages() {
			between()
		}
	}
	return all
}

func names(all []types.InferenceExperimentSummary) []string {
	var out []string
	for _, x := range all {
		out = append(out, *x.Name)
	}
	return out
}

// TestList asks for experiments in every way that ListInferenceExperiments has.
func TestList(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.serving("digits", "linear")
	for i := range 24 {
		c.scheduled(fmt.Sprintf("%s-%02d", []string{"spam", "fraud", "Churn"}[i%3], i), "digits", i+1)
	}
	for _, name := range []string{"fraud-01", "fraud-10"} {
		c.until(name, types.InferenceExperimentStatusCreated)
		_, err := c.StopInferenceExperiment(t.Context(), &sagemaker.StopInferenceExperimentInput{
			Name: &name, ModelVariantActions: map[string]types.ModelVariantAction{production: types.ModelVariantActionRetain}, Reason: aws.String("not needed"),
		})
		if err != nil {
			t.Fatal(err)
		}
		c.until(name, types.InferenceExperimentStatusCancelled)
	}
	for i := range 24 {
		if i != 1 && i != 10 {
			c.until(fmt.Sprintf("%s-%02d", []string{"spam", "fraud", "Churn"}[i%3], i), types.InferenceExperimentStatusCreated)
		}
	}
	all := c.list(sagemaker.ListInferenceExperimentsInput{MaxResults: aws.Int32(100)}, nil)
	if len(all) != 24 || !slices.IsSortedFunc(all, func(a, b types.InferenceExperimentSummary) int { return b.CreationTime.Compare(*a.CreationTime) }) {
		t.Fatalf("by default the newest come first: %q", names(all))
	}
	c.wantFilters(all)
	c.wantOrders(all)
	c.wantStablePages()
	c.wantSummary(all)
}

// wantFilters compares each filter's answer with what a filter over all experiments leaves.
func (c client) wantFilters(all []types.InferenceExperimentSummary) {
	c.t.Helper()
	type summary = types.InferenceExperimentSummary
	middle := *all[12].CreationTime
	stopped := *all[13].LastModifiedTime // fraud-10 was the last to change
	for name, f := range map[string]struct {
		in   sagemaker.ListInferenceExperimentsInput
		keep func(summary) bool
	}{
		"name":    {sagemaker.ListInferenceExperimentsInput{NameContains: aws.String("churn")}, func(x summary) bool { return strings.Contains(*x.Name, "Churn") }},
		"nobody":  {sagemaker.ListInferenceExperimentsInput{NameContains: aws.String("nobody")}, func(summary) bool { return false }},
		"type":    {sagemaker.ListInferenceExperimentsInput{Type: types.InferenceExperimentTypeShadowMode}, func(summary) bool { return true }},
		"status":  {sagemaker.ListInferenceExperimentsInput{StatusEquals: types.InferenceExperimentStatusCancelled}, func(x summary) bool { return x.Status == types.InferenceExperimentStatusCancelled }},
		"after":   {sagemaker.ListInferenceExperimentsInput{CreationTimeAfter: aws.Time(middle.Add(time.Millisecond))}, func(x summary) bool { return x.CreationTime.After(middle) }},
		"before":  {sagemaker.ListInferenceExperimentsInput{CreationTimeBefore: &middle}, func(x summary) bool { return x.CreationTime.Before(middle) }},
		"changed": {sagemaker.ListInferenceExperimentsInput{LastModifiedTimeAfter: aws.Time(stopped.Add(-time.Millisecond))}, func(x summary) bool { return !x.LastModifiedTime.Before(stopped) }},
		"quiet":   {sagemaker.ListInferenceExperimentsInput{LastModifiedTimeBefore: &stopped}, func(x summary) bool { return x.LastModifiedTime.Before(stopped) }},
		"all at once": {sagemaker.ListInferenceExperimentsInput{
			NameContains: aws.String("fraud"), StatusEquals: types.InferenceExperimentStatusCreated, CreationTimeBefore: &middle,
		}, func(x summary) bool {
			return strings.Contains(*x.Name, "fraud") && x.Status == types.InferenceExperimentStatusCreated && x.CreationTime.Before(middle)
		}},
	} {
		var want []string
		for _, x := range all {
			if f.keep(x) {
				want = append(want, *x.Name)
			}
		}
		if diff := cmp.Diff(want, names(c.list(f.in, nil))); diff != "" {
			c.t.Errorf("filter %s: %s", name, diff)
		}
	}
}

// wantOrders asks for every order, in pages of seven.
func (c client) wantOrders(all []types.InferenceExperimentSummary) {
	c.t.Helper()
	for _, by := range types.SortInferenceExperimentsBy("").Values() {
		for _, order := range types.SortOrder("").Values() {
			got := c.list(sagemaker.ListInferenceExperimentsInput{SortBy: by, SortOrder: order, MaxResults: aws.Int32(7)}, nil)
			sorted := slices.IsSortedFunc(got, func(a, b types.InferenceExperimentSummary) int {
				if order == types.SortOrderDescending {
					a, b = b, a
				}
				switch by {
				case types.SortInferenceExperimentsByName:
					return strings.Compare(*a.Name, *b.Name)
				case types.SortInferenceExperimentsByStatus:
					return strings.Compare(string(a.Status), string(b.Status))
				}
				return a.CreationTime.Compare(*b.CreationTime)
			})
			if !sorted || len(got) != len(all) {
				c.t.Errorf("by %s, %s: %q", by, order, names(got))
			}
		}
	}
}

// wantStablePages adds and removes experiments between the pages of a list: those that were there all the time are each
// seen once.
func (c client) wantStablePages() {
	c.t.Helper()
	for _, by := range types.SortInferenceExperimentsBy("").Values() {
		before := names(c.list(sagemaker.ListInferenceExperimentsInput{MaxResults: aws.Int32(100), NameContains: aws.String("-")}, nil))
		added := 0
		var extra []string
		got := names(c.list(sagemaker.ListInferenceExperimentsInput{SortBy: by, MaxResults: aws.Int32(4)}, func() {
			name := fmt.Sprintf("late-%s-%d", by, added)
			added++
			extra = append(extra, name)
			c.scheduled(name, "digits", 40+added)
		}))
		for _, name := range before {
			if n := len(slices.DeleteFunc(slices.Clone(got), func(s string) bool { return s != name })); n != 1 {
				c.t.Errorf("by %s: %s was seen %d times in %q", by, name, n, got)
			}
		}
		for _, name := range extra {
			c.until(name, types.InferenceExperimentStatusCreated)
			if _, err := c.DeleteInferenceExperiment(c.t.Context(), &sagemaker.DeleteInferenceExperimentInput{Name: &name}); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	first, err := c.ListInferenceExperiments(c.t.Context(), &sagemaker.ListInferenceExperimentsInput{MaxResults: aws.Int32(1)})
	if err != nil {
		c.t.Fatal(err)
	}
	_, err = c.ListInferenceExperiments(c.t.Context(), &sagemaker.ListInferenceExperimentsInput{MaxResults: aws.Int32(1), NextToken: first.NextToken, SortBy: types.SortInferenceExperimentsByName})
	wantCode(c.t, err, "ValidationException", "NextToken")
	_, err = c.ListInferenceExperiments(c.t.Context(), &sagemaker.ListInferenceExperimentsInput{NextToken: aws.String("made-up")})
	wantCode(c.t, err, "ValidationException", "NextToken")
}

// wantSummary wants a summary to tell what Describe tells.
func (c client) wantSummary(all []types.InferenceExperimentSummary) {
	c.t.Helper()
	i := slices.IndexFunc(all, func(x types.InferenceExperimentSummary) bool { return *x.Name == "fraud-10" })
	x := c.describe("fraud-10")
	want := types.InferenceExperimentSummary{
		Name: x.Name, Type: x.Type, Status: x.Status, StatusReason: x.StatusReason, Description: x.Description, RoleArn: x.RoleArn,
		CreationTime: x.CreationTime, CompletionTime: x.CompletionTime, LastModifiedTime: x.LastModifiedTime, Schedule: x.Schedule,
	}
	if diff := cmp.Diff(want, all[i], exported); diff != "" {
		c.t.Errorf("summary: %s", diff)
	}
	if aws.ToString(x.StatusReason) != "not needed" || x.CompletionTime == nil {
		c.t.Errorf("a cancelled experiment: %+v", all[i])
	}
}

// TestList_Others pages through models, configs and endpoints, which default to ten a page.
func TestList_Others(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	var want []string
	for i := range 12 {
		name := fmt.Sprintf("row-%02d", i)
		want = append(want, name)
		c.digitsModel(name, "linear.tar.gz")
		c.config(name, types.ProductionVariant{VariantName: aws.String(production), ModelName: &name, InstanceType: instance, InitialInstanceCount: aws.Int32(1)})
	}
	c.endpoint("row-00", "row-00")
	slices.Reverse(want)
	var models, configs []string
	pages := 0
	for p := sagemaker.NewListModelsPaginator(c, &sagemaker.ListModelsInput{NameContains: aws.String("ROW")}); p.HasMorePages(); pages++ {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Models {
			models = append(models, *m.ModelName)
		}
	}
	for p := sagemaker.NewListEndpointConfigsPaginator(c, &sagemaker.ListEndpointConfigsInput{}); p.HasMorePages(); pages++ {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.EndpointConfigs {
			configs = append(configs, *m.EndpointConfigName)
		}
	}
	if diff := cmp.Diff(want, models); diff != "" {
		t.Errorf("models: %s", diff)
	}
	if diff := cmp.Diff(want, configs); diff != "" || pages != 4 {
		t.Errorf("configs, with %d pages: %s", pages, diff)
	}
	found, err := c.ListEndpoints(t.Context(), &sagemaker.ListEndpointsInput{StatusEquals: types.EndpointStatusInService, NameContains: aws.String("row")})
	if err != nil || len(found.Endpoints) != 1 || *found.Endpoints[0].EndpointName != "row-00" || found.NextToken != nil {
		t.Errorf("endpoints: %+v, %v", found, err)
	}
}
