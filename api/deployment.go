package api

import (
	"encoding/json"

	"gnomon"
	"gnomon/sagemaker"
)

// deployment returns how an update is to be carried out, and the request for it as it is kept. An absent one is
// AWS's default: blue/green, all at once.
func deployment(in *sagemaker.DeploymentConfig) (*gnomon.Deployment, json.RawMessage, error) {
	if in == nil {
		return &gnomon.Deployment{}, nil, nil
	}
	if err := checkDeployment(in); err != nil {
		return nil, nil, err
	}
	kept, err := accept(in)
	if err != nil {
		return nil, nil, err
	}
	d := &gnomon.Deployment{}
	if p := in.BlueGreenUpdatePolicy; p != nil {
		d.TerminationWait = seconds(p.TerminationWaitInSeconds)
		d.MaximumExecutionTime = seconds(p.MaximumExecutionTimeoutInSeconds)
	}
	return d, kept, nil
}

// checkDeployment refuses deployments in steps: a shadow test is how a change is tried here.
func checkDeployment(in *sagemaker.DeploymentConfig) error {
	const at = "DeploymentConfig.BlueGreenUpdatePolicy.TrafficRoutingConfiguration"
	switch {
	case in.RollingUpdatePolicy != nil:
		return invalid("DeploymentConfig.RollingUpdatePolicy is not supported. Give BlueGreenUpdatePolicy with ALL_AT_ONCE, or leave DeploymentConfig out.")
	case in.AutoRollbackConfiguration != nil && len(in.AutoRollbackConfiguration.Alarms) > 0:
		return invalid("DeploymentConfig.AutoRollbackConfiguration.Alarms is not supported: there are no alarms. Leave it out; an update that fails is rolled back without it.")
	case in.BlueGreenUpdatePolicy == nil:
		return nil
	}
	switch t := in.BlueGreenUpdatePolicy.TrafficRoutingConfiguration; {
	case t.Type != sagemaker.TrafficRoutingConfigTypeAllAtOnce:
		return invalid("%s.Type %s is not supported. It must be ALL_AT_ONCE.", at, t.Type)
	case t.CanarySize != nil:
		return invalid("%s.CanarySize cannot be given with Type ALL_AT_ONCE. Leave it out.", at)
	case t.LinearStepSize != nil:
		return invalid("%s.LinearStepSize cannot be given with Type ALL_AT_ONCE. Leave it out.", at)
	}
	return nil
}
