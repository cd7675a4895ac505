package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// service returns AWS's file.
func service(t *testing.T) []byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", source).Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), path))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestModelIsFresh(t *testing.T) {
	want, err := generate(service(t), overlayJSON)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(target)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("model.json is stale: run go run . in internal/gen")
	}
}

func TestGenerate_RefusesOverlays(t *testing.T) {
	data := service(t)
	for name, c := range map[string]struct{ overlay, want string }{
		"a new pattern that looks around": {`{"TagKey": {"pattern": "(?!aws:).*"}}`, "shape TagKey: pattern (?!aws:).*"},
		"a shape out of reach":            {`{"TrainingJobName": {"max": 1}}`, "overlay shape TrainingJobName is used by no operation"},
		"a value that AWS has by now":     {`{"SortOrder": {"enum": ["Ascending"]}}`, `overlay shape SortOrder: already has the value "Ascending"`},
		"another type":                    {`{"Tag": {"type": "map"}}`, "overlay shape Tag: is a structure, not a map"},
		"a member of no shape":            {`{"Tag": {"members": {"Color": {"shape": "NoColor"}}}}`, "no shape NoColor"},
		"a required member of no name":    {`{"Tag": {"required": ["Color"]}}`, "shape Tag: required member Color does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			// The known overlay comes first: it mends a pattern that re2 has newer than AWS's file.
			overlay := bytes.Replace(overlayJSON, []byte(`{"shapes": {`), []byte(`{"shapes": `+strings.TrimSuffix(c.overlay, "}")+","), 1)
			if _, err := generate(data, overlay); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}
