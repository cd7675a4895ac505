package api

import (
	"context"
	"encoding/json"
	"slices"

	"gnomon"
	"gnomon/control"
	"gnomon/sagemaker"
)

func (x experiments) update(ctx context.Context, in *sagemaker.UpdateInferenceExperimentInput) (*sagemaker.UpdateInferenceExperimentOutput, error) {
	name := gnomon.ExperimentName(in.Name)
	capture, err := storage(in.DataStorageConfig, "")
	if err != nil {
		return nil, err
	}
	u := control.ExperimentUpdate{
		Name: name, Description: in.Description, Schedule: schedule(in.Schedule), Variants: modelVariants(in.ModelVariants), Capture: capture,
		Accept: func(kept json.RawMessage) (json.RawMessage, error) {
			made, err := accepted[sagemaker.CreateInferenceExperimentInput](kept)
			if err != nil {
				return nil, err
			}
			return accept(merge(made, in))
		},
	}
	if m := in.ShadowModeConfig; m != nil {
		u.Shadowing = &control.Shadowing{
			Source:          gnomon.VariantName(m.SourceModelVariantName),
			Shadow:          gnomon.VariantName(m.ShadowModelVariants[0].ShadowModelVariantName),
			SamplingPercent: int(m.ShadowModelVariants[0].SamplingPercentage),
		}
	}
	updated, err := x.service.Update(ctx, u)
	if err != nil {
		return nil, err
	}
	return &sagemaker.UpdateInferenceExperimentOutput{InferenceExperimentArn: x.arn(updated.Name)}, nil
}

// merge returns the request that would have made the experiment as it is with the update: what the update does not name
// stays.
func merge(made sagemaker.CreateInferenceExperimentInput, u *sagemaker.UpdateInferenceExperimentInput) sagemaker.CreateInferenceExperimentInput {
	if u.Description != nil {
		made.Description = u.Description
	}
	if u.DataStorageConfig != nil {
		made.DataStorageConfig = u.DataStorageConfig
	}
	if u.Schedule != nil {
		s := value(made.Schedule)
		if !u.Schedule.StartTime.IsZero() {
			s.StartTime = u.Schedule.StartTime
		}
		if !u.Schedule.EndTime.IsZero() {
			s.EndTime = u.Schedule.EndTime
		}
		made.Schedule = &s
	}
	if u.ShadowModeConfig != nil {
		rename(made.ModelVariants, made.ShadowModeConfig, *u.ShadowModeConfig)
		made.ShadowModeConfig = *u.ShadowModeConfig
	}
	for _, v := range u.ModelVariants {
		i := slices.IndexFunc(made.ModelVariants, func(old sagemaker.ModelVariantConfig) bool { return old.VariantName == v.VariantName })
		if i < 0 {
			made.ModelVariants = append(made.ModelVariants, v)
		} else {
			made.ModelVariants[i] = v
		}
	}
	return made
}

// rename gives the shadow variant the name that the update has for it.
func rename(variants []sagemaker.ModelVariantConfig, from, to sagemaker.ShadowModeConfig) {
	for i, v := range variants {
		if v.VariantName == from.ShadowModelVariants[0].ShadowModelVariantName {
			variants[i].VariantName = to.ShadowModelVariants[0].ShadowModelVariantName
		}
	}
}
