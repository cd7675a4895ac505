package api

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gnomon/sagemaker"
)

func TestMerge_KeepsWhatIsNotNamed(t *testing.T) {
	at := func(hour int) sagemaker.Time {
		return sagemaker.NewTime(time.Date(2026, 11, 22, hour, 0, 0, 0, time.UTC))
	}
	mode := func(shadow string, percent int32) sagemaker.ShadowModeConfig {
		return sagemaker.ShadowModeConfig{SourceModelVariantName: "p", ShadowModelVariants: []sagemaker.ShadowModelVariantConfig{{ShadowModelVariantName: shadow, SamplingPercentage: percent}}}
	}
	made := func() sagemaker.CreateInferenceExperimentInput {
		return sagemaker.CreateInferenceExperimentInput{
			Name: "x", Description: new("old"), Schedule: &sagemaker.InferenceExperimentSchedule{StartTime: at(1), EndTime: at(5)},
			ModelVariants:     []sagemaker.ModelVariantConfig{{VariantName: "p", ModelName: "m"}, {VariantName: "s", ModelName: "n"}},
			DataStorageConfig: &sagemaker.InferenceExperimentDataStorageConfig{Destination: "s3://old"},
			ShadowModeConfig:  mode("s", 10),
		}
	}
	type input = sagemaker.CreateInferenceExperimentInput
	for _, c := range []struct {
		name   string
		update sagemaker.UpdateInferenceExperimentInput
		change func(*input)
	}{
		{"nothing", sagemaker.UpdateInferenceExperimentInput{}, func(*input) {}},
		{"description", sagemaker.UpdateInferenceExperimentInput{Description: new("")}, func(in *input) { in.Description = new("") }},
		{"start", sagemaker.UpdateInferenceExperimentInput{Schedule: &sagemaker.InferenceExperimentSchedule{StartTime: at(2)}}, func(in *input) { in.Schedule.StartTime = at(2) }},
		{"end", sagemaker.UpdateInferenceExperimentInput{Schedule: &sagemaker.InferenceExperimentSchedule{EndTime: at(2)}}, func(in *input) { in.Schedule.EndTime = at(2) }},
		{
			"storage",
			sagemaker.UpdateInferenceExperimentInput{DataStorageConfig: &sagemaker.InferenceExperimentDataStorageConfig{Destination: "s3://new"}},
			func(in *input) { in.DataStorageConfig.Destination = "s3://new" },
		},
		{"sampling", sagemaker.UpdateInferenceExperimentInput{ShadowModeConfig: new(mode("s", 20))}, func(in *input) { in.ShadowModeConfig = mode("s", 20) }},
		{"name of the shadow", sagemaker.UpdateInferenceExperimentInput{ShadowModeConfig: new(mode("t", 10))}, func(in *input) {
			in.ShadowModeConfig, in.ModelVariants[1].VariantName = mode("t", 10), "t"
		}},
		{"shadow", sagemaker.UpdateInferenceExperimentInput{ModelVariants: []sagemaker.ModelVariantConfig{{VariantName: "s", ModelName: "o"}}}, func(in *input) { in.ModelVariants[1].ModelName = "o" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := made()
			c.change(&want)
			if diff := cmp.Diff(want, merge(made(), &c.update)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
