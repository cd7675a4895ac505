package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"
)

// StartCaller has a process send a request over and over, so many times per second, from when it returns. It runs only while
// nobody else wants its processor, as what nobody waits for should. stop ends it, and says what has gone wrong with it, if anything.
func (b *Bed) StartCaller(ctx context.Context, address string, request []byte, rate float64, callers int) (stop func() error, err error) {
	cmd := exec.CommandContext(ctx, b.Caller, "-address", address, "-rate", fmt.Sprint(rate), "-callers", strconv.Itoa(callers))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(request), os.Stderr
	p, _, err := b.started.startSaying(cmd)
	if err != nil {
		return nil, err
	}
	stop = func() error { return b.started.stopOne(p) }
	if err := beIdle(cmd.Process.Pid); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

// beIdle has a process run only while nothing else wants its processor. Threads that it will start are like those that start them.
func beIdle(pid int) error {
	return eachThread(pid, func(tid int) error {
		attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}
		if err := unix.SchedSetAttr(tid, &attr, 0); err != nil {
			return fmt.Errorf("have thread %d run last: %w", tid, err)
		}
		return nil
	})
}
