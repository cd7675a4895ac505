package sagemaker_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gnomon/sagemaker"
)

const namePattern = "[a-zA-Z0-9]([\\-a-zA-Z0-9]*[a-zA-Z0-9])?"

func TestDecode_WordsViolationsAsAWS(t *testing.T) {
	const length63 = "Member must have length less than or equal to 63"
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		name, op, body string
		want           []string
	}{
		{"missing member", "DescribeModel", `{}`, []string{
			"Value null at 'modelName' failed to satisfy constraint: Member must not be null"}},
		{"null member", "DescribeModel", `{"ModelName": null}`, []string{
			"Value null at 'modelName' failed to satisfy constraint: Member must not be null"}},
		{"only its own name is a member", "DescribeModel", `{"modelname": "x"}`, []string{
			"Value null at 'modelName' failed to satisfy constraint: Member must not be null"}},
		{"pattern", "DescribeModel", `{"ModelName": "a_b"}`, []string{
			"Value 'a_b' at 'modelName' failed to satisfy constraint: Member must satisfy regular expression pattern: " + namePattern}},
		{"pattern of the whole string", "DescribeModel", `{"ModelName": "ab\n"}`, []string{
			"Value 'ab\n' at 'modelName' failed to satisfy constraint: Member must satisfy regular expression pattern: " + namePattern}},
		{"too long and clipped", "DescribeModel", `{"ModelName": "` + long + `"}`, []string{
			"Value '" + long[:256] + "...' at 'modelName' failed to satisfy constraint: " + length63}},
		{"too short", "DescribeInferenceExperiment", `{"Name": ""}`, []string{
			"Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1",
			"Value '' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}"}},
		{"value too large", "ListModels", `{"MaxResults": 101}`, []string{
			"Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 100"}},
		{"value too small", "ListTags", `{"ResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:model/m", "MaxResults": 49}`, []string{
			"Value '49' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 50"}},
		{"negative float", "UpdateEndpointWeightsAndCapacities", `{"EndpointName": "e", "DesiredWeightsAndCapacities": [{"VariantName": "v", "DesiredWeight": -0.5}]}`, []string{
			"Value '-0.5' at 'desiredWeightsAndCapacities.1.member.desiredWeight' failed to satisfy constraint: Member must have value greater than or equal to 0"}},
		{"enumeration", "ListModels", `{"SortBy": "Size"}`, []string{
			"Value 'Size' at 'sortBy' failed to satisfy constraint: Member must satisfy enum value set: [Name, CreationTime]"}},
		{"empty enumeration", "ListModels", `{"SortBy": ""}`, []string{
			"Value '' at 'sortBy' failed to satisfy constraint: Member must satisfy enum value set: [Name, CreationTime]"}},
		{"list too short", "UpdateInferenceExperiment", `{"Name": "x", "ModelVariants": []}`, []string{
			"Value '[]' at 'modelVariants' failed to satisfy constraint: Member must have length greater than or equal to 1"}},
		{"list too long", "UpdateInferenceExperiment", `{"Name": "x", "ShadowModeConfig": {"SourceModelVariantName": "p", "ShadowModelVariants": [
			{"ShadowModelVariantName": "s", "SamplingPercentage": 1}, {"SamplingPercentage": 2, "ShadowModelVariantName": "t"}]}}`, []string{
			"Value '[{SamplingPercentage=1, ShadowModelVariantName=s}, {SamplingPercentage=2, ShadowModelVariantName=t}]' at 'shadowModeConfig.shadowModelVariants' failed to satisfy constraint: Member must have length less than or equal to 1"}},
		{"null in a list", "AddTags", `{"ResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:model/m", "Tags": [null]}`, []string{
			"Value null at 'tags.1.member' failed to satisfy constraint: Member must not be null"}},
		{"scalars in a list", "DeleteTags", `{"ResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:model/m", "TagKeys": ["a", "", "$"]}`, []string{
			`Value '[a, , $]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)]`}},
		{"structure in a list", "AddTags", `{"ResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:model/m", "Tags": [{"Key": "a", "Value": ""}, {"Key": "b"}]}`, []string{
			"Value null at 'tags.2.member.value' failed to satisfy constraint: Member must not be null"}},
		{"map", "StopInferenceExperiment", `{"Name": "x", "ModelVariantActions": {"s": "Keep", "-": "Remove", "t": "Retain"}}`, []string{
			"Value '{-=Remove, s=Keep, t=Retain}' at 'modelVariantActions' failed to satisfy constraint: Member must have length less than or equal to 2",
			"Value '{-=Remove, s=Keep, t=Retain}' at 'modelVariantActions' failed to satisfy constraint: Map keys must satisfy constraint: [" + length63 + ", Member must satisfy regular expression pattern: " + namePattern + "]",
			"Value '{-=Remove, s=Keep, t=Retain}' at 'modelVariantActions' failed to satisfy constraint: Map value must satisfy constraint: [Member must satisfy enum value set: [Retain, Remove, Promote]]"}},
		{"null in a map", "StopInferenceExperiment", `{"Name": "x", "ModelVariantActions": {"s": null}}`, []string{
			"Value null at 'modelVariantActions.s.member' failed to satisfy constraint: Member must not be null"}},
		{"nulls in a map, in order", "CreateModel", `{"ModelName": "m", "PrimaryContainer": {"Environment": {"c": null, "e": null, "a": null, "d": null, "b": null}}}`, []string{
			"Value null at 'primaryContainer.environment.a.member' failed to satisfy constraint: Member must not be null",
			"Value null at 'primaryContainer.environment.b.member' failed to satisfy constraint: Member must not be null",
			"Value null at 'primaryContainer.environment.c.member' failed to satisfy constraint: Member must not be null",
			"Value null at 'primaryContainer.environment.d.member' failed to satisfy constraint: Member must not be null",
			"Value null at 'primaryContainer.environment.e.member' failed to satisfy constraint: Member must not be null"}},
		{"list clipped", "DeleteTags", `{"ResourceArn": "arn:aws:sagemaker:eu-west-1:123456789012:model/m", "TagKeys": ["` + strings.Repeat(`ü", "`, 99) + `ü"]}`, []string{
			"Value '[" + strings.Repeat("ü, ", 85) + "...' at 'tagKeys' failed to satisfy constraint: Member must have length less than or equal to 50"}},
		{"several, in the model's order", "UpdateInferenceExperiment", `{"ShadowModeConfig": {"ShadowModelVariants": [{"SamplingPercentage": -1, "ShadowModelVariantName": "s"}], "SourceModelVariantName": "p"}}`, []string{
			"Value null at 'name' failed to satisfy constraint: Member must not be null",
			"Value '-1' at 'shadowModeConfig.shadowModelVariants.1.member.samplingPercentage' failed to satisfy constraint: Member must have value greater than or equal to 0"}},
		{"length counts code points", "UpdateInferenceExperiment", `{"Name": "x", "Description": "` + strings.Repeat("ü", 1025) + `"}`, []string{
			"Value '" + strings.Repeat("ü", 256) + "...' at 'description' failed to satisfy constraint: Member must have length less than or equal to 1024"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := sagemaker.Decode(c.op, []byte(c.body), input(t, c.op))
			plural := "s"
			if len(c.want) == 1 {
				plural = ""
			}
			want := &sagemaker.Error{
				Code:    sagemaker.CodeValidation,
				Message: fmt.Sprintf("%d validation error%s detected: %s", len(c.want), plural, strings.Join(c.want, "; ")),
			}
			got, _ := errors.AsType[*sagemaker.Error](err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestDecode_TakesLimitsThemselves(t *testing.T) {
	for _, c := range []struct{ name, op, body string }{
		{"length in code points", "UpdateInferenceExperiment", `{"Name": "x", "Description": "` + strings.Repeat("😀", 1024) + `"}`},
		{"longest name", "DescribeInferenceExperiment", `{"Name": "` + strings.Repeat("x", 120) + `"}`},
		{"largest value", "ListModels", `{"MaxResults": 100}`},
		{"smallest value", "ListModels", `{"MaxResults": 1}`},
		{"no sampling", "UpdateInferenceExperiment", `{"Name": "x", "ShadowModeConfig": {"SourceModelVariantName": "p", "ShadowModelVariants": [{"ShadowModelVariantName": "s", "SamplingPercentage": 0}]}}`},
		{"an instance type of older days", "CreateEndpointConfig", `{"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "v", "InstanceType": "ml.t3.medium"}]}`},
		{"the least value of a float", "UpdateEndpointWeightsAndCapacities", `{"EndpointName": "e", "DesiredWeightsAndCapacities": [{"VariantName": "v", "DesiredWeight": -0.0}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := sagemaker.Decode(c.op, []byte(c.body), input(t, c.op)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDecode_SpellsOutSoManyViolations(t *testing.T) {
	body := `{"EndpointName": "e", "DesiredWeightsAndCapacities": [` + strings.Repeat("{},", 4999) + `{}]}`
	err := sagemaker.Decode("UpdateEndpointWeightsAndCapacities", []byte(body), new(sagemaker.UpdateEndpointWeightsAndCapacitiesInput))
	e, ok := errors.AsType[*sagemaker.Error](err)
	if !ok {
		t.Fatalf("got %v, want an *Error", err)
	}
	if !strings.HasPrefix(e.Message, "5000 validation errors detected: ") {
		t.Errorf("got %.40s..., want all 5000 counted", e.Message)
	}
	if n := strings.Count(e.Message, "; ") + 1; n != 100 {
		t.Errorf("%d violations are spelled out, want 100", n)
	}
}
