package main

import (
	"os"
	"reflect"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLimits_AreInTheManual holds the table of docs/operating.md to the limits that there are.
func TestLimits_AreInTheManual(t *testing.T) {
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	var told, are []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| [^|]+ \\| [^|]+ \\| [^|]*\\|$").FindAllSubmatch(text, -1) {
		told = append(told, string(row[1]))
	}
	fields := reflect.TypeFor[limitsConfig]()
	for i := range fields.NumField() {
		are = append(are, fields.Field(i).Tag.Get("yaml"))
	}
	if diff := cmp.Diff(are, told); diff != "" {
		t.Errorf("the table of limits (-is +told):\n%s", diff)
	}
}
