package process

import (
	"encoding/json"
	"os"
	"os/exec"
	"sync"
	"testing"

	"gnomon"
)

// sleeper starts a process that does nothing, with the mark in its environment. It ends after the test at the latest.
func sleeper(t *testing.T, mark string) (proc, <-chan error) {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	cmd.Env = []string{"X=1", markName + "=" + mark}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, ok := readProc(cmd.Process.Pid)
	if !ok {
		t.Fatal("it is not in /proc")
	}
	waited := make(chan error, 1)
	var waiter sync.WaitGroup
	waiter.Go(func() { waited <- cmd.Wait() })
	t.Cleanup(func() {
		cmd.Process.Kill()
		waiter.Wait()
	})
	return p, waited
}

func leave(t *testing.T, s state) folders {
	t.Helper()
	f := onDisk(t.TempDir())
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.state(), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEndRemains_KillsOnlyItsOwn(t *testing.T) {
	for name, tc := range map[string]struct {
		state func(mark string, p proc) state
		kills bool
	}{
		"by mark":             {func(m string, p proc) state { return state{Boot: bootID(), Mark: m} }, true},
		"by ID and start":     {func(m string, p proc) state { return state{Boot: bootID(), Pid: p.pid, Start: p.start, Mark: "?"} }, true},
		"ID was given again":  {func(m string, p proc) state { return state{Boot: bootID(), Pid: p.pid, Start: p.start - 1, Mark: "?"} }, false},
		"another boot":        {func(m string, p proc) state { return state{Boot: "other", Pid: p.pid, Start: p.start, Mark: m} }, false},
		"a longer mark":       {func(m string, p proc) state { return state{Boot: bootID(), Mark: m[:len(m)-1]} }, false},
		"the end of its mark": {func(m string, p proc) state { return state{Boot: bootID(), Mark: m[1:]} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			mark := gnomon.NewID()
			p, ended := sleeper(t, mark)
			f := leave(t, tc.state(mark, p))
			if err := endRemains(f); err != nil {
				t.Fatal(err)
			}
			if tc.kills {
				<-ended
			} else if now, ok := readProc(p.pid); !ok || now.start != p.start || now.state == 'Z' {
				t.Error("it killed a process that is none of the instance's")
			}
			if _, err := os.Stat(f.state()); err == nil {
				t.Error("the state is still there")
			}
		})
	}
}

func TestEndRemains_RefusesAStateItCannotRead(t *testing.T) {
	f := onDisk(t.TempDir())
	if err := endRemains(f); err != nil {
		t.Errorf("nothing left: %v", err)
	}
	if err := os.WriteFile(f.state(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := endRemains(f); err == nil {
		t.Error("no error, although processes may be left")
	}
}

func TestTakeLock_IsForOne(t *testing.T) {
	f := onDisk(t.TempDir())
	first, err := takeLock(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := takeLock(f, 0); err == nil {
		t.Error("the lock was given twice")
	}
	first.Close()
	second, err := takeLock(f, 0)
	if err != nil {
		t.Fatalf("after it was let go: %v", err)
	}
	second.Close()
}
