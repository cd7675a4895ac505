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

// An nginxServer is one server of nginx's: a plain reverse proxy that, with a shadow, copies every request.
type nginxServer struct{ listen, production, shadow string }

// The parts of its configuration. Connections to the models are kept open, for copies too.
const (
	nginxUpstream = `
  upstream %s {
    server %s;
    keepalive 64;
    keepalive_requests 1000000;
  }`
	nginxPass = `
      proxy_pass http://%s/invocations;
      proxy_http_version 1.1;
      proxy_set_header Connection "";`
	nginxMain = `worker_processes 2;
daemon off;
pid %[1]s/pid;
error_log %[1]s/error.log crit;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000;
  client_body_buffer_size 64k;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;%[2]s
}
`
)

// nginxConfig is nginx.conf, with everything that nginx writes in dir.
func nginxConfig(dir string, servers []nginxServer) string {
	var b strings.Builder
	for i, s := range servers {
		production, shadow := fmt.Sprintf("production%d", i), fmt.Sprintf("shadow%d", i)
		fmt.Fprintf(&b, nginxUpstream, production, s.production)
		mirror, copies := "", ""
		if s.shadow != "" {
			fmt.Fprintf(&b, nginxUpstream, shadow, s.shadow)
			mirror = "\n      mirror /copy;"
			copies = "\n    location = /copy {\n      internal;" + fmt.Sprintf(nginxPass, shadow) + "\n    }"
		}
		fmt.Fprintf(&b, "\n  server {\n    listen %s;\n    location / {%s%s\n    }%s\n  }",
			s.listen, mirror, fmt.Sprintf(nginxPass, production), copies)
	}
	return fmt.Sprintf(nginxMain, dir, b.String())
}

// findNginx looks where administrators' programs are too, which not everybody has in PATH.
func findNginx(path string) (string, error) {
	if path != "" {
		return exec.LookPath(path)
	}
	found, err := exec.LookPath("nginx")
	if err == nil {
		return found, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if found, err := exec.LookPath(filepath.Join(dir, "nginx")); err == nil {
			return found, nil
		}
	}
	return "", err
}

// startNginx runs nginx in front of models of its own.
func startNginx(ctx context.Context, program, dir string, started *group) ([]*row, error) {
	var models [3]string
	for i, args := range [][]string{nil, nil, {"-empty"}} {
		var err error
		if models[i], err = startModel(ctx, started, args...); err != nil {
			return nil, err
		}
	}
	var servers []nginxServer
	for _, shadow := range []string{"", models[1], models[2]} {
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		servers = append(servers, nginxServer{address, models[0], shadow})
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(nginxConfig(dir, servers)), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "-p", dir, "-c", file)
	cmd.Stderr = os.Stderr
	p, err := started.start(cmd)
	if err != nil {
		return nil, err
	}
	p.workers = true
	var rows []*row
	for i, name := range []string{nginxPlain, nginxMirror, nginxMirror0} {
		if err := within(ctx, 5*time.Second, func() error { return dial(servers[i].listen) }); err != nil {
			return nil, fmt.Errorf("nginx: %w", err)
		}
		rows = append(rows, &row{name: name, address: servers[i].listen, path: invocations("plain"), process: p})
	}
	return rows, nil
}

// dial reports whether somebody listens there.
func dial(address string) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	return c.Close()
}
