// Package container is what a program needs to be a SageMaker model container:
// the port it is told, a listener that is up before the model is loaded, and a
// graceful end on SIGTERM.
//
// Start at [Parse] and [Serve]. The package knows nothing of models or of what
// is answered.
package container

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"
)

// DefaultPort and DefaultModelDir are where SageMaker expects a container to
// listen and puts its artifacts.
const (
	DefaultPort     = 8080
	DefaultModelDir = "/opt/ml/model"
)

// PortVariable is the environment variable that names the port in place of
// DefaultPort.
const PortVariable = "SAGEMAKER_BIND_TO_PORT"

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 20 * time.Second // SIGKILL follows SIGTERM after 30 s
)

// Options is where to listen and what to load.
type Options struct {
	Host     string // empty: every interface, as in a container
	Port     int    // 0: any free port
	ModelDir string
}

// Parse reads the options from the arguments after the program's name. The word
// "serve", which SageMaker passes, may stand first or last. The port is the
// flag's, else that of PortVariable, else DefaultPort. Flags that the caller has
// already defined on flags are read along; usage goes to flags' output.
func Parse(flags *flag.FlagSet, args []string, getenv func(string) string) (Options, error) {
	port := DefaultPort
	if text := getenv(PortVariable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return Options{}, fmt.Errorf("%s=%q is not a port", PortVariable, text)
		}
		port = n
	}
	var o Options
	flags.StringVar(&o.Host, "host", "", "address to listen on; empty means every interface")
	flags.IntVar(&o.Port, "port", port, "port to listen on; 0 means any free one, which the log then names")
	flags.StringVar(&o.ModelDir, "model-dir", DefaultModelDir, "folder of the unpacked model artifact")
	if len(args) > 0 && args[0] == "serve" {
		args = args[1:]
	}
	if err := flags.Parse(args); err != nil {
		return Options{}, err
	}
	if rest := flags.Args(); len(rest) > 1 || len(rest) == 1 && rest[0] != "serve" {
		return Options{}, fmt.Errorf("unexpected arguments %q", rest)
	}
	if o.Port < 0 || o.Port > 65535 {
		return Options{}, fmt.Errorf("port %d is not in 0..65535", o.Port)
	}
	return o, nil
}

// Listen opens the listener of the options.
func Listen(o Options) (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort(o.Host, strconv.Itoa(o.Port)))
}

// Serve answers on l until ctx ends, then takes no more requests, waits for the
// ones under way up to 20 s and returns nil. It closes l. Any other end is an
// error.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelError),
	}
	log.Info("listening", "address", l.Addr().String())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := server.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Error("requests still under way were cut off", "after", drainTimeout)
		err = server.Close()
	}
	<-ended
	return err
}

// Logger returns the log of an example server: one line per event, to w.
func Logger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, nil))
}
