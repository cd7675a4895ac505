package api_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const storage = `{"Destination": "s3://b/p", "KmsKey": "k", "ContentType": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}}`

// describe returns what is shown of the experiment x.
func (s *stage) describe() map[string]any {
	s.Helper()
	return s.do("DescribeInferenceExperiment", `{"Name": "x"}`)
}

func TestDescribeInferenceExperiment_ShowsWhatWasAsked(t *testing.T) {
	onStage(t, func(s *stage) {
		s.serve()
		made, start, end := unix(0), unix(time.Hour), unix(48*time.Hour)
		s.do("CreateInferenceExperiment", test(`, "Schedule": {"StartTime": `+text(start)+`, "EndTime": `+text(end)+`}, "Description": "d", "KmsKey": "key",
			"DataStorageConfig": `+storage+`, "Tags": [{"Key": "k", "Value": "v"}]`))
		s.settle()
		want := decoded(t, `{"Arn": "`+arns+`inference-experiment/x", "Name": "x", "Type": "ShadowMode", "Status": "Created", "Description": "d", "KmsKey": "key", "RoleArn": "`+role+`",
			"Schedule": {"StartTime": `+text(start)+`, "EndTime": `+text(end)+`}, "CreationTime": `+text(made)+`, "LastModifiedTime": `+text(made)+`,
			"EndpointMetadata": {"EndpointName": "e", "EndpointConfigName": "c", "EndpointStatus": "InService"},
			"ModelVariants": [`+modelVariant("AllTraffic", "m", 2)+`, `+modelVariant("shadow", "n", 1)+`],
			"ShadowModeConfig": `+shadowMode(50)+`, "DataStorageConfig": `+storage+`}`)
		at(want, "ModelVariants", 0).(map[string]any)["Status"] = "InService"
		at(want, "ModelVariants", 1).(map[string]any)["Status"] = "Creating"
		if diff := cmp.Diff(want, s.describe()); diff != "" {
			s.Errorf("-want +got:\n%s", diff)
		}
		s.wants(s.do("ListTags", `{"ResourceArn": "`+arns+`inference-experiment/x"}`), []any{map[string]any{"Key": "k", "Value": "v"}}, "Tags")
	})
}

func TestDescribeInferenceExperiment_WhileItRuns(t *testing.T) {
	onStage(t, func(s *stage) {
		s.serve()
		s.do("CreateInferenceExperiment", test(`, "Schedule": {"StartTime": `+text(unix(time.Hour))+`}`))
		s.settle()
		s.do("StartInferenceExperiment", `{"Name": "x"}`)
		s.wants(s.describe(), "Starting", "Status")
		s.settle()
		running := s.describe()
		s.wants(running, "Running", "Status")
		s.wants(running, "InService", "ModelVariants", 1, "Status")
		if started, _ := at(running, "Schedule", "StartTime").(float64); started >= unix(0) || started < unix(-time.Minute) {
			s.Errorf("StartTime %v, want the real one, just before %v", started, unix(0))
		}
		s.wants(running, nil, "CompletionTime")

		s.do("UpdateEndpointWeightsAndCapacities", `{"EndpointName": "e", "DesiredWeightsAndCapacities": [{"VariantName": "shadow", "DesiredInstanceCount": 3}]}`)
		s.settle()
		s.wants(s.describe(), 3.0, "ModelVariants", 1, "InfrastructureConfig", "RealTimeInferenceConfig", "InstanceCount")
		endpoint := s.do("DescribeEndpoint", `{"EndpointName": "e"}`)
		s.wants(endpoint, 3.0, "ShadowProductionVariants", 0, "CurrentInstanceCount")
		s.wants(endpoint, 0.5, "ShadowProductionVariants", 0, "CurrentWeight")
		s.wants(endpoint, at(running, "EndpointMetadata", "EndpointConfigName"), "EndpointConfigName")

		s.do("StopInferenceExperiment", `{"Name": "x", "ModelVariantActions": {"AllTraffic": "Remove", "shadow": "Promote"}, "Reason": "good",
			"DesiredModelVariants": [`+modelVariant("shadow", "n", 4)+`], "DesiredState": "Completed"}`)
		s.wants(s.describe(), "Deleting", "ModelVariants", 0, "Status")
		s.settle()
		done := s.describe()
		s.wants(done, "Completed", "Status")
		s.wants(done, "good", "StatusReason")
		s.wants(done, "Deleted", "ModelVariants", 0, "Status")
		s.wants(done, "InService", "ModelVariants", 1, "Status")
		s.wants(done, 4.0, "ModelVariants", 1, "InfrastructureConfig", "RealTimeInferenceConfig", "InstanceCount")
		if at(done, "CompletionTime") == nil {
			s.Error("no CompletionTime, want one now that it is final")
		}

		s.do("DeleteEndpoint", `{"EndpointName": "e"}`)
		s.settle()
		s.wants(s.describe(), map[string]any{"EndpointName": "e"}, "EndpointMetadata")
		s.wants(s.describe(), "Deleted", "ModelVariants", 1, "Status")
		s.do("CreateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "c"}`)
		s.settle()
		s.wants(s.describe(), map[string]any{"EndpointName": "e"}, "EndpointMetadata")
	})
}

func TestDescribeInferenceExperiment_IsNotTakenInByALaterVariant(t *testing.T) {
	onStage(t, func(s *stage) {
		s.serve()
		s.do("CreateInferenceExperiment", test(``))
		s.settle()
		s.do("StopInferenceExperiment", `{"Name": "x", "ModelVariantActions": {"shadow": "Remove"}}`)
		s.settle()
		s.do("CreateEndpointConfig", `{"EndpointConfigName": "d", "ProductionVariants": [`+variant("AllTraffic", "m", 2, "")+`], "ShadowProductionVariants": [`+variant("shadow", "m", 5, "")+`]}`)
		s.do("UpdateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "d"}`)
		s.settle()
		s.wants(s.describe(), "Deleted", "ModelVariants", 1, "Status")
		s.wants(s.describe(), 1.0, "ModelVariants", 1, "InfrastructureConfig", "RealTimeInferenceConfig", "InstanceCount")
	})
}

func TestDescribeEndpointConfig_OfAnExperimentWhoseBaseIsGone(t *testing.T) {
	onStage(t, func(s *stage) {
		s.model("m")
		s.model("n")
		s.do("CreateEndpointConfig", `{"EndpointConfigName": "c", "ProductionVariants": [`+variant("AllTraffic", "m", 2, `, "VolumeSizeInGB": 8, "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}`)+`]}`)
		s.do("CreateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "c"}`)
		s.settle()
		s.do("DeleteEndpointConfig", `{"EndpointConfigName": "c"}`)
		s.do("CreateInferenceExperiment", test(``))
		s.settle()
		name := at(s.describe(), "EndpointMetadata", "EndpointConfigName").(string)
		got := s.do("DescribeEndpointConfig", `{"EndpointConfigName": "`+name+`"}`)
		want := decoded(t, variant("AllTraffic", "m", 2, `, "InitialVariantWeight": 1, "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}`))
		s.wants(got, want, "ProductionVariants", 0)
	})
}

func TestDescribeEndpointConfig_OfAnExperimentCarriesOver(t *testing.T) {
	onStage(t, func(s *stage) {
		s.serve()
		s.do("CreateInferenceExperiment", test(`, "KmsKey": "key", "DataStorageConfig": `+storage))
		s.settle()
		name := at(s.describe(), "EndpointMetadata", "EndpointConfigName").(string)
		got := s.do("DescribeEndpointConfig", `{"EndpointConfigName": "`+name+`"}`)
		delete(got, "CreationTime")
		want := decoded(t, `{"EndpointConfigName": "`+name+`", "EndpointConfigArn": "`+arns+`endpoint-config/`+name+`", "KmsKeyId": "key",
			"ProductionVariants": [`+variant("AllTraffic", "m", 2, `, "InitialVariantWeight": 1, "VolumeSizeInGB": 8`)+`],
			"ShadowProductionVariants": [`+variant("shadow", "n", 1, `, "InitialVariantWeight": 0.5`)+`],
			"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
			"DataCaptureConfig": {"EnableCapture": true, "InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://b/p", "KmsKeyId": "k",
				"CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
				"CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}}}`)
		if diff := cmp.Diff(want, got); diff != "" {
			s.Errorf("-want +got:\n%s", diff)
		}
		tags := s.do("ListTags", `{"ResourceArn": "`+arns+`endpoint-config/`+name+`"}`)
		s.wants(tags, arns+"inference-experiment/x", "Tags", 0, "Value")
	})
}

func TestDescribeEndpointConfig_OfAnExperimentsOwnEndpoint(t *testing.T) {
	onStage(t, func(s *stage) {
		s.model("m")
		s.model("n")
		s.do("CreateInferenceExperiment", test(``))
		name := at(s.describe(), "EndpointMetadata", "EndpointConfigName").(string)
		got := s.do("DescribeEndpointConfig", `{"EndpointConfigName": "`+name+`"}`)
		s.wants(got, []any{decoded(t, variant("AllTraffic", "m", 2, `, "InitialVariantWeight": 1`))}, "ProductionVariants")
	})
}

func TestUpdateInferenceExperiment_ChangesWhatItNames(t *testing.T) {
	onStage(t, func(s *stage) {
		s.serve()
		start, end, later := unix(time.Hour), unix(48*time.Hour), unix(72*time.Hour)
		s.do("CreateInferenceExperiment", test(`, "Schedule": {"StartTime": `+text(start)+`, "EndTime": `+text(end)+`}, "Description": "old"`))
		s.settle()

		s.do("UpdateInferenceExperiment", `{"Name": "x", "Schedule": {"EndTime": `+text(later)+`}}`)
		s.settle()
		got := s.describe()
		s.wants(got, decoded(t, `{"StartTime": `+text(start)+`, "EndTime": `+text(later)+`}`), "Schedule")
		s.wants(got, "old", "Description")
		s.wants(got, nil, "DataStorageConfig")

		s.do("UpdateInferenceExperiment", `{"Name": "x", "Description": "new", "DataStorageConfig": `+storage+`,
			"ShadowModeConfig": `+shadowMode(20)+`, "ModelVariants": [`+modelVariant("shadow", "m", 3)+`]}`)
		s.settle()
		got = s.describe()
		s.wants(got, "new", "Description")
		s.wants(got, decoded(t, storage), "DataStorageConfig")
		s.wants(got, decoded(t, shadowMode(20)), "ShadowModeConfig")
		s.wants(got, "m", "ModelVariants", 1, "ModelName")
		s.wants(got, 3.0, "ModelVariants", 1, "InfrastructureConfig", "RealTimeInferenceConfig", "InstanceCount")

		s.do("StartInferenceExperiment", `{"Name": "x"}`)
		s.settle()
		s.do("UpdateInferenceExperiment", `{"Name": "x", "Description": "", "ShadowModeConfig": `+shadowMode(30)+`}`)
		s.settle()
		got = s.describe()
		s.wants(got, "Running", "Status")
		s.wants(got, nil, "Description")
		s.wants(got, decoded(t, shadowMode(30)), "ShadowModeConfig")
		s.wants(got, decoded(t, storage), "DataStorageConfig")
	})
}

func TestStopInferenceExperiment_BeforeTheStart(t *testing.T) {
	onStage(t, func(s *stage) {
		s.serve()
		s.do("CreateInferenceExperiment", test(`, "Schedule": {"StartTime": `+text(unix(time.Hour))+`}`))
		s.settle()
		s.do("StopInferenceExperiment", `{"Name": "x", "ModelVariantActions": {"shadow": "Remove"}, "Reason": "no"}`)
		s.settle()
		s.wants(s.describe(), "Cancelled", "Status")
		s.wants(s.describe(), "no", "StatusReason")
		s.wants(s.describe(), "Deleted", "ModelVariants", 1, "Status")
		s.wants(s.do("DeleteInferenceExperiment", `{"Name": "x"}`), arns+"inference-experiment/x", "InferenceExperimentArn")
		s.refuses("DescribeInferenceExperiment", `{"Name": "x"}`, "ResourceNotFound", `Could not find inference experiment "`+arns+`inference-experiment/x".`)
	})
}
