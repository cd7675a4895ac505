package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// bucket is where the artifacts are, in the API's terms.
const bucket = "demo-models"

// configuration is the demo's gnomon.yaml: which command runs the two images. The names are such as existing code has.
const configuration = `# The demo's configuration. An image is a command; the names may be those of a registry.
images:
  - name: "*.dkr.ecr.*.amazonaws.com/digits:*"
    command: [%q, "serve", "--host", "127.0.0.1", "--port", "{port}", "--model-dir", "{model_dir}"]
verdict: {least_time: 1500ms} # an experiment of days can wait for longer
`

// A gnomon is a server that the demo has started.
type gnomon struct {
	command *exec.Cmd
	ended   chan error
	dir     string
	binary  string
	env     map[string]string // as "gnomon env" prints it
	log     string
}

// startGnomon lays out configuration and artifacts, starts the server and waits until it is ready.
func startGnomon(ctx context.Context, o options) (*gnomon, error) {
	g := &gnomon{dir: filepath.Join(o.dir, "data"), binary: o.gnomon, ended: make(chan error, 1), log: filepath.Join(o.dir, "gnomon.log")}
	server, err := filepath.Abs(o.server)
	if err != nil {
		return nil, err
	}
	objects := filepath.Join(g.dir, "objects", bucket)
	if err := os.MkdirAll(objects, 0o700); err != nil {
		return nil, err
	}
	for _, name := range []string{"linear.tar.gz", "trees.tar.gz"} {
		if err := copyFile(filepath.Join(objects, name), filepath.Join(o.models, name)); err != nil {
			return nil, fmt.Errorf("%w; \"make demo\" trains the models first", err)
		}
	}
	config := filepath.Join(o.dir, "gnomon.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, configuration, server), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(g.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	g.command = exec.Command(o.gnomon, "serve", "--config", config, "--data-dir", g.dir, "--listen", "127.0.0.1:0")
	g.command.Stderr = log
	if err := g.command.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	go func() { g.ended <- g.command.Wait() }()
	if err := g.await(ctx); err != nil {
		return nil, errors.Join(err, g.stop())
	}
	return g, nil
}

// await waits until the server answers, and asks "gnomon env" how to reach it.
func (g *gnomon) await(ctx context.Context) error {
	for wait := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-g.ended:
			g.ended <- err
			text, _ := os.ReadFile(g.log)
			return fmt.Errorf("the server ended: %w\n%s", err, text)
		case <-wait.C:
		}
		out, err := exec.CommandContext(ctx, g.binary, "env", "--data-dir", g.dir).Output()
		if err != nil {
			continue
		}
		g.env = make(map[string]string)
		for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
			if name, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "="); ok {
				g.env[name] = value
			}
		}
		res, err := http.Get(g.env["GNOMON_URL"] + "/readyz")
		if err != nil {
			continue
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return nil
		}
	}
}

// report prints what "gnomon report" says of an experiment.
func (g *gnomon) report(ctx context.Context, name string) error {
	c := exec.CommandContext(ctx, g.binary, "report", "--data-dir", g.dir, name)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return c.Run()
}

// stop ends the server as an operator would.
func (g *gnomon) stop() error {
	if err := g.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := <-g.ended; err != nil {
		return fmt.Errorf("the server ended: %w", err)
	}
	return nil
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}
