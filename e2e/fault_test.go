package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

// patient is a production variant that is given the shortest time to answer pings that the API knows.
func patient(model string) types.ProductionVariant {
	return types.ProductionVariant{
		VariantName: aws.String(production), ModelName: &model, InstanceType: instance, InitialInstanceCount: aws.Int32(1),
		ContainerStartupHealthCheckTimeoutInSeconds: aws.Int32(60),
	}
}

// create makes an endpoint, and a config of its name, and does not wait for it.
func (c client) create(name string, v types.ProductionVariant) {
	c.t.Helper()
	c.config(name, v)
	_, err := c.CreateEndpoint(c.t.Context(), &sagemaker.CreateEndpointInput{EndpointName: &name, EndpointConfigName: &name})
	if err != nil {
		c.t.Fatal(err)
	}
}

// TestModel_NeverHealthy takes the minute that is the shortest AWS lets a model have; all that needs it is done in one.
func TestModel_NeverHealthy(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.faults("never-healthy", "describe")
	// One that listens for a moment before it exits might answer a ping in it.
	c.faultyModel("exits", "never-healthy,exit-after=0s")
	c.serving("good", "describe")
	pid := c.process("good").PID

	c.create("silent", patient("never-healthy"))
	c.create("short-lived", patient("exits"))
	c.config("worse", patient("never-healthy"))
	_, err := c.UpdateEndpoint(t.Context(), &sagemaker.UpdateEndpointInput{EndpointName: aws.String("good"), EndpointConfigName: aws.String("worse")})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.process("good").PID; got != pid {
		t.Errorf("during the update process %d answers, want %d", got, pid)
	}

	const reason = "The primary container for production variant AllTraffic did not pass the ping health check. Please check CloudWatch logs for this endpoint."
	c.wantFailed("silent", reason, "status 503")
	c.wantFailed("short-lived", reason, "exit status 3")
	c.s.within(2*time.Minute, "the update is undone", func() error { return c.consists("good", production, "") })
	e := c.describeEndpoint("good")
	if *e.EndpointConfigName != "good" || !strings.Contains(aws.ToString(e.FailureReason), reason) {
		t.Errorf("after the update: config %s, reason %q", *e.EndpointConfigName, aws.ToString(e.FailureReason))
	}
	if got := c.process("good").PID; got != pid {
		t.Errorf("after the update process %d answers, want %d", got, pid)
	}
	c.s.eventually("the failed models' processes are gone", func() error {
		return errors.Join(c.s.none("FAULT=never-healthy"), c.s.none("FAULT=never-healthy,exit-after=0s"))
	})
	c.wantDeleted("silent")
}

// wantDeleted deletes an endpoint and waits until it is gone.
func (c client) wantDeleted(endpoint string) {
	c.t.Helper()
	if _, err := c.DeleteEndpoint(c.t.Context(), &sagemaker.DeleteEndpointInput{EndpointName: &endpoint}); err != nil {
		c.t.Fatal(err)
	}
	c.s.eventually("endpoint "+endpoint+" is gone", func() error {
		e, err := c.DescribeEndpoint(c.t.Context(), &sagemaker.DescribeEndpointInput{EndpointName: &endpoint})
		if err == nil {
			return errors.New(string(e.EndpointStatus))
		}
		wantCode(c.t, err, "ValidationException", "Could not find endpoint")
		return nil
	})
}

// An entry of an archive that climbs out of its folder.
type entry struct {
	tar.Header
	body string
}

// climbing are archives, by name, each with an entry that leads to the file outside.
func climbing(outside string) map[string][]entry {
	file := func(name string) entry {
		return entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: 7}, "climbed"}
	}
	link := func(kind byte, to string) entry {
		return entry{Header: tar.Header{Name: "way", Typeflag: kind, Linkname: to, Mode: 0o777}}
	}
	up := strings.Repeat("../", 40) + strings.TrimPrefix(outside, "/")
	return map[string][]entry{
		"parent":   {file("model.json"), file(up)},
		"absolute": {file(outside)},
		"symlink":  {link(tar.TypeSymlink, filepath.Dir(outside)), file("way/" + filepath.Base(outside))},
		"hardlink": {link(tar.TypeLink, outside), file("way")},
		"torn":     nil,
	}
}

// pack makes a tar.gz of the entries; without any, one that is cut short.
func pack(t *testing.T, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	if entries == nil {
		return b.Bytes()[:b.Len()-10]
	}
	return b.Bytes()
}

func TestModel_ArchiveClimbsOut(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.faults("describe")
	c.serving("good", "describe")
	pid := c.process("good").PID
	outside := filepath.Join(t.TempDir(), "outside")
	for name, entries := range climbing(outside) {
		path := filepath.Join(c.s.data(), "objects", "models", name+".tar.gz")
		if err := os.WriteFile(path, pack(t, entries), 0o600); err != nil {
			t.Fatal(err)
		}
		c.digitsModel(name, name+".tar.gz")
		c.create(name, patient(name))
	}
	for name := range climbing(outside) {
		c.wantFailed(name, `Failed to download model data for container "container_1".`, name+".tar.gz")
	}
	if _, err := os.Lstat(outside); err == nil {
		t.Error("a file was written outside of the model's folder")
	}

	if _, err := c.CreateInferenceExperiment(t.Context(), c.testing("x", "good", "parent")); err != nil {
		t.Fatal(err)
	}
	x := c.until("x", types.InferenceExperimentStatusCancelled)
	if reason := aws.ToString(x.StatusReason); !strings.Contains(reason, "Failed to download model data") {
		t.Errorf("StatusReason is %q", reason)
	}
	c.wantUntouched("good", pid)
}

// wantUntouched fails the test unless an endpoint is as serving made it, down to the process that answers.
func (c client) wantUntouched(endpoint string, pid int) {
	c.t.Helper()
	c.wantVariants(endpoint, production, "")
	if e := c.describeEndpoint(endpoint); *e.EndpointConfigName != endpoint {
		c.t.Errorf("the endpoint's config is %s, want %s", *e.EndpointConfigName, endpoint)
	}
	if got := c.process(endpoint).PID; got != pid {
		c.t.Errorf("process %d answers, want %d as before", got, pid)
	}
}

func TestModel_ImageNotConfigured(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.faults("describe")
	_, err := c.CreateModel(t.Context(), &sagemaker.CreateModelInput{
		ModelName: aws.String("unknown"), ExecutionRoleArn: &c.role,
		PrimaryContainer: &types.ContainerDefinition{Image: aws.String("unknown:1")},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.create("bad", patient("unknown"))
	c.wantFailed("bad", "The image of the model for production variant AllTraffic does not exist", `"unknown:1"`, "images in the configuration")

	c.serving("good", "describe")
	pid := c.process("good").PID
	_, err = c.CreateInferenceExperiment(t.Context(), c.testing("x", "good", "unknown"))
	wantCode(t, err, "ValidationException", `"unknown:1"`)
	c.wantUntouched("good", pid)
}

func TestModel_ArtifactMissing(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	for name, url := range map[string]string{"no-object": "s3://models/none.tar.gz", "no-bucket": "s3://none/none.tar.gz", "climbing": "s3://models/../../access-keys.json"} {
		_, err := c.CreateModel(t.Context(), &sagemaker.CreateModelInput{
			ModelName: &name, ExecutionRoleArn: &c.role,
			PrimaryContainer: &types.ContainerDefinition{Image: aws.String(digits), ModelDataUrl: &url},
		})
		wantCode(t, err, "ValidationException", "Could not access model data at "+url)
		_, err = c.DescribeModel(t.Context(), &sagemaker.DescribeModelInput{ModelName: &name})
		wantCode(t, err, "ValidationException", "Could not find model")
	}
}

// TestModel_Killed kills the model of a serving endpoint as an out-of-memory killer would.
func TestModel_Killed(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.faults("describe")
	c.serving("e", "describe")
	pid := c.process("e").PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.s.eventually("another process answers", func() error {
		if err := c.consists("e", production, ""); err != nil {
			t.Error(err)
		}
		out, err := c.send("e", "")
		if err != nil {
			return err
		}
		if strings.Contains(string(out.Body), fmt.Sprintf(`"pid":%d,`, pid)) {
			t.Errorf("process %d was killed and answers", pid)
		}
		return nil
	})
}

// TestModel_WillNotGo has models that stay when they are told to go.
func TestModel_WillNotGo(t *testing.T) {
	t.Parallel()
	c := newServer(t, "stop_grace: 1s\n").client()
	const stubborn = "describe,ignore-sigterm,fork-grandchild"
	c.faults(stubborn, "none")
	c.serving("one", named(stubborn))
	c.serving("two", named(stubborn))
	one, two := c.process("one"), c.process("two")
	for _, pid := range []int{one.PID, one.Grandchild, two.PID, two.Grandchild} {
		if !runs(pid) {
			t.Fatalf("process %d of %+v and %+v does not run", pid, one, two)
		}
	}
	c.wantDeleted("one")
	if runs(one.PID) || runs(one.Grandchild) {
		t.Errorf("processes of a deleted endpoint run: %+v", one)
	}
	if !runs(two.PID) || !runs(two.Grandchild) {
		t.Errorf("processes of the other endpoint do not run: %+v", two)
	}
	c.s.kill()
	c.s.eventually("nothing outlives the server", func() error {
		if runs(two.PID) || runs(two.Grandchild) {
			return fmt.Errorf("%+v", two)
		}
		return nil
	})
	c.s.wantNoOrphans()
	c.s.start()
	c.process("two")
}

// runs reports whether a process runs. A zombie does not.
func runs(pid int) bool {
	cmdline, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return err == nil && len(cmdline) > 0
}
