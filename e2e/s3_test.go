package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

// An s3Server is a real S3 server, whose buckets are folders.
type s3Server struct {
	url    string
	folder string
}

// newS3 runs one until the test ends.
func newS3(t *testing.T, buckets ...string) s3Server {
	t.Helper()
	program, err := exec.LookPath("versitygw")
	if err != nil {
		t.Skip("versitygw is missing: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0, and have it in PATH")
	}
	address, folder := freeAddress(t), t.TempDir()
	for _, b := range buckets {
		if err := os.MkdirAll(filepath.Join(folder, b), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "--access", "root", "--secret", "rootsecret", "--port", address, "posix", folder)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	(&server{t: t}).eventually("the S3 server listens", func() error {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err
	})
	return s3Server{"http://" + address, folder}
}

// layOutS3 lays out a server whose buckets are in S3, with the secret that it signs by.
func layOutS3(t *testing.T, s3 s3Server, secret, limits string) *server {
	t.Helper()
	s := layOut(t, fmt.Sprintf("buckets: {default: \"s3://{bucket}?region=us-east-1&use_path_style=true&endpoint=%s\"}\nlimits: {%s}\n", s3.url, limits))
	s.environment = []string{"AWS_ACCESS_KEY_ID=root", "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"}
	return s
}

// TestS3 has models' artifacts and captures in S3: boto3 reads the objects and joins them.
func TestS3(t *testing.T) {
	t.Parallel()
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		t.Skip("boto3 is missing: install the package python3-boto3")
	}
	s3 := newS3(t, "models", "captures")
	for _, name := range []string{"linear.tar.gz", "trees.tar.gz"} {
		b, err := os.ReadFile(filepath.Join(bin, "models", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s3.folder, "models", name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := layOutS3(t, s3, "rootsecret", "capture_file_age: 1s")
	s.start()
	c := s.client()
	c.digitsModel("linear", "linear.tar.gz")
	c.digitsModel("trees", "trees.tar.gz")
	c.serving("e", "linear")
	x := c.experiment("x", "e", "linear", "trees")
	x.DataStorageConfig = storing("s3://captures/tests", nil, []string{"application/json"})
	c.begin(x)
	const n = 60
	for range n {
		c.invoke("e", picture, production)
	}
	if found := c.settled("x"); found.Accounting["mirrored"] != n {
		t.Fatalf("%v", found.Accounting)
	}
	c.s.eventually("boto3 finds all events", func() error {
		out, err := exec.Command(python, filepath.Join("testdata", "captures.py"), s3.url, "captures", "tests/e").CombinedOutput()
		if want := fmt.Sprintf("%d %d %d ", n, n, n); err != nil || !strings.HasPrefix(string(out), want) {
			return fmt.Errorf("want %q: %s (%v)", want, out, err)
		}
		return nil
	})
	c.uploaded("x", n)
}

// TestS3_WrongCredentials stop capture and nothing else, until they are right.
func TestS3_WrongCredentials(t *testing.T) {
	t.Parallel()
	s3 := newS3(t, "captures")
	s := layOutS3(t, s3, "wrong", "capture_flush: 0s, capture_file_age: 100ms, capture_spool: 300000")
	s.start()
	c := s.client()
	c.faultyModel("echo", "none")
	c.serving("e", "echo")
	x := c.experiment("x", "e", "echo", "echo")
	x.DataStorageConfig = storing("s3://captures", nil, nil)
	c.begin(x)
	sent := 0
	c.s.eventually("the spool is full", func() error {
		for range 50 {
			c.invoke("e", picture, production) // which must not fail
			sent++
		}
		if lost := c.metric(`gnomon_capture_lost_total{endpoint="e",reason="spool_full",variant="AllTraffic"}`); lost == 0 {
			return fmt.Errorf("%d requests, and nothing is lost", sent)
		}
		return nil
	})
	if got := c.captureStatus("e"); got != types.CaptureStatusStopped {
		t.Errorf("CaptureStatus is %s", got)
	}
	c.s.eventually("the log says what is wrong", func() error {
		log, err := os.ReadFile(c.s.log())
		if err == nil && !strings.Contains(string(log), "SignatureDoesNotMatch") {
			err = errors.New("it does not")
		}
		return err
	})
	written := c.metric(`gnomon_capture_records_total{endpoint="e",variant="AllTraffic"}`)
	c.s.stop()
	c.s.environment[1] = "AWS_SECRET_ACCESS_KEY=rootsecret"
	c.s.start()
	c.s.eventually("what was captured is uploaded", func() error {
		if n := lines(filepath.Join(s3.folder, "captures", "e", production)); n != written {
			return fmt.Errorf("%d of %d records", n, written)
		}
		return nil
	})
	c.inService("e")
	c.invoke("e", picture, production)
	c.s.eventually("capture goes on", func() error {
		if n := lines(filepath.Join(s3.folder, "captures", "e", production)); n != written+1 {
			return fmt.Errorf("%d records", n)
		}
		return nil
	})
	if got := c.captureStatus("e"); got != types.CaptureStatusStarted {
		t.Errorf("CaptureStatus is %s", got)
	}
}

// lines counts those of all files under a folder.
func lines(folder string) int {
	n := 0
	filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			b, _ := os.ReadFile(path)
			n += strings.Count(string(b), "\n")
		}
		return nil
	})
	return n
}
