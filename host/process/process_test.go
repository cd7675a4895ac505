package process_test

import (
	"log/slog"
	"os"
	"sync"
	"testing"

	"gnomon/host"
	"gnomon/host/hosttest"
	"gnomon/host/process"
	"gnomon/objects"
)

// The test binary is also Gnomon's shim and the model server.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "shim":
			os.Exit(process.ShimMain(os.Args[2:]))
		case "host":
			os.Exit(runHost(os.Args[2]))
		case "serve":
			os.Exit(hosttest.Serve(os.Args[2:]))
		}
	}
	os.Setenv("GNOMON_TEST_SECRET", "not for models")
	os.Exit(m.Run())
}

// shim runs this binary as the shim. Under the race detector, a process that ends would wait for a second.
var shim = []string{"/usr/bin/env", "GORACE=atexit_sleep_ms=0", os.Args[0], "shim"}

const image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/hosttest:latest"

func options(dir string, from process.Objects) process.Options {
	return process.Options{
		Dir:     dir,
		Objects: from,
		Shim:    shim,
		Images: []process.Image{{
			Name:    "*.dkr.ecr.*.amazonaws.com/hosttest:*",
			Command: []string{"/proc/self/exe", "serve", "--port", "{port}", "--model-dir", "{model_dir}"},
			Env:     map[string]string{"GORACE": "atexit_sleep_ms=0"},
		}},
	}
}

func open(t *testing.T, o process.Options) *process.Driver {
	t.Helper()
	d, err := process.New(slog.New(slog.NewTextHandler(t.Output(), nil)), o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func target(t *testing.T) hosttest.Target {
	var mu sync.Mutex
	dirs := make(map[string]string) // by test: what is opened again is over the same folder
	return hosttest.Target{
		Image: image,
		Open: func(t *testing.T, from *objects.Table) host.Driver {
			mu.Lock()
			defer mu.Unlock()
			if dirs[t.Name()] == "" {
				dirs[t.Name()] = t.TempDir()
			}
			return open(t, options(dirs[t.Name()], from))
		},
	}
}

func TestDriver_Conforms(t *testing.T) { hosttest.Run(t, target(t)) }
