package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// bin is where TestMain has put the binaries: gnomon, modelserver, faultserver, and models/*.tar.gz.
var bin string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gnomon-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	for _, args := range [][]string{
		{"build", "-o", dir + "/", "../cmd/gnomon", "../cmd/gnomon-plot", "../examples/modelserver", "../examples/faultserver", "../examples/train"},
		{"run", "../examples/train", "--out", filepath.Join(dir, "models")},
	} {
		c := exec.Command("go", args...)
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go %s: %v\n%s", strings.Join(args, " "), err, out)
			return 1
		}
	}
	return m.Run()
}

// lookAtSources looks at every folder of the module. What is built here is not imported, and go test notes what a test
// looks at, from the first test on: without this, it would show a cached result after a change elsewhere.
var lookAtSources = sync.OnceValue(func() error {
	return filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // someone is at work beside the tests
		case err == nil && d.IsDir() && slices.Contains([]string{".git", "bin", "node_modules"}, d.Name()):
			return fs.SkipDir
		}
		return err
	})
})

// images names what the tests' models run: the example models, under a registry's name, and the fault server, which
// takes its faults from FAULT in the model's environment.
const images = `
images:
  - name: "*.dkr.ecr.*.amazonaws.com/digits:*"
    command: [%[1]q, "serve", "--host", "127.0.0.1", "--port", "{port}", "--model-dir", "{model_dir}"]
  - name: "faulty:1"
    command: [%[2]q, "serve", "--host", "127.0.0.1", "--port", "{port}"]
`

// A server is one data directory with a gnomon that can be killed and started again over it.
type server struct {
	t     *testing.T
	dir   string // configuration, data directory and log are in it
	flags []string
	cmd   *exec.Cmd
	ended chan error
	env   map[string]string // as "gnomon env" prints it

	environment []string // of the process, besides this one's

	listen string
}

// newServer lays out a server with the example models in the bucket s3://models, and starts it. Lines of config are
// added to the configuration. It is ended with the test, after which nothing it has started may be left.
func newServer(t *testing.T, config string) *server {
	t.Helper()
	s := layOut(t, config)
	s.start()
	return s
}

func layOut(t *testing.T, config string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), listen: freeAddress(t)}
	if err := lookAtSources(); err != nil {
		t.Fatal(err)
	}
	objects := filepath.Join(s.data(), "objects", "models")
	if err := os.MkdirAll(objects, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"linear.tar.gz", "trees.tar.gz"} {
		b, err := os.ReadFile(filepath.Join(bin, "models", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(objects, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf(images, filepath.Join(bin, "modelserver"), filepath.Join(bin, "faultserver")) + config
	if err := os.WriteFile(filepath.Join(s.dir, "gnomon.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.stop()
		}
		if t.Failed() {
			log, _ := os.ReadFile(s.log())
			t.Logf("log of the server:\n%s", log)
		}
		s.wantNoOrphans()
	})
	return s
}

// lastPort is the last port that a server was given.
var lastPort atomic.Int32

// freeAddress returns one for a server to keep over all its starts. Its port is below those that the system hands out
// to whoever asks for any, so that nobody takes it while the server is down.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 21000+lastPort.Add(1))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }
func (s *server) log() string  { return filepath.Join(s.dir, "gnomon.log") }
func (s *server) url() string  { return s.env["GNOMON_URL"] }

// start runs the server until it is ready.
func (s *server) start() {
	s.t.Helper()
	s.launch()
	s.await()
}

// launch starts the process and returns at once.
func (s *server) launch() {
	s.t.Helper()
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	args := append([]string{"serve", "--config", filepath.Join(s.dir, "gnomon.yaml"), "--data-dir", s.data(), "--listen", s.listen}, s.flags...)
	s.cmd = exec.Command(filepath.Join(bin, "gnomon"), args...)
	s.cmd.Stderr = log
	s.cmd.Env = append(os.Environ(), s.environment...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	s.ended = ended
	cmd := s.cmd
	go func() { ended <- cmd.Wait() }()
}

// await waits until the server is ready.
func (s *server) await() {
	s.t.Helper()
	s.eventually("the server is ready", func() error {
		select {
		case err := <-s.ended:
			s.ended <- err
			s.t.Fatalf("the server ended: %v", err)
		default:
		}
		out, err := exec.Command(filepath.Join(bin, "gnomon"), "env", "--data-dir", s.data()).Output()
		if err != nil {
			return err
		}
		s.env = make(map[string]string)
		for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
			if name, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "="); ok {
				s.env[name] = value
			}
		}
		res, err := http.Get(s.url() + "/readyz")
		if err != nil {
			return err
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return errors.New(res.Status)
		}
		return nil
	})
}

// stop ends the server as an operator would, and wants it to end well.
func (s *server) stop() {
	s.t.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := <-s.ended; err != nil {
		s.t.Errorf("the server ended: %v", err)
	}
	s.cmd = nil
}

// gnomon runs a command beside the server, and returns what it prints.
func (s *server) gnomon(args ...string) string {
	s.t.Helper()
	out, err := exec.Command(filepath.Join(bin, "gnomon"), append(args, "--data-dir", s.data())...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("gnomon %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// kill ends the server as a crash would.
func (s *server) kill() {
	s.t.Helper()
	s.cmd.Process.Kill()
	<-s.ended
	s.cmd = nil
}

// eventually tries f until it returns nil, for a minute.
func (s *server) eventually(what string, f func() error) {
	s.t.Helper()
	s.within(time.Minute, what, f)
}

// within tries f until it returns nil, for as long as the limit says.
func (s *server) within(limit time.Duration, what string, f func() error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), limit) // a cleanup may wait too
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("not within %s: %s: %v", limit, what, err)
		}
	}
}

// wantNoOrphans fails the test if a process is left that the server's instances ran.
func (s *server) wantNoOrphans() {
	s.t.Helper()
	s.eventually("no process of the server is left", func() error {
		left := s.processes()
		if len(left) > 0 {
			return fmt.Errorf("%v", left)
		}
		return nil
	})
}

// processes lists the model servers and shims that run in the server's data directory, by pid: those with a folder of
// it as working directory, on their command line or in their environment.
func (s *server) processes() map[string]string {
	found := make(map[string]string)
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, dir := range dirs {
		pid := filepath.Base(dir)
		if s.cmd != nil && pid == fmt.Sprint(s.cmd.Process.Pid) {
			continue
		}
		cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if errors.Is(err, fs.ErrNotExist) || len(cmdline) == 0 {
			continue // gone, or a zombie
		}
		environ, _ := os.ReadFile(filepath.Join(dir, "environ"))
		cwd, _ := os.Readlink(filepath.Join(dir, "cwd"))
		if strings.Contains(string(cmdline), s.data()) || strings.Contains(string(environ), s.data()) || strings.HasPrefix(cwd, s.data()) {
			found[pid] = strings.ReplaceAll(string(cmdline), "\x00", " ")
		}
	}
	return found
}
