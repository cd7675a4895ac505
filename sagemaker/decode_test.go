package sagemaker_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gnomon/sagemaker"
)

// input returns a new input of operation.
func input(t testing.TB, operation string) any {
	t.Helper()
	m, ok := reflect.TypeFor[sagemaker.Handler]().MethodByName(operation)
	if !ok {
		t.Fatalf("Handler has no %s", operation)
	}
	return reflect.New(m.Type.In(1).Elem()).Interface()
}

// request returns the body of a request for operation that sets every member.
func request(t testing.TB, operation string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "requests", operation+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestDecode_ReadsEveryMember(t *testing.T) {
	for _, op := range sagemaker.Operations() {
		t.Run(op, func(t *testing.T) {
			body := request(t, op)
			in := input(t, op)
			if err := sagemaker.Decode(op, body, in); err != nil {
				t.Fatal(err)
			}
			data, err := sagemaker.Marshal(in)
			if err != nil {
				t.Fatal(err)
			}
			var want, got any
			if err := errors.Join(json.Unmarshal(body, &want), json.Unmarshal(data, &got)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("request changed on its way through the input (-want +got):\n%s", diff)
			}
			for m := range sagemaker.InputMembers(op) {
				if !has(want, m.Path) {
					t.Errorf("testdata/requests/%s.json has no %s", op, m.Path)
				}
			}
			again := input(t, op)
			if err := sagemaker.Unmarshal(data, again); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(in, again); diff != "" {
				t.Errorf("kept input changed (-want +got):\n%s", diff)
			}
		})
	}
}

// has tells whether v holds something at path, as InputMembers writes it.
func has(v any, path string) bool {
	name, rest, more := strings.Cut(path, ".")
	name, isList := strings.CutSuffix(name, "[]")
	name, _ = strings.CutSuffix(name, "{}")
	x, ok := v.(map[string]any)[name]
	if !ok || !more {
		return ok
	}
	if isList {
		x = x.([]any)[0]
	}
	return has(x, rest)
}

func TestDecode_TakesNoUncheckedMember(t *testing.T) {
	for name, body := range map[string]string{
		"lower-case twin after":  `{"Name": "good", "name": "-bad-"}`,
		"lower-case twin before": `{"name": "-bad-", "Name": "good"}`,
		"twin in mixed case":     `{"Name": "good", "NaMe": "-bad-"}`,
		"earlier duplicate":      `{"Name": "-bad-", "Name": "good"}`,
		"unknown member":         `{"Name": "good", "Color": {"Name": "-bad-"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			var in sagemaker.DeleteInferenceExperimentInput
			if err := sagemaker.Decode("DeleteInferenceExperiment", []byte(body), &in); err != nil {
				t.Fatal(err)
			}
			if in.Name != "good" {
				t.Errorf("Name = %q, want %q", in.Name, "good")
			}
		})
	}
	t.Run("later duplicate", func(t *testing.T) {
		var in sagemaker.DeleteInferenceExperimentInput
		err := sagemaker.Decode("DeleteInferenceExperiment", []byte(`{"Name": "good", "Name": "-bad-"}`), &in)
		if e, ok := errors.AsType[*sagemaker.Error](err); !ok || e.Code != sagemaker.CodeValidation {
			t.Errorf("got %v, want a %s", err, sagemaker.CodeValidation)
		}
	})
}

func TestDecode_TakesNoUncheckedMemberInside(t *testing.T) {
	const body = `{"Name": "x", "ShadowModeConfig": {
		"SourceModelVariantName": "p", "sourceModelVariantName": "-bad-",
		"ShadowModelVariants": [{
			"ShadowModelVariantName": "s", "shadowmodelvariantname": "-bad-",
			"SamplingPercentage": 5, "samplingPercentage": 500
		}]
	}}`
	var in sagemaker.UpdateInferenceExperimentInput
	if err := sagemaker.Decode("UpdateInferenceExperiment", []byte(body), &in); err != nil {
		t.Fatal(err)
	}
	want := &sagemaker.ShadowModeConfig{
		SourceModelVariantName: "p",
		ShadowModelVariants:    []sagemaker.ShadowModelVariantConfig{{ShadowModelVariantName: "s", SamplingPercentage: 5}},
	}
	if diff := cmp.Diff(want, in.ShadowModeConfig); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDecode_DuplicateStructuresAreNotMixed(t *testing.T) {
	body := `{"Name": "x", "Schedule": {"StartTime": 1}, "Schedule": {"EndTime": 2}}`
	var in sagemaker.UpdateInferenceExperimentInput
	if err := sagemaker.Decode("UpdateInferenceExperiment", []byte(body), &in); err != nil {
		t.Fatal(err)
	}
	if !in.Schedule.StartTime.IsZero() || in.Schedule.EndTime.Unix() != 2 {
		t.Errorf("got %+v, want the second schedule alone", in.Schedule)
	}
}

func TestDecode_NullIsAbsence(t *testing.T) {
	var in sagemaker.UpdateInferenceExperimentInput
	err := sagemaker.Decode("UpdateInferenceExperiment", []byte(`{"Name": "x", "Description": null, "Schedule": null, "ModelVariants": null}`), &in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sagemaker.UpdateInferenceExperimentInput{Name: "x"}, in); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDecode_EmptyIsNotAbsent(t *testing.T) {
	var in sagemaker.UpdateInferenceExperimentInput
	err := sagemaker.Decode("UpdateInferenceExperiment", []byte(`{"Name": "x", "Description": "", "Schedule": {}}`), &in)
	if err != nil {
		t.Fatal(err)
	}
	want := sagemaker.UpdateInferenceExperimentInput{Name: "x", Description: new(""), Schedule: new(sagemaker.InferenceExperimentSchedule{})}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDecode_EmptyBodyIsAnEmptyObject(t *testing.T) {
	for _, body := range []string{"", " \r\n", "{}"} {
		var in sagemaker.ListModelsInput
		if err := sagemaker.Decode("ListModels", []byte(body), &in); err != nil {
			t.Errorf("body %q: %v", body, err)
		}
	}
}

func TestDecode_ReadsTimestamps(t *testing.T) {
	for text, want := range map[string]time.Time{
		"1767225600":          time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		"1767225600.5":        time.Date(2026, 1, 1, 0, 0, 0, 500e6, time.UTC),
		"1767225600.1239":     time.Date(2026, 1, 1, 0, 0, 0, 124e6, time.UTC),
		"1.767225600123E9":    time.Date(2026, 1, 1, 0, 0, 0, 123e6, time.UTC),
		"0":                   time.Unix(0, 0),
		"-0.5":                time.Unix(-1, 500e6),
		"253402300799":        time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		"-62135596799":        time.Time{}.Add(time.Second),
		"1767225600.00000001": time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		var in sagemaker.ListModelsInput
		if err := sagemaker.Decode("ListModels", []byte(`{"CreationTimeAfter": `+text+`}`), &in); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if !in.CreationTimeAfter.Equal(want) {
			t.Errorf("%s is read as %v, want %v", text, in.CreationTimeAfter, want)
		}
	}
}

func TestMarshal_WritesTimestampsWithMilliseconds(t *testing.T) {
	for want, at := range map[string]time.Time{
		`{"CreationTimeBefore":1529870369.986}`: time.UnixMilli(1529870369986),
		`{"CreationTimeBefore":1767225600.000}`: time.Date(2026, 1, 1, 1, 0, 0, 0, time.FixedZone("CET", 3600)),
		`{"CreationTimeBefore":-0.500}`:         time.UnixMilli(-500),
		`{"CreationTimeBefore":0.000}`:          time.Unix(0, 0),
		`{}`:                                    {},
	} {
		got, err := sagemaker.Marshal(sagemaker.ListModelsInput{CreationTimeBefore: sagemaker.Time{Time: at}})
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
}

func TestDecode_RefusesWrongTypes(t *testing.T) {
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for _, c := range []struct{ name, op, body, want string }{
		{"text for a number", "ListModels", `{"MaxResults": "5"}`, "STRING_VALUE can not be converted to an Integer at 'maxResults'"},
		{"fraction for an integer", "ListModels", `{"MaxResults": 5.5}`, "NUMBER_VALUE 5.5 can not be converted to an Integer at 'maxResults'"},
		{"whole fraction", "ListModels", `{"MaxResults": 5.0}`, "NUMBER_VALUE 5.0 can not be converted to an Integer at 'maxResults'"},
		{"beyond int32", "ListModels", `{"MaxResults": 2147483648}`, "NUMBER_VALUE 2147483648 can not be converted to an Integer at 'maxResults'"},
		{"number for text", "DescribeModel", `{"ModelName": 7}`, "NUMBER_VALUE 7 can not be converted to a String at 'modelName'"},
		{"boolean for text", "DescribeModel", `{"ModelName": true}`, "TRUE_VALUE can not be converted to a String at 'modelName'"},
		{"list for text", "DescribeModel", `{"ModelName": []}`, "Start of list found where not expected at 'modelName'"},
		{"structure for a list", "DeleteTags", `{"TagKeys": {}}`, "Start of structure or map found where not expected at 'tagKeys'"},
		{"text for a structure", "AddTags", `{"Tags": ["team"]}`, "STRING_VALUE can not be converted to a Structure at 'tags.1.member'"},
		{"text for a boolean", "UpdateEndpoint", `{"RetainDeploymentConfig": "true"}`, "STRING_VALUE can not be converted to a Boolean at 'retainDeploymentConfig'"},
		{"ISO timestamp", "ListModels", `{"CreationTimeAfter": "2026-01-01T00:00:00Z"}`, "STRING_VALUE can not be converted to a Timestamp in seconds since the epoch at 'creationTimeAfter'"},
		{"timestamp too late", "ListModels", `{"CreationTimeAfter": 1e12}`, "NUMBER_VALUE 1e12 can not be converted to a Timestamp in seconds since the epoch at 'creationTimeAfter'"},
		{"timestamp of absence", "ListModels", `{"CreationTimeAfter": -62135596800}`, "NUMBER_VALUE -62135596800 can not be converted to a Timestamp in seconds since the epoch at 'creationTimeAfter'"},
		{"float too large", "UpdateEndpointWeightsAndCapacities", `{"DesiredWeightsAndCapacities": [{"DesiredWeight": 1e39}]}`, "NUMBER_VALUE 1e39 can not be converted to a Float at 'desiredWeightsAndCapacities.1.member.desiredWeight'"},
		{"NaN as text", "UpdateEndpointWeightsAndCapacities", `{"DesiredWeightsAndCapacities": [{"DesiredWeight": "NaN"}]}`, "STRING_VALUE can not be converted to a Float at 'desiredWeightsAndCapacities.1.member.desiredWeight'"},
		{"NaN", "ListModels", `{"MaxResults": NaN}`, "The request body is not valid JSON: invalid character 'N' looking for beginning of value"},
		{"null", "ListModels", `null`, "NULL_VALUE can not be converted to a Structure"},
		{"a list", "ListModels", `[]`, "Start of list found where not expected"},
		{"cut off", "ListModels", `{"MaxResults": 5`, "The request body is not valid JSON: unexpected EOF"},
		{"two values", "ListModels", `{} {}`, "The request body is more than one JSON value"},
		{"garbage behind", "ListModels", `{} x`, "The request body is more than one JSON value"},
		{"invalid UTF-8", "DescribeModel", "{\"ModelName\": \"\xff\"}", "The request body is not valid UTF-8"},
		{"nested too deep", "ListModels", `{"Unknown": ` + deep + `}`, "The request body is not valid JSON: invalid character '[' exceeded max depth"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := sagemaker.Decode(c.op, []byte(c.body), input(t, c.op))
			want := &sagemaker.Error{Code: sagemaker.CodeSerialization, Message: c.want}
			got, _ := errors.AsType[*sagemaker.Error](err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestDecode_KnowsOnlyServedOperations(t *testing.T) {
	err := sagemaker.Decode("CreateTrainingJob", nil, new(struct{}))
	if e, ok := errors.AsType[*sagemaker.Error](err); !ok || e.Code != sagemaker.CodeUnknownOperation {
		t.Errorf("got %v, want %s", err, sagemaker.CodeUnknownOperation)
	}
}
