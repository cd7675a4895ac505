package sagemaker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gnomon/sagemaker/internal/schema"
)

// What AWS documents of the requests about inference experiments, written down
// apart from model.json. "!" is required; then type, limits, pattern or values.
const experimentFacts = `
CreateInferenceExperiment
  Name! string 1..120 [a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}
  Type! string {ShadowMode}
  Schedule structure
    StartTime timestamp
    EndTime timestamp
  Description string ..1024 .*
  RoleArn! string 20..2048 arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+
  EndpointName! string ..63 [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}
  ModelVariants! list 1..2
    ModelName! string ..63 [a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?
    VariantName! string ..63 [a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?
    InfrastructureConfig! structure
      InfrastructureType! string {RealTimeInference}
      RealTimeInferenceConfig! structure
        InstanceType! string {313 values}
        InstanceCount! integer 0..
  DataStorageConfig structure
    Destination! string ..512 (https|s3)://([^/])/?(.*)
    KmsKey string ..2048 [a-zA-Z0-9:/_-]*
    ContentType structure
      CsvContentTypes list 1..10
        string 1..256 [a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9.])*
      JsonContentTypes list 1..10
        string 1..256 [a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9.])*
  ShadowModeConfig! structure
    SourceModelVariantName! string ..63 [a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?
    ShadowModelVariants! list 1..1
      ShadowModelVariantName! string ..63 [a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?
      SamplingPercentage! integer 0..100
  KmsKey string ..2048 [a-zA-Z0-9:/_-]*
  Tags list ..50
    Key! string 1..128 ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)
    Value! string ..256 ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)
DescribeInferenceExperiment
  Name! string 1..120 [a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}
ListInferenceExperiments
  NameContains string ..63 [a-zA-Z0-9\-]+
  Type string {ShadowMode}
  StatusEquals string {Creating|Created|Updating|Running|Starting|Stopping|Completed|Cancelled}
  CreationTimeAfter timestamp
  CreationTimeBefore timestamp
  LastModifiedTimeAfter timestamp
  LastModifiedTimeBefore timestamp
  SortBy string {Name|CreationTime|Status}
  SortOrder string {Ascending|Descending}
  NextToken string ..8192 .*
  MaxResults integer 1..100
StartInferenceExperiment
  Name! string 1..120 [a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}
StopInferenceExperiment
  Name! string 1..120 [a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}
  ModelVariantActions! map 1..2
    string ..63 [a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?
    string {Retain|Remove|Promote}
  DesiredModelVariants list 1..2
    ModelName! string ..63 [a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?
    VariantName! string ..63 [a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?
    InfrastructureConfig! structure
      InfrastructureType! string {RealTimeInference}
      RealTimeInferenceConfig! structure
        InstanceType! string {313 values}
        InstanceCount! integer 0..
  DesiredState string {Completed|Cancelled}
  Reason string ..1024 .*
DeleteInferenceExperiment
  Name! string 1..120 [a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}
`

func TestModel_AgreesWithFacts(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n")
	for _, op := range model().Operations {
		// Update takes a part of what Create takes.
		if strings.HasSuffix(op.Name, "InferenceExperiment") && !strings.HasPrefix(op.Name, "Update") ||
			op.Name == "ListInferenceExperiments" {
			b.WriteString(op.Name + "\n")
			outline(&b, op.Input.Shape, "  ")
		}
	}
	if diff := cmp.Diff(experimentFacts, b.String()); diff != "" {
		t.Errorf("model.json says otherwise (-facts +model):\n%s", diff)
	}
}

// outline writes what s holds.
func outline(b *strings.Builder, s *schema.Shape, indent string) {
	for _, m := range s.Members {
		mark := " "
		if m.Required {
			mark = "! "
		}
		b.WriteString(indent + m.Name + mark + summary(m.Shape.Shape) + "\n")
		outline(b, m.Shape.Shape, indent+"  ")
	}
	for _, r := range []schema.Ref{s.Key, s.Member, s.Value} {
		switch {
		case r.Shape == nil:
		case isScalar(r.Shape):
			b.WriteString(indent + summary(r.Shape) + "\n")
		default:
			outline(b, r.Shape, indent)
		}
	}
}

func summary(s *schema.Shape) string {
	text := s.Type
	if s.Min != nil || s.Max != nil {
		text += " "
		if s.Min != nil {
			text += fmt.Sprint(*s.Min)
		}
		text += ".."
		if s.Max != nil {
			text += fmt.Sprint(*s.Max)
		}
	}
	if s.Pattern != "" {
		text += " " + s.Pattern
	}
	switch {
	case len(s.Enum) > 50:
		text += fmt.Sprintf(" {%d values}", len(s.Enum))
	case s.Enum != nil:
		text += " {" + strings.Join(s.Enum, "|") + "}"
	}
	return text
}

func TestOperations_AreTheServedOnes(t *testing.T) {
	ops := Operations()
	if len(ops) != 24 {
		t.Errorf("%d operations, want 24", len(ops))
	}
	var without []string
	for _, op := range ops {
		if o, _ := find(op); o.Output.Shape == nil {
			without = append(without, op)
		}
	}
	if diff := cmp.Diff([]string{"DeleteModel", "DeleteEndpointConfig", "DeleteEndpoint"}, without); diff != "" {
		t.Errorf("operations without output (-want +got):\n%s", diff)
	}
}

func TestInstanceTypes_AreOldAndNewOnes(t *testing.T) {
	types := InstanceTypes()
	if n := len(slices.Compact(slices.Sorted(slices.Values(types)))); n != 313 || len(types) != 313 {
		t.Errorf("%d instance types, %d of them different, want 313", len(types), n)
	}
	for _, v := range []string{"ml.m5.xlarge", "ml.t3.medium", "ml.p3dn.24xlarge", "ml.p6e-gb200.36xlarge", "ml.c6id.large"} {
		if !slices.Contains(types, v) {
			t.Errorf("no %s", v)
		}
	}
	types[0] = "changed"
	if InstanceTypes()[0] == "changed" {
		t.Error("a caller can change the model")
	}
}

// The mapping of a map is not written for values that hold something themselves.
func TestModel_MapsHoldScalars(t *testing.T) {
	for name, s := range model().Shapes {
		if s.Type == "map" && (!isScalar(s.Value.Shape) || s.Key.Type != "string" || s.Key.Enum != nil) {
			t.Errorf("map %s is not from text to scalars", name)
		}
	}
}

func TestInputMembers_WalksHoldersFirst(t *testing.T) {
	var got []string
	for m := range InputMembers("StopInferenceExperiment") {
		mark := ""
		if m.Required {
			mark = "!"
		}
		got = append(got, m.Path+mark+" "+m.Type)
		if m.Path == "DesiredModelVariants[].ModelName" {
			break // a loop may end early
		}
	}
	want := []string{
		"Name! string", "ModelVariantActions! map", "DesiredModelVariants list",
		"DesiredModelVariants[].ModelName! string",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for m := range InputMembers("CreateTrainingJob") {
		t.Errorf("an operation that is not served takes %s", m.Path)
	}
}
