package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// exitStatus is that of exit-after, so that it is told from other ends.
const exitStatus = 3

// startChores begins the faults of the process; they end with ctx and are
// counted in wg.
func startChores(ctx context.Context, wg *sync.WaitGroup, f faults, orphan *atomic.Int64) error {
	if v, ok := f["exit-after"]; ok {
		wg.Go(func() { exitAfter(ctx, v.span) })
	}
	if v, ok := f["burn-cpu"]; ok {
		for range v.count {
			wg.Go(func() { burn(ctx) })
		}
	}
	if v, ok := f["eat-memory"]; ok {
		wg.Go(func() { eatMemory(ctx, v.count) })
	}
	if v, ok := f["flood-log"]; ok {
		wg.Go(func() { floodLog(ctx, v.count) })
	}
	if v, ok := f["fork-grandchild"]; ok {
		pid, err := forkGrandchild(v.span)
		if err != nil {
			return fmt.Errorf("fork grandchild: %w", err)
		}
		orphan.Store(pid)
	}
	return nil
}

func exitAfter(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
		os.Exit(exitStatus)
	case <-ctx.Done():
	}
}

func burn(ctx context.Context) {
	for n := 0; ctx.Err() == nil; {
		for range 1 << 20 {
			n++
		}
	}
}

// eatMemory takes size bytes, touches them all so that they are really taken,
// and keeps them.
func eatMemory(ctx context.Context, size int64) {
	const step = 16 << 20
	var eaten [][]byte
	for left := size; left > 0 && ctx.Err() == nil; left -= step {
		bite := make([]byte, min(left, step))
		for i := 0; i < len(bite); i += 4096 {
			bite[i] = 1
		}
		eaten = append(eaten, bite)
	}
	<-ctx.Done()
	for _, bite := range eaten {
		bite[0]++ // still reachable until here
	}
}

// floodLog writes size bytes of log lines as fast as they are taken, to both
// outputs in turn.
func floodLog(ctx context.Context, size int64) {
	line := strings.Repeat("flood ", 170) + "\n"
	for n := int64(0); n < size && ctx.Err() == nil; n += int64(2 * len(line)) {
		if _, err := os.Stderr.WriteString(line); err != nil {
			return
		}
		if _, err := os.Stdout.WriteString(line); err != nil {
			return
		}
	}
}

// orphanWord as first argument makes the program the child (with a second
// generation to start) or the grandchild of fork-grandchild.
const orphanWord = "orphan"

// forkGrandchild starts a child that starts a grandchild and exits, each in a
// session of its own, as a daemon does. It returns the grandchild's process id.
func forkGrandchild(life time.Duration) (int64, error) {
	child, err := orphanCommand("child", life)
	if err != nil {
		return 0, err
	}
	said, err := child.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := child.Start(); err != nil {
		return 0, err
	}
	line, readErr := bufio.NewReader(said).ReadString('\n')
	if err := errors.Join(readErr, child.Wait()); err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(line), 10, 64)
}

// orphanCommand hands the log on, so that the grandchild also keeps that pipe
// open behind its parents' end.
func orphanCommand(generation string, life time.Duration) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, orphanWord, generation, life.String())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stderr = os.Stderr
	return cmd, nil
}

// orphan is main of child and grandchild. The grandchild heeds no polite signal
// and ends by itself when its life is over, so that a test that fails leaves
// nothing behind for good.
func orphan(args []string) {
	if len(args) != 2 {
		os.Exit(2)
	}
	life, err := time.ParseDuration(args[1])
	if err != nil {
		os.Exit(2)
	}
	if args[0] == "child" {
		grandchild, err := orphanCommand("grandchild", life)
		if err != nil || grandchild.Start() != nil {
			os.Exit(1)
		}
		fmt.Println(grandchild.Process.Pid)
		return
	}
	signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	time.Sleep(life)
}
