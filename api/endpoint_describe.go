package api

import (
	"context"
	"fmt"

	"gnomon"
	"gnomon/sagemaker"
)

func (e endpoints) describe(ctx context.Context, in *sagemaker.DescribeEndpointInput) (*sagemaker.DescribeEndpointOutput, error) {
	view, err := e.service.Get(ctx, gnomon.EndpointName(in.EndpointName))
	if err != nil {
		return nil, err
	}
	found, wanted := view.Endpoint, view.Wanted()
	last, err := accepted[*sagemaker.DeploymentConfig](found.Accepted)
	if err != nil {
		return nil, fmt.Errorf("describe endpoint %s: %w", found.Name, err)
	}
	held := effective(found, wanted)
	return &sagemaker.DescribeEndpointOutput{
		EndpointName:             string(found.Name),
		EndpointArn:              e.arn(found.Name),
		EndpointConfigName:       optional(string(held.Config)),
		ProductionVariants:       summarize(found, held.Production, wanted),
		ShadowProductionVariants: summarize(found, held.Shadows, wanted),
		DataCaptureConfig:        summarizeCapture(held.Capture, e.service.Capturing(found)),
		EndpointStatus:           sagemaker.EndpointStatus(found.Status),
		FailureReason:            optional(found.FailureReason),
		CreationTime:             moment(found.CreatedAt),
		LastModifiedTime:         moment(found.ModifiedAt),
		LastDeploymentConfig:     last,
		PendingDeploymentSummary: pending(found, wanted),
	}, nil
}

// effective returns what the endpoint consists of now, or, before anything was in service, what it is to consist of.
func effective(e *gnomon.Endpoint, wanted gnomon.EndpointSpec) gnomon.EndpointSpec {
	if e.Live == nil {
		return wanted
	}
	return *e.Live
}

// summarize returns variants of the endpoint as they are, beside what is wanted of them.
func summarize(e *gnomon.Endpoint, variants []gnomon.Variant, wanted gnomon.EndpointSpec) []sagemaker.ProductionVariantSummary {
	var out []sagemaker.ProductionVariantSummary
	for _, v := range variants {
		s := sagemaker.ProductionVariantSummary{
			VariantName:          string(v.Name),
			CurrentWeight:        new(float32(v.Weight)),
			DesiredWeight:        new(float32(v.Weight)),
			CurrentInstanceCount: new(int32(v.Count)),
			DesiredInstanceCount: new(int32(0)),
			RoutingConfig:        showRouting(v),
		}
		next, _, stays := wanted.Variant(v.Name)
		if stays {
			s.DesiredWeight, s.DesiredInstanceCount = new(float32(next.Weight)), new(int32(next.Count))
		}
		if e.Live == nil {
			s.CurrentInstanceCount = new(int32(0))
		} else {
			s.DeployedImages = []sagemaker.DeployedImage{{
				SpecifiedImage: optional(v.Container.Image), ResolvedImage: optional(v.Container.Image), ResolutionTime: moment(e.ModifiedAt),
			}}
		}
		s.VariantStatus = variantStatus(e, stays)
		out = append(out, s)
	}
	return out
}

// variantStatus returns what is under way for a variant; nothing is, when the endpoint is not changing.
func variantStatus(e *gnomon.Endpoint, stays bool) []sagemaker.ProductionVariantStatus {
	var status sagemaker.VariantStatus
	switch {
	case !e.Status.Busy():
		return nil
	case e.Status == gnomon.EndpointDeleting, !stays:
		status = sagemaker.VariantStatusDeleting
	case e.Live == nil:
		status = sagemaker.VariantStatusCreating
	default:
		status = sagemaker.VariantStatusUpdating
	}
	return []sagemaker.ProductionVariantStatus{{Status: status, StartTime: moment(e.DeployingSince)}}
}

// pending returns what an endpoint that is updating will consist of.
func pending(e *gnomon.Endpoint, wanted gnomon.EndpointSpec) *sagemaker.PendingDeploymentSummary {
	if e.Status != gnomon.EndpointUpdating || e.Live == nil {
		return nil
	}
	return &sagemaker.PendingDeploymentSummary{
		EndpointConfigName:       string(wanted.Config),
		ProductionVariants:       summarizePending(e, wanted.Production),
		ShadowProductionVariants: summarizePending(e, wanted.Shadows),
		StartTime:                moment(e.DeployingSince),
	}
}

func summarizePending(e *gnomon.Endpoint, variants []gnomon.Variant) []sagemaker.PendingProductionVariantSummary {
	var out []sagemaker.PendingProductionVariantSummary
	for _, v := range variants {
		s := sagemaker.PendingProductionVariantSummary{
			VariantName:          string(v.Name),
			InstanceType:         sagemaker.ProductionVariantInstanceType(v.InstanceType),
			DesiredWeight:        new(float32(v.Weight)),
			CurrentInstanceCount: new(int32(0)),
			DesiredInstanceCount: new(int32(v.Count)),
			RoutingConfig:        showRouting(v),
		}
		if live, _, ok := e.Live.Variant(v.Name); ok && live.Fingerprint() == v.Fingerprint() {
			s.CurrentWeight, s.CurrentInstanceCount = new(float32(live.Weight)), new(int32(live.Count))
		}
		out = append(out, s)
	}
	return out
}
