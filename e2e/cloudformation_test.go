package e2e

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/google/go-cmp/cmp"
)

// A stack does to an experiment what CloudFormation's handler for AWS::SageMaker::InferenceExperiment does: the same
// calls with the same members, and the same view of which statuses mean that it has to wait.
type stack struct{ client }

// stabilize waits as the handler does: while the status is one of busy. Any other that is not wanted is a failure.
func (s stack) stabilize(name string, busy types.InferenceExperimentStatus, want ...types.InferenceExperimentStatus) {
	s.t.Helper()
	s.s.eventually("experiment "+name+" is stable", func() error {
		x := s.describe(name)
		if slices.Contains(want, x.Status) {
			return nil
		}
		if x.Status != busy {
			s.t.Fatalf("experiment %s is %s (%s); the handler waits during %s for %s", name, x.Status, aws.ToString(x.StatusReason), busy, want)
		}
		return errors.New(string(x.Status))
	})
}

func (s stack) create(in *sagemaker.CreateInferenceExperimentInput) {
	s.t.Helper()
	_, err := s.DescribeInferenceExperiment(s.t.Context(), &sagemaker.DescribeInferenceExperimentInput{Name: in.Name})
	wantType[*types.ResourceNotFound](s.t, err, "")
	if _, err := s.CreateInferenceExperiment(s.t.Context(), in); err != nil {
		s.t.Fatal(err)
	}
	s.stabilize(*in.Name, types.InferenceExperimentStatusCreating, types.InferenceExperimentStatusCreated, types.InferenceExperimentStatusRunning)
}

// read returns what the handler reads: the resource, and its tags.
func (s stack) read(name string) (*sagemaker.DescribeInferenceExperimentOutput, []types.Tag) {
	s.t.Helper()
	x := s.describe(name)
	found, err := s.ListTags(s.t.Context(), &sagemaker.ListTagsInput{ResourceArn: x.Arn})
	if err != nil {
		s.t.Fatal(err)
	}
	return x, found.Tags
}

// update sends a template as the handler does: all of it that may be sent, with times of whole seconds.
func (s stack) update(template *sagemaker.CreateInferenceExperimentInput, drop ...string) {
	s.t.Helper()
	x, _ := s.read(*template.Name)
	in := &sagemaker.UpdateInferenceExperimentInput{
		Name: template.Name, Description: template.Description, Schedule: template.Schedule, ShadowModeConfig: template.ShadowModeConfig,
	}
	if x.Status == types.InferenceExperimentStatusCreated {
		in.ModelVariants, in.DataStorageConfig = template.ModelVariants, template.DataStorageConfig
	}
	if _, err := s.UpdateInferenceExperiment(s.t.Context(), in); err != nil {
		s.t.Fatal(err)
	}
	s.stabilize(*template.Name, types.InferenceExperimentStatusUpdating, types.InferenceExperimentStatusCreated, types.InferenceExperimentStatusRunning)
	if len(template.Tags) > 0 {
		if _, err := s.AddTags(s.t.Context(), &sagemaker.AddTagsInput{ResourceArn: x.Arn, Tags: template.Tags}); err != nil {
			s.t.Fatal(err)
		}
	}
	if len(drop) > 0 {
		if _, err := s.DeleteTags(s.t.Context(), &sagemaker.DeleteTagsInput{ResourceArn: x.Arn, TagKeys: drop}); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s stack) delete(name string) {
	s.t.Helper()
	if x := s.describe(name); x.Status == types.InferenceExperimentStatusRunning {
		_, err := s.StopInferenceExperiment(s.t.Context(), &sagemaker.StopInferenceExperimentInput{
			Name: &name, DesiredState: types.InferenceExperimentStopDesiredStateCompleted,
			ModelVariantActions: map[string]types.ModelVariantAction{production: types.ModelVariantActionRetain, shadow: types.ModelVariantActionRetain},
		})
		if err != nil {
			s.t.Fatal(err)
		}
		s.stabilize(name, types.InferenceExperimentStatusStopping, types.InferenceExperimentStatusCompleted)
	}
	if _, err := s.DeleteInferenceExperiment(s.t.Context(), &sagemaker.DeleteInferenceExperimentInput{Name: &name}); err != nil {
		s.t.Fatal(err)
	}
	_, err := s.DescribeInferenceExperiment(s.t.Context(), &sagemaker.DescribeInferenceExperimentInput{Name: &name})
	wantType[*types.ResourceNotFound](s.t, err, "")
}

func tag(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }

// wholeSeconds is how a template has its times.
func wholeSeconds(start, end time.Time) *types.InferenceExperimentSchedule {
	return &types.InferenceExperimentSchedule{StartTime: aws.Time(start.Truncate(time.Second)), EndTime: aws.Time(end.Truncate(time.Second))}
}

// TestCloudFormation_Running is the life of a stack whose experiment runs from the start.
func TestCloudFormation_Running(t *testing.T) {
	t.Parallel()
	s := stack{newServer(t, "").client()}
	s.digitsModel("linear", "linear.tar.gz")
	s.digitsModel("trees", "trees.tar.gz")
	s.serving("digits", "linear")
	template := s.experiment("stacked", "digits", "linear", "trees")
	template.Description = aws.String("first")
	template.Schedule = wholeSeconds(time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)) // past: it starts now
	template.Tags = []types.Tag{tag("aws-cloudformation-stack", "one"), tag("stage", "test")}
	s.create(template)
	x, got := s.read("stacked")
	if x.Status != types.InferenceExperimentStatusRunning || tags(got) != `{"aws-cloudformation-stack":"one","stage":"test"}` || !x.Schedule.EndTime.Equal(*template.Schedule.EndTime) {
		t.Errorf("read: %s with %s until %s", x.Status, tags(got), x.Schedule.EndTime)
	}

	s.update(template) // nothing is new in it
	template.Description, template.ShadowModeConfig = aws.String("second"), shadowing(40)
	template.Schedule.EndTime = aws.Time(template.Schedule.EndTime.Add(24 * time.Hour))
	template.Tags = []types.Tag{tag("aws-cloudformation-stack", "one"), tag("owner", "vision")}
	s.update(template, "stage")
	x, got = s.read("stacked")
	if diff := cmp.Diff(template.ShadowModeConfig, x.ShadowModeConfig, exported); diff != "" {
		t.Errorf("ShadowModeConfig: %s", diff)
	}
	if *x.Description != "second" || !x.Schedule.EndTime.Equal(*template.Schedule.EndTime) || tags(got) != `{"aws-cloudformation-stack":"one","owner":"vision"}` {
		t.Errorf("after the update: %q until %s with %s", *x.Description, x.Schedule.EndTime, tags(got))
	}
	// A template that was read back has the real start in it.
	template.Schedule.StartTime = aws.Time(x.Schedule.StartTime.Truncate(time.Second))
	s.update(template)

	s.delete("stacked")
	e := s.describeEndpoint("digits")
	if len(e.ShadowProductionVariants) != 1 || len(e.ProductionVariants) != 1 || e.EndpointStatus != types.EndpointStatusInService {
		t.Errorf("after the deletion with Retain for both: %+v", e)
	}
	s.invoke("digits", picture, production)
	if _, err := s.DeleteEndpoint(t.Context(), &sagemaker.DeleteEndpointInput{EndpointName: aws.String("digits")}); err != nil {
		t.Errorf("the endpoint of a deleted experiment: %v", err)
	}
}

// TestCloudFormation_Scheduled is the life of a stack whose experiment never begins.
func TestCloudFormation_Scheduled(t *testing.T) {
	t.Parallel()
	s := stack{newServer(t, "").client()}
	s.digitsModel("linear", "linear.tar.gz")
	s.digitsModel("trees", "trees.tar.gz")
	s.serving("digits", "linear")
	template := s.experiment("planned", "digits", "linear", "trees")
	template.Schedule = wholeSeconds(time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour))
	s.create(template)
	template.Schedule = wholeSeconds(time.Now().Add(36*time.Hour), time.Now().Add(72*time.Hour))
	template.Description, template.ShadowModeConfig = aws.String("later, and with two"), shadowing(10)
	template.ModelVariants[1] = variant(shadow, "trees", 2)
	template.DataStorageConfig = &types.InferenceExperimentDataStorageConfig{Destination: aws.String("s3://captured/planned")}
	s.update(template)
	x, _ := s.read("planned")
	if x.Status != types.InferenceExperimentStatusCreated || !x.Schedule.StartTime.Equal(*template.Schedule.StartTime) || !x.Schedule.EndTime.Equal(*template.Schedule.EndTime) {
		t.Errorf("after the update: %s, %v", x.Status, x.Schedule)
	}
	if diff := cmp.Diff(template.DataStorageConfig, x.DataStorageConfig, exported); diff != "" {
		t.Errorf("DataStorageConfig: %s", diff)
	}
	if diff := cmp.Diff(template.ModelVariants[1].InfrastructureConfig, x.ModelVariants[1].InfrastructureConfig, exported); diff != "" {
		t.Errorf("shadow variant: %s", diff)
	}
	s.delete("planned")
	if e := s.describeEndpoint("digits"); *e.EndpointConfigName != "digits" || len(e.ShadowProductionVariants) != 0 {
		t.Errorf("an experiment that never began has changed its endpoint: %+v", e)
	}
}
