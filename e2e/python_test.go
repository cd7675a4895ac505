package e2e

import (
	"os"
	"os/exec"
	"testing"
)

// python is Debian's, whose packages are beside it; another one in PATH would not see them.
const python = "/usr/bin/python3"

// environ is the test's environment with the server's variables over it, as a shell has it after "gnomon env".
func (s *server) environ() []string {
	env := append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	for name, value := range s.env {
		env = append(env, name+"="+value)
	}
	return env
}

// TestBoto3 lives a whole experiment through boto3; the story is in testdata/life.py.
func TestBoto3(t *testing.T) {
	t.Parallel()
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		t.Skip("boto3 is missing: install the package python3-boto3")
	}
	s := newServer(t, "")
	c := exec.CommandContext(t.Context(), python, "testdata/life.py")
	c.Env = s.environ()
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("life.py: %v\n%s", err, out)
	}
}
