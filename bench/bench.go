// Command bench measures what a request costs in the proxy: CPU time of the proxy's processes per request, Gnomon beside
// nginx, in one run, at one open-loop rate, in rounds that alternate between them so that a busy machine hurts all alike.
//
// Start at main, which starts everything and goes through the rounds. proxy.go is Gnomon's listener and router with fixed
// routes, in a process of its own; nginx.go is the same as nginx configuration; model.go is the models, another process;
// load.go is the generator. The program prints a table and judges nothing.
//
// Usage:
//
//	go run ./bench [-rate 2000] [-rounds 3] [-for 2s] [-nginx PATH]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"time"
)

// A contender is one way from the callers to the models.
type contender struct {
	name    string
	address string
	path    string
	process *process
	copies  bool // every request is mirrored
}

type options struct {
	rate     int
	callers  int
	rounds   int
	duration time.Duration
	nginx    string
}

func main() {
	if len(os.Args) > 1 && runChild(os.Args[1:]) {
		return
	}
	var o options
	flag.IntVar(&o.rate, "rate", 2000, "requests per second")
	flag.IntVar(&o.callers, "callers", 32, "keep-alive connections")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; each measures every contender once")
	flag.DurationVar(&o.duration, "for", 2*time.Second, "how long each measurement takes")
	flag.StringVar(&o.nginx, "nginx", "nginx", "nginx, or where it is; it is left out if it is not there")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "gnomon-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	models, err := startChild(ctx, "models")
	if err != nil {
		return err
	}
	defer models.stop()
	contenders, stop, err := startProxies(ctx, o, dir, models.addresses)
	defer stop()
	if err != nil {
		return err
	}
	fmt.Printf("%d requests/s, %d connections, %d B JSON POST, answers with a body of %d B unless said otherwise; %d rounds of %v\n\n",
		o.rate, o.callers, len(requestBody), len(answerBody), o.rounds, o.duration)
	results := make([]result, len(contenders))
	for round := range o.rounds {
		for i := range contenders {
			// The order turns around, lest one always come after the same other.
			at := i
			if round%2 == 1 {
				at = len(contenders) - 1 - i
			}
			if err := measure(ctx, o, contenders[at], &results[at]); err != nil {
				return fmt.Errorf("%s: %w", contenders[at].name, err)
			}
		}
	}
	printTable(contenders, results)
	return nil
}

// startProxies starts whatever there is. What it returns must be stopped, even with an error.
func startProxies(ctx context.Context, o options, dir string, models []string) ([]contender, func(), error) {
	var all []contender
	stops := []func(){}
	stop := func() {
		for _, f := range stops {
			f()
		}
	}
	gnomon, err := startChild(ctx, append([]string{"proxy"}, models...)...)
	if err != nil {
		return nil, stop, err
	}
	stops = append(stops, gnomon.stop)
	const path = "/endpoints/%s/invocations"
	at := gnomon.addresses[0]
	ours := []contender{
		{"gnomon, no mirror", at, fmt.Sprintf(path, "plain"), gnomon, false},
		{"gnomon, mirror 100 %", at, fmt.Sprintf(path, "mirrored"), gnomon, true},
		{"gnomon, mirror 100 %, shadow's answers empty", at, fmt.Sprintf(path, "emptied"), gnomon, true},
	}
	found, err := exec.LookPath(o.nginx)
	if errors.Is(err, exec.ErrNotFound) {
		fmt.Printf("nginx is missing (%v): its rows are left out. Debian has it in nginx-light.\n\n", err)
		return ours, stop, nil
	}
	nginx, err := startNginx(ctx, found, dir, models)
	if err != nil {
		return nil, stop, err
	}
	stops = append(stops, nginx.stop)
	theirs := []contender{
		{"nginx, no mirror", nginx.addresses[0], "/endpoints/plain/invocations", nginx, false},
		{"nginx, mirror", nginx.addresses[1], "/endpoints/mirrored/invocations", nginx, true},
		{"nginx, mirror, shadow's answers empty", nginx.addresses[2], "/endpoints/emptied/invocations", nginx, true},
	}
	for i := range ours {
		all = append(all, theirs[i], ours[i])
	}
	return all, stop, nil
}
