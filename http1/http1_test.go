package http1_test

import (
	"errors"
	"strings"
	"testing"

	"gnomon/http1"
)

func TestRequest_ReadsWhatItSays(t *testing.T) {
	for _, tc := range []struct {
		name, raw, method, target string
		minor                     int
		length                    int64
		close, expect             bool
	}{
		{"plain", "POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\n", "POST", "/a?b", 1, 12, false, false},
		{"no body", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/", 1, 0, false, false},
		{"chunked", "POST / HTTP/1.1\r\nHost: h\r\nTRANSFER-ENCODING: Chunked\r\n\r\n", "POST", "/", 1, http1.Chunked, false, false},
		{"close", "GET / HTTP/1.1\r\nHost: h\r\nConnection: x,  CLOSE , keep-alive\r\n\r\n", "GET", "/", 1, 0, true, false},
		{"old", "GET / HTTP/1.0\r\n\r\n", "GET", "/", 0, 0, true, false},
		{"old, kept", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/", 0, 0, false, false},
		{"expecting", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n", "POST", "/", 1, 1, false, true},
		{"old and expecting", "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", "POST", "/", 0, 1, true, false},
		{"absolute", "GET http://H:80/a HTTP/1.1\r\nHost: h:80\r\n\r\n", "GET", "/a", 1, 0, false, false},
		{"absolute without a path", "GET HTTPS://h HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/", 1, 0, false, false},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS", "*", 1, 0, false, false},
		{"empty line before", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/", 1, 0, false, false},
		{"not ASCII in a value", "GET / HTTP/1.1\r\nHost: h\r\nA: \xe9\r\n\r\n", "GET", "/", 1, 0, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r http1.Request
			n, err := r.Parse([]byte(tc.raw+"behind"), max)
			if err != nil || n != len(tc.raw) {
				t.Fatalf("%d bytes, %v", n, err)
			}
			if string(r.Method) != tc.method || string(r.Target) != tc.target || r.Minor != tc.minor || r.Length != tc.length || r.Close != tc.close || r.Expect != tc.expect {
				t.Errorf("%s %s %+v", r.Method, r.Target, r)
			}
		})
	}
}

func TestRequest_RefusesWhatCanBeReadTwoWays(t *testing.T) {
	host := "POST / HTTP/1.1\r\nHost: h\r\n"
	for name, raw := range map[string]string{
		"two lengths":              host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
		"length and coding":        host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"two codings":              host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"other coding":             host + "Transfer-Encoding: gzip, chunked\r\n\r\n",
		"coding in 1.0":            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		"signed length":            host + "Content-Length: +1\r\n\r\n",
		"length that overflows":    host + "Content-Length: 9223372036854775808\r\n\r\n",
		"no length":                host + "Content-Length: \r\n\r\n",
		"bare LF":                  host + "A: b\nC: d\r\n\r\n",
		"bare LF at the end":       host + "A: b\r\n\n",
		"bare CR":                  host + "A: b\rc\r\n\r\n",
		"NUL":                      host + "A: b\x00\r\n\r\n",
		"folding":                  host + "A: b\r\n c\r\n\r\n",
		"blank before the colon":   host + "A : b\r\n\r\n",
		"no name":                  host + ": b\r\n\r\n",
		"no colon":                 host + "A\r\n\r\n",
		"no host":                  "GET / HTTP/1.1\r\n\r\n",
		"two hosts":                host + "Host: h\r\n\r\n",
		"other host in the target": "GET http://x/ HTTP/1.1\r\nHost: h\r\n\r\n",
		"user in the target":       "GET http://u@h/ HTTP/1.1\r\nHost: u@h\r\n\r\n",
		"blank in the target":      "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
		"two blanks":               "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
		"control in the target":    "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
		"HTTP/2":                   "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
		"HTTP/1.10":                "GET / HTTP/1.10\r\nHost: h\r\n\r\n",
		"no version":               "GET /\r\nHost: h\r\n\r\n",
		"other expectation":        host + "Expect: tea\r\n\r\n",
		"TLS":                      "\x16\x03\x01",
		"very many lines":          host + strings.Repeat("a:\r\n", 129) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			var r http1.Request
			n, err := r.Parse([]byte(raw), max)
			var fault *http1.Error
			if n != 0 || !errors.As(err, &fault) {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
}

func TestRequest_LimitsItsHead(t *testing.T) {
	head := func(n int) string {
		before, after := "GET / HTTP/1.1\r\nHost: h\r\nA: ", "\r\n\r\n"
		return before + strings.Repeat("x", n-len(before)-len(after)) + after
	}
	var r http1.Request
	if n, err := r.Parse([]byte(head(max)+"behind"), max); err != nil || n != max {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := r.Parse([]byte(head(max+1)), max); !errors.Is(err, http1.ErrTooLarge) {
		t.Errorf("one byte more: %v", err)
	}
	if n, err := r.Parse([]byte(head(max)[:max-1]), max); n != 0 || err != nil {
		t.Errorf("one byte missing: %d, %v", n, err)
	}
}

func TestResponse_ReadsWhatItSays(t *testing.T) {
	for _, tc := range []struct {
		name, raw string
		status    int
		length    int64
		close     bool
	}{
		{"plain", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 200, 3, false},
		{"no reason", "HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", 404, 0, false},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, http1.Chunked, false},
		{"until close", "HTTP/1.1 200 OK\r\n\r\n", 200, http1.UntilClose, true},
		{"interim", "HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\n", 103, 0, false},
		{"no content", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", 204, 0, false},
		{"old", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", 200, 3, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r http1.Response
			n, err := r.Parse([]byte(tc.raw+"body"), max)
			if err != nil || n != len(tc.raw) || r.Status != tc.status || r.Length != tc.length || r.Close != tc.close {
				t.Errorf("%d bytes, %v, %+v", n, err, r)
			}
		})
	}
}

func TestResponse_RefusesNonsense(t *testing.T) {
	for name, raw := range map[string]string{
		"two lengths":       "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
		"length and coding": "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
		"status of two":     "HTTP/1.1 20 OK\r\n\r\n",
		"status of four":    "HTTP/1.1 2000 OK\r\n\r\n",
		"status 099":        "HTTP/1.1 099 OK\r\n\r\n",
		"other protocol":    "ICY 200 OK\r\n\r\n",
		"bare LF":           "HTTP/1.1 200 OK\nA: b\n\n",
		"folding":           "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			var r http1.Response
			if n, err := r.Parse([]byte(raw), max); n != 0 || err == nil {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
}

func TestChunks_RefusesWhatIsNotExact(t *testing.T) {
	for name, raw := range map[string]string{
		"bare LF behind the size": "1\na\r\n0\r\n\r\n",
		"bare LF behind the data": "1\r\na\n0\r\n\r\n",
		"bare LF at the end":      "0\r\n\n",
		"C notation":              "0x1\r\na\r\n",
		"no size":                 "\r\n",
		"negative":                "-1\r\n",
		"overflow":                "fffffffffffffffff\r\n",
		"longer than said":        "1\r\nab\r\n",
		"long extension":          "1;" + strings.Repeat("x", 300) + "\r\na\r\n",
		"NUL in the extension":    "1;\x00\r\na\r\n",
		"trailer without a name":  "0\r\n: b\r\n\r\n",
		"folded trailer":          "0\r\nA: b\r\n c\r\n\r\n",
		"endless trailers":        "0\r\n" + strings.Repeat("A: b\r\n", 2000),
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, done, err := decode([]byte(raw), 5); err == nil || done {
				t.Errorf("done %v, %v", done, err)
			}
		})
	}
}

var signed = []byte("POST /endpoints/digits/invocations HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept-Encoding: identity\r\n" +
	"Content-Type: application/json\r\nX-Amzn-SageMaker-Inference-Id: 12345678\r\nUser-Agent: Boto3/1.26.27 Python/3.11.2 Linux/6.1.0 Botocore/1.29.27\r\n" +
	"X-Amz-Date: 20261127T180000Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261127/us-east-1/sagemaker/aws4_request, " +
	"SignedHeaders=content-type;host;x-amz-date, Signature=" + strings.Repeat("0123456789abcdef", 4) + "\r\n" +
	"amz-sdk-invocation-id: 0f6a1a52-3c5e-4a0c-9a2b-1d2e3f405162\r\namz-sdk-request: attempt=1\r\nContent-Length: 2807\r\n\r\n")

func BenchmarkRequest(b *testing.B) {
	b.ReportAllocs()
	var r http1.Request
	for b.Loop() {
		if n, err := r.Parse(signed, max); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}
