package e2e

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/smithy-go"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// wantRefused starts a server that must end by itself, with a status other than 0 and these texts in what it says.
func (s *server) wantRefused(texts ...string) {
	s.t.Helper()
	s.launch()
	select {
	case err := <-s.ended:
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			s.t.Errorf("it ended with %v, want a status that is not 0", err)
		}
	case <-time.After(30 * time.Second):
		s.kill()
		s.t.Fatal("it has not ended")
	}
	s.cmd = nil
	said, err := os.ReadFile(s.log())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, text := range texts {
		if !strings.Contains(string(said), text) {
			s.t.Errorf("it said %q, which lacks %q", said, text)
		}
	}
	if bytes.Contains(said, []byte("panic")) {
		s.t.Errorf("it said %s", said)
	}
}

func TestServe_RefusesItsConfiguration(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config string
		flags  []string
		want   []string
	}{
		"UnknownKey":      {config: "regoin: us-east-1\n", want: []string{"gnomon.yaml", "line 7", "regoin"}},
		"UnknownInnerKey": {config: "limits:\n  bodies: 1\n", want: []string{"gnomon.yaml", "line 8", "bodies"}},
		"Duration":        {config: "stop_grace: soon\n", want: []string{"gnomon.yaml", "line 7", `"soon" is not a duration`}},
		"NegativeTime":    {config: "start_lead: -5m\n", want: []string{"line 7", `"-5m" is not a duration`}},
		"NegativeDays":    {config: "start_lead: -5d\n", want: []string{"line 7", `"-5d" is not a duration`}},
		"TooManyDays":     {config: "start_lead: 99999999d\n", want: []string{"line 7", `"99999999d" is not a duration`}},
		"NoYAML":          {config: "quotas: [\n", want: []string{"gnomon.yaml", "line "}},
		"Number":          {config: "limits: {body: much}\n", want: []string{"line 7", "much"}},
		"Auth":            {config: "auth: maybe\n", want: []string{`auth is "maybe"`, "sigv4 or off"}},
		"AuthFlag":        {flags: []string{"--auth", "maybe"}, want: []string{"--auth", "maybe"}},
		"OpenToAll":       {flags: []string{"--auth", "off", "--listen", "0.0.0.0:0"}, want: []string{"auth is off", "0.0.0.0:0", "loopback"}},
		"OpenToAll6":      {flags: []string{"--auth", "off", "--listen", "[::]:0"}, want: []string{"auth is off", "loopback"}},
		"OpenToAny":       {flags: []string{"--auth", "off", "--listen", ":0"}, want: []string{"auth is off", "loopback"}},
		"NoPort":          {flags: []string{"--listen", "127.0.0.1"}, want: []string{`listen is "127.0.0.1"`, "127.0.0.1:8080"}},
		"Quota":           {config: "quotas: {ml.m5.huge: 1}\n", want: []string{"ml.m5.huge"}},
		"Metrics":         {config: "metrics: everyone\n", want: []string{`metrics is "everyone"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := layOut(t, test.config)
			s.flags = test.flags
			s.wantRefused(test.want...)
			if _, err := os.Stat(filepath.Join(s.data(), "control.db")); err == nil {
				t.Error("a database was made")
			}
		})
	}
}

func TestServe_PortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := layOut(t, "")
	s.listen = l.Addr().String()
	s.wantRefused("listen on "+s.listen, "address already in use", "--listen")
}

func TestServe_DataDirectoryInUse(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.faults("describe")
	c.serving("e", "describe")
	pid := c.process("e").PID
	second := layOut(t, "")
	second.flags = []string{"--data-dir", c.s.data()}
	second.wantRefused("data directory "+c.s.data(), "another gnomon is using it")
	if now := c.process("e").PID; now != pid {
		t.Errorf("process %d answers, before it was %d", now, pid)
	}
	c.s.kill()
	c.s.start() // the address it tells beside it is still its own
	c.process("e")
}

// TestServe_NewerData has a data directory that a later version has migrated.
func TestServe_NewerData(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"control.db", "traffic.db"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "")
			s.stop()
			path := filepath.Join(s.data(), file)
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, 1)`)
			if err := errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s.wantRefused(path, "newer version of Gnomon", "9000")
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

func TestServe_KeysUnreadable(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(path string) error{
		"Garbage":   func(path string) error { return os.WriteFile(path, []byte("AKIA"), 0o600) },
		"Empty":     func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"Directory": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "")
			s.stop()
			path := filepath.Join(s.data(), "access-keys.json")
			if err := spoil(path); err != nil {
				t.Fatal(err)
			}
			s.wantRefused("access keys", path)
		})
	}
}

// TestServe_DiskFull fills the disk under a server that serves.
func TestServe_DiskFull(t *testing.T) {
	t.Parallel()
	s := layOut(t, "")
	if err := syscall.Mount("tmpfs", s.data(), "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("mounting a small disk needs root: mount: %v", err)
	}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.stop()
		}
		if err := syscall.Unmount(s.data(), syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s.start()
	c := s.client()
	c.faults("none", "describe")
	c.serving("e", "none")
	c.begin(c.testing("x", "e", "none"))
	c.wantEchoes("e", 10)

	ballast := filepath.Join(s.data(), "ballast")
	fill(t, ballast)
	for n := range 3 {
		name := fmt.Sprintf("m%d", n)
		c.wantNothingDone(name)
	}
	c.wantEchoes("e", 50)
	if got := c.describe("x").Status; got != types.InferenceExperimentStatusRunning {
		t.Errorf("the experiment is %s", got)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	c.faultyModel("m0", "describe")
	c.wantEchoes("e", 10)
	if a := c.settled("x").Accounting; a["requests"] != 70 {
		t.Errorf("accounting of 70 requests: %v", a)
	}
	c.stop("x", types.ModelVariantActionPromote, types.InferenceExperimentStatusCompleted)
	c.wantVariants("e", shadow, "")
	c.wantEchoes("e", 1)
	s.kill()
	s.start()
	c.wantVariants("e", shadow, "")
	if a := c.compare("x").Accounting; a["requests"] != 70 {
		t.Errorf("accounting of 70 requests after a kill: %v", a)
	}
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// wantNothingDone wants the creation of a model to be answered with the API's error of an internal kind, and no model.
func (c client) wantNothingDone(name string) {
	c.t.Helper()
	_, err := c.CreateModel(c.t.Context(), &sagemaker.CreateModelInput{
		ModelName: &name, ExecutionRoleArn: &c.role,
		PrimaryContainer: &types.ContainerDefinition{Image: aws.String(faulty)},
		Tags:             []types.Tag{{Key: aws.String("size"), Value: aws.String(strings.Repeat("x", 256))}},
	})
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorFault() != smithy.FaultServer && e.ErrorCode() != "InternalFailure" && e.ErrorCode() != "ServiceUnavailable" {
		c.t.Errorf("CreateModel on a full disk: %v", err)
	}
	_, err = c.DescribeModel(c.t.Context(), &sagemaker.DescribeModelInput{ModelName: &name})
	wantCode(c.t, err, "ValidationException", "Could not find model")
}
