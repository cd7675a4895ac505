package sigv4_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"gnomon/sigv4"
)

func mustParse(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func signed(t testing.TB, id string, key sigv4.Key) *sigv4.Request {
	t.Helper()
	r := &http.Request{Method: "POST", URL: mustParse(t, "http://localhost:8080/"), Header: http.Header{"X-Amz-Target": {"SageMaker.ListModels"}}}
	s := sigv4.Signer{AccessKeyID: id, Key: key, Region: "us-east-1", Service: "sagemaker"}
	if err := s.Sign(r, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	return sigv4.FromHTTP(r, []byte("{}"))
}

func TestSessionTokens(t *testing.T) {
	tests := []struct {
		name       string
		has, sends string
		code       string
	}{
		{"permanent key", "", "", ""},
		{"session key", "token", "token", ""},
		{"token with a permanent key", "", "token", sigv4.UnrecognizedClient},
		{"no token with a session key", "token", "", sigv4.UnrecognizedClient},
		{"another token", "token", "tokem", sigv4.UnrecognizedClient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				id, secret := sigv4.NewKey()
				v := sigv4.NewVerifier(keyring{id: {Secret: secret, SessionToken: tt.has}}, "us-east-1", "sagemaker")
				got, err := v.Verify(signed(t, id, sigv4.Key{Secret: secret, SessionToken: tt.sends}))
				if tt.code != "" {
					wantError(t, err, tt.code, "The security token included in the request is invalid.")
					return
				}
				if got != id || err != nil {
					t.Errorf("Verify = %q, %v", got, err)
				}
			})
		})
	}
}

func TestKeysExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, secret := sigv4.NewKey()
		key := sigv4.Key{Secret: secret, SessionToken: "token", Expires: time.Now().Add(time.Hour)}
		v := sigv4.NewVerifier(keyring{id: key}, "us-east-1", "sagemaker")
		time.Sleep(time.Hour - time.Second)
		if _, err := v.Verify(signed(t, id, key)); err != nil {
			t.Error("before it expires:", err)
		}
		time.Sleep(time.Second)
		_, err := v.Verify(signed(t, id, key))
		wantError(t, err, sigv4.ExpiredToken, "The security token included in the request is expired")
		// Without the secret nobody is told that the key has expired.
		_, err = v.Verify(signed(t, id, sigv4.Key{Secret: "guess", SessionToken: "token"}))
		wantError(t, err, sigv4.InvalidSignature, mismatch)
	})
}

// A cached signing key must not outlive its secret, its key or its day.
func TestSigningKeysFollowTheKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, first := sigv4.NewKey()
		_, second := sigv4.NewKey()
		keys := keyring{id: {Secret: first}}
		v := sigv4.NewVerifier(keys, "us-east-1", "sagemaker")
		accepts := func(secret string) {
			t.Helper()
			if got, err := v.Verify(signed(t, id, sigv4.Key{Secret: secret})); got != id || err != nil {
				t.Errorf("Verify = %q, %v", got, err)
			}
		}
		accepts(first)
		accepts(first)
		keys[id] = sigv4.Key{Secret: second}
		_, err := v.Verify(signed(t, id, sigv4.Key{Secret: first}))
		wantError(t, err, sigv4.InvalidSignature, mismatch)
		accepts(second)
		time.Sleep(24 * time.Hour)
		accepts(second)
		delete(keys, id)
		_, err = v.Verify(signed(t, id, sigv4.Key{Secret: second}))
		wantError(t, err, sigv4.UnrecognizedClient, "The security token included in the request is invalid.")
	})
}

func TestNewKey(t *testing.T) {
	idShape := regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`)
	secretShape := regexp.MustCompile(`^[A-Za-z0-9+/]{40}$`)
	seen := map[string]bool{}
	for range 100 {
		id, secret := sigv4.NewKey()
		if !idShape.MatchString(id) || !secretShape.MatchString(secret) {
			t.Errorf("NewKey = %q, %q", id, secret)
		}
		if seen[id] || seen[secret] {
			t.Errorf("NewKey gave %q, %q twice", id, secret)
		}
		seen[id], seen[secret] = true, true
	}
}
