package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gnomon/examples/container"
)

// asServer, in a child's environment, makes this test's binary the server.
const asServer = "FAULTSERVER_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// startServer runs the faults in this process and returns the URL; the test's end
// stops them and checks that they stopped well.
func startServer(t *testing.T, list string) string {
	t.Helper()
	f, err := parseFaults(list)
	if err != nil {
		t.Fatal(err)
	}
	l, err := container.Listen(container.Options{Host: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- run(ctx, l, f, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("run ended with %v", err)
		}
	})
	return "http://" + l.Addr().String()
}

func post(t *testing.T, ctx context.Context, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/invocations", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain")
	return (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
}

func TestWholeAnswers(t *testing.T) {
	for _, tt := range []struct {
		list   string
		status int
		body   string
	}{
		{"", 200, "hello"},
		{"none", 200, "hello"},
		{"slow=1ms", 200, "hello"},
		{"drip=1ms", 200, "hello"},
		{"status500", 500, "hello"},
		{"surplus", 200, "hello"},
		{"huge=70000", 200, strings.Repeat("h", 70000)},
		{"burn-cpu=1,eat-memory=20MiB", 200, "hello"},
	} {
		t.Run(tt.list, func(t *testing.T) {
			resp, err := post(t, t.Context(), startServer(t, tt.list))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.status || string(body) != tt.body {
				t.Errorf("status %d, %d bytes, %v; want %d and %d bytes", resp.StatusCode, len(body), err, tt.status, len(tt.body))
			}
		})
	}
}

func TestBrokenAnswers(t *testing.T) {
	t.Run("reset", func(t *testing.T) {
		if _, err := post(t, t.Context(), startServer(t, "reset")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("error %v, want a reset", err)
		}
	})
	t.Run("garbage", func(t *testing.T) {
		if _, err := post(t, t.Context(), startServer(t, "garbage")); err == nil || !strings.Contains(err.Error(), "malformed") {
			t.Errorf("error %v, want a malformed answer", err)
		}
	})
	t.Run("truncate", func(t *testing.T) {
		resp, err := post(t, t.Context(), startServer(t, "truncate"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("error %v, want an early end", err)
		}
	})
	t.Run("hang", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := post(t, ctx, startServer(t, "hang")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want a timeout", err)
		}
	})
	t.Run("endless", func(t *testing.T) {
		resp, err := post(t, t.Context(), startServer(t, "endless"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if n, err := io.CopyN(io.Discard, resp.Body, 8<<20); err != nil {
			t.Errorf("the answer ended after %d bytes: %v", n, err)
		}
	})
}

// What was cut by the server's end must not look like a whole answer.
func TestStopCutsAnswersVisibly(t *testing.T) {
	for _, list := range []string{"endless", "stream=1h", "drip=1h", "hang", "slow=1h"} {
		t.Run(list, func(t *testing.T) {
			f, err := parseFaults(list)
			if err != nil {
				t.Fatal(err)
			}
			s := &server{faults: f}
			stopping := make(chan struct{})
			close(stopping)
			s.stopping = stopping
			l, err := container.Listen(container.Options{Host: "127.0.0.1"})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			served := make(chan error, 1)
			go func() { served <- container.Serve(ctx, l, s.routes(), slog.New(slog.DiscardHandler)) }()
			defer func() { stop(); <-served }()
			resp, err := post(t, t.Context(), "http://"+l.Addr().String())
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if err == nil {
				t.Error("the answer looks whole")
			}
		})
	}
}

func TestSurplusLeavesAnAnswerOnTheConnection(t *testing.T) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(startServer(t, "surplus"), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
	r := bufio.NewReader(conn)
	for _, want := range []string{"hi", "surplus"} {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != want {
			t.Errorf("body %q, %v; want %q", body, err, want)
		}
	}
}

func TestStream(t *testing.T) {
	resp, err := post(t, t.Context(), startServer(t, "stream=0s"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(resp.TransferEncoding, []string{"chunked"}) || strings.Count(string(body), "data: ") != 10 {
		t.Errorf("transfer encoding %q, body %q; want ten chunks", resp.TransferEncoding, body)
	}
}

func TestPings(t *testing.T) {
	for _, tt := range []struct {
		list string
		want []int // 0 is no answer
	}{
		{"", []int{200, 200, 200, 200}},
		{"never-healthy", []int{503, 503, 503, 503}},
		{"unhealthy-after=2", []int{200, 200, 503, 503}},
		{"refuse=2", []int{200, 200, 0, 0}},
		{"refuse", []int{0, 0, 0, 0}},
	} {
		t.Run(tt.list, func(t *testing.T) {
			url := startServer(t, tt.list)
			var got []int
			for _, want := range tt.want {
				got = append(got, ping(t, url, want))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("pings (-want +got):\n%s", diff)
			}
		})
	}
}

// ping asks until it sees the port closed, if that is what it wants: closing
// takes the server a moment.
func ping(t *testing.T, url string, want int) int {
	t.Helper()
	for {
		resp, err := http.Get(url + "/ping")
		if err != nil {
			return 0
		}
		resp.Body.Close()
		if want != 0 || t.Context().Err() != nil {
			return resp.StatusCode
		}
	}
}

func TestWorkTakesLongerTheMoreThereIs(t *testing.T) {
	took := func(list string) float64 {
		resp, err := post(t, t.Context(), startServer(t, list))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer struct {
			Elapsed float64 `json:"elapsed_ms"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return answer.Elapsed
	}
	// Noise only adds, so the least of a few is the truest.
	little := min(took("work=1"), took("work=1"), took("work=1"), took("work=1"), took("work=1"))
	if much := took("work=100"); much < 5*little {
		t.Errorf("a hundred times the work took %.2f ms against %.2f ms", much, little)
	}
}

func TestParseFaults(t *testing.T) {
	got, err := parseFaults(" slow=200ms, ignore-sigterm ,eat-memory=3MiB,")
	if err != nil {
		t.Fatal(err)
	}
	want := faults{"slow": {span: 200 * time.Millisecond}, "ignore-sigterm": {}, "eat-memory": {count: 3 << 20}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(value{})); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if got.answer() != "slow" {
		t.Errorf("answers by %q, want slow", got.answer())
	}
	for _, list := range []string{"lazy", "slow=fast", "slow=-1s", "hang=1", "slow,hang", "huge=1TiB", "huge=9223372036854775807KiB", "work=1.5", "=", "slow="} {
		if f, err := parseFaults(list); err == nil {
			t.Errorf("%q gave %v and no error", list, f)
		}
	}
}

func TestLogsRequests(t *testing.T) {
	for list, want := range map[string]bool{"none,log-requests": true, "none": false} {
		f, err := parseFaults(list)
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		s := &server{log: slog.New(slog.NewTextHandler(&log, nil)), faults: f}
		r := httptest.NewRequest(http.MethodPost, "/invocations", strings.NewReader("hello"))
		r.Header.Set("X-Amzn-RequestId", "4711")
		s.routes().ServeHTTP(httptest.NewRecorder(), r)
		if got := strings.Contains(log.String(), "msg=request id=4711"); got != want {
			t.Errorf("%s logs %q", list, log.String())
		}
	}
}

func TestOneIn_SpoilsSome(t *testing.T) {
	for list, spoilt := range map[string]func(*httptest.ResponseRecorder) bool{
		"fail-one-in=4":   func(w *httptest.ResponseRecorder) bool { return w.Code == 500 },
		"differ-one-in=4": func(w *httptest.ResponseRecorder) bool { return w.Code == 200 && w.Body.String() != "hello" },
	} {
		f, err := parseFaults(list)
		if err != nil {
			t.Fatal(err)
		}
		s, n := &server{faults: f}, 0
		for range 4000 {
			w := httptest.NewRecorder()
			s.routes().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/invocations", strings.NewReader("hello")))
			if spoilt(w) {
				n++
			} else if w.Code != 200 || w.Body.String() != "hello" {
				t.Fatalf("%s: %d %s", list, w.Code, w.Body)
			}
		}
		if n < 800 || n > 1200 {
			t.Errorf("%s spoils %d of 4000", list, n)
		}
	}
}

func TestEveryAnswerIsAKnownFault(t *testing.T) {
	answers := (&server{}).answers()
	for name, k := range kinds() {
		if _, ok := answers[name]; ok != k.answer {
			t.Errorf("%s: kinds says that it answers: %t, answers has it: %t", name, k.answer, ok)
		}
	}
}

func FuzzParseFaults(f *testing.F) {
	f.Add("slow=200ms,ignore-sigterm")
	f.Add("huge=1GiB")
	f.Fuzz(func(t *testing.T, list string) {
		got, err := parseFaults(list)
		for name, v := range got {
			if err != nil || v.count < 0 || v.span < 0 {
				t.Errorf("%q gave %s=%+v, %v", list, name, v, err)
			}
		}
	})
}

// process is the server as a process of its own.
type process struct {
	cmd *exec.Cmd
	url string
}

func startProcess(t *testing.T, list string) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "serve", "--host", "127.0.0.1", "--port", "0")
	cmd.Env = []string{asServer + "=1", "FAULT=" + list}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait() // it may have ended already; that is the test's concern
	})
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), "address="); ok {
			return &process{cmd: cmd, url: "http://" + address}
		}
	}
	t.Fatalf("the process named no address: %v", lines.Err())
	return nil
}

func TestDescribe(t *testing.T) {
	p := startProcess(t, "describe,fork-grandchild=1m")
	resp, err := post(t, t.Context(), p.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got description
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.PID != p.cmd.Process.Pid || got.Body != "hello" || got.Headers.Get("Content-Type") != "text/plain" {
		t.Errorf("described %+v", got)
	}
	if diff := cmp.Diff([]string{"FAULT", asServer}, got.Environment); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if _, err := os.Stat("/proc/self/stat"); err == nil && (got.Nice == "" || got.CPUs == "") {
		t.Errorf("nice %q, cpus %q", got.Nice, got.CPUs)
	}
	outlives(t, p, int(got.Grandchild))
}

// outlives checks that the grandchild has a session of its own and is there
// after its parents, and ends it.
func outlives(t *testing.T, p *process, pid int) {
	t.Helper()
	t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	p.cmd.Process.Kill()
	p.cmd.Process.Wait()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Errorf("signal to grandchild %d: %v, want it alive", pid, err)
	}
	if group, err := syscall.Getpgid(pid); err != nil || group != pid {
		t.Errorf("grandchild %d is in process group %d (%v), want its own", pid, group, err)
	}
}

func TestExitAfter(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--host=127.0.0.1", "--port=0")
	cmd.Env = []string{asServer + "=1", "FAULT=exit-after=1ms"}
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitStatus {
		t.Errorf("ended with %v, want exit status %d", err, exitStatus)
	}
}

func TestSigterm(t *testing.T) {
	p := startProcess(t, "")
	p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("ended with %v, want status 0", err)
	}
}

func TestIgnoreSigterm(t *testing.T) {
	p := startProcess(t, "ignore-sigterm")
	for range 3 {
		p.cmd.Process.Signal(syscall.SIGTERM)
		if got := ping(t, p.url, 200); got != 200 {
			t.Fatalf("ping after SIGTERM: %d, want 200", got)
		}
	}
}

func TestFloodLog(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--host=127.0.0.1", "--port=0")
	cmd.Env = []string{asServer + "=1", "FAULT=flood-log=10MiB"}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if n, err := io.CopyN(io.Discard, out, 4<<20); err != nil {
		t.Errorf("%d bytes of log: %v", n, err)
	}
	cmd.Process.Kill()
	cmd.Wait()
}
