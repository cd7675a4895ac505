package api_test

import (
	"strings"
	"testing"
)

func TestCreateModel_Refuses(t *testing.T) {
	const image = `"Image": "i"`
	primary := func(members string) string { return `"PrimaryContainer": {` + members + `}` }
	source := func(members string) string {
		return primary(image + `, "ModelDataSource": {"S3DataSource": {` + members + `}}`)
	}
	const prefix = `"S3Uri": "s3://b/p/", "S3DataType": "S3Prefix", "CompressionType": "None"`
	onStage(t, func(s *stage) {
		for _, c := range []struct{ members, message string }{
			{``, `PrimaryContainer is missing. Give PrimaryContainer, or Containers with one element.`},
			{`"Containers": []`, `PrimaryContainer is missing. Give PrimaryContainer, or Containers with one element.`},
			{primary(image) + `, "Containers": [{` + image + `}]`, `PrimaryContainer and Containers cannot both be given. Give PrimaryContainer only.`},
			{`"Containers": [{` + image + `}, {` + image + `}], "InferenceExecutionConfig": {"Mode": "Direct"}`, `Containers has 2 elements. Models of several containers are not supported: give PrimaryContainer, or Containers with one element.`},
			{`"Containers": [{}]`, `Containers[0].Image is missing. Name the image that serves the model.`},
			{primary(`"ModelPackageName": "p"`), `PrimaryContainer.ModelPackageName is not supported: there are no model packages. Name the Image and its model data instead.`},
			{primary(`"InferenceSpecificationName": "p"`), `PrimaryContainer.InferenceSpecificationName is not supported: there are no model packages. Name the Image and its model data instead.`},
			{primary(image + `, "Mode": "MultiModel"`), `PrimaryContainer.Mode MultiModel is not supported. It must be SingleModel.`},
			{primary(image + `, "MultiModelConfig": {}`), `PrimaryContainer.MultiModelConfig is not supported: a container serves one model. Leave it out.`},
			{primary(image + `, "ModelDataUrl": "https://b.example/m.tar.gz"`), `PrimaryContainer.ModelDataUrl "https://b.example/m.tar.gz" is not supported. It must begin with s3://.`},
			{primary(image + `, "ModelDataUrl": "s3://b/m.tar.gz", "ModelDataSource": {}`), `PrimaryContainer.ModelDataUrl and PrimaryContainer.ModelDataSource cannot both be given.`},
			{primary(image + `, "ModelDataSource": {}`), `PrimaryContainer.ModelDataSource.S3DataSource is missing.`},
			{source(`"S3Uri": "https://b.example/p/", "S3DataType": "S3Prefix", "CompressionType": "None"`), `PrimaryContainer.ModelDataSource.S3DataSource.S3Uri "https://b.example/p/" is not supported. It must begin with s3://.`},
			{source(`"S3Uri": "s3://b/p/", "S3DataType": "S3Prefix", "CompressionType": "Gzip"`), `PrimaryContainer.ModelDataSource.S3DataSource cannot have CompressionType Gzip with S3DataType S3Prefix. Valid are None with S3Prefix, and None or Gzip with S3Object.`},
			{source(`"S3Uri": "s3://b/p", "S3DataType": "S3Prefix", "CompressionType": "None"`), `PrimaryContainer.ModelDataSource.S3DataSource.S3Uri "s3://b/p" must end with "/" when S3DataType is S3Prefix.`},
			{source(`"S3Uri": "s3://b/p/", "S3DataType": "S3Object", "CompressionType": "None"`), `PrimaryContainer.ModelDataSource.S3DataSource.S3Uri "s3://b/p/" must name an object, not end with "/", when S3DataType is S3Object.`},
			{source(prefix + `, "ModelAccessConfig": {"AcceptEula": true}`), `PrimaryContainer.ModelDataSource.S3DataSource.ModelAccessConfig is not supported. Leave it out and name the files by S3Uri.`},
			{source(prefix + `, "HubAccessConfig": {"HubContentArn": "a"}`), `PrimaryContainer.ModelDataSource.S3DataSource.HubAccessConfig is not supported. Leave it out and name the files by S3Uri.`},
			{source(prefix + `, "ManifestS3Uri": "s3://b/m"`), `PrimaryContainer.ModelDataSource.S3DataSource.ManifestS3Uri is not supported. Leave it out and name the files by S3Uri.`},
			{source(prefix + `, "ETag": "a"`), `PrimaryContainer.ModelDataSource.S3DataSource.ETag is not supported. Leave it out and name the files by S3Uri.`},
			{source(prefix + `, "ManifestEtag": "a"`), `PrimaryContainer.ModelDataSource.S3DataSource.ManifestEtag is not supported. Leave it out and name the files by S3Uri.`},
			{primary(image + `, "AdditionalModelDataSources": [{"ChannelName": "a", "S3DataSource": {` + prefix + `, "ETag": "a"}}]`), `PrimaryContainer.AdditionalModelDataSources[a].S3DataSource.ETag is not supported. Leave it out and name the files by S3Uri.`},
			{primary(image + `, "AdditionalModelDataSources": [{"ChannelName": "a", "S3DataSource": {` + prefix + `}}, {"ChannelName": "a", "S3DataSource": {` + prefix + `}}]`), `PrimaryContainer.AdditionalModelDataSources has two elements with the ChannelName "a". They must differ.`},
			{primary(image + `, "AdditionalModelDataSources": [{"ChannelName": "..", "S3DataSource": {` + prefix + `}}]`), `PrimaryContainer.AdditionalModelDataSources has the ChannelName "..", which cannot name a folder.`},
			{primary(image + `, "ContainerMetricsConfig": {"MetricsEndpoints": [{"MetricsEndpointPath": "/metrics", "MetricPublishFrequencyInSeconds": 7}]}`), `PrimaryContainer.ContainerMetricsConfig.MetricsEndpoints.MetricPublishFrequencyInSeconds 7 is not valid. It must be one of 10, 30, 60, 120, 180, 240 and 300.`},
			{primary(image) + `, "Tags": [{"Key": "aws:a", "Value": ""}]`, `The tag key "aws:a" begins with "aws:", which is reserved for AWS use.`},
			{primary(image) + `, "Tags": [{"Key": "a", "Value": ""}, {"Key": "a", "Value": ""}]`, `Duplicate tag keys found: "a". Tag keys must be unique.`},
			{primary(image) + `, "ExecutionRoleArn": "arn:aws:iam::000000000000:role/other"`, `Could not assume role arn:aws:iam::000000000000:role/other. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role.`},
		} {
			s.refuses("CreateModel", `{"ModelName": "m"`+strings.TrimSuffix(", "+c.members, ", ")+`}`, "ValidationException", c.message)
		}
	})
}

func TestCreateModel_LimitsTheEnvironment(t *testing.T) {
	environment := func(last int) string {
		members := make([]string, 32)
		for i := range members {
			size := 1022
			if i == 31 {
				size = last
			}
			members[i] = `"` + string(rune('a'+i/26)) + string(rune('a'+i%26)) + `": "` + strings.Repeat("x", size) + `"`
		}
		return `{"ModelName": "m", "PrimaryContainer": {"Image": "i", "Environment": {` + strings.Join(members, ", ") + `}}}`
	}
	onStage(t, func(s *stage) {
		s.refuses("CreateModel", environment(1023), "ValidationException", `PrimaryContainer.Environment has 32769 bytes of keys and values. It can have at most 32768.`)
		s.do("CreateModel", environment(1022))
	})
}

func TestCreateEndpointConfig_Refuses(t *testing.T) {
	with := func(more string) string { return `"ProductionVariants": [` + variant("v", "m", 1, more) + `]` }
	onStage(t, func(s *stage) {
		s.model("m")
		for _, c := range []struct{ members, message string }{
			{with(`, "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}`), `Invalid ProductionVariants.ServerlessConfig of variant "v": serverless inference is not supported. Give InstanceType and InitialInstanceCount instead.`},
			{with(`, "AcceleratorType": "ml.eia1.medium"`), `Invalid ProductionVariants.AcceleratorType of variant "v": Elastic Inference is not supported. Give an InstanceType with accelerators instead.`},
			{with(`, "InstancePools": [{"InstanceType": "ml.m5.large", "Priority": 1}]`), `Invalid ProductionVariants.InstancePools of variant "v": instance pools are not supported. Give InstanceType and InitialInstanceCount instead.`},
			{with(`, "CapacityReservationConfig": {}`), `Invalid ProductionVariants.CapacityReservationConfig of variant "v": capacity reservations are not supported. Leave it out.`},
			{with(`, "CoreDumpConfig": {"DestinationS3Uri": "s3://b"}`), `Invalid ProductionVariants.CoreDumpConfig of variant "v": core dumps are not kept. Leave it out.`},
			{with(`, "EnableSSMAccess": true`), `Invalid ProductionVariants.EnableSSMAccess of variant "v": access by SSM is not supported. It must be false or left out.`},
			{with(`, "ManagedInstanceScaling": {"Status": "ENABLED"}`), `Invalid ProductionVariants.ManagedInstanceScaling.Status of variant "v": ENABLED is not supported. It must be DISABLED; use UpdateEndpointWeightsAndCapacities to change the number of instances.`},
			{`"ProductionVariants": [{"VariantName": "v", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}]`, `Invalid ProductionVariants.ModelName of variant "v": it is missing. Name the model that the variant runs.`},
			{`"ProductionVariants": [{"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1}]`, `Invalid ProductionVariants.InstanceType of variant "v": it is missing. Name the type of the variant's instances.`},
			{`"ProductionVariants": [{"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large"}]`, `Invalid ProductionVariants.InitialInstanceCount of variant "v": it is missing. Give the number of the variant's instances, at least 1.`},
			{with("") + `, "ShadowProductionVariants": [` + variant("w", "m", 1, `, "EnableSSMAccess": true`) + `]`, `Invalid ShadowProductionVariants.EnableSSMAccess of variant "w": access by SSM is not supported. It must be false or left out.`},
			{with("") + `, "ShadowProductionVariants": [` + variant("v", "m", 1, "") + `]`, `The variant name "v" was non-unique within the request.`},
			{with("") + `, "ShadowProductionVariants": [` + variant("w", "m", 1, "") + `, ` + variant("w", "m", 1, "") + `]`, `The variant name "w" was non-unique within the request.`},
			{`"ProductionVariants": [` + variant("v", "m", 1, "") + `, ` + variant("w", "m", 1, "") + `], "ShadowProductionVariants": [` + variant("x", "m", 1, "") + `]`, `When ShadowProductionVariants is used, exactly one variant in ProductionVariants is allowed. The request has 2.`},
			{with("") + `, "AsyncInferenceConfig": {"OutputConfig": {}}`, `AsyncInferenceConfig is not supported: asynchronous inference is not served, endpoints answer in real time only. Leave it out.`},
			{with("") + `, "ExplainerConfig": {}`, `ExplainerConfig is not supported: answers come without explanations. Leave it out.`},
			{with("") + `, "MetricsConfig": {"MetricPublishFrequencyInSeconds": 20}`, `MetricsConfig.MetricPublishFrequencyInSeconds 20 is not valid. It must be one of 10, 30, 60, 120, 180, 240 and 300.`},
			{with("") + `, "DataCaptureConfig": {"InitialSamplingPercentage": 1, "DestinationS3Uri": "https://b", "CaptureOptions": [{"CaptureMode": "Input"}]}`, `DataCaptureConfig.DestinationS3Uri "https://b" is not supported. It must begin with s3://.`},
			{with("") + `, "Tags": [{"Key": "AWS:a", "Value": ""}]`, `The tag key "AWS:a" begins with "aws:", which is reserved for AWS use.`},
			{with("") + `, "ExecutionRoleArn": "` + role + `-other"`, `Could not assume role ` + role + `-other. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role.`},
			{`"ProductionVariants": [` + variant("v", "unknown", 1, "") + `]`, `Could not find model "` + arns + `model/unknown".`},
		} {
			s.refuses("CreateEndpointConfig", `{"EndpointConfigName": "c", `+c.members+`}`, "ValidationException", c.message)
		}
	})
}

func TestDeploymentConfig_Refuses(t *testing.T) {
	routing := func(members string) string {
		return `{"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"WaitIntervalInSeconds": 0, ` + members + `}}}`
	}
	const size = `{"Type": "INSTANCE_COUNT", "Value": 1}`
	const at = "DeploymentConfig.BlueGreenUpdatePolicy.TrafficRoutingConfiguration"
	onStage(t, func(s *stage) {
		s.serve()
		for _, c := range []struct{ config, message string }{
			{`{"RollingUpdatePolicy": {"MaximumBatchSize": ` + size + `, "WaitIntervalInSeconds": 0}}`, `DeploymentConfig.RollingUpdatePolicy is not supported. Give BlueGreenUpdatePolicy with ALL_AT_ONCE, or leave DeploymentConfig out.`},
			{`{"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}}`, `DeploymentConfig.AutoRollbackConfiguration.Alarms is not supported: there are no alarms. Leave it out; an update that fails is rolled back without it.`},
			{routing(`"Type": "CANARY", "CanarySize": ` + size), at + `.Type CANARY is not supported. It must be ALL_AT_ONCE.`},
			{routing(`"Type": "LINEAR", "LinearStepSize": ` + size), at + `.Type LINEAR is not supported. It must be ALL_AT_ONCE.`},
			{routing(`"Type": "ALL_AT_ONCE", "CanarySize": ` + size), at + `.CanarySize cannot be given with Type ALL_AT_ONCE. Leave it out.`},
			{routing(`"Type": "ALL_AT_ONCE", "LinearStepSize": ` + size), at + `.LinearStepSize cannot be given with Type ALL_AT_ONCE. Leave it out.`},
		} {
			s.refuses("CreateEndpoint", `{"EndpointName": "f", "EndpointConfigName": "c", "DeploymentConfig": `+c.config+`}`, "ValidationException", c.message)
			s.refuses("UpdateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": `+c.config+`}`, "ValidationException", c.message)
		}
		s.refuses("UpdateEndpoint", `{"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": {}, "RetainDeploymentConfig": true}`,
			"ValidationException", `RetainDeploymentConfig cannot be true when DeploymentConfig is given. Give one of them.`)
	})
}

func TestEndpoint_Refuses(t *testing.T) {
	onStage(t, func(s *stage) {
		s.serve()
		for _, c := range []struct{ operation, in, code, message string }{
			{"CreateEndpoint", `{"EndpointName": "E", "EndpointConfigName": "c"}`, "ValidationException", `Cannot create already existing endpoint "` + arns + `endpoint/E".`},
			{"CreateEndpoint", `{"EndpointName": "f", "EndpointConfigName": "d"}`, "ValidationException", `Could not find endpoint configuration "` + arns + `endpoint-config/d".`},
			{"CreateEndpoint", `{"EndpointName": "f", "EndpointConfigName": "c", "Tags": [{"Key": "aws:a", "Value": ""}]}`, "ValidationException", `The tag key "aws:a" begins with "aws:", which is reserved for AWS use.`},
			{"CreateEndpointConfig", `{"EndpointConfigName": "c", "ProductionVariants": [` + variant("v", "m", 1, "") + `]}`, "ValidationException", `Cannot create already existing endpoint configuration "` + arns + `endpoint-config/c".`},
			{"CreateModel", `{"ModelName": "m", "PrimaryContainer": {"Image": "i"}}`, "ValidationException", `Cannot create already existing model "` + arns + `model/m".`},
			{"DescribeEndpoint", `{"EndpointName": "f"}`, "ValidationException", `Could not find endpoint "` + arns + `endpoint/f".`},
			{"DescribeEndpointConfig", `{"EndpointConfigName": "f"}`, "ValidationException", `Could not find endpoint configuration "` + arns + `endpoint-config/f".`},
			{"DescribeModel", `{"ModelName": "f"}`, "ValidationException", `Could not find model "` + arns + `model/f".`},
			{"DeleteModel", `{"ModelName": "f"}`, "ValidationException", `Could not find model "` + arns + `model/f".`},
			{"DeleteEndpointConfig", `{"EndpointConfigName": "f"}`, "ValidationException", `Could not find endpoint configuration "` + arns + `endpoint-config/f".`},
			{"DeleteEndpoint", `{"EndpointName": "f"}`, "ValidationException", `Could not find endpoint "` + arns + `endpoint/f".`},
			{"UpdateEndpoint", `{"EndpointName": "f", "EndpointConfigName": "c"}`, "ValidationException", `Could not find endpoint "` + arns + `endpoint/f".`},
			{"UpdateEndpointWeightsAndCapacities", `{"EndpointName": "e", "DesiredWeightsAndCapacities": [{"VariantName": "AllTraffic", "ServerlessUpdateConfig": {}}]}`, "ValidationException", `Invalid DesiredWeightsAndCapacities.ServerlessUpdateConfig of variant "AllTraffic": serverless inference is not supported. Give DesiredInstanceCount instead.`},
			{"UpdateEndpointWeightsAndCapacities", `{"EndpointName": "e", "DesiredWeightsAndCapacities": [{"VariantName": "w"}]}`, "ValidationException", `The variant name(s) "w" is/are not present within endpoint configuration "c".`},
		} {
			s.refuses(c.operation, c.in, c.code, c.message)
		}
		s.do("CreateEndpointConfig", `{"EndpointConfigName": "huge", "ProductionVariants": [{"VariantName": "v", "ModelName": "m", "InstanceType": "ml.p4d.24xlarge", "InitialInstanceCount": 1}]}`)
		s.refuses("CreateEndpoint", `{"EndpointName": "f", "EndpointConfigName": "huge"}`, "ResourceLimitExceeded",
			`The account-level service limit 'ml.p4d.24xlarge for endpoint usage' is 0 Instances, with current utilization of 0 Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an increase for this quota.`)
	})
}

func TestExperiment_Refuses(t *testing.T) {
	onStage(t, func(s *stage) {
		s.serve()
		s.refuses("CreateInferenceExperiment", test(`, "DataStorageConfig": {"Destination": "https://b"}`), "ValidationException", `DataStorageConfig.Destination "https://b" is not supported. It must begin with s3://.`)
		s.refuses("CreateInferenceExperiment", test(`, "Tags": [{"Key": "a", "Value": ""}, {"Key": "a", "Value": ""}]`), "ValidationException", `Duplicate tag keys found: "a". Tag keys must be unique.`)
		s.refuses("CreateInferenceExperiment", strings.Replace(test(``), `"RoleArn": "`+role, `"RoleArn": "`+role+`-other`, 1), "ValidationException", `Could not assume role `+role+`-other. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role.`)
		for _, op := range []string{"Describe", "Start", "Delete", "Update"} {
			s.refuses(op+"InferenceExperiment", `{"Name": "x"}`, "ResourceNotFound", `Could not find inference experiment "`+arns+`inference-experiment/x".`)
		}
		s.refuses("StopInferenceExperiment", `{"Name": "x", "ModelVariantActions": {"shadow": "Remove"}}`, "ResourceNotFound", `Could not find inference experiment "`+arns+`inference-experiment/x".`)
		s.do("CreateInferenceExperiment", test(``))
		s.refuses("StartInferenceExperiment", `{"Name": "x"}`, "ConflictException", `StartInferenceExperiment is not allowed for inference experiment "`+arns+`inference-experiment/x" in status Creating. It is allowed in Created.`)
		s.refuses("CreateInferenceExperiment", test(`, "DataStorageConfig": {"Destination": "https://b"}`), "ResourceInUse", `Cannot create already existing inference experiment "`+arns+`inference-experiment/x".`)
		s.settle()
		s.refuses("UpdateInferenceExperiment", `{"Name": "x", "DataStorageConfig": {"Destination": "https://b"}}`, "ValidationException", `DataStorageConfig.Destination "https://b" is not supported. It must begin with s3://.`)
		s.refuses("StopInferenceExperiment", `{"Name": "x", "ModelVariantActions": {"shadow": "Promote", "AllTraffic": "Retain"}}`, "ValidationException", `ModelVariantActions cannot be Retain for the production variant "AllTraffic" with Promote for the shadow variant "shadow". Valid are Retain with Remove, Retain with Retain, and Remove with Promote.`)
	})
}
