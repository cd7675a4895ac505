package main

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSkipMessage(t *testing.T) {
	for name, tc := range map[string]struct {
		text, rest string
		err        error
	}{
		"body":           {"POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\nhello worldX", "X", nil},
		"any case":       {"HTTP/1.1 200 OK\r\ncontent-LENGTH:2\r\nA: b\r\n\r\nhiX", "X", nil},
		"no body":        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nX", "X", nil},
		"no length":      {"GET /ping HTTP/1.1\r\n\r\nX", "X", nil},
		"half a header":  {"GET /ping HT", "", io.EOF},
		"half of a body": {"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nhi", "", io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			br := bufio.NewReader(strings.NewReader(tc.text))
			err := skipMessage(br)
			rest, _ := io.ReadAll(br)
			if err != tc.err || string(rest) != tc.rest {
				t.Errorf("got %v, and left %q; want %v and %q", err, rest, tc.err, tc.rest)
			}
		})
	}
}

// answering returns the address of a model that gives one answer.
func answering(t *testing.T, answer string) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); serveModel(ln, []byte(answer)) }()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

func TestLoad_SendsExactlySoMany(t *testing.T) {
	address := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
	for _, n := range []int{1, 7, 20} {
		o := options{rate: 1000, callers: 3}
		begin := time.Now()
		latencies, err := load(t.Context(), o, address, []byte("GET / HTTP/1.1\r\n\r\n"), n)
		if err != nil || len(latencies) != n {
			t.Fatalf("%d of %d requests, %v", len(latencies), n, err)
		}
		for at, took := range latencies {
			if took <= 0 {
				t.Errorf("request %d took %v", at, took)
			}
		}
		if took, least := time.Since(begin), time.Duration(n-1)*time.Millisecond; took < least {
			t.Errorf("%d requests at 1000/s took %v", n, took)
		}
	}
}

func TestLoad_FailsOnOtherAnswers(t *testing.T) {
	address := answering(t, "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nhi")
	_, err := load(t.Context(), options{rate: 1000, callers: 2}, address, []byte("GET / HTTP/1.1\r\n\r\n"), 4)
	if err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("got %v", err)
	}
}

func TestRow_Request(t *testing.T) {
	r := &row{address: "127.0.0.1:1", path: invocations("e"), sign: &client{url: "http://127.0.0.1:1"}}
	signed, err := r.request()
	if err != nil {
		t.Fatal(err)
	}
	r.sign = nil
	open, err := r.request()
	if err != nil {
		t.Fatal(err)
	}
	for name, request := range map[string][]byte{"signed": signed, "open": open} {
		br := bufio.NewReader(strings.NewReader(string(request)))
		if err := skipMessage(br); err != nil || br.Buffered() > 0 {
			t.Errorf("%s: %v, %d bytes too many", name, err, br.Buffered())
		}
		want := name == "signed"
		if strings.Contains(string(request), "\r\nAuthorization: AWS4-HMAC-SHA256 ") != want || strings.Contains(string(request), "\r\nX-Amz-Date: ") != want {
			t.Errorf("%s:\n%.400s", name, request)
		}
	}
}

func TestEnvironment(t *testing.T) {
	got := environment("unset AWS_PROFILE\nexport A=b\nexport C=d=e\n")
	if diff := cmp.Diff(map[string]string{"A": "b", "C": "d=e"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRow_MeasuresAgainWithoutAllCopies has one copy missing in the first round.
func TestRow_MeasuresAgainWithoutAllCopies(t *testing.T) {
	o := options{rate: 1000, callers: 2, duration: 5 * time.Millisecond}
	readings := []account{{201, 201}, {206, 205}, {407, 406}, {412, 411}}
	n := 0
	r := &row{
		address: answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), path: invocations("e"), process: self(),
		account: func() (account, error) { n++; return readings[n-1], nil },
	}
	if err := r.measure(t.Context(), o); err != nil || r.spoilt != 1 || len(r.cpu) != 1 || n != len(readings) {
		t.Errorf("%v, %d rounds spoilt, %d measured", err, r.spoilt, len(r.cpu))
	}
}

func TestRow_RefusesToMeasure(t *testing.T) {
	o := options{rate: 1000, callers: 2, duration: 5 * time.Millisecond}
	for name, step := range map[string]account{"requests missing": {4, 4}, "copies missing in every round": {5, 4}} {
		var sum account
		r := &row{
			address: answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), path: invocations("e"), process: self(),
			account: func() (account, error) {
				sum = account{sum.requests + step.requests, sum.done + step.done}
				return sum, nil
			},
		}
		if err := r.measure(t.Context(), o); err == nil || len(r.cpu) > 0 {
			t.Errorf("%s: %v, %d measured", name, err, len(r.cpu))
		}
	}
}
