package testbed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The images that servers know.
const (
	StaticImage = "static:1" // bench/model
	SpacedImage = "spaced:1" // the same, with spaces in the answer
	EmptyImage  = "empty:1"  // the same, answering without a body
	HashImage   = "hash:1"   // the same, answering with the SHA-256 of the body after WaitOfHash
	FaultyImage = "faulty:1" // examples/faultserver; the environment variable FAULT says what is wrong
)

// WaitOfHash is how long models of HashImage take, on a timer.
const WaitOfHash = 5 * time.Millisecond

// gnomonConfig has models that are told to end do so soon, and copies be given up before a measurement is over.
const gnomonConfig = `auth: %[1]s
stop_grace: 2s
limits: {shadow_timeout: %[5]v, mirror_queue: %[6]d}
images:
  - {name: "static:1", command: [%[2]q, "-port", "{port}"]}
  - {name: "spaced:1", command: [%[2]q, "-port", "{port}", "-answer", "spaced"]}
  - {name: "empty:1", command: [%[2]q, "-port", "{port}", "-answer", "empty"]}
  - {name: "hash:1", command: [%[2]q, "-port", "{port}", "-answer", "hash", "-wait", "%[4]v"]}
  - {name: "faulty:1", command: [%[3]q, "--host", "127.0.0.1", "--port", "{port}"]}
`

// ShadowTimeout is how long a copy may take: less than the default, lest a measurement end before its first copies do.
const ShadowTimeout = 5 * time.Second

// A Gnomon is a server, and who drives it.
type Gnomon struct {
	Address string
	Process *Process
	Signed  bool // it checks signatures
	client
}

// Settings are what servers may differ in.
type Settings struct {
	Signed      bool // signatures are checked; else everybody is let in
	MirrorQueue int  // copies that may wait; 0: as many as by default
}

// StartGnomon runs a server with a data directory of its own, and returns when it is ready.
func (b *Bed) StartGnomon(ctx context.Context, set Settings) (*Gnomon, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.Dir, b.name("data"))
	config, auth := dir+".yaml", "off"
	if set.Signed {
		auth = "sigv4"
	}
	text := fmt.Appendf(nil, gnomonConfig, auth, b.Model, b.Faultserver, WaitOfHash, ShadowTimeout, set.MirrorQueue)
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, b.Gnomon, "serve", "--config", config, "--data-dir", dir, "--listen", address, "--log-level", "error")
	cmd.Stderr = os.Stderr
	p, err := b.started.start(cmd)
	if err != nil {
		return nil, err
	}
	g := &Gnomon{Address: address, Process: p, Signed: set.Signed, client: client{url: "http://" + address}}
	if err := within(ctx, 20*time.Second, func() error { return g.get(ctx, "/readyz", nil) }); err != nil {
		return nil, fmt.Errorf("gnomon is not ready: %w", err)
	}
	out, err := exec.CommandContext(ctx, b.Gnomon, "env", "--config", config, "--data-dir", dir).Output()
	if err != nil {
		return nil, fmt.Errorf("gnomon env: %w", err)
	}
	g.become(environment(string(out)))
	return g, nil
}

// StopGnomon ends it and waits for that.
func (b *Bed) StopGnomon(g *Gnomon) { b.started.stopOne(g.Process) }

// object is JSON.
type object = map[string]any

// instanceType is that of all models: two processors and 4 GiB at most.
const instanceType = "ml.c5.large"

// A Model is an image, and the fault it has if the image is FaultyImage.
type Model struct{ Image, Fault string }

// CreateEndpoint makes an endpoint with that many production variants of one model, and waits until it is in service.
func (g *Gnomon) CreateEndpoint(ctx context.Context, name string, model Model, variants int) error {
	if err := g.createModel(ctx, name, model); err != nil {
		return err
	}
	var all []object
	for i := range variants {
		all = append(all, object{
			"VariantName": productionVariant(i), "ModelName": name, "InstanceType": instanceType, "InitialInstanceCount": 1,
			"InitialVariantWeight": 1,
		})
	}
	if err := g.call(ctx, "CreateEndpointConfig", object{"EndpointConfigName": name, "ProductionVariants": all}, nil); err != nil {
		return err
	}
	if err := g.call(ctx, "CreateEndpoint", object{"EndpointName": name, "EndpointConfigName": name}, nil); err != nil {
		return err
	}
	return g.await(ctx, "DescribeEndpoint", object{"EndpointName": name}, "EndpointStatus", "InService")
}

func productionVariant(i int) string { return fmt.Sprintf("Production%d", i) }

func (g *Gnomon) createModel(ctx context.Context, name string, model Model) error {
	container := object{"Image": model.Image}
	if model.Fault != "" {
		container["Environment"] = object{"FAULT": model.Fault}
	}
	return g.call(ctx, "CreateModel", object{"ModelName": name, "ExecutionRoleArn": g.role, "PrimaryContainer": container}, nil)
}

// An Experiment is a shadow test of an endpoint that was made with one variant.
type Experiment struct {
	Name     string // also of the shadow's model
	Endpoint string
	Shadow   Model
	Percent  int
	Captured bool // both variants, into the bucket "captures"
}

// Begin makes an experiment, and waits until it runs.
func (g *Gnomon) Begin(ctx context.Context, x Experiment) error {
	if err := g.createModel(ctx, x.Name, x.Shadow); err != nil {
		return err
	}
	variant := func(name, model string) object {
		return object{"VariantName": name, "ModelName": model, "InfrastructureConfig": object{
			"InfrastructureType": "RealTimeInference", "RealTimeInferenceConfig": object{"InstanceType": instanceType, "InstanceCount": 1},
		}}
	}
	in := object{
		"Name": x.Name, "Type": "ShadowMode", "RoleArn": g.role, "EndpointName": x.Endpoint,
		"ModelVariants": []object{variant(productionVariant(0), x.Endpoint), variant("Shadow", x.Name)},
		"ShadowModeConfig": object{"SourceModelVariantName": productionVariant(0), "ShadowModelVariants": []object{
			{"ShadowModelVariantName": "Shadow", "SamplingPercentage": x.Percent},
		}},
	}
	if x.Captured {
		in["DataStorageConfig"] = object{"Destination": "s3://captures", "ContentType": object{"JsonContentTypes": []string{contentType}}}
	}
	if err := g.call(ctx, "CreateInferenceExperiment", in, nil); err != nil {
		return err
	}
	return g.await(ctx, "DescribeInferenceExperiment", object{"Name": x.Name}, "Status", "Running")
}

// End stops an experiment, takes its shadow away, and waits until that is done.
func (g *Gnomon) End(ctx context.Context, x Experiment) error {
	err := g.call(ctx, "StopInferenceExperiment", object{
		"Name": x.Name, "DesiredState": "Completed",
		"ModelVariantActions": object{productionVariant(0): "Retain", "Shadow": "Remove"},
	}, nil)
	if err != nil {
		return err
	}
	return g.await(ctx, "DescribeInferenceExperiment", object{"Name": x.Name}, "Status", "Completed")
}

// await asks until a member of the answer is what is wanted.
func (g *Gnomon) await(ctx context.Context, operation string, in any, member, want string) error {
	return within(ctx, 30*time.Second, func() error {
		var out object
		if err := g.call(ctx, operation, in, &out); err != nil {
			return err
		}
		if out[member] != want {
			return fmt.Errorf("%s is %v instead of %s: %v", member, out[member], want, out["FailureReason"])
		}
		return nil
	})
}
