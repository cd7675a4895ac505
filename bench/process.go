package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A process is a running program with what it forked.
type process struct {
	cmd       *exec.Cmd
	addresses []string
}

// children are this program's other selves, by their first argument. Each prints its addresses on one line and then
// works until it is ended.
var children = map[string]func(args []string, ready func(addresses ...string)) error{
	"models": serveModels,
	"proxy":  serveProxy,
}

func runChild(args []string) bool {
	f, ok := children[args[0]]
	if !ok {
		return false
	}
	err := f(args[1:], func(addresses ...string) { fmt.Println(strings.Join(addresses, " ")) })
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %s: %v\n", args[0], err)
		os.Exit(1)
	}
	return true
}

func startChild(ctx context.Context, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("%s did not start: %w", args[0], err)
	}
	p.addresses = strings.Fields(line)
	return p, nil
}

func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
}

// cpu is the processor time that the process and its children have used, in user and kernel. The clock ticks of
// /proc/PID/stat are too coarse for a second of measuring; the scheduler counts the same in nanoseconds.
func (p *process) cpu() (time.Duration, error) {
	pids := []string{strconv.Itoa(p.cmd.Process.Pid)}
	forked, err := filepath.Glob("/proc/" + pids[0] + "/task/*/children")
	if err != nil {
		return 0, err
	}
	for _, f := range forked {
		b, err := os.ReadFile(f)
		if err != nil {
			return 0, err
		}
		pids = append(pids, strings.Fields(string(b))...)
	}
	var sum time.Duration
	for _, pid := range pids {
		threads, err := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
		if err != nil {
			return 0, err
		}
		for _, f := range threads {
			b, err := os.ReadFile(f)
			if err != nil {
				return 0, err
			}
			on, _, _ := strings.Cut(string(b), " ")
			ns, err := strconv.ParseInt(on, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", f, err)
			}
			sum += time.Duration(ns)
		}
	}
	return sum, nil
}
