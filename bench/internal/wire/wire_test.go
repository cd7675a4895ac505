package wire

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestRead(t *testing.T) {
	long := strings.Repeat("x", 10000)
	for name, tc := range map[string]struct {
		text, first, body, rest string
		err                     bool
	}{
		"body":           {"POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\nhello worldX", "POST / HTTP/1.1", "hello world", "X", false},
		"any case":       {"HTTP/1.1 200 OK\r\ncontent-LENGTH:2\r\nA: b\r\n\r\nhiX", "HTTP/1.1 200 OK", "hi", "X", false},
		"long":           {"A\r\nContent-Length: 10000\r\n\r\n" + long + "X", "A", long, "X", false},
		"no body":        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nX", "HTTP/1.1 200 OK", "", "X", false},
		"no length":      {"GET /ping HTTP/1.1\r\n\r\nX", "GET /ping HTTP/1.1", "", "X", false},
		"half a header":  {"GET /ping HT", "", "", "", true},
		"half of a body": {"A\r\nContent-Length: 3\r\n\r\nhi", "A", "hi", "", true},
		"no number":      {"A\r\nContent-Length: -3\r\n\r\n", "A", "", "", true},
	} {
		for slowness, from := range map[string]io.Reader{
			"at once": strings.NewReader(tc.text), "byte by byte": iotest.OneByteReader(strings.NewReader(tc.text)),
		} {
			t.Run(name+" "+slowness, func(t *testing.T) {
				br := bufio.NewReader(from)
				var body bytes.Buffer
				m, err := Read(br, nil, &body)
				if (err != nil) != tc.err || string(m.First) != tc.first || body.String() != tc.body {
					t.Fatalf("got %q, body %.20q, %v; want %q, %.20q", m.First, &body, err, tc.first, tc.body)
				}
				if rest, _ := io.ReadAll(br); !tc.err && string(rest) != tc.rest {
					t.Errorf("left %.20q, want %q", rest, tc.rest)
				}
			})
		}
	}
}
