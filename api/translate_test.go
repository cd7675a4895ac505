package api

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gnomon"
	"gnomon/sagemaker"
)

func TestContainer_NamesItsFiles(t *testing.T) {
	s3 := func(uri string, what sagemaker.S3ModelDataType, how sagemaker.ModelCompressionType) sagemaker.S3ModelDataSource {
		return sagemaker.S3ModelDataSource{S3Uri: uri, S3DataType: what, CompressionType: how}
	}
	folder := s3("s3://b/p/", sagemaker.S3ModelDataTypeS3Prefix, sagemaker.ModelCompressionTypeNone)
	object := s3("s3://b/o", sagemaker.S3ModelDataTypeS3Object, sagemaker.ModelCompressionTypeNone)
	archive := s3("s3://b/o.tar.gz", sagemaker.S3ModelDataTypeS3Object, sagemaker.ModelCompressionTypeGzip)
	for _, c := range []struct {
		name string
		in   sagemaker.ContainerDefinition
		want []gnomon.Artifact
	}{
		{"none", sagemaker.ContainerDefinition{}, nil},
		{"address", sagemaker.ContainerDefinition{ModelDataUrl: new("s3://b/m.tar.gz")}, []gnomon.Artifact{{URI: "s3://b/m.tar.gz", Gzip: true}}},
		{"folder", sagemaker.ContainerDefinition{ModelDataSource: &sagemaker.ModelDataSource{S3DataSource: &folder}}, []gnomon.Artifact{{URI: "s3://b/p/", Prefix: true}}},
		{"object", sagemaker.ContainerDefinition{ModelDataSource: &sagemaker.ModelDataSource{S3DataSource: &object}}, []gnomon.Artifact{{URI: "s3://b/o"}}},
		{"archive", sagemaker.ContainerDefinition{ModelDataSource: &sagemaker.ModelDataSource{S3DataSource: &archive}}, []gnomon.Artifact{{URI: "s3://b/o.tar.gz", Gzip: true}}},
		{
			"channels",
			sagemaker.ContainerDefinition{AdditionalModelDataSources: []sagemaker.AdditionalModelDataSource{{ChannelName: "a", S3DataSource: folder}, {ChannelName: "b", S3DataSource: archive}}},
			[]gnomon.Artifact{{URI: "s3://b/p/", Prefix: true, Channel: "a"}, {URI: "s3://b/o.tar.gz", Gzip: true, Channel: "b"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.in.Image, c.in.Environment = new("i"), map[string]string{"A": "1"}
			want := gnomon.Container{Image: "i", Environment: map[string]string{"A": "1"}, Artifacts: c.want}
			for _, in := range []*sagemaker.CreateModelInput{{PrimaryContainer: &c.in}, {Containers: []sagemaker.ContainerDefinition{c.in}}} {
				got, err := container(in)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
		})
	}
}

func TestVariant_TakesEveryMember(t *testing.T) {
	in := sagemaker.ProductionVariant{
		VariantName: "v", ModelName: new("m"), InstanceType: "ml.m5.large", InitialInstanceCount: new(int32(3)), InitialVariantWeight: new(float32(0)),
		ModelDataDownloadTimeoutInSeconds: new(int32(60)), ContainerStartupHealthCheckTimeoutInSeconds: new(int32(90)),
		RoutingConfig: &sagemaker.ProductionVariantRoutingConfig{RoutingStrategy: sagemaker.RoutingStrategyLeastOutstandingRequests},
	}
	want := gnomon.Variant{
		Name: "v", Model: "m", InstanceType: "ml.m5.large", Count: 3, Routing: gnomon.LeastOutstandingRequests,
		DownloadTimeout: time.Minute, StartupTimeout: 90 * time.Second,
	}
	if diff := cmp.Diff(want, variant(in)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	in.InitialVariantWeight, in.RoutingConfig = nil, nil
	if got := variant(in); got.Weight != 1 || got.Routing != gnomon.RandomRouting {
		t.Errorf("got weight %v and routing %s, want AWS's defaults 1 and RANDOM", got.Weight, got.Routing)
	}
}

func TestCapture_TakesEveryMember(t *testing.T) {
	for _, c := range []struct {
		name          string
		enable        *bool
		modes         []sagemaker.CaptureMode
		enabled       bool
		input, output bool
	}{
		{"input", nil, []sagemaker.CaptureMode{sagemaker.CaptureModeInput}, true, true, false},
		{"output", new(true), []sagemaker.CaptureMode{sagemaker.CaptureModeOutput}, true, false, true},
		{"both", new(false), []sagemaker.CaptureMode{sagemaker.CaptureModeInputAndOutput}, false, true, true},
		{"each", nil, []sagemaker.CaptureMode{sagemaker.CaptureModeOutput, sagemaker.CaptureModeInput}, true, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := &sagemaker.DataCaptureConfig{
				EnableCapture: c.enable, InitialSamplingPercentage: 20, DestinationS3Uri: "s3://b", KmsKeyId: new("k"),
				CaptureContentTypeHeader: &sagemaker.CaptureContentTypeHeader{CsvContentTypes: []string{"text/csv"}, JsonContentTypes: []string{"application/json"}},
			}
			for _, m := range c.modes {
				in.CaptureOptions = append(in.CaptureOptions, sagemaker.CaptureOption{CaptureMode: m})
			}
			want := &gnomon.DataCapture{
				Enabled: c.enabled, Input: c.input, Output: c.output, SamplingPercent: 20, Destination: "s3://b", KmsKey: "k", Role: "r",
				CSVContentTypes: []string{"text/csv"}, JSONContentTypes: []string{"application/json"},
			}
			got, err := capture(in, "r")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if showCapture(got, in) != in {
				t.Error("got another wording of the same request, want the request's own")
			}
		})
	}
}

func TestStorage_KeepsAllOfBothVariants(t *testing.T) {
	in := &sagemaker.InferenceExperimentDataStorageConfig{
		Destination: "s3://b", KmsKey: new("k"),
		ContentType: &sagemaker.CaptureContentTypeHeader{CsvContentTypes: []string{"text/csv"}, JsonContentTypes: []string{"application/json"}},
	}
	want := &gnomon.DataCapture{
		Enabled: true, Input: true, Output: true, SamplingPercent: 100, Destination: "s3://b", KmsKey: "k", Role: "r",
		CSVContentTypes: []string{"text/csv"}, JSONContentTypes: []string{"application/json"},
	}
	got, err := storage(in, "r")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
