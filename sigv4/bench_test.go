package sigv4_test

import (
	"bytes"
	"net/http"
	"testing"

	"gnomon/sigv4"
)

// invocation is a request as aws-sdk-go-v2 sends it to an endpoint.
func invocation(tb testing.TB, size int) (*sigv4.Verifier, []byte, []byte, []byte) {
	tb.Helper()
	id, secret := sigv4.NewKey()
	key := sigv4.Key{Secret: secret}
	body := bytes.Repeat([]byte("0.5,"), size/4)
	r, err := http.NewRequest("POST", "http://127.0.0.1:8080/endpoints/churn-prod/invocations", bytes.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/csv")
	r.Header.Set("Amz-Sdk-Invocation-Id", "5685a6bd-e20e-4250-a125-828b8e5a5199")
	r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
	r.Header.Set("User-Agent", "aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26 md/GOOS#linux md/GOARCH#amd64 api/sagemakerruntime#1.50.0 m/E,g")
	r.Header.Set("X-Amzn-Sagemaker-Custom-Attributes", "trace=1234567890")
	sdkSign(tb, r, body, id, key)
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		tb.Fatal(err)
	}
	line, rest, _ := bytes.Cut(wire.Bytes(), []byte("\r\n"))
	return sigv4.NewVerifier(keyring{id: key}, "us-east-1", "sagemaker"), line, rest, body
}

// check is what a server does per request: fill the view, verify it.
func check(tb testing.TB, v *sigv4.Verifier, r *sigv4.Request, line, headers, body []byte) {
	r.Reset()
	method, rest, _ := bytes.Cut(line, []byte(" "))
	uri, _, _ := bytes.Cut(rest, []byte(" "))
	r.Method, r.RequestURI, r.Body = method, uri, body
	if !r.AddRaw(headers) {
		tb.Fatal("AddRaw refuses the headers")
	}
	if _, err := v.Verify(r); err != nil {
		tb.Fatal(err, detail(err))
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"empty", 0}, {"2.8KB", 2800}, {"64KB", 64 << 10}} {
		b.Run(size.name, func(b *testing.B) {
			v, line, headers, body := invocation(b, size.bytes)
			var r sigv4.Request
			b.ReportAllocs()
			for b.Loop() {
				check(b, v, &r, line, headers, body)
			}
		})
	}
}
