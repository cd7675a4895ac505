// Gen writes model.json, the facts about the operations that Gnomon serves,
// from the service model inside the last aws-sdk-go of the first generation
// and an overlay of what the service has changed since then.
//
// It lives in a module of its own so that Gnomon does not depend on that SDK.
// Run it here, with no arguments, after editing overlay.json or the list of
// operations; then run go generate in the sagemaker package.
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go/aws"
)

const (
	source = "github.com/aws/aws-sdk-go"
	path   = "models/apis/sagemaker/2017-07-24/api-2.json"
	target = "../../model.json"
)

// operations are the ones served, in the order in which they are listed.
var operations = []string{
	"CreateInferenceExperiment", "DescribeInferenceExperiment", "ListInferenceExperiments",
	"UpdateInferenceExperiment", "StartInferenceExperiment", "StopInferenceExperiment",
	"DeleteInferenceExperiment",
	"CreateModel", "DescribeModel", "ListModels", "DeleteModel",
	"CreateEndpointConfig", "DescribeEndpointConfig", "ListEndpointConfigs", "DeleteEndpointConfig",
	"CreateEndpoint", "DescribeEndpoint", "ListEndpoints", "UpdateEndpoint",
	"UpdateEndpointWeightsAndCapacities", "DeleteEndpoint",
	"AddTags", "ListTags", "DeleteTags",
}

//go:embed overlay.json
var overlayJSON []byte

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", source).Output()
	if err != nil {
		return fmt.Errorf("find %s: %w", source, err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), path))
	if err != nil {
		return err
	}
	out, err := generate(data, overlayJSON)
	if err != nil {
		return err
	}
	return os.WriteFile(target, out, 0o644)
}

// generate lays overlay over the service model data and writes what the
// operations need of it.
func generate(data, overlay []byte) ([]byte, error) {
	var m, o model
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("read service model: %w", err)
	}
	if err := json.Unmarshal(overlay, &o); err != nil {
		return nil, fmt.Errorf("read overlay: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Shapes)) {
		s, err := m.Shapes[name].merge(o.Shapes[name])
		if err != nil {
			return nil, fmt.Errorf("overlay shape %s: %w", name, err)
		}
		m.Shapes[name] = s
	}
	if err := m.trim(operations); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(o.Shapes)) {
		if _, ok := m.Shapes[name]; !ok {
			return nil, fmt.Errorf("overlay shape %s is used by no operation", name)
		}
	}
	if err := m.tidy(); err != nil {
		return nil, err
	}
	return m.write(), nil
}

func (m *model) write() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "{\n\"source\": %q,\n\"operations\": [\n", source+" v"+aws.SDKVersion+", overlaid")
	for i, name := range operations {
		b.WriteString(line(m.Operations[name], i == len(operations)-1))
	}
	b.WriteString("],\n\"shapes\": {\n")
	names := slices.Sorted(maps.Keys(m.Shapes))
	for i, name := range names {
		fmt.Fprintf(&b, "%q: %s", name, line(m.Shapes[name].facts(), i == len(names)-1))
	}
	b.WriteString("}\n}\n")
	return []byte(b.String())
}

// line is v as JSON on a line of its own, so that a change shows as one.
func line(v any, last bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // plain structs of strings and numbers
	}
	s := strings.TrimSuffix(b.String(), "\n")
	if last {
		return s + "\n"
	}
	return s + ",\n"
}
