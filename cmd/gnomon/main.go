// Command gnomon is the whole system: the server, and what a person calls beside it.
//
// config.go says what can be set, serve.go puts the rooms together; every other file is one sub-command.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"gnomon/host/process"
)

type commands struct {
	Serve   serveCommand   `cmd:"" help:"Serve the SageMaker API, host the models and answer their requests."`
	Env     envCommand     `cmd:"" help:"Print the shell lines that point AWS clients at the server, or write an AWS profile."`
	Report  reportCommand  `cmd:"" help:"Show what has happened in an inference experiment."`
	Capture captureCommand `cmd:"" help:"Read what was captured in an inference experiment."`
	Replay  replayCommand  `cmd:"" help:"Send a captured run again, at an endpoint."`
	Keys    keysCommand    `cmd:"" help:"Make, list and rotate the keys that captured data is encrypted by."`
	Demo    demoCommand    `cmd:"" help:"Run a whole shadow test on this machine: two real models, traffic, report, promotion."`
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "shim" {
		os.Exit(process.ShimMain(os.Args[2:])) // started by the process host, never by a person
	}
	if len(os.Args) > 1 && os.Args[1] == "demo" {
		os.Args = slices.Insert(os.Args, 2, endOfFlags) // what follows is the demo's, -h as well
	}
	var c commands
	k := kong.Parse(&c,
		kong.Name("gnomon"),
		kong.Description("Shadow tests of models, by the SageMaker API."),
		kong.UsageOnError(),
	)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the first signal ends the server in order, a second one at once
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "gnomon:", err)
		os.Exit(1)
	}
}
