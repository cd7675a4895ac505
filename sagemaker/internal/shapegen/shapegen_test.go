package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGeneratedFileIsFresh(t *testing.T) {
	data, err := os.ReadFile("../../model.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := generate(data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../shapes_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("shapes_gen.go is stale, run go generate (-want +got):\n%s", diff)
	}
}

func TestGenerate_RefusesClashingNames(t *testing.T) {
	_, err := generate([]byte(`{"shapes": {"Size": {"type": "string", "enum": ["a-b", "a_b"]}}}`))
	if err == nil || !strings.Contains(err.Error(), "SizeAB would be declared twice") {
		t.Errorf("got %v, want a clash", err)
	}
}

func TestIdentifier(t *testing.T) {
	for v, want := range map[string]string{
		"ALL_AT_ONCE":      "AllAtOnce",
		"InService":        "InService",
		"ml.eia1.medium":   "MlEia1Medium",
		"gpu-2-1":          "Gpu21",
		"S3Prefix":         "S3Prefix",
		"CAPACITY_PERCENT": "CapacityPercent",
	} {
		if got := identifier(v); got != want {
			t.Errorf("identifier(%q) = %q, want %q", v, got, want)
		}
	}
}
