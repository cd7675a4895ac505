package testbed

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gnomon/bench/internal/wire"
)

func TestInvocation(t *testing.T) {
	body := []byte(`{"instances":[0.1]}`)
	for _, signed := range []bool{true, false} {
		g := &Gnomon{Address: "127.0.0.1:1", Signed: signed, client: client{url: "http://127.0.0.1:1"}}
		request, err := g.Invocation("e", body)
		if err != nil {
			t.Fatal(err)
		}
		br := bufio.NewReader(bytes.NewReader(request))
		var got bytes.Buffer
		if m, err := wire.Read(br, nil, &got); err != nil || br.Buffered() > 0 || string(m.First) != "POST /endpoints/e/invocations HTTP/1.1" || got.String() != string(body) {
			t.Errorf("%q, %v, body %q, %d bytes too many", m.First, err, &got, br.Buffered())
		}
		for _, name := range []string{"\r\nAuthorization: AWS4-HMAC-SHA256 ", "\r\nX-Amz-Date: "} {
			if strings.Contains(string(request), name) != signed {
				t.Errorf("signed is %t:\n%s", signed, request)
			}
		}
	}
}

func TestEnvironment(t *testing.T) {
	got := environment("unset AWS_PROFILE\nexport A=b\nexport C=d=e\n")
	if diff := cmp.Diff(map[string]string{"A": "b", "C": "d=e"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAccount(t *testing.T) {
	a := Account{"requests": 10, "mirrored": 3, "sampled_out": 6, "pending": 0}
	a.Add(Account{"requests": 1, "stopped": 1})
	if a.Requests() != 11 || a.Sum() != 10 {
		t.Errorf("%d requests, sum %d", a.Requests(), a.Sum())
	}
	if got, want := a.String(), "sampled_out 6, mirrored 3, stopped 1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMetric(t *testing.T) {
	text := []byte("# HELP a_b c\na_b{x=\"y\"} 2\na_bc 3\na_b 1.5e+07\n")
	if got, err := metric(text, "a_b"); err != nil || got != 15000000 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := metric(text, "a"); err == nil {
		t.Error("found what is not there")
	}
}
