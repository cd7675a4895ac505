package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A process is a running program.
type process struct {
	cmd     *exec.Cmd
	workers bool // its children do its work and count as part of it
}

// A group is all that was started. Its zero value is empty.
type group struct{ all []*process }

// start runs a command until the group is stopped, or its context ends.
func (g *group) start(cmd *exec.Cmd) (*process, error) {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // what has children ends them
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &process{cmd: cmd}
	g.all = append(g.all, p)
	return p, nil
}

// stop ends everything and waits for it, the last first.
func (g *group) stop() {
	for i := len(g.all) - 1; i >= 0; i-- {
		g.all[i].cmd.Cancel()
		g.all[i].cmd.Wait()
	}
}

// cpu is the processor time that the process has used so far, in user and kernel, of all threads there ever were. It is
// the utime and stime of /proc/PID/stat, but in nanoseconds instead of ticks of 10 ms, too coarse for a second of
// measuring. Children, such as a host's models, are none of its business unless they are its workers.
func (p *process) cpu() (time.Duration, error) {
	pids := []int{p.cmd.Process.Pid}
	if p.workers {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pids[0]))
		if err != nil {
			return 0, err
		}
		children, err := parsePIDs(string(b))
		if err != nil {
			return 0, err
		}
		pids = append(pids, children...)
	}
	var sum time.Duration
	for _, pid := range pids {
		var used unix.Timespec
		if err := unix.ClockGettime(cpuClock(pid), &used); err != nil {
			return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
		}
		sum += time.Duration(used.Nano())
	}
	return sum, nil
}

// cpuClock is the id of a process's clock of processor time: the complement of its pid above the three bits that say
// what kind of clock it is, of which 2 is one that the scheduler keeps for a whole process.
func cpuClock(pid int) int32 { return ^int32(pid)<<3 | 2 }

// parsePIDs reads a children file of /proc.
func parsePIDs(text string) ([]int, error) {
	var pids []int
	for _, f := range strings.Fields(text) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			return nil, fmt.Errorf("children of a process: %w", err)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// freeAddress is one that nobody listens on yet.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// within tries f until it returns nil, for as long as the limit says.
func within(ctx context.Context, limit time.Duration, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %w", limit, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
