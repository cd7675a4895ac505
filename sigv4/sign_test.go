package sigv4_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"gnomon/sigv4"
)

// The suite's requests that sign what Signer signs must get its signatures.
func TestSignerMatchesSuite(t *testing.T) {
	compared := 0
	for _, c := range suite(t) {
		at(t, suiteTime, func(t *testing.T) {
			r, err := http.NewRequest(c.Method, "http://example.amazonaws.com"+c.URI, nil)
			if err != nil || r.URL.RequestURI() != c.URI {
				return // not a URI that a Go client can send
			}
			for _, h := range c.Header {
				if h[0] != "Host" && h[0] != "Content-Length" {
					r.Header.Add(h[0], h[1])
				}
			}
			s := sigv4.Signer{AccessKeyID: exampleID, Key: sigv4.Key{Secret: exampleSecret, SessionToken: c.Token}, Region: "us-east-1", Service: "service"}
			if err := s.Sign(r, []byte(c.Body)); err != nil {
				t.Fatal(err)
			}
			got := r.Header.Get("Authorization")
			if !strings.Contains(got, "SignedHeaders="+c.Signed+",") {
				return // the suite signs more or less than we do
			}
			compared++
			if !strings.HasSuffix(got, "Signature="+c.Signature) {
				t.Errorf("%s: got %s, want signature %s", c.Name, got, c.Signature)
			}
		})
	}
	if compared < 15 {
		t.Errorf("compared only %d cases", compared)
	}
}

func TestSignAgainReplacesTheSignature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, secret := sigv4.NewKey()
		key := sigv4.Key{Secret: secret}
		s := sigv4.Signer{AccessKeyID: id, Key: key, Region: "us-east-1", Service: "sagemaker"}
		v := sigv4.NewVerifier(keyring{id: key}, "us-east-1", "sagemaker")
		r := &http.Request{URL: mustParse(t, "http://localhost:8080/gnomon/v1/x")}
		for range 2 {
			if err := s.Sign(r, nil); err != nil {
				t.Fatal(err)
			}
			if got, err := v.Verify(sigv4.FromHTTP(r, nil)); got != id || err != nil {
				t.Fatalf("Verify = %q, %v", got, err)
			}
		}
	})
}

func TestSignRefusesIllegalQuery(t *testing.T) {
	r := &http.Request{URL: mustParse(t, "http://localhost/")}
	r.URL.RawQuery = "a=%zz"
	if err := (sigv4.Signer{}).Sign(r, nil); err == nil {
		t.Error("signed a query that no server can verify")
	}
}
