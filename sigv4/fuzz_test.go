package sigv4_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gnomon/sigv4"
)

// Whatever a stranger sends, Verify neither panics nor accepts it, and says
// why in an Error that has a name, a status and a text.
func FuzzVerify(f *testing.F) {
	f.Add("GET", "/", vanillaAuthorization, "X-Amz-Target: a\r\n", []byte("{}"))
	f.Add("POST", "/?X-Amz-Signature=a", "AWS4-HMAC-SHA256", "Authorization: b\r\n", []byte{})
	f.Add("POST", "/a/..//b?%zz", strings.Replace(vanillaAuthorization, "host;", "a;b;host;", 1), "Date: x\r\nA:\r\nb: c\r\n", []byte{})
	f.Add("", "", "AWS4-HMAC-SHA256 Credential=////,SignedHeaders=host;;,Signature==", ":", []byte{})
	f.Add("GET", "/", strings.ReplaceAll(vanillaAuthorization, ", ", ",\t"), "X-Amz-Content-Sha256: STREAMING-x\n\n", []byte{})
	_, secret := sigv4.NewKey()
	v := sigv4.NewVerifier(keyring{exampleID: {Secret: secret, SessionToken: "token"}}, "us-east-1", "service")
	f.Fuzz(func(t *testing.T, method, uri, authorization, headers string, body []byte) {
		// The present moment, so that the checks behind the clock are reached.
		stamp := time.Now().UTC().Format("20060102T150405Z")
		r := &sigv4.Request{Method: []byte(method), RequestURI: []byte(uri), Body: body}
		r.Header = append(r.Header,
			header("Host", "localhost"),
			header("X-Amz-Date", stamp),
			header("Authorization", strings.ReplaceAll(authorization, "20150830", stamp[:8])))
		r.AddRaw([]byte(headers))
		id, err := v.Verify(r)
		e, ok := errors.AsType[*sigv4.Error](err)
		if id != "" || !ok || e.Code == "" || e.Message == "" || e.Status < 400 || e.Status > 499 {
			t.Fatalf("Verify = %q, %#v", id, err)
		}
	})
}
