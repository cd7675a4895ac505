package testbed

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Process is a running program.
type Process struct {
	cmd     *exec.Cmd
	workers bool // its children do its work and count as part of it
}

// A group is all that was started. Its zero value is empty. It is for one goroutine.
type group struct{ all []*Process }

// start runs a command until the group is stopped, or its context ends.
func (g *group) start(cmd *exec.Cmd) (*Process, error) {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // what has children ends them
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &Process{cmd: cmd}
	g.all = append(g.all, p)
	return p, nil
}

// startSaying is start for a command that prints a line when it is ready, and returns the line.
func (g *group) startSaying(cmd *exec.Cmd) (*Process, string, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	p, err := g.start(cmd)
	if err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, "", fmt.Errorf("%s is not ready: %w", cmd.Path, errors.Join(err, g.stopOne(p)))
	}
	return p, strings.TrimSpace(line), nil
}

// stopOne ends one and waits for it. It returns how it failed, if it did.
func (g *group) stopOne(p *Process) error {
	p.cmd.Cancel()
	err := p.cmd.Wait()
	g.all = slices.DeleteFunc(g.all, func(x *Process) bool { return x == p })
	return err
}

// stop ends everything and waits for it, the last first.
func (g *group) stop() {
	for i := len(g.all) - 1; i >= 0; i-- {
		g.all[i].cmd.Cancel()
		g.all[i].cmd.Wait()
	}
}

// CPU is the processor time that the process has used so far, in user and kernel, of all threads there ever were. It is
// the utime and stime of /proc/PID/stat, but in nanoseconds instead of ticks of 10 ms, too coarse for a second of
// measuring. Children, such as a host's models, are none of its business unless they are its workers.
func (p *Process) CPU() (time.Duration, error) {
	pids, err := p.own()
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, pid := range pids {
		used, err := processorTime(pid)
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// own is the process, and its workers.
func (p *Process) own() ([]int, error) {
	pids := []int{p.cmd.Process.Pid}
	if !p.workers {
		return pids, nil
	}
	children, err := childrenOf(pids[0])
	return append(pids, children...), err
}

// Below is the processor time that all descendants have used that live now. One that ends while it is asked for is left
// out.
func (p *Process) Below() time.Duration {
	var sum time.Duration
	for _, pid := range descendantsOf(p.cmd.Process.Pid) {
		if used, err := processorTime(pid); err == nil {
			sum += used
		}
	}
	return sum
}

// descendantsOf are those of a process that live now, as far as can be told.
func descendantsOf(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		if children, err := childrenOf(all[i]); err == nil {
			all = append(all, children...)
		}
	}
	return all[1:]
}

func processorTime(pid int) (time.Duration, error) {
	var used unix.Timespec
	if err := unix.ClockGettime(cpuClock(pid), &used); err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}

// childrenOf are those that any of a process's threads has started.
func childrenOf(pid int) ([]int, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, err
	}
	var all []int
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		children, err := parsePIDs(string(b))
		if err != nil {
			return nil, err
		}
		all = append(all, children...)
	}
	return all, nil
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
