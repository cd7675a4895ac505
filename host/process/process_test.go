package process_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gnomon"
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
			os.Exit(runHost(os.Args[2], os.Args[3]))
		case "serve":
			os.Exit(hosttest.Serve(os.Args[2:]))
		}
	}
	os.Setenv("GNOMON_TEST_SECRET", "not for models")
	os.Exit(m.Run())
}

// shim runs this binary as the shim. Under the race detector, a process that ends would wait for a second.
var shim = []string{"/usr/bin/env", "GORACE=atexit_sleep_ms=0", self, "shim"}

var self = func() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}()

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
		Image:      image,
		FixedClass: fixedClass(),
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

// fixedClass says why a shadow cannot be given production's priority.
func fixedClass() string {
	if os.Geteuid() != 0 {
		return "raising a priority needs root"
	}
	return ""
}

func TestDriver_Conforms(t *testing.T) { hosttest.Run(t, target(t)) }

func TestDriver_TakesAnotherPortWhenOneIsTaken(t *testing.T) {
	o := options(t.TempDir(), hosttest.Objects(t, nil))
	o.Images = []process.Image{{
		Name: "late",
		Command: []string{"sh", "-c", `echo {port} >> $HOME/ports
			[ $(wc -l < $HOME/ports) = 1 ] && { echo address in use; exit 1; }
			exec ` + self + ` serve --port {port} --model-dir {model_dir}`},
		Env: map[string]string{"GORACE": "atexit_sleep_ms=0"},
	}}
	h := hosttest.Start(t, open(t, o), host.Options{})
	h.MustEnsure(hosttest.Target{Image: "late"}.Fleet(hosttest.Well))
	i := h.AwaitOne(gnomon.InstanceInService)
	if i.Restarts != 1 {
		t.Errorf("%d restarts, want 1", i.Restarts)
	}
	ports, err := os.ReadFile(filepath.Join(o.Dir, "instances", i.ID.String(), "home", "ports"))
	if err != nil {
		t.Fatal(err)
	}
	if p := strings.Fields(string(ports)); len(p) != 2 || p[0] == p[1] || !strings.HasSuffix(i.Address, ":"+p[1]) {
		t.Errorf("ports %v, address %s", p, i.Address)
	}
}

func TestDriver_BearsAFloodedLog(t *testing.T) {
	o := options(t.TempDir(), hosttest.Objects(t, nil))
	o.LogBytes, o.LogFiles = 1<<20, 2
	h := hosttest.Start(t, open(t, o), host.Options{})
	h.MustEnsure(hosttest.Target{Image: image}.Fleet(hosttest.Chatty))
	i := h.AwaitOne(gnomon.InstanceInService)
	shim := parent(t, callPid(t, i, "/pid"))
	hosttest.Call(t, i, "/work?threads=1&for=1s")
	if n := len(h.Log(i.ID)); n == 0 || n > 2<<20 {
		t.Errorf("%d bytes of log are kept, want at most 2 MiB", n)
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(shim) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	var kib int
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	if kib > 64<<10 {
		t.Errorf("the shim uses %d KiB", kib)
	}
	if all := h.Instances(); all[0].State != gnomon.InstanceInService || all[0].Restarts != 0 {
		t.Errorf("it did not stay in service: %+v", all)
	}
}

func TestDriver_KeepsLogsOfTheLatestGone(t *testing.T) {
	o := options(t.TempDir(), hosttest.Objects(t, nil))
	o.KeptLogs = 2
	h := hosttest.Start(t, open(t, o), host.Options{})
	f := hosttest.Target{Image: image}.Fleet(hosttest.Well)
	f.Count = 4
	h.MustEnsure(f)
	all := h.Await("four in service", func(all []gnomon.Instance) bool {
		n := 0
		for _, i := range all {
			if i.State == gnomon.InstanceInService {
				n++
			}
		}
		return n == 4
	})
	for _, i := range all[1:] {
		h.MustStop(i.ID)
	}
	h.AwaitOne(gnomon.InstanceInService)
	kept := 0
	for _, i := range all[1:] {
		l, err := h.Logs(t.Context(), i.ID)
		if err == nil {
			kept++
			l.Close()
		}
	}
	if kept != 2 {
		t.Errorf("%d logs of instances that are gone are kept, want 2", kept)
	}
	if h.Log(all[0].ID) == "" {
		t.Error("the log of a running instance is gone")
	}
}

func TestDriver_RefusesNamesThatAreNoFolder(t *testing.T) {
	d := open(t, options(t.TempDir(), hosttest.Objects(t, nil)))
	f := hosttest.Target{Image: image}.Fleet(hosttest.Well)
	f.ID = "../../escape"
	if _, err := d.Start(t.Context(), host.Spec{Fleet: f}); err == nil {
		t.Error("no error")
	}
	if _, err := d.Logs(t.Context(), gnomon.InstanceID{Fleet: f.ID}); err == nil {
		t.Error("its log: no error")
	}
}
