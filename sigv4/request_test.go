package sigv4_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gnomon/sigv4"
)

func TestAddRaw(t *testing.T) {
	tests := []struct {
		name, block string
		want        []sigv4.Header // nil: refused
	}{
		{"lines", "Host: a:1\r\nX-Empty:\r\nx: 1:2 \r\n", []sigv4.Header{header("Host", " a:1"), header("X-Empty", ""), header("x", " 1:2 ")}},
		{"no line end", "a:b", []sigv4.Header{header("a", "b")}},
		{"ends at the empty line", "a:b\r\n\r\nc:d\r\n", []sigv4.Header{header("a", "b")}},
		{"bare line feeds", "a:b\nc:d\n", []sigv4.Header{header("a", "b"), header("c", "d")}},
		{"empty", "", []sigv4.Header{}},
		{"folded", "a:b\r\n c:d\r\n", nil},
		{"no colon", "a\r\n", nil},
		{"no name", ":a\r\n", nil},
		{"space before the colon", "a :b\r\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r sigv4.Request
			r.AddRaw([]byte("stale:"))
			r.Reset()
			ok := r.AddRaw([]byte(tt.block))
			if ok != (tt.want != nil) {
				t.Fatalf("AddRaw = %v", ok)
			}
			if !ok {
				return
			}
			if diff := cmp.Diff(tt.want, r.Header); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Old clients send a Date header in the format of HTTP and no X-Amz-Date.
func TestDateHeader(t *testing.T) {
	// The signature covers ISO 8601 basic whichever header the time came in,
	// so a Date header left unsigned is still bound to it.
	signedAt := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for _, tt := range []struct{ name, date, signature string }{ // calculated by botocore 1.43.11
		{"HTTP", "Sun, 30 Aug 2015 12:36:00 GMT", "1262aceaf1a79c7f0b69fda81cd744572fcbe2e4c23b647b4de183cd5a0f1075"},
		{"basic", "20150830T123600Z", "b9498f120b174820093a3c726637a11f74f6c8f7c033c4407ddc702fef3705bb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at(t, signedAt, func(t *testing.T) {
				r := vanilla()
				set(r, "X-Amz-Date", "-")
				set(r, "Date", tt.date)
				set(r, "Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=date;host, Signature="+tt.signature)
				v := sigv4.NewVerifier(keyring{exampleID: {Secret: exampleSecret}}, "us-east-1", "service")
				if _, err := v.Verify(r); err != nil {
					t.Error(err, detail(err))
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		v := sigv4.NewVerifier(keyring{}, "us-east-1", "service")
		r := vanilla()
		set(r, "X-Amz-Date", "-")
		set(r, "Date", "yesterday")
		_, err := v.Verify(r)
		wantError(t, err, sigv4.IncompleteSignature, "Date must be in ISO-8601 'basic format'. Got 'yesterday'.")
	})
}

// A proxy or an HTTP library may add a Date of its own.
func TestAmzDateWinsOverDate(t *testing.T) {
	at(t, time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC), func(t *testing.T) {
		v := sigv4.NewVerifier(keyring{exampleID: {Secret: exampleSecret}}, "us-east-1", "service")
		date := header("Date", "Sun, 30 Aug 2015 11:00:00 GMT")
		r := vanilla()
		r.Header = append(r.Header, date)
		if _, err := v.Verify(r); err != nil {
			t.Error("Date last:", err)
		}
		r = vanilla()
		r.Header = append([]sigv4.Header{date}, r.Header...)
		if _, err := v.Verify(r); err != nil {
			t.Error("Date first:", err)
		}
	})
}
