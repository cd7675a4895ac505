package api_test

import "testing"

func TestTags_StandOnEveryKindOfResource(t *testing.T) {
	const first = `[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]`
	onStage(t, func(s *stage) {
		s.do("CreateModel", `{"ModelName": "m", "ExecutionRoleArn": "`+role+`", "PrimaryContainer": {"Image": "i"}, "Tags": `+first+`}`)
		s.model("n")
		s.do("CreateEndpointConfig", `{"EndpointConfigName": "c", "ProductionVariants": [`+variant("AllTraffic", "m", 1, "")+`], "Tags": `+first+`}`)
		s.do("CreateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "c", "Tags": `+first+`}`)
		s.settle()
		s.do("CreateInferenceExperiment", test(`, "Tags": `+first))
		for _, resource := range []string{"model/m", "endpoint-config/c", "endpoint/e", "inference-experiment/x"} {
			arn := `"ResourceArn": "` + arns + resource + `"`
			s.wants(s.do("ListTags", `{`+arn+`, "MaxResults": 50}`), decoded(t, `{"Tags": `+first+`}`)["Tags"], "Tags")
			all := decoded(t, `{"Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "3"}, {"Key": "c", "Value": ""}]}`)["Tags"]
			s.wants(s.do("AddTags", `{`+arn+`, "Tags": [{"Key": "c", "Value": ""}, {"Key": "b", "Value": "3"}]}`), all, "Tags")
			s.do("DeleteTags", `{`+arn+`, "TagKeys": ["a", "c", "unknown"]}`)
			s.wants(s.do("ListTags", `{`+arn+`}`), decoded(t, `{"Tags": [{"Key": "b", "Value": "3"}]}`)["Tags"], "Tags")
		}
	})
}

func TestTags_Refuses(t *testing.T) {
	onStage(t, func(s *stage) {
		s.model("m")
		for _, c := range []struct{ operation, in, message string }{
			{"AddTags", `{"ResourceArn": "` + arns + `model/m", "Tags": [{"Key": "aws:a", "Value": ""}]}`, `The tag key "aws:a" begins with "aws:", which is reserved for AWS use.`},
			{"AddTags", `{"ResourceArn": "` + arns + `model/n", "Tags": []}`, `Could not find model "` + arns + `model/n".`},
			{"DeleteTags", `{"ResourceArn": "` + arns + `endpoint/n", "TagKeys": ["a"]}`, `Could not find endpoint "` + arns + `endpoint/n".`},
			{"ListTags", `{"ResourceArn": "` + arns + `inference-experiment/n"}`, `Could not find inference experiment "` + arns + `inference-experiment/n".`},
			{"ListTags", `{"ResourceArn": "` + arns + `model/m", "NextToken": "a"}`, `Invalid NextToken: all tags of a resource are on its first page. Leave it out.`},
			{"ListTags", `{"ResourceArn": "arn:aws:sagemaker:us-east-1:999999999999:model/m"}`, `Invalid ResourceArn "arn:aws:sagemaker:us-east-1:999999999999:model/m": it names no resource of this account and region.`},
		} {
			s.refuses(c.operation, c.in, "ValidationException", c.message)
		}
	})
}

func TestTags_SetAnExperiment(t *testing.T) {
	const share = `The tag "gnomon:sampling" with the value 49.5 does not fit SamplingPercentage `
	onStage(t, func(s *stage) {
		s.serve()
		for _, c := range []struct{ tag, message string }{
			{`{"Key": "gnomon:max-rate", "Value": "fast"}`, `The value "fast" of the tag "gnomon:max-rate" is not valid. It must be a number of copies per second above 0 and at most 1000000, with at most four decimals, such as 50 or 0.5.`},
			{`{"Key": "gnomon:sampling", "Value": "49.55555"}`, `The value "49.55555" of the tag "gnomon:sampling" is not valid. It must be a percentage above 0 and at most 100, with at most four decimals, such as 2.5 or 0.01.`},
			{`{"Key": "gnomon:sampling", "Value": "0"}`, `The tag "gnomon:sampling" with the value 0 does not fit SamplingPercentage 50: the value must round up to SamplingPercentage, and it rounds up to 0.`},
			{`{"Key": "gnomon:verdict", "Value": ""}`, `The tag key "gnomon:verdict" begins with "gnomon:", which is reserved for settings of an inference experiment. The settings are "gnomon:answer-margin", "gnomon:answers", "gnomon:auto-stop", "gnomon:error-margin", "gnomon:ignore", "gnomon:latency-margin", "gnomon:max-rate", "gnomon:noise-floor", "gnomon:sampling" and "gnomon:tolerance".`},
		} {
			s.refuses("CreateInferenceExperiment", test(`, "Tags": [`+c.tag+`]`), "ValidationException", c.message)
		}
		s.refuses("CreateInferenceExperiment", test(`, "Tags": [{"Key": "gnomon:sampling", "Value": "$1"}]`), "ValidationException",
			`1 validation error detected: Value '$1' at 'tags.1.member.value' failed to satisfy constraint: Member must satisfy regular expression pattern: ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)`)
		s.do("CreateInferenceExperiment", test(`, "Tags": [{"Key": "gnomon:sampling", "Value": "49.5"}, {"Key": "gnomon:max-rate", "Value": "50"}]`))
		s.settle()
		const arn = `"ResourceArn": "` + arns + `inference-experiment/x"`
		const moves = `The tag "gnomon:sampling" of inference experiment "x" cannot be changed in status Running: what is sampled must not change once numbers were seen. It can be changed in status Created; to sample otherwise now, stop the experiment and create another.`
		s.refuses("AddTags", `{`+arn+`, "Tags": [{"Key": "gnomon:sampling", "Value": "49.6"}]}`, "ValidationException", moves)
		s.refuses("DeleteTags", `{`+arn+`, "TagKeys": ["gnomon:sampling"]}`, "ValidationException", moves)
		s.refuses("UpdateInferenceExperiment", `{"Name": "x", "ShadowModeConfig": {"SourceModelVariantName": "AllTraffic", "ShadowModelVariants": [{"ShadowModelVariantName": "shadow", "SamplingPercentage": 60}]}}`,
			"ValidationException", share+`60: the value must round up to SamplingPercentage, and it rounds up to 50. The tag cannot be changed in status Running.`)
		s.do("AddTags", `{`+arn+`, "Tags": [{"Key": "gnomon:max-rate", "Value": "0.5"}, {"Key": "gnomon:sampling", "Value": "49.5"}]}`)
		s.wants(s.do("ListTags", `{`+arn+`}`), decoded(t, `{"Tags": [{"Key": "gnomon:max-rate", "Value": "0.5"}, {"Key": "gnomon:sampling", "Value": "49.5"}]}`)["Tags"], "Tags")
		s.do("DeleteTags", `{`+arn+`, "TagKeys": ["gnomon:max-rate"]}`)
		for _, resource := range []string{"model/m", "endpoint-config/c", "endpoint/e"} {
			s.refuses("AddTags", `{"ResourceArn": "`+arns+resource+`", "Tags": [{"Key": "gnomon:max-rate", "Value": "1"}]}`, "ValidationException",
				`The tag key "gnomon:max-rate" begins with "gnomon:", which is reserved for settings of an inference experiment. It cannot stand on another resource.`)
		}
	})
}
