package gnomon

import (
	"fmt"
	"strings"
)

// Names of resources, unique within their kind. They are types of their own because mixing two of them would compile.
type (
	ModelName          string
	EndpointConfigName string
	EndpointName       string // unique without regard to case, kept as given
	VariantName        string // unique within its endpoint
	ExperimentName     string
)

// A Partition is where resources live: it appears in every ARN.
type Partition struct {
	Name    string // "aws"
	Region  string // "us-east-1"
	Account string // twelve digits
}

// ARN returns the Amazon Resource Name of a resource: kind is "model", "endpoint", "endpoint-config" or
// "inference-experiment".
func (p Partition) ARN(kind, name string) string {
	return fmt.Sprintf("arn:%s:sagemaker:%s:%s:%s/%s", p.Name, p.Region, p.Account, kind, name)
}

// ParseARN takes the ARN of a resource of this partition apart. It reports false for any other string.
func (p Partition) ParseARN(arn string) (kind, name string, ok bool) {
	rest, ok := strings.CutPrefix(arn, p.ARN("", "")[:len(p.ARN("", ""))-1])
	if !ok {
		return "", "", false
	}
	kind, name, ok = strings.Cut(rest, "/")
	return kind, name, ok && name != ""
}

// RoleARN returns the ARN of an IAM role of this account.
func (p Partition) RoleARN(name string) string {
	return fmt.Sprintf("arn:%s:iam::%s:role/%s", p.Name, p.Account, name)
}
