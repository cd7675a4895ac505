package sigv4

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Signer signs requests with one key.
type Signer struct {
	AccessKeyID string
	Key         Key
	Region      string
	Service     string
}

// Sign signs the request, whose body is passed beside it, for the present
// moment: it sets X-Amz-Date, Authorization and, if the key has a session
// token, X-Amz-Security-Token. The signature covers method, URL, body, host,
// content type and every X-Amz- header; changing any of them afterwards breaks
// it. It is an error for a query to hold an illegal escape sequence.
func (s Signer) Sign(r *http.Request, body []byte) error {
	stamp := time.Now().UTC().Format(basicFormat)
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	r.Header.Del("Authorization")
	r.Header.Set("X-Amz-Date", stamp)
	if s.Key.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", s.Key.SessionToken)
	}
	date := stamp[:len(dateFormat)]
	scope := strings.Join([]string{date, s.Region, s.Service, terminator}, "/")
	view := FromHTTP(r, body)
	signed := signedHeaders(view.Header)
	sum := sha256.Sum256(body)
	var c canonicalizer
	canonical, err := c.request(view, signed, []byte(hex.EncodeToString(sum[:])))
	if err != nil {
		return fmt.Errorf("sign %s %s: %w", r.Method, r.URL.Path, err)
	}
	toSign := appendStringToSign(nil, []byte(stamp), []byte(scope), canonical)
	key := newSigningKey(s.AccessKeyID, s.Key.Secret, date, s.Region, s.Service)
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%x",
		algorithm, s.AccessKeyID, scope, signed, key.sign(nil, toSign)))
	return nil
}

// signedHeaders lists what Sign signs. Other headers may be changed by the
// HTTP client or a proxy on the way.
func signedHeaders(headers []Header) []byte {
	var names [][]byte
	for _, h := range headers {
		if isAmz(h.Name) || equalFold(h.Name, "host") || equalFold(h.Name, "content-type") {
			names = append(names, bytes.ToLower(h.Name))
		}
	}
	slices.SortFunc(names, bytes.Compare)
	names = slices.CompactFunc(names, bytes.Equal)
	return bytes.Join(names, []byte(";"))
}
