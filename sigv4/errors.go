package sigv4

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Names of errors as they stand on the wire. AWS's list of common errors calls
// the first two MissingAuthenticationToken and IncompleteSignature; SageMaker
// and other JSON services answer with the suffix.
const (
	MissingAuthenticationToken = "MissingAuthenticationTokenException"
	IncompleteSignature        = "IncompleteSignatureException"
	InvalidSignature           = "InvalidSignatureException"
	UnrecognizedClient         = "UnrecognizedClientException"
	ExpiredToken               = "ExpiredTokenException"
)

// An Error says why a request was refused, in AWS's words where AWS has any.
type Error struct {
	// Code is one of the names above.
	Code string
	// Status is the HTTP status: 400 for IncompleteSignature, 403 for the
	// rest, as AWS's list of common errors has it and SageMaker's runtime has
	// been seen to answer. JSON 1.1 services have been seen to answer 400 to
	// all; clients go by the name.
	Status int
	// Message is for the caller.
	Message string
	// Detail, if any, is what the verifier calculated, worded as AWS appends
	// it to the message. It repeats headers the caller sent, session token
	// included, so it belongs in an answer to that caller and in no log.
	Detail string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

func refuse(code, format string, args ...any) *Error {
	status := http.StatusForbidden
	if code == IncompleteSignature {
		status = http.StatusBadRequest
	}
	return &Error{Code: code, Status: status, Message: fmt.Sprintf(format, args...)}
}

func errMissingToken() error {
	return refuse(MissingAuthenticationToken, "Missing Authentication Token")
}

func errPresigned() error {
	return refuse(MissingAuthenticationToken, "Missing Authentication Token. Signatures in the query string are not supported: send an Authorization header.")
}

func errHeaderAndQuery() error {
	return refuse(InvalidSignature, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
}

func errRepeatedAuthorization() error {
	return refuse(IncompleteSignature, "Found more than one 'Authorization' header.")
}

func errRepeatedParameter(name []byte) error {
	return refuse(IncompleteSignature, "Authorization header has more than one '%s' parameter.", name)
}

// hashed is how AWS quotes an Authorization header, which may hold a secret
// that was never meant for it.
func hashed(header []byte) string {
	sum := sha256.Sum256(header)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func errNoEqualSign(header []byte) error {
	return refuse(IncompleteSignature, "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '%s'.", hashed(header))
}

func errMissingParameters(a *authorization, dated bool, header []byte) error {
	var b strings.Builder
	for _, p := range []struct {
		name  string
		value []byte
	}{{"Credential", a.credential}, {"Signature", a.signature}, {"SignedHeaders", a.signedHeaders}} {
		if len(p.value) == 0 {
			fmt.Fprintf(&b, "Authorization header requires '%s' parameter. ", p.name)
		}
	}
	if !dated {
		b.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	return refuse(IncompleteSignature, "%s(Hashed with SHA-256 and encoded with Base64) Authorization=%s", b.String(), hashed(header))
}

func errDate(date []byte) error {
	return refuse(IncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", date)
}

func errExpired(stamp []byte, now time.Time) error {
	return refuse(InvalidSignature, "Signature expired: %s is now earlier than %s (%s - %d min.)",
		stamp, now.Add(-MaxSkew).Format(basicFormat), now.Format(basicFormat), MaxSkew/time.Minute)
}

func errNotYetCurrent(stamp []byte, now time.Time) error {
	return refuse(InvalidSignature, "Signature not yet current: %s is still later than %s (%s + %d min.)",
		stamp, now.Add(MaxSkew).Format(basicFormat), now.Format(basicFormat), MaxSkew/time.Minute)
}

func errHostNotSigned() error {
	return refuse(InvalidSignature, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
}

func errUnsignedHeader(headers []Header, signed []byte) error {
	for _, h := range headers {
		if isAmz(h.Name) && !bytes.Contains([]byte(";"+string(signed)+";"), bytes.ToLower([]byte(";"+string(h.Name)+";"))) {
			return refuse(InvalidSignature, "'%s' must be a 'SignedHeader' in the AWS Authorization.", h.Name)
		}
	}
	return mismatch("")
}

func errAlgorithm(name []byte) error {
	return refuse(IncompleteSignature, "Unsupported AWS 'algorithm': '%s' (only AWS4-HMAC-SHA256 for now).", name)
}

func errCredential(credential []byte) error {
	return refuse(IncompleteSignature, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", credential)
}

// scopeFaults says which elements of a credential's scope are wrong.
type scopeFaults struct{ region, service, terminator, date bool }

func errScope(wrong scopeFaults, service string, a *authorization, stamp []byte) error {
	var texts []string
	if wrong.region {
		texts = append(texts, "Credential should be scoped to a valid region.")
	}
	if wrong.service {
		texts = append(texts, fmt.Sprintf("Credential should be scoped to correct service: '%s'.", service))
	}
	if wrong.terminator {
		texts = append(texts, fmt.Sprintf("Credential should be scoped with a valid terminator: '%s', not '%s'.", terminator, a.terminator))
	}
	if wrong.date {
		texts = append(texts, fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			a.date, stamp[:len(dateFormat)], stamp))
	}
	return refuse(InvalidSignature, "%s", strings.Join(texts, " "))
}

func errUnknownKey() error {
	return refuse(UnrecognizedClient, "The security token included in the request is invalid.")
}

func errExpiredToken() error {
	return refuse(ExpiredToken, "The security token included in the request is expired")
}

func errBodyHash(sent, calculated []byte) error {
	if bytes.Equal(sent, []byte("UNSIGNED-PAYLOAD")) || bytes.HasPrefix(sent, []byte("STREAMING-")) {
		return refuse(InvalidSignature, "X-Amz-Content-Sha256 is '%s', but this service takes only signed payloads: send the SHA-256 of the body.", sent)
	}
	return mismatch(fmt.Sprintf("The X-Amz-Content-Sha256 header should have been '%s'.", calculated))
}

func errSignedHeaders() error {
	return mismatch("The SignedHeaders should have been in lower case, sorted, and each named once.")
}

func errAbsentHeader(name []byte) error {
	return mismatch(fmt.Sprintf("The signed header '%s' is not in the request.", name))
}

func errQuery() error {
	return mismatch("The query string has an incomplete or illegal escape sequence.")
}

func errMismatch(canonical, toSign []byte) error {
	return mismatch(fmt.Sprintf("The Canonical String for this request should have been\n'%s'\n\nThe String-to-Sign should have been\n'%s'\n", canonical, toSign))
}

func mismatch(detail string) error {
	e := refuse(InvalidSignature, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	e.Detail = detail
	return e
}
