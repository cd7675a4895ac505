package process_test

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gnomon"
	"gnomon/host"
	"gnomon/host/hosttest"
	"gnomon/host/process"
	"gnomon/objects"
)

// runHost is a Gnomon to be killed: it hosts one instance in the folder and tells its address.
func runHost(dir, cgroup string) int {
	from, err := objects.New(map[string]string{"default": "mem://"}, nil)
	if err != nil {
		return 1
	}
	o := options(dir, from)
	o.Cgroup = cgroup
	d, err := process.New(slog.New(slog.DiscardHandler), o)
	if err != nil {
		return 1
	}
	h := host.New(d, slog.New(slog.DiscardHandler), host.Options{StartingPing: 10 * time.Millisecond})
	told := false
	h.Notify(func(endpointID string) {
		for _, i := range h.EndpointInstances(endpointID) {
			if i.State == gnomon.InstanceInService && !told {
				told = true
				json.NewEncoder(os.Stdout).Encode(i)
			}
		}
	})
	h.Ensure(context.Background(), hosttest.Target{Image: image}.Fleet(hosttest.Well))
	h.Run(context.Background())
	return 0
}

// startHost starts runHost in a process of its own and waits for its instance.
func startHost(t *testing.T, dir, cgroup string) (*exec.Cmd, gnomon.Instance) {
	t.Helper()
	cmd := exec.Command(self, "host", dir, cgroup)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var i gnomon.Instance
	if err := json.Unmarshal(line, &i); err != nil {
		t.Fatal(err)
	}
	return cmd, i
}

// A watched process is known by a descriptor, which no later process can take over.
type watched struct {
	what string
	fd   int
}

func watch(t *testing.T, what string, pid int) watched {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatalf("%s %d: %v", what, pid, err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return watched{what, fd}
}

func (w watched) kill(t *testing.T, sig unix.Signal) {
	t.Helper()
	if err := unix.PidfdSendSignal(w.fd, sig, nil, 0); err != nil {
		t.Fatalf("%s: %v", w.what, err)
	}
}

// ends fails the test if the process does not end in time.
func (w watched) ends(t *testing.T) {
	t.Helper()
	if !w.ended(20 * time.Second) {
		w.kill(t, unix.SIGKILL)
		t.Errorf("the %s has survived", w.what)
	}
}

func (w watched) ended(within time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, int(within.Milliseconds()))
		if err != unix.EINTR {
			return n == 1
		}
	}
}

func callPid(t *testing.T, i gnomon.Instance, path string) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(hosttest.Call(t, i, path)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func parent(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "PPid:")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// family returns an instance's shim, its server, and a process that has left the server's session and parent.
func family(t *testing.T, i gnomon.Instance) (shim, server, runaway watched) {
	t.Helper()
	pid := callPid(t, i, "/pid")
	return watch(t, "shim", parent(t, pid)), watch(t, "server", pid), watch(t, "runaway", callPid(t, i, "/fork"))
}

// reopen starts the instance once more, over the same folder, and fails if that does not work.
func reopen(t *testing.T, dir, cgroup string) {
	t.Helper()
	o := options(dir, hosttest.Objects(t, nil))
	o.Cgroup = cgroup
	h := hosttest.Start(t, open(t, o), host.Options{})
	h.MustEnsure(hosttest.Target{Image: image}.Fleet(hosttest.Well))
	h.AwaitOne(gnomon.InstanceInService)
}

func TestShim_LeavesNothingWhenGnomonIsKilled(t *testing.T) {
	dir := t.TempDir()
	cmd, i := startHost(t, dir, "")
	shim, server, runaway := family(t, i)
	began := time.Now()
	cmd.Process.Kill()
	shim.ends(t)
	server.ends(t)
	runaway.ends(t)
	t.Logf("all gone %s after SIGKILL of Gnomon", time.Since(began).Round(time.Millisecond))
	reopen(t, dir, "")
}

func TestSweep_DoesTheWorkOfAKilledShim(t *testing.T) {
	for name, cgroup := range means {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cmd, i := startHost(t, dir, cgroup)
			shim, server, runaway := family(t, i)
			cmd.Process.Signal(unix.SIGSTOP) // so that it cannot do it before it is killed as well
			shim.kill(t, unix.SIGKILL)
			server.ends(t)
			cmd.Process.Kill()
			cmd.Wait()
			if runaway.ended(0) {
				t.Fatal("the runaway has ended before the sweep: this test shows nothing")
			}
			reopen(t, dir, cgroup)
			runaway.ends(t)
		})
	}
}

func TestDriver_OutlivesItsShim(t *testing.T) {
	h := hosttest.Start(t, open(t, options(t.TempDir(), hosttest.Objects(t, nil))), host.Options{})
	h.MustEnsure(hosttest.Target{Image: image}.Fleet(hosttest.Well))
	shim, server, runaway := family(t, h.AwaitOne(gnomon.InstanceInService))
	shim.kill(t, unix.SIGKILL)
	server.ends(t)
	runaway.ends(t)
	h.Await("a new server", func(all []gnomon.Instance) bool {
		return len(all) == 1 && all[0].State == gnomon.InstanceInService && all[0].Restarts == 1
	})
}

func TestDriver_KillsAShimThatHangs(t *testing.T) {
	o := options(t.TempDir(), hosttest.Objects(t, nil))
	o.ShimTimeout = 50 * time.Millisecond
	d := open(t, o)
	s := host.Spec{Fleet: hosttest.Target{Image: image}.Fleet(hosttest.Well)}
	h := hosttest.Start(t, d, host.Options{})
	h.MustEnsure(s.Fleet)
	shim, server, _ := family(t, h.AwaitOne(gnomon.InstanceInService))
	shim.kill(t, unix.SIGSTOP)
	if err := d.Stop(t.Context(), s.ID(), time.Millisecond); err != nil {
		t.Error(err)
	}
	shim.ends(t)
	server.ends(t)
}

func TestDriver_StopEndsEverythingTheServerStarted(t *testing.T) {
	dir := t.TempDir()
	h := hosttest.Start(t, open(t, options(dir, hosttest.Objects(t, nil))), host.Options{})
	h.MustEnsure(hosttest.Target{Image: image}.Fleet(hosttest.Well))
	i := h.AwaitOne(gnomon.InstanceInService)
	shim, server, runaway := family(t, i)
	h.MustStop(i.ID)
	shim.ends(t)
	server.ends(t)
	runaway.ends(t)
	h.AwaitGone()
	if left, _ := os.ReadDir(filepath.Join(dir, "instances")); len(left) > 0 {
		t.Errorf("left in the folder: %v", left)
	}
}

func TestDriver_CloseEndsInstances(t *testing.T) {
	o := options(t.TempDir(), hosttest.Objects(t, nil))
	o.CloseGrace = 50 * time.Millisecond
	h := hosttest.Start(t, open(t, o), host.Options{})
	h.MustEnsure(hosttest.Target{Image: image}.Fleet(hosttest.Stubborn))
	shim, server, runaway := family(t, h.AwaitOne(gnomon.InstanceInService))
	h.Close()
	for _, w := range []watched{shim, server, runaway} {
		if !w.ended(0) {
			t.Errorf("the %s has outlived Run", w.what)
		}
	}
}

func TestServer_InheritsNothingOpen(t *testing.T) {
	o := options(t.TempDir(), hosttest.Objects(t, nil))
	o.Images = []process.Image{{Name: "open", Command: []string{"sh", "-c", "for f in /proc/$$/fd/*; do readlink $f; done"}}}
	h := hosttest.Start(t, open(t, o), host.Options{MinBackoff: time.Minute, MaxBackoff: time.Minute})
	h.MustEnsure(hosttest.Target{Image: "open"}.Fleet(hosttest.Well))
	i := h.AwaitOne(gnomon.InstanceFailed)
	got := strings.Fields(h.Log(i.ID))
	if len(got) != 3 || got[0] != os.DevNull || !strings.HasPrefix(got[1], "pipe:") || got[2] != got[1] {
		t.Errorf("open in a fresh server: %q, want /dev/null and its log's pipe twice", got)
	}
}
