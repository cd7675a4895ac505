package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReplay sends a captured run at another endpoint, faster than it was and at a rate, and ends one in the middle.
func TestReplay(t *testing.T) {
	t.Parallel()
	c := newServer(t, "limits: {capture_file_age: 300ms}\n").client()
	c.digitsModel("linear", "linear.tar.gz")
	c.digitsModel("trees", "trees.tar.gz")
	c.serving("e", "linear")
	c.serving("same", "linear")
	c.serving("other", "trees")
	x := c.experiment("x", "e", "linear", "linear")
	x.DataStorageConfig = storing("s3://captures/run", nil, []string{"application/json"})
	c.begin(x)
	const n = 80
	for range n {
		c.invoke("e", picture, production)
	}
	c.uploaded("x", n)
	const from = "s3://captures/run/e/" + production
	text := c.s.gnomon("replay", "--from", from, "--to", "same", "--speed", "5")
	if !strings.Contains(text, fmt.Sprintf("%d requests in ", n)) || !strings.Contains(text, fmt.Sprintf("%d of %d answers are those that were captured", n, n)) {
		t.Errorf("the same model again: %s", text)
	}
	if got := c.answered("same", production); got != n {
		t.Errorf("the endpoint has answered %d requests", got)
	}
	// As it is sent, an experiment compares it like any other traffic.
	c.begin(c.experiment("y", "other", "trees", "linear"))
	text = c.s.gnomon("replay", "--from", from+"/", "--to", "other", "--rate", "500", "--variant", production)
	if !strings.Contains(text, fmt.Sprintf(", %d answered with 2xx", n)) || strings.Contains(text, fmt.Sprintf("%d of %d answers are those", n, n)) {
		t.Errorf("another model: %s", text)
	}
	if found := c.settled("y"); found.Accounting["mirrored"] != n {
		t.Errorf("the experiment has %v", found.Accounting)
	}
	c.wantResumed(from, n)
	for _, args := range [][]string{
		{"--from", "s3://captures/run/e/nobody", "--to", "same"}, {"--from", "captures/run", "--to", "same"}, {"--from", from, "--to", "same", "--speed", "-1"},
		{"--from", from, "--to", "same", "--resume"},
	} {
		if out, err := exec.Command(filepath.Join(bin, "gnomon"), append(append([]string{"replay"}, args...), "--data-dir", c.s.data())...).CombinedOutput(); err == nil {
			t.Errorf("replay %v prints %s", args, out)
		}
	}
}

// wantResumed ends a slow replay of n requests, and goes on with it: each is sent once.
func (c client) wantResumed(from string, n int) {
	c.t.Helper()
	before := c.answered("same", production)
	args := []string{"replay", "--from", from, "--to", "same", "--rate", "40", "--data-dir", c.s.data()}
	slow := exec.Command(filepath.Join(bin, "gnomon"), args...)
	var said bytes.Buffer
	slow.Stdout, slow.Stderr = &said, &said
	if err := slow.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.s.eventually("some are sent", func() error {
		if sent := c.answered("same", production) - before; sent < 10 {
			return fmt.Errorf("%d", sent)
		}
		return nil
	})
	slow.Process.Signal(os.Interrupt)
	if err := slow.Wait(); err == nil || !strings.Contains(said.String(), "--resume") {
		c.t.Errorf("an interrupted replay: %v, %s", err, &said)
	}
	first := c.answered("same", production) - before
	c.s.gnomon(append(args[:len(args)-4], "--rate", "500", "--resume")...)
	if all := c.answered("same", production) - before; all != n || first >= n {
		c.t.Errorf("%d requests were sent, of which %d before the interruption, want %d", all, first, n)
	}
}
