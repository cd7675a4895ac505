package main

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// A demoCommand runs the demo, a program of its own beside this one: it is a client, and what it brings along (the AWS
// SDK, a data set) has no place in the server.
type demoCommand struct {
	Args []string `arg:"" optional:"" passthrough:"" help:"Flags of the demo; -h lists them."`
}

// endOfFlags stands between a command and flags that are not its own.
const endOfFlags = "--"

// Run runs gnomon-demo.
func (d *demoCommand) Run(ctx context.Context) error {
	path, err := beside("gnomon-demo", "\"make demo\" in a checkout builds and runs it")
	if err != nil {
		return err
	}
	args := d.Args
	for len(args) > 0 && args[0] == endOfFlags {
		args = args[1:]
	}
	c := exec.CommandContext(ctx, path, args...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 30 * time.Second
	return c.Run()
}
