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
