package api_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// echoes makes a resource and compares what Describe shows of it with the request; changed is what it shows besides, or
// otherwise.
func (s *stage) echoes(create, describe, in, name, changed string) {
	s.Helper()
	s.do(create, in)
	want := decoded(s.T, in)
	delete(want, "Tags")
	maps.Copy(want, decoded(s.T, changed))
	if diff := cmp.Diff(want, s.do(describe, name)); diff != "" {
		s.Errorf("%s: -want +got:\n%s", describe, diff)
	}
}

func TestDescribeModel_ShowsWhatWasAsked(t *testing.T) {
	const container = `{
		"ContainerHostname": "h", "Image": "i", "ImageConfig": {"RepositoryAccessMode": "Vpc", "RepositoryAuthConfig": {"RepositoryCredentialsProviderArn": "a"}},
		"Mode": "SingleModel", "Environment": {"A": "1", "B": ""}, "ContainerMetricsConfig": {"MetricsEndpoints": [{"MetricsEndpointPath": "/metrics", "MetricPublishFrequencyInSeconds": 60}]},
		"ModelDataSource": {"S3DataSource": {"S3Uri": "s3://b/p/", "S3DataType": "S3Prefix", "CompressionType": "None"}},
		"AdditionalModelDataSources": [{"ChannelName": "a", "S3DataSource": {"S3Uri": "s3://b/o", "S3DataType": "S3Object", "CompressionType": "Gzip"}}]}`
	const rest = `"ExecutionRoleArn": "` + role + `", "InferenceExecutionConfig": {"Mode": "Serial"}, "EnableNetworkIsolation": false,
		"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}, "Tags": [{"Key": "k", "Value": "v"}]`
	onStage(t, func(s *stage) {
		s.echoes("CreateModel", "DescribeModel", `{"ModelName": "m", "PrimaryContainer": `+container+`, `+rest+`}`, `{"ModelName": "m"}`,
			`{"ModelArn": "`+arns+`model/m", "CreationTime": 946684800}`)
		s.echoes("CreateModel", "DescribeModel", `{"ModelName": "n", "Containers": [`+container+`], `+rest+`}`, `{"ModelName": "n"}`,
			`{"ModelArn": "`+arns+`model/n", "CreationTime": 946684800}`)
		s.echoes("CreateModel", "DescribeModel", `{"ModelName": "o", "PrimaryContainer": {"Image": "i", "ModelDataUrl": "s3://b/m.tar.gz"}}`, `{"ModelName": "o"}`,
			`{"ModelArn": "`+arns+`model/o", "CreationTime": 946684800}`)
	})
}

func TestCreateModel_ChecksItsFiles(t *testing.T) {
	onStage(t, func(s *stage) {
		s.refuses("CreateModel", `{"ModelName": "m", "ExecutionRoleArn": "`+role+`", "PrimaryContainer": {"Image": "i", "ModelDataUrl": "s3://nowhere/m.tar.gz"}}`, "ValidationException",
			`Could not access model data at s3://nowhere/m.tar.gz. Please ensure that the role "`+role+`" exists and that its trust relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". Also ensure that the role has "s3:GetObject" permissions and that the object is located in us-east-1. (no such bucket)`)
	})
}

func TestDescribeEndpointConfig_ShowsWhatWasAsked(t *testing.T) {
	const more = `, "InitialVariantWeight": 2, "VolumeSizeInGB": 8, "ModelDataDownloadTimeoutInSeconds": 60, "ContainerStartupHealthCheckTimeoutInSeconds": 90,
		"EnableSSMAccess": false, "ManagedInstanceScaling": {"Status": "DISABLED", "MinInstanceCount": 1, "MaxInstanceCount": 2, "ScaleInPolicy": {"Strategy": "IDLE_RELEASE"}},
		"RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}, "InferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-2", "VariantInstanceProvisionTimeoutInSeconds": 300`
	in := `{"EndpointConfigName": "c", "ProductionVariants": [` + variant("v", "m", 1, more) + `], "ShadowProductionVariants": [` + variant("w", "m", 1, more) + `],
		"DataCaptureConfig": {"InitialSamplingPercentage": 20, "DestinationS3Uri": "s3://b/p", "KmsKeyId": "k", "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
			"CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}},
		"KmsKeyId": "key", "ExecutionRoleArn": "` + role + `", "EnableNetworkIsolation": true, "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
		"MetricsConfig": {"EnableEnhancedMetrics": true, "EnableDetailedObservability": false, "MetricPublishFrequencyInSeconds": 10}, "Tags": [{"Key": "k", "Value": "v"}]}`
	onStage(t, func(s *stage) {
		s.model("m")
		s.echoes("CreateEndpointConfig", "DescribeEndpointConfig", in, `{"EndpointConfigName": "c"}`,
			`{"EndpointConfigArn": "`+arns+`endpoint-config/c", "CreationTime": 946684800}`)
		s.echoes("CreateEndpointConfig", "DescribeEndpointConfig", `{"EndpointConfigName": "d", "ProductionVariants": [`+variant("v", "m", 1, "")+`]}`, `{"EndpointConfigName": "d"}`,
			`{"EndpointConfigArn": "`+arns+`endpoint-config/d", "CreationTime": 946684800, "ProductionVariants": [`+variant("v", "m", 1, `, "InitialVariantWeight": 1`)+`]}`)
	})
}

func TestDescribeEndpoint_WhileItIsMade(t *testing.T) {
	onStage(t, func(s *stage) {
		s.model("m")
		s.do("CreateEndpointConfig", `{"EndpointConfigName": "c", "ProductionVariants": [`+variant("v", "m", 2, "")+`],
			"DataCaptureConfig": {"EnableCapture": false, "InitialSamplingPercentage": 20, "DestinationS3Uri": "s3://b/p", "CaptureOptions": [{"CaptureMode": "Input"}]}}`)
		s.do("CreateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "c"}`)
		want := decoded(t, `{"EndpointName": "e", "EndpointArn": "`+arns+`endpoint/e", "EndpointConfigName": "c", "EndpointStatus": "Creating",
			"CreationTime": 946684800, "LastModifiedTime": 946684800,
			"DataCaptureConfig": {"EnableCapture": false, "CaptureStatus": "Stopped", "CurrentSamplingPercentage": 20, "DestinationS3Uri": "s3://b/p", "KmsKeyId": ""},
			"ProductionVariants": [{"VariantName": "v", "CurrentWeight": 1, "DesiredWeight": 1, "CurrentInstanceCount": 0, "DesiredInstanceCount": 2,
				"RoutingConfig": {"RoutingStrategy": "RANDOM"}, "VariantStatus": [{"Status": "Creating", "StartTime": 946684800}]}]}`)
		if diff := cmp.Diff(want, s.do("DescribeEndpoint", `{"EndpointName": "e"}`)); diff != "" {
			s.Errorf("-want +got:\n%s", diff)
		}
		s.settle()
		got := s.do("DescribeEndpoint", `{"EndpointName": "E"}`)
		s.wants(got, "InService", "EndpointStatus")
		s.wants(got, 2.0, "ProductionVariants", 0, "CurrentInstanceCount")
		s.wants(got, nil, "ProductionVariants", 0, "VariantStatus")
		s.wants(got, "repository/m:1", "ProductionVariants", 0, "DeployedImages", 0, "SpecifiedImage")
		s.wants(got, "repository/m:1", "ProductionVariants", 0, "DeployedImages", 0, "ResolvedImage")
		s.do("DeleteEndpoint", `{"EndpointName": "e"}`)
		got = s.do("DescribeEndpoint", `{"EndpointName": "e"}`)
		s.wants(got, "Deleting", "EndpointStatus")
		s.wants(got, "Deleting", "ProductionVariants", 0, "VariantStatus", 0, "Status")
	})
}

func TestDescribeEndpoint_ThatCannotBeMade(t *testing.T) {
	onStage(t, func(s *stage) {
		s.model("bad")
		s.do("CreateEndpointConfig", `{"EndpointConfigName": "c", "ProductionVariants": [`+variant("v", "bad", 1, "")+`]}`)
		s.do("CreateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "c"}`)
		s.settle()
		got := s.do("DescribeEndpoint", `{"EndpointName": "e"}`)
		s.wants(got, "Failed", "EndpointStatus")
		s.wants(got, "The primary container for production variant v did not pass the ping health check. Please check CloudWatch logs for this endpoint.", "FailureReason")
	})
}

func TestUpdateEndpoint_ShowsBothSides(t *testing.T) {
	const policy = `{"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}, "TerminationWaitInSeconds": 60, "MaximumExecutionTimeoutInSeconds": 600}}`
	onStage(t, func(s *stage) {
		s.serve()
		s.do("CreateEndpointConfig", `{"EndpointConfigName": "d", "ProductionVariants": [`+variant("other", "n", 3, `, "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}`)+`]}`)
		s.do("UpdateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "d", "DeploymentConfig": `+policy+`}`)
		got := s.do("DescribeEndpoint", `{"EndpointName": "e"}`)
		s.wants(got, "Updating", "EndpointStatus")
		s.wants(got, "c", "EndpointConfigName")
		s.wants(got, 2.0, "ProductionVariants", 0, "CurrentInstanceCount")
		s.wants(got, 0.0, "ProductionVariants", 0, "DesiredInstanceCount")
		s.wants(got, "Deleting", "ProductionVariants", 0, "VariantStatus", 0, "Status")
		s.wants(got, "d", "PendingDeploymentSummary", "EndpointConfigName")
		s.wants(got, 3.0, "PendingDeploymentSummary", "ProductionVariants", 0, "DesiredInstanceCount")
		s.wants(got, 0.0, "PendingDeploymentSummary", "ProductionVariants", 0, "CurrentInstanceCount")
		s.wait(2 * time.Minute)
		got = s.do("DescribeEndpoint", `{"EndpointName": "e"}`)
		s.wants(got, "InService", "EndpointStatus")
		s.wants(got, "d", "EndpointConfigName")
		s.wants(got, "LEAST_OUTSTANDING_REQUESTS", "ProductionVariants", 0, "RoutingConfig", "RoutingStrategy")
		s.wants(got, decoded(t, policy), "LastDeploymentConfig")

		s.do("UpdateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "c", "RetainDeploymentConfig": true}`)
		s.wants(s.do("DescribeEndpoint", `{"EndpointName": "e"}`), decoded(t, policy), "LastDeploymentConfig")
		s.wait(2 * time.Minute)
		s.do("UpdateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "d"}`)
		s.wants(s.do("DescribeEndpoint", `{"EndpointName": "e"}`), nil, "LastDeploymentConfig")
	})
}

func TestUpdateEndpoint_CountsNoInstanceOfAnotherModel(t *testing.T) {
	onStage(t, func(s *stage) {
		s.serve()
		s.do("CreateEndpointConfig", `{"EndpointConfigName": "d", "ProductionVariants": [`+variant("AllTraffic", "m", 3, "")+`]}`)
		s.do("CreateEndpointConfig", `{"EndpointConfigName": "f", "ProductionVariants": [`+variant("AllTraffic", "n", 3, "")+`]}`)
		for config, current := range map[string]float64{"d": 2, "f": 0} {
			s.do("UpdateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "`+config+`"}`)
			s.wants(s.do("DescribeEndpoint", `{"EndpointName": "e"}`), current, "PendingDeploymentSummary", "ProductionVariants", 0, "CurrentInstanceCount")
			s.settle()
			s.do("UpdateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "c"}`)
			s.settle()
		}
	})
}

func TestUpdateEndpoint_RetainsProperties(t *testing.T) {
	for _, c := range []struct {
		name, members string
		count, weight float64
		capture       string
	}{
		{"nothing", ``, 1, 2, "s3://new"},
		{"all", `, "RetainAllVariantProperties": true`, 3, 5, "s3://old"},
		{"all but counts", `, "RetainAllVariantProperties": true, "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}]`, 1, 5, "s3://old"},
		{"all but weights", `, "RetainAllVariantProperties": true, "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}]`, 3, 2, "s3://old"},
		{"all but capture", `, "RetainAllVariantProperties": true, "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DataCaptureConfig"}]`, 3, 5, "s3://new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				s.model("m")
				for name, weight := range map[string]string{"old": "1", "new": "2"} {
					s.do("CreateEndpointConfig", `{"EndpointConfigName": "`+name+`", "ProductionVariants": [`+variant("v", "m", 1, `, "InitialVariantWeight": `+weight)+`],
						"DataCaptureConfig": {"InitialSamplingPercentage": 20, "DestinationS3Uri": "s3://`+name+`", "CaptureOptions": [{"CaptureMode": "Input"}]}}`)
				}
				s.do("CreateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "old"}`)
				s.settle()
				s.do("UpdateEndpointWeightsAndCapacities", `{"EndpointName": "e", "DesiredWeightsAndCapacities": [{"VariantName": "v", "DesiredInstanceCount": 3, "DesiredWeight": 5}]}`)
				got := s.do("DescribeEndpoint", `{"EndpointName": "e"}`)
				s.wants(got, 1.0, "ProductionVariants", 0, "CurrentInstanceCount")
				s.wants(got, 3.0, "ProductionVariants", 0, "DesiredInstanceCount")
				s.wants(got, 5.0, "ProductionVariants", 0, "DesiredWeight")
				s.wants(got, "Updating", "ProductionVariants", 0, "VariantStatus", 0, "Status")
				s.settle()
				s.do("UpdateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "new"`+c.members+`}`)
				s.settle()
				got = s.do("DescribeEndpoint", `{"EndpointName": "e"}`)
				s.wants(got, c.count, "ProductionVariants", 0, "CurrentInstanceCount")
				s.wants(got, c.weight, "ProductionVariants", 0, "CurrentWeight")
				s.wants(got, c.capture, "DataCaptureConfig", "DestinationS3Uri")
			})
		})
	}
}

func TestDeploymentConfig_KeepsOldInstances(t *testing.T) {
	onStage(t, func(s *stage) {
		s.serve()
		s.do("CreateEndpointConfig", `{"EndpointConfigName": "d", "ProductionVariants": [`+variant("other", "n", 1, "")+`]}`)
		s.do("UpdateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "d", "DeploymentConfig": {"BlueGreenUpdatePolicy": {
			"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}, "TerminationWaitInSeconds": 60}}}`)
		s.settle()
		s.wait(50 * time.Second)
		if n := s.host.running("AllTraffic"); n != 2 {
			s.Errorf("%d of the old instances run within TerminationWaitInSeconds, want 2", n)
		}
		s.wait(10 * time.Second)
		if n := s.host.running("AllTraffic"); n != 0 {
			s.Errorf("%d of the old instances run after TerminationWaitInSeconds, want none", n)
		}
	})
}

func TestDeploymentConfig_GivesUpInTime(t *testing.T) {
	onStage(t, func(s *stage) {
		s.serve()
		s.model("slow")
		s.do("CreateEndpointConfig", `{"EndpointConfigName": "d", "ProductionVariants": [`+variant("other", "slow", 1, "")+`]}`)
		s.do("UpdateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "d", "DeploymentConfig": {"BlueGreenUpdatePolicy": {
			"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}, "MaximumExecutionTimeoutInSeconds": 600}}}`)
		s.wait(599 * time.Second)
		s.wants(s.do("DescribeEndpoint", `{"EndpointName": "e"}`), "Updating", "EndpointStatus")
		s.settle()
		got := s.do("DescribeEndpoint", `{"EndpointName": "e"}`)
		s.wants(got, "InService", "EndpointStatus")
		s.wants(got, "c", "EndpointConfigName")
		s.wants(got, "The deployment did not finish within MaximumExecutionTimeoutInSeconds (600).", "FailureReason")
	})
}

func TestCreateEndpointConfig_TakesSeveralShadows(t *testing.T) {
	shadows := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = variant(fmt.Sprint("s", i), "m", 1, fmt.Sprintf(`, "InitialVariantWeight": %d`, i))
		}
		return `"ProductionVariants": [` + variant("v", "m", 1, "") + `], "ShadowProductionVariants": [` + strings.Join(all, ", ") + `]`
	}
	onStage(t, func(s *stage) {
		s.model("m")
		s.refuses("CreateEndpointConfig", `{"EndpointConfigName": "c", `+shadows(11)+`}`, "ValidationException",
			`1 validation error detected: Value '[{InitialInstanceCount=1, InitialVariantWeight=0, InstanceType=ml.m5.large, ModelName=m, VariantName=s0}, {InitialInstanceCount=1, InitialVariantWeight=1, InstanceType=ml.m5.large, ModelName=m, VariantName=s1}, {InitialInstanceCount=1, InitialVariantWeight...' at 'shadowProductionVariants' failed to satisfy constraint: Member must have length less than or equal to 10`)
		s.do("CreateEndpointConfig", `{"EndpointConfigName": "c", `+shadows(10)+`}`)
		s.do("CreateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "c"}`)
		s.settle()
		config, endpoint := s.do("DescribeEndpointConfig", `{"EndpointConfigName": "c"}`), s.do("DescribeEndpoint", `{"EndpointName": "e"}`)
		for i := range 10 {
			s.wants(config, fmt.Sprint("s", i), "ShadowProductionVariants", i, "VariantName")
			s.wants(config, float64(i), "ShadowProductionVariants", i, "InitialVariantWeight")
			s.wants(endpoint, fmt.Sprint("s", i), "ShadowProductionVariants", i, "VariantName")
			s.wants(endpoint, float64(i), "ShadowProductionVariants", i, "CurrentWeight")
			s.wants(endpoint, 1.0, "ShadowProductionVariants", i, "CurrentInstanceCount")
		}
		s.do("UpdateEndpointWeightsAndCapacities", `{"EndpointName": "e", "DesiredWeightsAndCapacities": [{"VariantName": "s7", "DesiredInstanceCount": 2, "DesiredWeight": 0.5}]}`)
		s.settle()
		endpoint = s.do("DescribeEndpoint", `{"EndpointName": "e"}`)
		s.wants(endpoint, 0.5, "ShadowProductionVariants", 7, "CurrentWeight")
		s.wants(endpoint, 2.0, "ShadowProductionVariants", 7, "CurrentInstanceCount")
		s.wants(endpoint, 1.0, "ShadowProductionVariants", 6, "CurrentInstanceCount")
	})
}
