package sigv4_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"gnomon/sigv4"
)

const alphabet = "abcXYZ019-._~!$&'()*,;=:@% +\"<>[]{}|\\^`é世"

func randomText(rng *rand.Rand, n int) string {
	runes := []rune(alphabet)
	var b strings.Builder
	for range rng.IntN(n + 1) {
		b.WriteRune(runes[rng.IntN(len(runes))])
	}
	return b.String()
}

// randomRequest makes a request that an SDK could send: segments and
// parameters of any characters, escaped as the SDK does, and repeated headers.
func randomRequest(t *testing.T, rng *rand.Rand) (*http.Request, []byte) {
	t.Helper()
	var path strings.Builder
	for range rng.IntN(4) {
		path.WriteString("/s" + url.PathEscape(randomText(rng, 8)))
	}
	query := url.Values{}
	for range rng.IntN(4) {
		name := []string{"a", "a-b", "a.b", "A", randomText(rng, 6)}[rng.IntN(5)]
		query.Add(name, randomText(rng, 6))
	}
	body := make([]byte, rng.IntN(200))
	for i := range body {
		body[i] = byte(rng.Uint32())
	}
	target := "http://" + []string{"127.0.0.1:8080", "runtime.sagemaker.us-east-1.amazonaws.com"}[rng.IntN(2)] +
		path.String() + "?" + query.Encode()
	r, err := http.NewRequest([]string{"GET", "POST", "DELETE"}[rng.IntN(3)], target, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "sdk")
	for range rng.IntN(3) {
		r.Header.Add("X-Amzn-SageMaker-Custom-Attributes", strings.Repeat(" ", rng.IntN(3))+"a"+strings.Repeat(" ", rng.IntN(4))+"b ")
	}
	if rng.IntN(2) == 0 {
		r.Header.Set("X-Amz-Content-Sha256", hash(body))
	}
	return r, body
}

func hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// overTheWire returns the view of the request as a server would see its bytes.
func overTheWire(t *testing.T, r *http.Request, body []byte) *sigv4.Request {
	t.Helper()
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	line, rest, _ := bytes.Cut(wire.Bytes(), []byte("\r\n"))
	method, line, _ := bytes.Cut(line, []byte(" "))
	uri, _, _ := bytes.Cut(line, []byte(" HTTP/"))
	view := &sigv4.Request{Method: method, RequestURI: uri, Body: body}
	if !view.AddRaw(rest) {
		t.Fatalf("AddRaw refuses %q", rest)
	}
	return view
}

func TestAcceptsTheGoSDK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range 2000 {
			id, secret := sigv4.NewKey()
			key := sigv4.Key{Secret: secret}
			if rng.IntN(2) == 0 {
				key.SessionToken = "token+/="
			}
			r, body := randomRequest(t, rng)
			sdkSign(t, r, body, id, key)
			view := overTheWire(t, r, body)
			v := sigv4.NewVerifier(keyring{id: key}, "us-east-1", "sagemaker")
			if got, err := v.Verify(view); got != id || err != nil {
				t.Fatalf("request %d, %s %s: %q, %v\n%s", i, view.Method, view.RequestURI, got, err, detail(err))
			}
			refusesMutations(t, rng, v, view)
		}
	})
}

func sdkSign(t testing.TB, r *http.Request, body []byte, id string, key sigv4.Key) {
	t.Helper()
	credentials := aws.Credentials{AccessKeyID: id, SecretAccessKey: key.Secret, SessionToken: key.SessionToken}
	err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, hash(body), "sagemaker", "us-east-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
}

// refusesMutations changes one byte of each signed part in turn.
func refusesMutations(t *testing.T, rng *rand.Rand, v *sigv4.Verifier, r *sigv4.Request) {
	t.Helper()
	var names string
	parts := []*[]byte{&r.Method, &r.RequestURI, &r.Body}
	for i := range r.Header {
		if string(r.Header[i].Name) == "Authorization" {
			_, names, _ = strings.Cut(string(r.Header[i].Value), "SignedHeaders=")
			names, _, _ = strings.Cut(names, ",")
			parts = append(parts, &r.Header[i].Value)
		}
	}
	for i := range r.Header {
		if strings.Contains(";"+names+";", ";"+strings.ToLower(string(r.Header[i].Name))+";") {
			parts = append(parts, &r.Header[i].Value)
		}
	}
	for _, part := range parts {
		if len(*part) == 0 {
			continue
		}
		whole := *part
		changed := bytes.Clone(whole)
		i := rng.IntN(len(changed))
		// A letter that no part holds cannot make an equivalent of it, except
		// where white space is folded or the punctuation between the header's
		// parameters is changed.
		if changed[i] == 'Q' || changed[i] == ' ' || part != &r.RequestURI && changed[i] == ',' {
			continue
		}
		changed[i] = 'Q'
		*part = changed
		if _, err := v.Verify(r); err == nil {
			t.Fatalf("%q changed to %q still verifies", whole, changed)
		}
		*part = whole
	}
}

// The server's side of net/http moves Host out of the headers; what the SDK
// signs, Content-Length among it, must still be found.
func TestAcceptsTheGoSDKThroughNetHTTP(t *testing.T) {
	id, secret := sigv4.NewKey()
	key := sigv4.Key{Secret: secret}
	v := sigv4.NewVerifier(keyring{id: key}, "us-east-1", "sagemaker")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got, err := v.Verify(sigv4.FromHTTP(r, body))
		fmt.Fprint(w, got, err, detail(err))
	}))
	defer server.Close()
	body := []byte(`{"a": 1}`)
	signers := map[string]func(*http.Request){
		"SDK": func(r *http.Request) { sdkSign(t, r, body, id, key) },
		"own": func(r *http.Request) {
			s := sigv4.Signer{AccessKeyID: id, Key: key, Region: "us-east-1", Service: "sagemaker"}
			if err := s.Sign(r, body); err != nil {
				t.Error(err)
			}
		},
	}
	for name, sign := range signers {
		for _, path := range []string{"/", "/endpoints/a%20b%2Fc/invocations", "/gnomon/v1/experiments/x/comparison?a=b+c&a=%2F&d"} {
			t.Run(name+path, func(t *testing.T) {
				r, err := http.NewRequest("POST", server.URL+path, bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				sign(r)
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer answer.Body.Close()
				text, err := io.ReadAll(answer.Body)
				if err != nil {
					t.Fatal(err)
				}
				if want := id + "<nil>"; string(text) != want {
					t.Errorf("got %s, want %s", text, want)
				}
			})
		}
	}
}
