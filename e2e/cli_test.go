package e2e

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// awsCLI is Debian's; another one in PATH may be a shim that does not start.
const awsCLI = "/usr/bin/aws"

// TestCLI lives a whole experiment at a shell, with the AWS CLI; the story is in testdata/cli.
func TestCLI(t *testing.T) {
	t.Parallel()
	if err := exec.Command(awsCLI, "--version").Run(); err != nil {
		t.Skip("the AWS CLI is missing: install the package awscli")
	}
	s := newServer(t, "")
	testscript.Run(t, testscript.Params{
		Dir: "testdata/cli",
		Setup: func(e *testscript.Env) error {
			for name, value := range s.env {
				e.Setenv(name, value)
			}
			e.Setenv("IMAGE", digits)
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			e.Setenv("AWS_PAGER", "")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"aws": runAWS, "until": untilStatus},
	})
}

// runAWS is the script's command aws.
func runAWS(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(awsCLI, append(args, "--endpoint-url", ts.Getenv("GNOMON_URL"))...)
	if neg && err == nil {
		ts.Fatalf("aws %s succeeded", strings.Join(args, " "))
	}
	if !neg && err != nil {
		ts.Fatalf("aws %s: %v", strings.Join(args, " "), err)
	}
}

// untilStatus is the script's command "until EXPERIMENT STATUS": the CLI has no waiter for experiments.
func untilStatus(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(time.Minute); ; {
		runAWS(ts, false, []string{"sagemaker", "describe-inference-experiment", "--name", args[0], "--query", "[Status,StatusReason]", "--output", "text"})
		status, _, _ := strings.Cut(ts.ReadFile("stdout"), "\t")
		if status == args[1] {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("experiment %s is %s, not %s", args[0], status, args[1])
		}
	}
}
