package api

import (
	"gnomon"
	"gnomon/sagemaker"
)

// capture returns what a DataCaptureConfig asks for; nil: nothing. Role is the one that writes.
func capture(in *sagemaker.DataCaptureConfig, role string) (*gnomon.DataCapture, error) {
	if in == nil {
		return nil, nil
	}
	if err := checkURI("DataCaptureConfig.DestinationS3Uri", in.DestinationS3Uri); err != nil {
		return nil, err
	}
	c := &gnomon.DataCapture{
		Enabled:         in.EnableCapture == nil || *in.EnableCapture,
		SamplingPercent: int(in.InitialSamplingPercentage),
		Destination:     in.DestinationS3Uri,
		KmsKey:          value(in.KmsKeyId),
		Role:            role,
	}
	for _, o := range in.CaptureOptions {
		c.Input = c.Input || o.CaptureMode != sagemaker.CaptureModeOutput
		c.Output = c.Output || o.CaptureMode != sagemaker.CaptureModeInput
	}
	if h := in.CaptureContentTypeHeader; h != nil {
		c.CSVContentTypes, c.JSONContentTypes = h.CsvContentTypes, h.JsonContentTypes
	}
	return c, nil
}

// showCapture returns c for the wire: as the request had it if it means the same, since a request can say it in more
// than one way.
func showCapture(c *gnomon.DataCapture, requested *sagemaker.DataCaptureConfig) *sagemaker.DataCaptureConfig {
	if c == nil {
		return nil
	}
	if same, err := capture(requested, c.Role); err == nil && same != nil && same.Equal(*c) {
		return requested
	}
	out := &sagemaker.DataCaptureConfig{
		EnableCapture:             new(c.Enabled),
		InitialSamplingPercentage: int32(c.SamplingPercent),
		DestinationS3Uri:          c.Destination,
		KmsKeyId:                  optional(c.KmsKey),
		CaptureContentTypeHeader:  showContentTypes(c),
	}
	if c.Input {
		out.CaptureOptions = append(out.CaptureOptions, sagemaker.CaptureOption{CaptureMode: sagemaker.CaptureModeInput})
	}
	if c.Output {
		out.CaptureOptions = append(out.CaptureOptions, sagemaker.CaptureOption{CaptureMode: sagemaker.CaptureModeOutput})
	}
	return out
}

func showContentTypes(c *gnomon.DataCapture) *sagemaker.CaptureContentTypeHeader {
	if len(c.CSVContentTypes) == 0 && len(c.JSONContentTypes) == 0 {
		return nil
	}
	return &sagemaker.CaptureContentTypeHeader{CsvContentTypes: c.CSVContentTypes, JsonContentTypes: c.JSONContentTypes}
}

// summarizeCapture returns what DescribeEndpoint says of c, which is being done or not.
func summarizeCapture(c *gnomon.DataCapture, capturing bool) *sagemaker.DataCaptureConfigSummary {
	if c == nil {
		return nil
	}
	status := sagemaker.CaptureStatusStopped
	if capturing {
		status = sagemaker.CaptureStatusStarted
	}
	return &sagemaker.DataCaptureConfigSummary{
		EnableCapture:             c.Enabled,
		CaptureStatus:             status,
		CurrentSamplingPercentage: int32(c.SamplingPercent),
		DestinationS3Uri:          c.Destination,
		KmsKeyId:                  c.KmsKey,
	}
}

// storage returns the capture that an experiment asks for: all requests and answers of both variants. Nil: none.
func storage(in *sagemaker.InferenceExperimentDataStorageConfig, role string) (*gnomon.DataCapture, error) {
	if in == nil {
		return nil, nil
	}
	if err := checkURI("DataStorageConfig.Destination", in.Destination); err != nil {
		return nil, err
	}
	c := &gnomon.DataCapture{
		Enabled: true, SamplingPercent: 100, Input: true, Output: true,
		Destination: in.Destination, KmsKey: value(in.KmsKey), Role: role,
	}
	if in.ContentType != nil {
		c.CSVContentTypes, c.JSONContentTypes = in.ContentType.CsvContentTypes, in.ContentType.JsonContentTypes
	}
	return c, nil
}
