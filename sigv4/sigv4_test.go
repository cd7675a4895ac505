package sigv4_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gnomon/sigv4"
)

const (
	exampleID     = "AKIDEXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// keyring is a fixed set of keys.
type keyring map[string]sigv4.Key

func (k keyring) Key(id string) (sigv4.Key, bool) {
	key, ok := k[id]
	return key, ok
}

// at runs the test in a bubble whose clock stands at the time.
func at(t *testing.T, clock time.Time, f func(*testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(clock))
		f(t)
	})
}

var suiteTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

// suiteCase is one request of AWS's published signing test suite and the
// signature AWS gives for it.
type suiteCase struct {
	Name      string
	Method    string
	URI       string
	Header    [][2]string
	Body      string
	Token     string
	Signed    string
	Signature string
	Refused   string // our own addition: the text of the refusal, where we are stricter
}

func (c suiteCase) request() *sigv4.Request {
	r := &sigv4.Request{Method: []byte(c.Method), RequestURI: []byte(c.URI), Body: []byte(c.Body)}
	for _, h := range c.Header {
		r.Header = append(r.Header, header(h[0], h[1]))
	}
	r.Header = append(r.Header, header("Authorization", fmt.Sprintf(
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=%s, Signature=%s", c.Signed, c.Signature)))
	return r
}

func header(name, value string) sigv4.Header {
	return sigv4.Header{Name: []byte(name), Value: []byte(value)}
}

func suite(t testing.TB) []suiteCase {
	t.Helper()
	data, err := os.ReadFile("testdata/suite.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []suiteCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestSuite(t *testing.T) {
	for _, c := range suite(t) {
		t.Run(c.Name, func(t *testing.T) {
			at(t, suiteTime, func(t *testing.T) {
				keys := keyring{exampleID: {Secret: exampleSecret, SessionToken: c.Token}}
				v := sigv4.NewVerifier(keys, "us-east-1", "service")
				id, err := v.Verify(c.request())
				if c.Refused != "" {
					wantError(t, err, sigv4.InvalidSignature, c.Refused)
					return
				}
				if err != nil {
					t.Fatal(err, detail(err))
				}
				if id != exampleID {
					t.Errorf("Verify = %q, want %q", id, exampleID)
				}
			})
		})
	}
}

func detail(err error) string {
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return e.Detail
	}
	return ""
}

func wantError(t *testing.T, err error, code, text string) {
	t.Helper()
	e, ok := errors.AsType[*sigv4.Error](err)
	if !ok {
		t.Fatalf("got error %v, want %s", err, code)
	}
	if e.Code != code || !strings.Contains(e.Message, text) {
		t.Errorf("got  %s: %s\nwant %s: …%s…", e.Code, e.Message, code, text)
	}
	want := 403
	if code == sigv4.IncompleteSignature {
		want = 400
	}
	if e.Status != want {
		t.Errorf("status of %s is %d, want %d", code, e.Status, want)
	}
}

const mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// vanilla is the suite's simplest request, whole.
func vanilla() *sigv4.Request {
	r := &sigv4.Request{Method: []byte("GET"), RequestURI: []byte("/")}
	r.AddRaw([]byte("Host: example.amazonaws.com\r\nX-Amz-Date: 20150830T123600Z\r\nAuthorization: " + vanillaAuthorization + "\r\n"))
	return r
}

const vanillaAuthorization = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"

// set replaces a header's value, or removes the header if the value is "-".
func set(r *sigv4.Request, name, value string) {
	for i := range r.Header {
		if string(r.Header[i].Name) == name {
			if value == "-" {
				r.Header = append(r.Header[:i], r.Header[i+1:]...)
				return
			}
			r.Header[i].Value = []byte(value)
			return
		}
	}
	r.Header = append(r.Header, header(name, value))
}

func TestRefusals(t *testing.T) {
	replace := func(old, new string) func(*sigv4.Request) {
		return func(r *sigv4.Request) {
			set(r, "Authorization", strings.Replace(vanillaAuthorization, old, new, 1))
		}
	}
	with := func(name, value string) func(*sigv4.Request) {
		return func(r *sigv4.Request) { set(r, name, value) }
	}
	uri := func(uri string) func(*sigv4.Request) {
		return func(r *sigv4.Request) { r.RequestURI = []byte(uri) }
	}
	tests := []struct {
		name       string
		change     func(*sigv4.Request)
		code, text string
	}{
		{"no header", with("Authorization", "-"), sigv4.MissingAuthenticationToken, "Missing Authentication Token"},
		{"bearer", with("Authorization", "Bearer x"), sigv4.MissingAuthenticationToken, "Missing Authentication Token"},
		{"presigned", func(r *sigv4.Request) {
			set(r, "Authorization", "-")
			r.RequestURI = []byte("/?a=b&X-Amz-Signature=00")
		}, sigv4.MissingAuthenticationToken, "Signatures in the query string are not supported"},
		{"presigned as well", uri("/?X-Amz-Algorithm=AWS4-HMAC-SHA256"), sigv4.InvalidSignature, "Found both 'X-Amz-Algorithm'"},
		{"two headers", func(r *sigv4.Request) { r.Header = append(r.Header, header("authorization", vanillaAuthorization)) },
			sigv4.IncompleteSignature, "more than one 'Authorization'"},
		{"algorithm only", with("Authorization", "AWS4-HMAC-SHA256"), sigv4.IncompleteSignature,
			"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. (Hashed"},
		{"no signature", replace(", Signature=", ", Other="), sigv4.IncompleteSignature, "Authorization header requires 'Signature' parameter. (Hashed with SHA-256 and encoded with Base64) Authorization="},
		{"no date", with("X-Amz-Date", "-"), sigv4.IncompleteSignature, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "},
		{"no equal sign", replace("Signature=", "Signature"), sigv4.IncompleteSignature, "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '"},
		{"parameter twice", replace("Signature=", "Credential=a/b/c/d/e, Signature="), sigv4.IncompleteSignature, "more than one 'Credential'"},
		{"malformed date", with("X-Amz-Date", "2015-08-30T12:36:00Z"), sigv4.IncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '2015-08-30T12:36:00Z'."},
		{"fraction of a second", with("X-Amz-Date", "20150830T123600.5Z"), sigv4.IncompleteSignature, "Date must be"},
		{"host unsigned", replace("host;", ""), sigv4.InvalidSignature, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{"date unsigned", replace(";x-amz-date", ""), sigv4.InvalidSignature, "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization."},
		{"target unsigned", with("X-Amz-Target", "SageMaker.ListModels"), sigv4.InvalidSignature, "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."},
		{"signed headers unsorted", replace("host;x-amz-date", "x-amz-date;host"), sigv4.InvalidSignature, mismatch},
		{"signed header twice", replace("host;", "host;host;"), sigv4.InvalidSignature, mismatch},
		{"signed headers capitalised", replace("x-amz-date", "x-amz-Date"), sigv4.InvalidSignature, mismatch},
		{"too many signed headers", replace("host;", "h"+strings.Repeat(";i", 200)), sigv4.InvalidSignature, mismatch},
		{"signed header absent", replace("host;", "accept;host;"), sigv4.InvalidSignature, mismatch},
		{"algorithm", replace("HMAC-SHA256", "HMAC-SHA25"), sigv4.IncompleteSignature, "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA25' (only AWS4-HMAC-SHA256 for now)."},
		{"credential too short", replace("/aws4_request", ""), sigv4.IncompleteSignature, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLE/20150830/us-east-1/service'"},
		{"region", replace("us-east-1", "eu-west-1"), sigv4.InvalidSignature, "Credential should be scoped to a valid region."},
		{"service", replace("/service/", "/s3/"), sigv4.InvalidSignature, "Credential should be scoped to correct service: 'service'."},
		{"terminator", replace("aws4_request", "aws5"), sigv4.InvalidSignature, "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'."},
		{"scope's date", replace("20150830", "20150829"), sigv4.InvalidSignature, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150829' != '20150830', from '20150830T123600Z'."},
		{"unknown key", replace("AKIDEXAMPLE", "AKIDOTHER"), sigv4.UnrecognizedClient, "The security token included in the request is invalid."},
		{"key without a secret", replace("AKIDEXAMPLE", "AKIDEMPTY"), sigv4.UnrecognizedClient, "The security token included in the request is invalid."},
		{"signature", replace("5fa0", "5fa1"), sigv4.InvalidSignature, mismatch},
		{"signature in capitals", replace("5fa0", "5FA0"), sigv4.InvalidSignature, mismatch},
		{"signature cut", replace("bf31", ""), sigv4.InvalidSignature, mismatch},
		{"method", func(r *sigv4.Request) { r.Method = []byte("PUT") }, sigv4.InvalidSignature, mismatch},
		{"path", uri("/a"), sigv4.InvalidSignature, mismatch},
		{"query", uri("/?a"), sigv4.InvalidSignature, mismatch},
		{"illegal escape", uri("/?a=%zz"), sigv4.InvalidSignature, mismatch},
		{"incomplete escape", uri("/?a=%2"), sigv4.InvalidSignature, mismatch},
		{"absolute form", uri("http://example.amazonaws.com/"), sigv4.InvalidSignature, mismatch},
		{"host", with("Host", "example.com"), sigv4.InvalidSignature, mismatch},
		{"body", func(r *sigv4.Request) { r.Body = []byte("x") }, sigv4.InvalidSignature, mismatch},
		{"body's hash", with("X-Amz-Content-Sha256", strings.Repeat("0", 64)), sigv4.InvalidSignature, mismatch},
		{"unsigned payload", with("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), sigv4.InvalidSignature, "this service takes only signed payloads"},
		{"streaming payload", with("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), sigv4.InvalidSignature, "this service takes only signed payloads"},
	}
	keys := keyring{exampleID: {Secret: exampleSecret}, "AKIDEMPTY": {}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at(t, suiteTime, func(t *testing.T) {
				v := sigv4.NewVerifier(keys, "us-east-1", "service", "monitoring")
				r := vanilla()
				if _, err := v.Verify(r); err != nil {
					t.Fatal("before the change:", err)
				}
				tt.change(r)
				id, err := v.Verify(r)
				wantError(t, err, tt.code, tt.text)
				if id != "" {
					t.Errorf("refusal names the key %q", id)
				}
			})
		})
	}
}

// A list that AWS would write otherwise is refused for that, and not only
// because the signature of such a request does not match.
func TestSignedHeadersForm(t *testing.T) {
	for _, list := range []string{"x-amz-date;host", "host;host;x-amz-date", "host;x-amz-Date", "host;;x-amz-date", ";host", "h" + strings.Repeat(";i", 200), manyNames()} {
		at(t, suiteTime, func(t *testing.T) {
			v := sigv4.NewVerifier(keyring{exampleID: {Secret: exampleSecret}}, "us-east-1", "service")
			r := vanilla()
			set(r, "Authorization", strings.Replace(vanillaAuthorization, "host;x-amz-date", list, 1))
			_, err := v.Verify(r)
			wantError(t, err, sigv4.InvalidSignature, mismatch)
			if want := "The SignedHeaders should have been"; !strings.HasPrefix(detail(err), want) {
				t.Errorf("%.40s: detail %q, want %q…", list, detail(err), want)
			}
		})
	}
}

// manyNames is a well-formed list that is longer than any client's.
func manyNames() string {
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, "a%03d;", i)
	}
	return b.String() + "host;x-amz-date"
}

// AWS lists every fault of the scope, in this order.
func TestAllScopeFaultsAtOnce(t *testing.T) {
	at(t, suiteTime, func(t *testing.T) {
		v := sigv4.NewVerifier(keyring{}, "us-east-1", "sagemaker")
		r := vanilla()
		set(r, "Authorization", strings.Replace(vanillaAuthorization, "20150830/us-east-1/service/aws4_request", "b/c/d/e", 1))
		_, err := v.Verify(r)
		wantError(t, err, sigv4.InvalidSignature, "Credential should be scoped to a valid region. "+
			"Credential should be scoped to correct service: 'sagemaker'. "+
			"Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. "+
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: 'b' != '20150830', from '20150830T123600Z'.")
	})
}

func TestMismatchTellsTheCanonicalString(t *testing.T) {
	at(t, suiteTime, func(t *testing.T) {
		v := sigv4.NewVerifier(keyring{exampleID: {Secret: "other"}}, "us-east-1", "service")
		_, err := v.Verify(vanilla())
		wantError(t, err, sigv4.InvalidSignature, mismatch)
		want := "The Canonical String for this request should have been\n'GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'\n\nThe String-to-Sign should have been\n'AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\nbb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63'\n"
		if got := detail(err); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

func TestClock(t *testing.T) {
	tests := []struct {
		name string
		off  time.Duration // the verifier's clock against the signature's
		text string
	}{
		{"now", 0, ""},
		{"5 minutes old", 5 * time.Minute, ""},
		{"5 minutes old and a fraction", 5*time.Minute + 999*time.Millisecond, ""},
		{"too old", 5*time.Minute + time.Second, "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"},
		{"days old", 48 * time.Hour, "Signature expired: 20150830T123600Z is now earlier than 20150901T123100Z (20150901T123600Z - 5 min.)"},
		{"5 minutes ahead", -5 * time.Minute, ""},
		{"too far ahead", -5*time.Minute - time.Second, "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at(t, suiteTime.Add(tt.off), func(t *testing.T) {
				v := sigv4.NewVerifier(keyring{exampleID: {Secret: exampleSecret}}, "us-east-1", "service")
				_, err := v.Verify(vanilla())
				if tt.text == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				wantError(t, err, sigv4.InvalidSignature, tt.text)
			})
		})
	}
}
