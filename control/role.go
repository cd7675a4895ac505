package control

import "gnomon"

// role returns an error in AWS's words if the role cannot be passed, or does not allow all of the powers.
func (r Rules) role(arn string, powers ...gnomon.Power) error {
	for _, known := range r.Roles {
		if known.ARN != arn {
			continue
		}
		for _, p := range powers {
			if !known.May(p) {
				return gnomon.Errorf(gnomon.Invalid, "The role %q does not have the permission %q that this operation needs. Give it that power in Gnomon's configuration.", arn, p)
			}
		}
		return nil
	}
	return gnomon.Errorf(gnomon.Invalid, "Could not assume role %s. Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role.", arn)
}
