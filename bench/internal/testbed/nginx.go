package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// An NginxServer is one server of nginx's: a plain reverse proxy that, with a shadow, copies every request to it.
type NginxServer struct{ Production, Shadow string } // addresses

// An Nginx is nginx with a few servers.
type Nginx struct {
	Process   *Process
	Addresses []string // of the servers
}

// The parts of its configuration. Connections to the models are kept open, for copies too, and bodies are in memory. A copy
// may take 5 s instead of the 60 that it has by default, since the client's next request waits for it.
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
  client_max_body_size 0;
  client_body_buffer_size 8m;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;%[2]s
}
`
)

// nginxConfig is nginx.conf, with everything that nginx writes in dir.
func nginxConfig(dir string, listen []string, servers []NginxServer) string {
	var b strings.Builder
	for i, s := range servers {
		production, shadow := fmt.Sprintf("production%d", i), fmt.Sprintf("shadow%d", i)
		fmt.Fprintf(&b, nginxUpstream, production, s.Production)
		mirror, copies := "", ""
		if s.Shadow != "" {
			fmt.Fprintf(&b, nginxUpstream, shadow, s.Shadow)
			mirror = "\n      mirror /copy;"
			copies = "\n    location = /copy {\n      internal;\n      proxy_read_timeout 5s;" + fmt.Sprintf(nginxPass, shadow) + "\n    }"
		}
		fmt.Fprintf(&b, "\n  server {\n    listen %s;\n    location / {%s%s\n    }%s\n  }",
			listen[i], mirror, fmt.Sprintf(nginxPass, production), copies)
	}
	return fmt.Sprintf(nginxMain, dir, b.String())
}

// FindNginx returns where nginx is: at path, or if that is empty in PATH, or where administrators' programs are, which not
// everybody has in PATH.
func FindNginx(path string) (string, error) {
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

// StartNginx runs nginx, and returns when all servers listen.
func (b *Bed) StartNginx(ctx context.Context, program string, servers []NginxServer) (*Nginx, error) {
	n := &Nginx{}
	for range servers {
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		n.Addresses = append(n.Addresses, address)
	}
	dir := filepath.Join(b.Dir, b.name("nginx"))
	// Its workers are of another user if root runs it, and have files to write.
	if err := errors.Join(os.Chmod(b.Dir, 0o711), os.Mkdir(dir, 0o755)); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(nginxConfig(dir, n.Addresses, servers)), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "-p", dir, "-c", file)
	cmd.Stderr = os.Stderr
	var err error
	if n.Process, err = b.started.start(cmd); err != nil {
		return nil, err
	}
	n.Process.workers = true
	for _, address := range n.Addresses {
		if err := within(ctx, 5*time.Second, func() error { return dial(address) }); err != nil {
			return nil, fmt.Errorf("nginx: %w", err)
		}
	}
	return n, nil
}

// StopNginx ends it and waits for that.
func (b *Bed) StopNginx(n *Nginx) { b.started.stopOne(n.Process) }

// dial reports whether somebody listens there.
func dial(address string) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	return c.Close()
}
