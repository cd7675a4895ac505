package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/google/go-cmp/cmp"
)

// TestLife_ExistingEndpoint is an experiment on an endpoint that serves already, from its creation to a promotion.
func TestLife_ExistingEndpoint(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.digitsModel("trees", "trees.tar.gz")
	c.serving("digits", "linear")

	in := c.experiment("life", "digits", "linear", "trees")
	in.Description = aws.String("May the trees take over?")
	in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("vision")}}
	made, err := c.CreateInferenceExperiment(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	x := c.until("life", types.InferenceExperimentStatusRunning)
	if want := "arn:aws:sagemaker:us-east-1:000000000000:inference-experiment/life"; *made.InferenceExperimentArn != want || *x.Arn != want {
		t.Errorf("ARN %s at Create and %s at Describe, want %s", *made.InferenceExperimentArn, *x.Arn, want)
	}
	if week := x.Schedule.EndTime.Sub(*x.Schedule.StartTime).Round(time.Minute); week != 7*24*time.Hour {
		t.Errorf("without a schedule it lasts %s, want a week", week)
	}
	wantRunning(t, x, in)

	for range 40 {
		c.invoke("digits", picture, production)
	}
	c.wantTypedUpdate("life")
	for range 40 {
		c.invoke("digits", picture, production)
	}
	numbers := c.settled("life")
	if a := numbers.Accounting; a["requests"] != 80 || a["mirrored"] < 40 || a["sampled_out"] == 0 {
		t.Errorf("accounting after 40 requests at 100 %% and 40 at 50 %%: %v", a)
	}
	if n := numbers.Errors.Production; n.Invocations != 80 || n.Answers2xx != 80 || numbers.Errors.Shadow.Invocations != numbers.Accounting["mirrored"] {
		t.Errorf("invocations: %+v", numbers.Errors)
	}
	c.wantReports("life", 80)

	_, err = c.StopInferenceExperiment(t.Context(), &sagemaker.StopInferenceExperimentInput{
		Name: aws.String("life"), DesiredState: types.InferenceExperimentStopDesiredStateCompleted, Reason: aws.String("good enough"),
		ModelVariantActions: map[string]types.ModelVariantAction{production: types.ModelVariantActionRemove, shadow: types.ModelVariantActionPromote},
	})
	if err != nil {
		t.Fatal(err)
	}
	x = c.until("life", types.InferenceExperimentStatusCompleted)
	if aws.ToString(x.StatusReason) != "good enough" || x.CompletionTime == nil || !x.Schedule.EndTime.Before(time.Now()) {
		t.Errorf("completed with reason %q at %v, schedule %v", aws.ToString(x.StatusReason), x.CompletionTime, x.Schedule)
	}
	if got, want := statuses(x), map[string]types.ModelVariantStatus{production: "Deleted", shadow: "InService"}; !cmp.Equal(got, want) {
		t.Errorf("variants: %v", cmp.Diff(want, got))
	}
	if out := c.invoke("digits", picture, shadow); !bytes.Contains(out.Body, []byte("digits-trees")) {
		t.Errorf("after the promotion: %s", out.Body)
	}
	if got := c.compare("life"); got.Outcome != "promoted" || got.Accounting["requests"] != 80 {
		t.Errorf("after the promotion: %+v", got)
	}
	c.wantDeletable("life", "digits")
}

// TestLife_NewEndpoint is an experiment that makes its endpoint, waits for its time, is started early, and ends.
func TestLife_NewEndpoint(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.digitsModel("trees", "trees.tar.gz")
	in := c.experiment("early", "made-for-it", "linear", "trees")
	start := time.Now().Add(24 * time.Hour)
	in.Schedule = &types.InferenceExperimentSchedule{StartTime: &start, EndTime: aws.Time(start.Add(time.Hour))}
	if _, err := c.CreateInferenceExperiment(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	x := c.until("early", types.InferenceExperimentStatusCreated)
	if got, want := statuses(x), map[string]types.ModelVariantStatus{production: "InService", shadow: "Creating"}; !cmp.Equal(got, want) {
		t.Errorf("variants ahead of time: %v", cmp.Diff(want, got))
	}
	if e := c.describeEndpoint("made-for-it"); len(e.ProductionVariants) != 1 || len(e.ShadowProductionVariants) != 0 {
		t.Errorf("the endpoint ahead of time: %+v", e)
	}
	c.invoke("made-for-it", picture, production)
	if _, err := c.StartInferenceExperiment(t.Context(), &sagemaker.StartInferenceExperimentInput{Name: in.Name}); err != nil {
		t.Fatal(err)
	}
	x = c.until("early", types.InferenceExperimentStatusRunning)
	if since := time.Since(*x.Schedule.StartTime); since < 0 || since > time.Minute || !x.Schedule.EndTime.Equal(start.Add(time.Hour).Truncate(time.Millisecond)) {
		t.Errorf("started early: from %s to %s, want now to %s", x.Schedule.StartTime, x.Schedule.EndTime, start.Add(time.Hour))
	}
	c.invoke("made-for-it", picture, production)
	if got := c.settled("early").Accounting; got["requests"] != 1 || got["mirrored"] != 1 {
		t.Errorf("one request before the start and one after it: %v", got)
	}
	// An end that comes by itself.
	_, err := c.UpdateInferenceExperiment(t.Context(), &sagemaker.UpdateInferenceExperimentInput{
		Name: in.Name, Schedule: &types.InferenceExperimentSchedule{EndTime: aws.Time(time.Now().Add(time.Second))},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.until("early", types.InferenceExperimentStatusCompleted)
	e := c.describeEndpoint("made-for-it")
	if len(e.ProductionVariants) != 1 || *e.ProductionVariants[0].VariantName != production || len(e.ShadowProductionVariants) != 0 || e.EndpointStatus != types.EndpointStatusInService {
		t.Errorf("an endpoint made for the experiment keeps production only: %+v", e)
	}
	if got := c.compare("early").Outcome; got != "expired" {
		t.Errorf("outcome %q, want expired", got)
	}
	c.wantDeletable("early", "made-for-it")
}

// wantRunning wants what was asked for to be told of a running experiment.
func wantRunning(t *testing.T, x *sagemaker.DescribeInferenceExperimentOutput, in *sagemaker.CreateInferenceExperimentInput) {
	t.Helper()
	type told struct {
		Name, Description, Role, Endpoint string
		Type                              types.InferenceExperimentType
		Shadowing                         types.ShadowModeConfig
		EndpointStatus                    types.EndpointStatus
	}
	got := told{*x.Name, aws.ToString(x.Description), aws.ToString(x.RoleArn), *x.EndpointMetadata.EndpointName, x.Type, *x.ShadowModeConfig, x.EndpointMetadata.EndpointStatus}
	want := told{*in.Name, aws.ToString(in.Description), *in.RoleArn, *in.EndpointName, in.Type, *in.ShadowModeConfig, types.EndpointStatusInService}
	if diff := cmp.Diff(want, got, exported); diff != "" {
		t.Errorf("running: %s", diff)
	}
	var variants []types.ModelVariantConfig
	for _, v := range x.ModelVariants {
		variants = append(variants, types.ModelVariantConfig{ModelName: v.ModelName, VariantName: v.VariantName, InfrastructureConfig: v.InfrastructureConfig})
	}
	if diff := cmp.Diff(in.ModelVariants, variants, exported); diff != "" {
		t.Errorf("variants: %s", diff)
	}
	if got, want := statuses(x), map[string]types.ModelVariantStatus{production: "InService", shadow: "InService"}; !cmp.Equal(got, want) {
		t.Errorf("variants: %v", cmp.Diff(want, got))
	}
}

// exported leaves out the field that the SDK's structs have for themselves.
var exported = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".noSmithyDocumentSerde" }, cmp.Ignore())

// statuses are those of an experiment's variants, by name.
func statuses(x *sagemaker.DescribeInferenceExperimentOutput) map[string]types.ModelVariantStatus {
	all := make(map[string]types.ModelVariantStatus)
	for _, v := range x.ModelVariants {
		all[*v.VariantName] = v.Status
	}
	return all
}

// wantTypedUpdate changes what may change while an experiment runs, and wants nothing else to have changed.
func (c client) wantTypedUpdate(name string) {
	c.t.Helper()
	before := c.describe(name)
	end := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	_, err := c.UpdateInferenceExperiment(c.t.Context(), &sagemaker.UpdateInferenceExperimentInput{
		Name: &name, Description: aws.String("Half of the traffic"), ShadowModeConfig: shadowing(50),
		Schedule: &types.InferenceExperimentSchedule{EndTime: &end},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	after := c.until(name, types.InferenceExperimentStatusRunning)
	if aws.ToString(after.Description) != "Half of the traffic" || *after.ShadowModeConfig.ShadowModelVariants[0].SamplingPercentage != 50 || !after.Schedule.EndTime.Equal(end) {
		c.t.Errorf("after the update: %q, %+v, %v", aws.ToString(after.Description), after.ShadowModeConfig, after.Schedule)
	}
	if diff := cmp.Diff(before.ModelVariants, after.ModelVariants, exported); diff != "" || !after.Schedule.StartTime.Equal(*before.Schedule.StartTime) || !after.LastModifiedTime.After(*before.LastModifiedTime) {
		c.t.Errorf("the update changed what it did not name: %v %s", after.Schedule, diff)
	}
}

// wantReports asks gnomon report for all of its forms.
func (c client) wantReports(name string, requests int64) {
	c.t.Helper()
	report := func(args ...string) []byte {
		out, err := exec.Command(filepath.Join(bin, "gnomon"), append([]string{"report", "--data-dir", c.s.data(), name}, args...)...).Output()
		if err != nil {
			c.t.Fatalf("gnomon report: %v", err)
		}
		return out
	}
	if got := readComparison(c.t, report("--format", "json")); got.Accounting["requests"] != requests || got.Status != "Running" {
		c.t.Errorf("gnomon report --format json: %+v", got)
	}
	text := string(report())
	for _, part := range []string{name, "Running", "requests", "mirrored", "production", "shadow", production, shadow} {
		if !strings.Contains(text, part) {
			c.t.Errorf("gnomon report does not say %q:\n%s", part, text)
		}
	}
	wantPage(c.t, report("--format", "html"), name)
	wantPicture(c.t, report("--format", "png"))
	file := filepath.Join(c.t.TempDir(), "report.png")
	if out := report("--format", "png", "--output", file); len(out) > 0 {
		c.t.Errorf("with --output there is also %q", out)
	}
	written, err := os.ReadFile(file)
	if err != nil {
		c.t.Fatal(err)
	}
	wantPicture(c.t, written)
	c.wantNoPictureOnTerminal(name)
	refused := exec.Command(filepath.Join(bin, "gnomon"), "report", "--data-dir", c.s.data(), "nobody")
	if out, err := refused.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("ResourceNotFound")) {
		c.t.Errorf("gnomon report of an unknown experiment: %v %s", err, out)
	}
	if res := c.get("/gnomon/v1/experiments/"+name+"/comparison", aws.Credentials{}); res.StatusCode/100 != 4 {
		c.t.Errorf("the comparison is given away unsigned: %s", res.Status)
	}
}

// wantDeletable deletes an ended experiment and then its endpoint, which the experiment's deletion must have left alone.
func (c client) wantDeletable(name, endpoint string) {
	c.t.Helper()
	if _, err := c.DeleteInferenceExperiment(c.t.Context(), &sagemaker.DeleteInferenceExperimentInput{Name: &name}); err != nil {
		c.t.Fatal(err)
	}
	_, err := c.DescribeInferenceExperiment(c.t.Context(), &sagemaker.DescribeInferenceExperimentInput{Name: &name})
	wantType[*types.ResourceNotFound](c.t, err, name)
	if e := c.describeEndpoint(endpoint); e.EndpointStatus != types.EndpointStatusInService {
		c.t.Errorf("the endpoint is %s after the experiment was deleted", e.EndpointStatus)
	}
	if _, err := c.DeleteEndpoint(c.t.Context(), &sagemaker.DeleteEndpointInput{EndpointName: &endpoint}); err != nil {
		c.t.Fatal(err)
	}
	wait := sagemaker.NewEndpointDeletedWaiter(c, func(w *sagemaker.EndpointDeletedWaiterOptions) {
		w.MinDelay, w.MaxDelay = 50*time.Millisecond, 200*time.Millisecond
	})
	if err := wait.Wait(c.t.Context(), &sagemaker.DescribeEndpointInput{EndpointName: &endpoint}, time.Minute); err != nil {
		c.t.Fatal(err)
	}
	if left := c.s.processes(); len(left) > 0 {
		c.t.Errorf("processes are left of a deleted endpoint: %v", left)
	}
}

// TestStop ends a running experiment in every way there is.
func TestStop(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.digitsModel("trees", "trees.tar.gz")
	const retain, remove, promote = types.ModelVariantActionRetain, types.ModelVariantActionRemove, types.ModelVariantActionPromote
	type actions = map[string]types.ModelVariantAction
	tests := []struct {
		name        string
		actions     actions
		state       types.InferenceExperimentStopDesiredState
		desired     []types.ModelVariantConfig
		wantStatus  types.InferenceExperimentStatus
		wantOutcome string
		want        map[string]int32 // variants to instances; the one that answers is in answers
		answers     string
	}{
		{"take-away", actions{production: retain, shadow: remove}, "Completed", nil, "Completed", "stopped", map[string]int32{production: 1}, production},
		{"take-away-cancelled", actions{production: retain, shadow: remove}, "Cancelled", nil, "Cancelled", "stopped", map[string]int32{production: 1}, production},
		{"shadow-only", actions{shadow: remove}, "", nil, "Cancelled", "stopped", map[string]int32{production: 1}, production},
		{"keep-both", actions{production: retain, shadow: retain}, "Completed", nil, "Completed", "retained", map[string]int32{production: 1, shadow: 1}, production},
		{"promote", actions{production: remove, shadow: promote}, "Completed", nil, "Completed", "promoted", map[string]int32{shadow: 1}, shadow},
		{"promote-only", actions{shadow: promote}, "", nil, "Completed", "promoted", map[string]int32{shadow: 1}, shadow},
		{"promote-at-two", actions{production: remove, shadow: promote}, "Completed", []types.ModelVariantConfig{variant(shadow, "trees", 2)}, "Completed", "promoted", map[string]int32{shadow: 2}, shadow},
		{"keep-at-two", actions{production: retain, shadow: remove}, "Completed", []types.ModelVariantConfig{variant(production, "linear", 2)}, "Completed", "stopped", map[string]int32{production: 2}, production},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := c.in(t)
			c.begin(c.experiment(tt.name, tt.name, "linear", "trees"))
			_, err := c.StopInferenceExperiment(t.Context(), &sagemaker.StopInferenceExperimentInput{
				Name: &tt.name, ModelVariantActions: tt.actions, DesiredState: tt.state, DesiredModelVariants: tt.desired, Reason: aws.String("for " + tt.name),
			})
			if err != nil {
				t.Fatal(err)
			}
			x := c.until(tt.name, tt.wantStatus)
			if got := aws.ToString(x.StatusReason); got != "for "+tt.name {
				t.Errorf("reason %q", got)
			}
			if got := c.compare(tt.name).Outcome; got != tt.wantOutcome {
				t.Errorf("outcome %q, want %q", got, tt.wantOutcome)
			}
			e := c.describeEndpoint(tt.name)
			got := make(map[string]int32)
			for _, v := range append(e.ProductionVariants, e.ShadowProductionVariants...) {
				got[*v.VariantName] = *v.CurrentInstanceCount
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || e.EndpointStatus != types.EndpointStatusInService {
				t.Errorf("the endpoint is %s with %s", e.EndpointStatus, diff)
			}
			c.invoke(tt.name, picture, tt.answers)
			c.wantDeletable(tt.name, tt.name)
		})
	}
	refused := []struct {
		name    string
		actions actions
		text    string
	}{
		{"both removed", actions{production: remove, shadow: remove}, "ModelVariantActions cannot be"},
		{"production promoted", actions{production: promote, shadow: retain}, "ModelVariantActions cannot be"},
		{"two productions", actions{production: retain, shadow: promote}, "ModelVariantActions cannot be"},
		{"unknown variant", actions{production: retain, "nobody": remove}, `"nobody"`},
	}
	c.begin(c.experiment("refused", "refused", "linear", "trees"))
	for _, tt := range refused {
		_, err := c.StopInferenceExperiment(t.Context(), &sagemaker.StopInferenceExperimentInput{Name: aws.String("refused"), ModelVariantActions: tt.actions})
		wantCode(t, err, "ValidationException", tt.text)
	}
	if x := c.describe("refused"); x.Status != types.InferenceExperimentStatusRunning {
		t.Errorf("a refused stop has made the experiment %s", x.Status)
	}
}

// TestTags sets, overwrites and takes away the tags of an experiment.
func TestTags(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	in := c.experiment("tagged", "tagged", "linear", "linear")
	in.Schedule = &types.InferenceExperimentSchedule{StartTime: aws.Time(time.Now().Add(time.Hour))}
	in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("vision")}, {Key: aws.String("stage"), Value: aws.String("test")}}
	made, err := c.CreateInferenceExperiment(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	arn := made.InferenceExperimentArn
	added, err := c.AddTags(t.Context(), &sagemaker.AddTagsInput{ResourceArn: arn, Tags: []types.Tag{{Key: aws.String("stage"), Value: aws.String("shadow")}, {Key: aws.String("cost"), Value: aws.String("")}}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tags(added.Tags), `{"cost":"","stage":"shadow","team":"vision"}`; got != want {
		t.Errorf("AddTags returned %s, want %s", got, want)
	}
	if _, err := c.DeleteTags(t.Context(), &sagemaker.DeleteTagsInput{ResourceArn: arn, TagKeys: []string{"team", "never-there"}}); err != nil {
		t.Fatal(err)
	}
	var all []types.Tag
	for p := sagemaker.NewListTagsPaginator(c, &sagemaker.ListTagsInput{ResourceArn: arn}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Tags...)
	}
	if got, want := tags(all), `{"cost":"","stage":"shadow"}`; got != want {
		t.Errorf("ListTags returned %s, want %s", got, want)
	}
	_, err = c.AddTags(t.Context(), &sagemaker.AddTagsInput{ResourceArn: arn, Tags: []types.Tag{{Key: aws.String("aws:mine"), Value: aws.String("")}}})
	wantCode(t, err, "ValidationException", "aws:")
	_, err = c.ListTags(t.Context(), &sagemaker.ListTagsInput{ResourceArn: aws.String(strings.Replace(*arn, "tagged", "nobody", 1))})
	wantCode(t, err, "ValidationException", "nobody")
}

func tags(all []types.Tag) string {
	m := make(map[string]string)
	for _, tag := range all {
		m[*tag.Key] = *tag.Value
	}
	b, err := json.Marshal(m)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
