package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// StartModel runs bench/model with arguments, and returns its address.
func (b *Bed) StartModel(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, b.Model, args...)
	cmd.Stderr = os.Stderr
	_, address, err := b.started.startSaying(cmd)
	return address, err
}

// ModelOf returns the address of the one bench/model that the server runs after start has returned and did not before.
func (g *Gnomon) ModelOf(start func() error) (string, error) {
	before := g.models()
	if err := start(); err != nil {
		return "", err
	}
	after := slices.DeleteFunc(g.models(), func(address string) bool { return slices.Contains(before, address) })
	if len(after) != 1 {
		return "", fmt.Errorf("the models %v were started, want one", after)
	}
	return after[0], nil
}

// models are the addresses of what the server runs with the argument -port.
func (g *Gnomon) models() []string {
	var all []string
	for _, pid := range descendantsOf(g.Process.cmd.Process.Pid) {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // of one that has just ended there is nothing
		args := strings.Split(string(b), "\x00")
		if at := slices.Index(args, "-port"); at >= 0 && at+1 < len(args) {
			all = append(all, "127.0.0.1:"+args[at+1])
		}
	}
	return all
}

// A FaultyModel is a model with faults that runs by itself, for proxies that run no models.
type FaultyModel struct {
	Address string
	end     context.CancelFunc
	ended   chan struct{}
}

// restartPause is how long a model that died is gone.
const restartPause = time.Second

// StartFaulty runs examples/faultserver, again whenever it dies, until [FaultyModel.Stop]. It takes requests when this returns,
// unless it refuses them.
func (b *Bed) StartFaulty(ctx context.Context, faults string) (*FaultyModel, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &FaultyModel{Address: address, end: cancel, ended: make(chan struct{})}
	go func() {
		defer close(f.ended)
		for ctx.Err() == nil {
			host, port, _ := strings.Cut(address, ":")
			cmd := exec.CommandContext(ctx, b.Faultserver, "--host", host, "--port", port, "--fault", faults)
			_ = cmd.Run() // dying is what some are for
			select {
			case <-ctx.Done():
			case <-time.After(restartPause):
			}
		}
	}()
	if strings.HasPrefix(faults, "refuse") {
		return f, nil
	}
	if err := within(ctx, 5*time.Second, func() error { return dial(address) }); err != nil {
		return nil, errors.Join(fmt.Errorf("faultserver %s: %w", faults, err), f.Stop())
	}
	return f, nil
}

// Stop ends it and waits. It returns nil.
func (f *FaultyModel) Stop() error {
	f.end()
	<-f.ended
	return nil
}
