package container

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parse(args []string, port string) (Options, error) {
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return Parse(flags, args, func(name string) string {
		if name == PortVariable {
			return port
		}
		return ""
	})
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		port string
		want Options
	}{
		{"nothing said", nil, "", Options{Port: 8080, ModelDir: "/opt/ml/model"}},
		{"as SageMaker starts it", []string{"serve"}, "", Options{Port: 8080, ModelDir: "/opt/ml/model"}},
		{"port by environment", []string{"serve"}, "9001", Options{Port: 9001, ModelDir: "/opt/ml/model"}},
		{"flag over environment", []string{"--port", "0"}, "9001", Options{Port: 0, ModelDir: "/opt/ml/model"}},
		{"serve first", []string{"serve", "--port=1", "--model-dir=m"}, "", Options{Port: 1, ModelDir: "m"}},
		{"serve last", []string{"--host=127.0.0.1", "--port=1", "serve"}, "", Options{Host: "127.0.0.1", Port: 1, ModelDir: "/opt/ml/model"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse(tt.args, tt.port)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		port string
	}{
		{"unknown word", []string{"train"}, ""},
		{"word after serve", []string{"serve", "now"}, ""},
		{"unknown flag", []string{"--speed", "9"}, ""},
		{"port too high", []string{"--port", "65536"}, ""},
		{"environment no number", nil, "http"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := parse(tt.args, tt.port); err == nil {
				t.Errorf("Parse gave %+v and no error", got)
			}
		})
	}
}

// A request under way when the signal comes still gets its whole answer.
func TestServeDrains(t *testing.T) {
	l, err := Listen(Options{Host: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stop()
		waitClosed(l.Addr().String())
		io.WriteString(w, "whole")
	})
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, handler, slog.New(slog.DiscardHandler)) }()
	resp, err := http.Post("http://"+l.Addr().String(), "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != "whole" {
		t.Errorf("answer %q, %v", body, err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve ended with %v", err)
	}
	if _, err := http.Get("http://" + l.Addr().String()); err == nil {
		t.Error("the port still answers after Serve ended")
	}
}

// waitClosed returns once nobody listens at the address.
func waitClosed(address string) {
	for {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		conn.Close()
	}
}
