package testbed

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

func TestApart(t *testing.T) {
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bind(os.Getpid(), &before); err != nil {
			t.Error(err)
		}
	})
	b := &Bed{}
	t.Cleanup(b.started.stop)
	start := func(name string, args ...string) *Process {
		p, err := b.started.start(exec.CommandContext(t.Context(), name, args...))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	server, model := start("sleep", "60"), start("sleep", "60")
	err := b.Apart(server)
	if before.Count() < 2 {
		if err == nil {
			t.Error("one processor was divided")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	of := func(pid int) unix.CPUSet {
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(pid, &set); err != nil {
			t.Fatal(err)
		}
		return set
	}
	servers, models, own := of(server.cmd.Process.Pid), of(model.cmd.Process.Pid), of(0)
	if n := before.Count() / 2; servers.Count() != n || models.Count() != before.Count()-n || own != models {
		t.Errorf("of %d processors the server has %d, the model %d and who asks %d", before.Count(), servers.Count(), models.Count(), own.Count())
	}
	for cpu := range 1024 {
		if servers.IsSet(cpu) && models.IsSet(cpu) {
			t.Errorf("both are on processor %d", cpu)
		}
	}
}
