package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// nginxServer is a plain reverse proxy with connections to the models kept open, and nginxMirror what makes it copy.
const (
	nginxServer = `
  upstream production%[1]d { server %[3]s; keepalive 64; }
  server {
    listen %[2]s;
    location / {
      %[4]s
      proxy_pass http://production%[1]d/invocations;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
%[5]s
  }
`
	nginxMirror = `
    location = /copy {
      internal;
      proxy_pass http://%s/invocations;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }`
	nginxMain = `
worker_processes 2;
daemon off;
pid %[1]s/pid;
error_log %[1]s/error.log crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_buffer_size 64k;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  keepalive_requests 1000000;
%[2]s
}
`
)

// startNginx runs nginx with a server for each of Gnomon's endpoints, in their order.
func startNginx(ctx context.Context, program, dir string, models []string) (*process, error) {
	var servers strings.Builder
	var addresses []string
	for i, shadow := range []string{"", models[1], models[2]} {
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, address)
		use, location := "", ""
		if shadow != "" {
			name := fmt.Sprintf("shadow%d", i)
			fmt.Fprintf(&servers, "  upstream %s { server %s; keepalive 64; }\n", name, shadow)
			use, location = "mirror /copy;", fmt.Sprintf(nginxMirror, name)
		}
		fmt.Fprintf(&servers, nginxServer, i, address, models[0], use, location)
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxMain, dir, servers.String()), 0o644); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "-p", dir, "-c", file)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start nginx: %w", err)
	}
	p := &process{cmd: cmd, addresses: addresses}
	for _, a := range addresses {
		if err := waitFor(ctx, a); err != nil {
			p.stop()
			return nil, err
		}
	}
	return p, nil
}

func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// waitFor returns once somebody listens there.
func waitFor(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nobody listens on %s: %w", address, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
