package e2e

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/google/go-cmp/cmp"
)

// TestUpdate_Running sends everything that may not change while an experiment runs: what differs is refused by its
// name, and what is so already is accepted.
func TestUpdate_Running(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.digitsModel("trees", "trees.tar.gz")
	created := c.experiment("fixed", "fixed", "linear", "trees")
	created.DataStorageConfig = &types.InferenceExperimentDataStorageConfig{Destination: aws.String("s3://captured/fixed")}
	c.begin(created)
	before := c.describe("fixed")
	elsewhere := shadowing(100)
	elsewhere.ShadowModelVariants[0].ShadowModelVariantName = aws.String("Another")
	for _, tt := range []struct {
		name string
		in   sagemaker.UpdateInferenceExperimentInput
		text string
	}{
		{"model", sagemaker.UpdateInferenceExperimentInput{ModelVariants: []types.ModelVariantConfig{variant(shadow, "linear", 1)}}, "ModelVariants"},
		{"count", sagemaker.UpdateInferenceExperimentInput{ModelVariants: []types.ModelVariantConfig{variant(shadow, "trees", 2)}}, "ModelVariants"},
		{"storage", sagemaker.UpdateInferenceExperimentInput{DataStorageConfig: &types.InferenceExperimentDataStorageConfig{Destination: aws.String("s3://captured/other")}}, "DataStorageConfig"},
		{"variant name", sagemaker.UpdateInferenceExperimentInput{ShadowModeConfig: elsewhere}, "ShadowModeConfig"},
		{"start", sagemaker.UpdateInferenceExperimentInput{Schedule: &types.InferenceExperimentSchedule{StartTime: aws.Time(time.Now().Add(time.Hour))}}, "Schedule.StartTime"},
		{"end in the past", sagemaker.UpdateInferenceExperimentInput{Schedule: &types.InferenceExperimentSchedule{EndTime: aws.Time(time.Now().Add(-time.Hour))}}, "EndTime"},
		{"too long", sagemaker.UpdateInferenceExperimentInput{Schedule: &types.InferenceExperimentSchedule{EndTime: aws.Time(time.Now().Add(31 * 24 * time.Hour))}}, "30 days"},
		{"sampling", sagemaker.UpdateInferenceExperimentInput{ShadowModeConfig: shadowing(-1)}, "samplingPercentage"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Name = aws.String("fixed")
			_, err := c.UpdateInferenceExperiment(t.Context(), &tt.in)
			wantCode(t, err, "ValidationException", tt.text)
		})
	}
	ignoreTimes := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".ResultMetadata" }, cmp.Ignore())
	if diff := cmp.Diff(before, c.describe("fixed"), exported, ignoreTimes); diff != "" {
		t.Errorf("a refused update has changed: %s", diff)
	}
	_, err := c.UpdateInferenceExperiment(t.Context(), &sagemaker.UpdateInferenceExperimentInput{
		Name: created.Name, ModelVariants: created.ModelVariants, DataStorageConfig: created.DataStorageConfig, ShadowModeConfig: created.ShadowModeConfig,
		Schedule: before.Schedule,
	})
	if err != nil {
		t.Errorf("an update with everything as it is: %v", err)
	}
	c.until("fixed", types.InferenceExperimentStatusRunning)
}

// TestUpdate_Created changes everything that may change before the start, and runs what came of it.
func TestUpdate_Created(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.digitsModel("trees", "trees.tar.gz")
	c.serving("digits", "linear")
	c.scheduled("plan", "digits", 1)
	c.until("plan", types.InferenceExperimentStatusCreated)
	renamed := shadowing(60)
	renamed.ShadowModelVariants[0].ShadowModelVariantName = aws.String("Trees")
	variants := []types.ModelVariantConfig{variant(production, "linear", 1), variant("Trees", "trees", 2)}
	storage := &types.InferenceExperimentDataStorageConfig{Destination: aws.String("s3://captured/plan"), KmsKey: aws.String("alias/captures")}
	_, err := c.UpdateInferenceExperiment(t.Context(), &sagemaker.UpdateInferenceExperimentInput{Name: aws.String("plan"), DataStorageConfig: storage})
	wantCode(t, err, "ValidationException", "alias/captures")
	c.s.gnomon("keys", "create", "--alias", "alias/captures")
	_, err = c.UpdateInferenceExperiment(t.Context(), &sagemaker.UpdateInferenceExperimentInput{
		Name: aws.String("plan"), ModelVariants: variants, ShadowModeConfig: renamed, DataStorageConfig: storage,
	})
	if err != nil {
		t.Fatal(err)
	}
	c.until("plan", types.InferenceExperimentStatusCreated)
	_, err = c.UpdateInferenceExperiment(t.Context(), &sagemaker.UpdateInferenceExperimentInput{
		Name: aws.String("plan"), ModelVariants: []types.ModelVariantConfig{variant(production, "trees", 1), variants[1]},
	})
	wantCode(t, err, "ValidationException", production)
	if _, err := c.StartInferenceExperiment(t.Context(), &sagemaker.StartInferenceExperimentInput{Name: aws.String("plan")}); err != nil {
		t.Fatal(err)
	}
	x := c.until("plan", types.InferenceExperimentStatusRunning)
	if diff := cmp.Diff(renamed, x.ShadowModeConfig, exported); diff != "" {
		t.Errorf("ShadowModeConfig: %s", diff)
	}
	if diff := cmp.Diff(storage, x.DataStorageConfig, exported); diff != "" {
		t.Errorf("DataStorageConfig: %s", diff)
	}
	s := c.describeEndpoint("digits").ShadowProductionVariants
	if len(s) != 1 || *s[0].VariantName != "Trees" || *s[0].CurrentInstanceCount != 2 {
		t.Errorf("shadow variants: %+v", s)
	}
}

// TestSchedule_Partial gives a part of a schedule, or an odd one, and looks at what Gnomon makes of it.
func TestSchedule_Partial(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	const day, week = 24 * time.Hour, 7 * 24 * time.Hour
	now := time.Now()
	for _, tt := range []struct {
		name       string
		start, end time.Duration // from now; 0: not given
		status     types.InferenceExperimentStatus
		wantStart  time.Duration
		wantEnd    time.Duration
	}{
		{"start-only", 2 * day, 0, types.InferenceExperimentStatusCreated, 2 * day, 2*day + week},
		{"end-only", 0, 3 * day, types.InferenceExperimentStatusRunning, 0, 3 * day},
		{"start-past", -day, day, types.InferenceExperimentStatusRunning, 0, day},
		{"longest", day, 31 * day, types.InferenceExperimentStatusCreated, day, 31 * day},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := c.in(t)
			in := c.experiment(tt.name, tt.name, "linear", "linear")
			in.Schedule = &types.InferenceExperimentSchedule{}
			if tt.start != 0 {
				in.Schedule.StartTime = aws.Time(now.Add(tt.start))
			}
			if tt.end != 0 {
				in.Schedule.EndTime = aws.Time(now.Add(tt.end))
			}
			if _, err := c.CreateInferenceExperiment(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			x := c.until(tt.name, tt.status)
			start, end := x.Schedule.StartTime.Sub(now).Round(time.Minute), x.Schedule.EndTime.Sub(now).Round(time.Minute)
			if start != tt.wantStart || end != tt.wantEnd {
				t.Errorf("from %s to %s, want %s to %s", start, end, tt.wantStart, tt.wantEnd)
			}
		})
	}
}

// TestSchedule_EarlyStartOfLongest starts an experiment early whose span would then be over thirty days.
func TestSchedule_EarlyStartOfLongest(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	in := c.experiment("early", "early", "linear", "linear")
	start := time.Now().Add(10 * 24 * time.Hour)
	in.Schedule = &types.InferenceExperimentSchedule{StartTime: &start, EndTime: aws.Time(start.Add(30 * 24 * time.Hour))}
	if _, err := c.CreateInferenceExperiment(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	c.until("early", types.InferenceExperimentStatusCreated)
	if _, err := c.StartInferenceExperiment(t.Context(), &sagemaker.StartInferenceExperimentInput{Name: in.Name}); err != nil {
		t.Fatal(err)
	}
	x := c.until("early", types.InferenceExperimentStatusRunning)
	if span := x.Schedule.EndTime.Sub(*x.Schedule.StartTime).Round(time.Minute); span != 30*24*time.Hour {
		t.Errorf("it lasts %s, want thirty days", span)
	}
}

// TestStop_Created stops an experiment that has not begun.
func TestStop_Created(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.serving("digits", "linear")
	c.scheduled("plan", "digits", 1)
	c.until("plan", types.InferenceExperimentStatusCreated)
	stop := &sagemaker.StopInferenceExperimentInput{
		Name: aws.String("plan"), ModelVariantActions: map[string]types.ModelVariantAction{shadow: types.ModelVariantActionPromote},
	}
	_, err := c.StopInferenceExperiment(t.Context(), stop)
	wantType[*types.ConflictException](t, err, "Created")
	stop.ModelVariantActions = map[string]types.ModelVariantAction{production: types.ModelVariantActionRetain, shadow: types.ModelVariantActionRemove}
	stop.DesiredState, stop.Reason = types.InferenceExperimentStopDesiredStateCompleted, aws.String("changed our minds")
	if _, err := c.StopInferenceExperiment(t.Context(), stop); err != nil {
		t.Fatal(err)
	}
	x := c.until("plan", types.InferenceExperimentStatusCancelled)
	if aws.ToString(x.StatusReason) != "changed our minds" || x.CompletionTime == nil {
		t.Errorf("cancelled: %q at %v", aws.ToString(x.StatusReason), x.CompletionTime)
	}
	c.wantVariants("digits", production, "")
	c.invoke("digits", picture, production)
}
