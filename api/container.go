package api

import (
	"strings"

	"gnomon"
	"gnomon/sagemaker"
)

// maxEnvironment is how many bytes the keys and values of an Environment may have together.
const maxEnvironment = 32 << 10

// container returns the one container of a model. At is where the request has it, for the errors.
func container(in *sagemaker.CreateModelInput) (gnomon.Container, error) {
	var c sagemaker.ContainerDefinition
	at := "PrimaryContainer"
	switch {
	case in.PrimaryContainer != nil && len(in.Containers) > 0:
		return gnomon.Container{}, invalid("PrimaryContainer and Containers cannot both be given. Give PrimaryContainer only.")
	case in.PrimaryContainer != nil:
		c = *in.PrimaryContainer
	case len(in.Containers) == 1:
		c, at = in.Containers[0], "Containers[0]"
	case len(in.Containers) > 1:
		return gnomon.Container{}, invalid("Containers has %d elements. Models of several containers are not supported: give PrimaryContainer, or Containers with one element.", len(in.Containers))
	default:
		return gnomon.Container{}, invalid("PrimaryContainer is missing. Give PrimaryContainer, or Containers with one element.")
	}
	if err := checkContainer(at, c); err != nil {
		return gnomon.Container{}, err
	}
	artifacts, err := artifacts(at, c)
	if err != nil {
		return gnomon.Container{}, err
	}
	return gnomon.Container{Image: *c.Image, Artifacts: artifacts, Environment: c.Environment}, nil
}

// checkContainer refuses what a container may be in AWS and not here.
func checkContainer(at string, c sagemaker.ContainerDefinition) error {
	switch {
	case c.ModelPackageName != nil:
		return invalid("%s.ModelPackageName is not supported: there are no model packages. Name the Image and its model data instead.", at)
	case c.InferenceSpecificationName != nil:
		return invalid("%s.InferenceSpecificationName is not supported: there are no model packages. Name the Image and its model data instead.", at)
	case c.Mode == sagemaker.ContainerModeMultiModel:
		return invalid("%s.Mode MultiModel is not supported. It must be SingleModel.", at)
	case c.MultiModelConfig != nil:
		return invalid("%s.MultiModelConfig is not supported: a container serves one model. Leave it out.", at)
	case c.Image == nil:
		return invalid("%s.Image is missing. Name the image that serves the model.", at)
	}
	if n := environmentBytes(c.Environment); n > maxEnvironment {
		return invalid("%s.Environment has %d bytes of keys and values. It can have at most %d.", at, n, maxEnvironment)
	}
	if c.ContainerMetricsConfig == nil {
		return nil
	}
	for _, e := range c.ContainerMetricsConfig.MetricsEndpoints {
		if err := checkFrequency(at+".ContainerMetricsConfig.MetricsEndpoints", e.MetricPublishFrequencyInSeconds); err != nil {
			return err
		}
	}
	return nil
}

func environmentBytes(env map[string]string) int {
	n := 0
	for k, v := range env {
		n += len(k) + len(v)
	}
	return n
}

// artifacts returns the files that a container asks for.
func artifacts(at string, c sagemaker.ContainerDefinition) ([]gnomon.Artifact, error) {
	var all []gnomon.Artifact
	if c.ModelDataUrl != nil {
		if c.ModelDataSource != nil {
			return nil, invalid("%s.ModelDataUrl and %s.ModelDataSource cannot both be given.", at, at)
		}
		if err := checkURI(at+".ModelDataUrl", *c.ModelDataUrl); err != nil {
			return nil, err
		}
		all = append(all, gnomon.Artifact{URI: *c.ModelDataUrl, Gzip: true})
	}
	if c.ModelDataSource != nil {
		if c.ModelDataSource.S3DataSource == nil {
			return nil, invalid("%s.ModelDataSource.S3DataSource is missing.", at)
		}
		a, err := artifact(at+".ModelDataSource.S3DataSource", *c.ModelDataSource.S3DataSource)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	channels := make(map[string]bool)
	for _, more := range c.AdditionalModelDataSources {
		a, err := artifact(at+".AdditionalModelDataSources["+more.ChannelName+"].S3DataSource", more.S3DataSource)
		if err != nil {
			return nil, err
		}
		if more.ChannelName == "." || more.ChannelName == ".." {
			return nil, invalid("%s.AdditionalModelDataSources has the ChannelName %q, which cannot name a folder.", at, more.ChannelName)
		}
		if channels[more.ChannelName] {
			return nil, invalid("%s.AdditionalModelDataSources has two elements with the ChannelName %q. They must differ.", at, more.ChannelName)
		}
		channels[more.ChannelName] = true
		a.Channel = more.ChannelName
		all = append(all, a)
	}
	return all, nil
}

func artifact(at string, s sagemaker.S3ModelDataSource) (gnomon.Artifact, error) {
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"ModelAccessConfig", s.ModelAccessConfig != nil},
		{"HubAccessConfig", s.HubAccessConfig != nil},
		{"ManifestS3Uri", s.ManifestS3Uri != nil},
		{"ETag", s.ETag != nil},
		{"ManifestEtag", s.ManifestEtag != nil},
	} {
		if m.given {
			return gnomon.Artifact{}, invalid("%s.%s is not supported. Leave it out and name the files by S3Uri.", at, m.name)
		}
	}
	if err := checkURI(at+".S3Uri", s.S3Uri); err != nil {
		return gnomon.Artifact{}, err
	}
	a := gnomon.Artifact{
		URI:    s.S3Uri,
		Prefix: s.S3DataType == sagemaker.S3ModelDataTypeS3Prefix,
		Gzip:   s.CompressionType == sagemaker.ModelCompressionTypeGzip,
	}
	switch folder := strings.HasSuffix(a.URI, "/"); {
	case a.Prefix && a.Gzip:
		return gnomon.Artifact{}, invalid("%s cannot have CompressionType Gzip with S3DataType S3Prefix. Valid are None with S3Prefix, and None or Gzip with S3Object.", at)
	case a.Prefix && !folder:
		return gnomon.Artifact{}, invalid("%s.S3Uri %q must end with \"/\" when S3DataType is S3Prefix.", at, a.URI)
	case !a.Prefix && folder:
		return gnomon.Artifact{}, invalid("%s.S3Uri %q must name an object, not end with \"/\", when S3DataType is S3Object.", at, a.URI)
	}
	return a, nil
}

// checkURI refuses the https form of an object's address, which the wire allows.
func checkURI(at, uri string) error {
	if !strings.HasPrefix(uri, "s3://") {
		return invalid("%s %q is not supported. It must begin with s3://.", at, uri)
	}
	return nil
}
