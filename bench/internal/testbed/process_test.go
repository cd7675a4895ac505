package testbed

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestParsePIDs(t *testing.T) {
	for _, tc := range []struct {
		text string
		want []int
		ok   bool
	}{
		{"", nil, true},
		{"17 4194304 ", []int{17, 4194304}, true},
		{"17 x", nil, false},
	} {
		got, err := parsePIDs(tc.text)
		if diff := cmp.Diff(tc.want, got); diff != "" || (err == nil) != tc.ok {
			t.Errorf("%q: %v, (-want +got):\n%s", tc.text, err, diff)
		}
	}
}

// self is the process of the test.
func self() *Process { return &Process{cmd: &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}} }

// TestProcess_CPU compares with what the kernel says of a process by another way.
func TestProcess_CPU(t *testing.T) {
	usage := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := usage()
	got, err := self().CPU()
	after := usage()
	// Getrusage knows of running threads only what they had used by their last tick.
	const ticks = 50 * time.Millisecond
	if err != nil || got <= 0 || got < before-ticks || got > after+ticks {
		t.Errorf("got %v, %v, want between %v and %v", got, err, before, after)
	}
	gone := &Process{cmd: &exec.Cmd{Process: &os.Process{Pid: 1 << 28}}}
	if d, err := gone.CPU(); err == nil {
		t.Errorf("a process that there is not has used %v", d)
	}
}

func TestWithin(t *testing.T) {
	n := 0
	err := within(t.Context(), time.Minute, func() error {
		if n++; n < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("tried %d times, %v", n, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	failure := errors.New("never")
	if err := within(ended, time.Minute, func() error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}

// TestCPUClock has what clock_getcpuclockid(3) says of the same processes.
func TestCPUClock(t *testing.T) {
	for pid, want := range map[int]int32{1: -14, 4194304: -33554438} {
		if got := cpuClock(pid); got != want {
			t.Errorf("process %d: got %d, want %d", pid, got, want)
		}
	}
}
