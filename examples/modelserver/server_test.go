package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gnomon/examples/container"
	"gnomon/examples/model"
)

const modelText = `{"name":"two","features":2,"labels":["no","yes"],
	"linear":{"weights":[[0,0],[1,-1]],"bias":[0,0.5]}}`

// start runs the server as the command does and returns its URL. The test's end
// stops it and checks that it stopped well.
func start(t *testing.T, dir string) string {
	t.Helper()
	l, err := container.Listen(container.Options{Host: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	loaded := &waiter{word: "model loaded", seen: make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- serve(ctx, l, dir, container.Logger(loaded)) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("serve ended with %v", err)
		}
	})
	<-loaded.seen
	return "http://" + l.Addr().String()
}

// waiter closes seen at the first log line with the word.
type waiter struct {
	word string
	seen chan struct{}
	done bool // slog's handler writes one line at a time
}

func (w *waiter) Write(line []byte) (int, error) {
	if !w.done && strings.Contains(string(line), w.word) {
		w.done = true
		close(w.seen)
	}
	return len(line), nil
}

func modelDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, model.File), []byte(modelText), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

type answer struct {
	status            int
	contentType, body string
}

func post(t *testing.T, url, contentType, accept, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/invocations", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) answer {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Content-Type"), string(body)}
}

func TestInvocations(t *testing.T) {
	url := start(t, modelDir(t))
	const both = `{"predictions":[{"label":"yes","score":0.817574},{"label":"no","score":0.817574}],"model":"two"}`
	for _, tt := range []struct {
		name, contentType, accept, body string
		want                            answer
	}{
		{"JSON instances", "application/json", "", `{"instances":[[2,1],[1,3]]}`, answer{200, "application/json", both}},
		{"JSON features", "application/json; charset=utf-8", "", `{"features":[2,1]}`,
			answer{200, "application/json", `{"predictions":[{"label":"yes","score":0.817574}],"model":"two"}`}},
		{"no type is JSON", "", "", `{"instances":[[2,1],[1,3]]}`, answer{200, "application/json", both}},
		{"CSV rows", "text/csv", "*/*", "2,1\n1, 3\n", answer{200, "application/json", both}},
		{"CSV to CSV", "text/csv", "text/csv", "2,1\r\n1,3", answer{200, "text/csv", "yes,0.817574\nno,0.817574\n"}},
		{"JSON to CSV", "application/json", "text/csv;q=0.9, image/png", `{"features":[2,1]}`, answer{200, "text/csv", "yes,0.817574\n"}},
		{"q=0 excludes", "text/csv", "application/json;q=0, text/csv", "2,1", answer{200, "text/csv", "yes,0.817574\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := post(t, url, tt.contentType, tt.accept, tt.body); got != tt.want {
				t.Errorf("answer %+v\nwant   %+v", got, tt.want)
			}
		})
	}
}

func TestInvocationsRefuse(t *testing.T) {
	url := start(t, modelDir(t))
	const json = "application/json"
	for _, tt := range []struct {
		name, contentType, accept, body string
		status                          int
		message                         string
	}{
		{"other type", "image/png", "", "x", 415, "neither application/json nor text/csv"},
		{"broken type", "text/", "", "x", 415, "Content-Type"},
		{"other accept", json, "image/png", `{"features":[2,1]}`, 406, "allows neither"},
		{"no JSON", json, "", `{"features":`, 400, "not the JSON wanted"},
		{"words for numbers", json, "", `{"features":["a","b"]}`, 400, "not the JSON wanted"},
		{"empty object", json, "", `{}`, 400, "neither"},
		{"no rows", json, "", `{"instances":[]}`, 400, "neither"},
		{"both members", json, "", `{"instances":[[1,2]],"features":[1,2]}`, 400, "both"},
		{"row too short", json, "", `{"instances":[[1,2],[1]]}`, 400, "row 1 has 1 features, the model takes 2"},
		{"null row", json, "", `{"instances":[null]}`, 400, "row 0 has 0 features"},
		{"out of range", json, "", `{"features":[1.7e308,-1.7e308]}`, 400, "out of the model's range"},
		{"empty CSV", "text/csv", "", "\n", 400, "no rows"},
		{"CSV header", "text/csv", "", "a,b\n1,2\n", 400, `row 0: field 0 is \"a\", not a number`},
		{"CSV not finite", "text/csv", "", "1,2\n1,NaN\n", 400, `row 1: field 1 is \"NaN\", not a number`},
		{"CSV open quote", "text/csv", "", "\"1,2", 400, "not CSV"},
		{"body too large", "text/csv", "", strings.Repeat("1,2\n", maxBody/4+1), 413, "over 26214400 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := post(t, url, tt.contentType, tt.accept, tt.body)
			if got.status != tt.status || got.contentType != json || !strings.Contains(got.body, tt.message) {
				t.Errorf("answer %+v\nwant status %d and %q", got, tt.status, tt.message)
			}
		})
	}
}

func TestMethodsAndPaths(t *testing.T) {
	url := start(t, modelDir(t))
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/ping", 200},
		{"POST", "/ping", 405},
		{"GET", "/invocations", 405},
		{"POST", "/", 404},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, url+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := do(t, req)
		if got.status != tt.status {
			t.Errorf("%s %s: status %d, want %d", tt.method, tt.path, got.status, tt.status)
		}
		if got.status == 200 && got.body != "" {
			t.Errorf("%s %s: body %q, want none", tt.method, tt.path, got.body)
		}
	}
}

// Before the model is there the port answers, and says that it is not ready.
func TestPingBeforeAndAfterLoad(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() { served <- container.Serve(ctx, l, s, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() { stop(); <-served })
	url := "http://" + l.Addr().String()
	ping, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/ping", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := do(t, ping); got.status != 503 {
		t.Errorf("ping before the model is loaded: %d, want 503", got.status)
	}
	if got := post(t, url, "text/csv", "", "2,1"); got.status != 503 || !strings.Contains(got.body, "not loaded yet") {
		t.Errorf("invocation before the model is loaded: %+v, want 503", got)
	}
	m, err := model.Read(strings.NewReader(modelText))
	if err != nil {
		t.Fatal(err)
	}
	s.load(m)
	if got := do(t, ping); got.status != 200 {
		t.Errorf("ping with the model loaded: %d, want 200", got.status)
	}
}

func TestServeEndsWithoutModel(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	err = serve(t.Context(), l, t.TempDir(), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), model.File) {
		t.Errorf("serve ended with %v, want an error naming %s", err, model.File)
	}
}

func FuzzRows(f *testing.F) {
	f.Add(`{"instances":[[1,2]]}`)
	f.Add("1,2\n3,4\n")
	f.Add("\"1\",\"2\"")
	f.Fuzz(func(t *testing.T, body string) {
		for _, decode := range []decodeFunc{parseJSON, parseCSV} {
			if rows, err := decode([]byte(body)); err == nil && len(rows) == 0 {
				t.Errorf("%q gave neither rows nor an error", body)
			}
		}
	})
}
