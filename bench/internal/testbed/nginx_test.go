package testbed

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNginxConfig(t *testing.T) {
	got := nginxConfig("/d", []string{"127.0.0.1:1", "127.0.0.1:2"}, []NginxServer{
		{Production: "127.0.0.1:8"},
		{Production: "127.0.0.1:8", Shadow: "127.0.0.1:9"},
	})
	const want = `worker_processes 2;
daemon off;
pid /d/pid;
error_log /d/error.log crit;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000;
  client_max_body_size 0;
  client_body_buffer_size 8m;
  client_body_temp_path /d/body;
  proxy_temp_path /d/proxy;
  fastcgi_temp_path /d/fastcgi;
  uwsgi_temp_path /d/uwsgi;
  scgi_temp_path /d/scgi;
  upstream production0 {
    server 127.0.0.1:8;
    keepalive 64;
    keepalive_requests 1000000;
  }
  server {
    listen 127.0.0.1:1;
    location / {
      proxy_pass http://production0/invocations;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
  upstream production1 {
    server 127.0.0.1:8;
    keepalive 64;
    keepalive_requests 1000000;
  }
  upstream shadow1 {
    server 127.0.0.1:9;
    keepalive 64;
    keepalive_requests 1000000;
  }
  server {
    listen 127.0.0.1:2;
    location / {
      mirror /copy;
      proxy_pass http://production1/invocations;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
    location = /copy {
      internal;
      proxy_read_timeout 5s;
      proxy_pass http://shadow1/invocations;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFindNginx_SaysWhatIsNotThere(t *testing.T) {
	if found, err := FindNginx("/nowhere/nginx"); err == nil {
		t.Errorf("found %s", found)
	}
}
