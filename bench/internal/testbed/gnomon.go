package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// gnomonConfig has the models run this program. The images' names are made up.
const gnomonConfig = `auth: %[1]s
images:
  - {name: "answer:1", command: [%[2]q, %[3]q, "-port", "{port}"]}
  - {name: "empty:1", command: [%[2]q, %[3]q, "-port", "{port}", "-empty"]}
`

// An experiment is an endpoint under test, both called by its row's path.
type experiment struct {
	row     string
	name    string
	shadow  string // its image
	percent int
}

// startGnomons runs two servers: one that lets everybody in, and one that checks signatures.
func startGnomons(ctx context.Context, o options, dir string, started *group) ([]*row, error) {
	program := o.gnomon
	if program == "" {
		program = filepath.Join(dir, "gnomon")
		cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "gnomon/cmd/gnomon")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build gnomon: %w\n%s", err, out)
		}
	}
	open, err := startGnomon(ctx, program, filepath.Join(dir, "open"), "off", started, []experiment{
		{gnomonPlain, "plain", "answer:1", 0},
		{gnomonMirror, "mirrored", "answer:1", 100},
		{gnomonMirror0, "emptied", "empty:1", 100},
	})
	if err != nil {
		return nil, err
	}
	closed, err := startGnomon(ctx, program, filepath.Join(dir, "signed"), "sigv4", started, []experiment{
		{gnomonSigned, "plain", "answer:1", 0},
	})
	if err != nil {
		return nil, err
	}
	return append(open, closed...), nil
}

// startGnomon runs a server whose data directory is dir, and the experiments on it.
func startGnomon(ctx context.Context, program, dir, auth string, started *group, experiments []experiment) ([]*row, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	config := dir + ".yaml"
	if err := os.WriteFile(config, fmt.Appendf(nil, gnomonConfig, auth, self, modelArgument), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "serve", "--config", config, "--data-dir", dir, "--listen", address, "--log-level", "warn")
	cmd.Stderr = os.Stderr
	p, err := started.start(cmd)
	if err != nil {
		return nil, err
	}
	c, err := newClient(ctx, program, config, dir, address)
	if err != nil {
		return nil, err
	}
	var rows []*row
	for _, x := range experiments {
		if err := c.begin(ctx, x); err != nil {
			return nil, fmt.Errorf("experiment %s: %w", x.name, err)
		}
		r := &row{
			name: x.row, address: address, path: invocations(x.name), process: p,
			account: func() (account, error) { return c.account(ctx, x) },
		}
		if auth == "sigv4" {
			r.sign = c
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func invocations(endpoint string) string { return "/endpoints/" + endpoint + "/invocations" }

// begin makes all that an experiment needs and waits until it runs.
func (c *client) begin(ctx context.Context, x experiment) error {
	type m = map[string]any
	variant := func(name, model string) m {
		return m{"VariantName": name, "ModelName": model, "InfrastructureConfig": m{
			"InfrastructureType": "RealTimeInference", "RealTimeInferenceConfig": m{"InstanceType": "ml.m5.large", "InstanceCount": 1},
		}}
	}
	production, shadow := x.name+"-production", x.name+"-shadow"
	for _, step := range []struct {
		operation string
		in        m
	}{
		{"CreateModel", m{"ModelName": production, "ExecutionRoleArn": c.role, "PrimaryContainer": m{"Image": "answer:1"}}},
		{"CreateModel", m{"ModelName": shadow, "ExecutionRoleArn": c.role, "PrimaryContainer": m{"Image": x.shadow}}},
		{"CreateEndpointConfig", m{"EndpointConfigName": x.name, "ProductionVariants": []m{{
			"VariantName": "AllTraffic", "ModelName": production, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
		}}}},
		{"CreateEndpoint", m{"EndpointName": x.name, "EndpointConfigName": x.name}},
	} {
		if err := c.call(ctx, step.operation, step.in, nil); err != nil {
			return err
		}
	}
	if err := c.await(ctx, "DescribeEndpoint", m{"EndpointName": x.name}, "EndpointStatus", "InService"); err != nil {
		return err
	}
	err := c.call(ctx, "CreateInferenceExperiment", m{
		"Name": x.name, "Type": "ShadowMode", "RoleArn": c.role, "EndpointName": x.name,
		"ModelVariants": []m{variant("AllTraffic", production), variant("Shadow", shadow)},
		"ShadowModeConfig": m{"SourceModelVariantName": "AllTraffic", "ShadowModelVariants": []m{
			{"ShadowModelVariantName": "Shadow", "SamplingPercentage": x.percent},
		}},
	}, nil)
	if err != nil {
		return err
	}
	return c.await(ctx, "DescribeInferenceExperiment", m{"Name": x.name}, "Status", "Running")
}

// await asks until a member of the answer is what is wanted.
func (c *client) await(ctx context.Context, operation string, in any, member, want string) error {
	return within(ctx, 30*time.Second, func() error {
		var out map[string]any
		if err := c.call(ctx, operation, in, &out); err != nil {
			return err
		}
		if out[member] != want {
			return fmt.Errorf("%s is %v instead of %s: %v", member, out[member], want, out["FailureReason"])
		}
		return nil
	})
}

// account asks for an experiment's own numbers, once no copy is under way.
func (c *client) account(ctx context.Context, x experiment) (account, error) {
	bucket := "mirrored"
	if x.percent == 0 {
		bucket = "sampled_out"
	}
	var found struct{ Accounting map[string]int64 }
	err := within(ctx, 5*time.Second, func() error {
		if err := c.get(ctx, "/gnomon/v1/experiments/"+x.name+"/comparison", &found); err != nil {
			return err
		}
		if found.Accounting["pending"] > 0 {
			return fmt.Errorf("copies are still under way: %v", found.Accounting)
		}
		return nil
	})
	return account{requests: found.Accounting["requests"], done: found.Accounting[bucket]}, err
}

// environment reads what "gnomon env" prints.
func environment(out string) map[string]string {
	env := make(map[string]string)
	for line := range strings.Lines(out) {
		if name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "="); ok {
			env[name] = value
		}
	}
	return env
}
