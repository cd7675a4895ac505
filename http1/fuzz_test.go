package http1_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"

	"gnomon/http1"
)

const max = 16 << 10

var requests = []string{
	"POST /endpoints/e/invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
	"GET / HTTP/1.0\r\n\r\n",
	"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST http://a:80/x?y HTTP/1.1\r\nhost: A:80\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n0\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: foo, close\r\nConnection: keep-alive\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\t y \r\n\r\n",
	"GET / HTTP/1.1\nHost: a\n\n",
	"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
}

// Whatever is taken for a request, net/http takes for the same one, and it makes no difference in what pieces it comes.
func FuzzRequest(f *testing.F) {
	for _, r := range requests {
		f.Add([]byte(r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var whole http1.Request
		n, err := whole.Parse(b, max)
		piecewise(t, b, n, err)
		if err != nil || n == 0 {
			return
		}
		std, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimPrefix(b[:n], []byte("\r\n")))))
		if err != nil {
			if stricter(err, &whole) {
				return
			}
			t.Fatalf("net/http refuses %q: %v", b[:n], err)
		}
		if std.Method != string(whole.Method) || std.ProtoMinor != whole.Minor {
			t.Errorf("%q is %s HTTP/1.%d to net/http", b[:n], std.Method, std.ProtoMinor)
		}
		if std.ContentLength != whole.Length {
			t.Errorf("%q has a body of %d, to net/http of %d", b[:n], whole.Length, std.ContentLength)
		}
		if std.Close != whole.Close && !(whole.Minor == 0) {
			t.Errorf("%q: close is %v, to net/http %v", b[:n], whole.Close, std.Close)
		}
		sameHeader(t, whole.Header, std.Header, std.Host)
	})
}

// stricter reports whether net/http refuses what nothing here depends on: it parses targets.
func stricter(err error, r *http1.Request) bool {
	return strings.Contains(err.Error(), "parse ") || strings.Contains(err.Error(), "invalid URI") || string(r.Method) == "PRI"
}

// piecewise parses growing beginnings of b, which must come to what b itself does.
func piecewise(t *testing.T, b []byte, n int, err error) {
	for end := range b {
		var r http1.Request
		m, e := r.Parse(b[:end], max)
		switch {
		case e != nil && err == nil:
			t.Fatalf("the beginning %q of %q is refused: %v", b[:end], b, e)
		case m > 0 && (m != n || m != end):
			t.Fatalf("the beginning %q of %q is a head of %d bytes, all of it has one of %d", b[:end], b, m, n)
		case m > 0 || e != nil:
			return
		}
	}
}

func sameHeader(t *testing.T, block []byte, std http.Header, host string) {
	got := make(map[string][]string)
	for len(block) > 2 {
		var name, value []byte
		name, value, block = http1.Next(block)
		if http1.EqualFold(name, "host") {
			continue
		}
		key := http.CanonicalHeaderKey(string(name))
		got[key] = append(got[key], string(value))
	}
	for name, values := range std {
		if strings.Join(values, "|") != strings.Join(got[name], "|") {
			t.Errorf("%s is %q, to net/http %q", name, got[name], values)
		}
	}
}

func FuzzResponse(f *testing.F) {
	for _, r := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
		"HTTP/1.1 200\r\n\r\nhi",
		"HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 204 \r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
	} {
		f.Add([]byte(r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r http1.Response
		n, err := r.Parse(b, max)
		if err != nil || n == 0 {
			return
		}
		std, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b[:n])), &http.Request{Method: "POST"})
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", b[:n], err)
		}
		if std.StatusCode != r.Status {
			t.Errorf("%q: status %d, to net/http %d", b[:n], r.Status, std.StatusCode)
		}
		want := std.ContentLength
		switch {
		case r.Status < 200 || r.Status == 204 || r.Status == 304:
			want = 0 // whatever it says
		case len(std.TransferEncoding) > 0:
			want = http1.Chunked
		case want < 0:
			want = http1.UntilClose
		}
		if r.Length != want {
			t.Errorf("%q: length %d, to net/http %d", b[:n], r.Length, want)
		}
	})
}

// However a body is cut up, the same comes of it; and net/http reads the same data from what is accepted.
func FuzzChunks(f *testing.F) {
	for _, s := range []string{"2\r\nhi\r\n0\r\n\r\n", "A;x=y\r\n0123456789\r\n0\r\nA: b\r\n\r\nrest", "1\na\n0\n\n", "0x1\r\na\r\n", "fffffffffffffffff\r\n"} {
		f.Add([]byte(s), uint8(1))
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, step uint8) {
		data, n, done, err := decode(b, len(b)+1)
		pieces, m, ended, fault := decode(b, int(step%16)+1)
		if (err == nil) != (fault == nil) || err == nil && (!bytes.Equal(data, pieces) || n != m || done != ended) {
			t.Fatalf("%q: %q, %d, %v, %v at once; %q, %d, %v, %v in pieces", b, data, n, done, err, pieces, m, ended, fault)
		}
		if !done {
			return
		}
		std, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(b)))
		if err != nil || !bytes.Equal(std, data) {
			t.Fatalf("%q is %q, to net/http %q, %v", b, data, std, err)
		}
	})
}

// decode decodes b in pieces of at most step bytes. It returns the data and how many bytes the body took.
func decode(b []byte, step int) (data []byte, n int, done bool, err error) {
	var c http1.Chunks
	for n < len(b) && !done {
		piece := b[n:min(len(b), n+step)]
		run, used, end, err := c.Next(piece)
		if err != nil {
			return nil, 0, false, err
		}
		if used == 0 && !end {
			return data, n, false, errors.New("no progress")
		}
		data = append(data, run...)
		n += used
		done = end
	}
	return data, n, done, nil
}
