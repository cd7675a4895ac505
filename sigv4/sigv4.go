// Package sigv4 checks AWS Signature Version 4 in its header form, as AWS's
// services do and with their error names and texts, and makes such signatures
// for Gnomon's own client.
//
// Start at [Verifier.Verify]. It reads a [Request], a neutral view that is
// filled without copying from a raw header block ([Request.AddRaw]), or from
// net/http ([FromHTTP]). [Signer] is the client's side and shares the
// canonical form with it.
//
// The package knows requests, keys and the clock. It must not know what a
// request asks for, who owns a key or what the owner may do.
//
// Presigned URLs, unsigned payloads, chunked (STREAMING-*) payloads and
// Signature Version 4A are refused: no SageMaker client uses them.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"sync"
	"time"
)

// MaxSkew is how far a signature's time may lie from the verifier's clock, in
// either direction.
const MaxSkew = 5 * time.Minute

const (
	algorithm   = "AWS4-HMAC-SHA256"
	terminator  = "aws4_request"
	basicFormat = "20060102T150405Z" // ISO 8601 basic, the only form a string to sign may hold
	dateFormat  = "20060102"
)

// A Key is what a signature is checked against.
type Key struct {
	// Secret is the secret access key. A Key without one matches nothing.
	Secret string
	// SessionToken is what X-Amz-Security-Token must say; empty for a
	// permanent key, which must come without one.
	SessionToken string
	// Expires is when the key stops working; zero means never.
	Expires time.Time
}

// Keys finds keys. Verify calls it once per request, from many goroutines, so
// a key that is withdrawn stops working with the next request.
type Keys interface {
	// Key returns the key with this access key id, or false if there is none.
	Key(accessKeyID string) (Key, bool)
}

// A Verifier checks the signatures of requests. It is safe for concurrent use.
type Verifier struct {
	keys     Keys
	region   string
	services []string
	signing  keyCache
	scratch  sync.Pool
}

// NewVerifier returns a Verifier that accepts signatures scoped to the region
// and to any of the services ("sagemaker"), the first of which is named in
// errors. It needs at least one service.
func NewVerifier(keys Keys, region, service string, more ...string) *Verifier {
	return &Verifier{
		keys:     keys,
		region:   region,
		services: append([]string{service}, more...),
		scratch:  sync.Pool{New: func() any { return new(scratch) }},
	}
}

// scratch is the memory of one check, reused by later ones.
type scratch struct {
	canonical canonicalizer
	toSign    []byte
	mac       []byte
	stamp     [len(basicFormat)]byte
	bodyHash  [2 * sha256.Size]byte
	signature [2 * sha256.Size]byte
}

// Verify returns the access key id that signed the request, or an [*Error].
// It keeps no reference to the request and never panics, whatever it holds.
//
// The checks run in the order seen on AWS, so that a request with several
// faults is told of the same one first.
func (v *Verifier) Verify(r *Request) (string, error) {
	s := v.scratch.Get().(*scratch)
	defer v.scratch.Put(s)

	seen := survey(r.Header)
	auth, err := parseAuthorization(r, &seen)
	if err != nil {
		return "", err
	}
	now := time.Now()
	stamp, err := checkTime(s.stamp[:0], &seen, now)
	if err != nil {
		return "", err
	}
	if err := auth.checkForm(); err != nil {
		return "", err
	}
	if err := v.checkScope(&auth, stamp); err != nil {
		return "", err
	}
	signing, key, ok := v.signingKey(&auth)
	if !ok {
		return "", errUnknownKey()
	}
	if err := s.checkSignature(r, &auth, &seen, stamp, signing); err != nil {
		return "", err
	}
	// Only who holds the secret may learn what is wrong with the key's token.
	if subtle.ConstantTimeCompare(seen.token, []byte(key.SessionToken)) != 1 {
		return "", errUnknownKey()
	}
	if !key.Expires.IsZero() && !now.Before(key.Expires) {
		return "", errExpiredToken()
	}
	return signing.id, nil
}

func (v *Verifier) checkScope(a *authorization, stamp []byte) error {
	wrong := scopeFaults{
		region:     string(a.region) != v.region,
		service:    !slices.ContainsFunc(v.services, func(s string) bool { return s == string(a.service) }),
		terminator: string(a.terminator) != terminator,
		date:       string(a.date) != string(stamp[:len(dateFormat)]),
	}
	if wrong == (scopeFaults{}) {
		return nil
	}
	return errScope(wrong, v.services[0], a, stamp)
}

// signingKey returns the signing key for the credential, derived at most once
// per key, day and service, and the key it belongs to.
func (v *Verifier) signingKey(a *authorization) (*signingKey, Key, bool) {
	cached := v.signing.get(a.credential)
	id := ""
	if cached != nil {
		id = cached.id
	} else {
		id = string(a.keyID)
	}
	key, ok := v.keys.Key(id)
	if !ok || key.Secret == "" {
		return nil, Key{}, false
	}
	// The id may have been given a new secret since.
	if cached == nil || cached.secret != key.Secret {
		cached = newSigningKey(id, key.Secret, string(a.date), string(a.region), string(a.service))
		v.signing.put(string(a.credential), cached)
	}
	return cached, key, true
}

func (s *scratch) checkSignature(r *Request, a *authorization, seen *surveyed, stamp []byte, signing *signingKey) error {
	sum := sha256.Sum256(r.Body)
	hex.Encode(s.bodyHash[:], sum[:])
	if seen.hasHash && subtle.ConstantTimeCompare(seen.hash, s.bodyHash[:]) != 1 {
		return errBodyHash(seen.hash, s.bodyHash[:])
	}
	canonical, err := s.canonical.request(r, a.signedHeaders, s.bodyHash[:])
	if err != nil {
		return err
	}
	if s.canonical.amz != seen.amz {
		return errUnsignedHeader(r.Header, a.signedHeaders)
	}
	s.toSign = appendStringToSign(s.toSign[:0], stamp, a.scope(), canonical)
	s.mac = signing.sign(s.mac[:0], s.toSign)
	hex.Encode(s.signature[:], s.mac)
	if !hmac.Equal(s.signature[:], a.signature) {
		return errMismatch(canonical, s.toSign)
	}
	return nil
}

func appendStringToSign(dst, stamp, scope, canonical []byte) []byte {
	dst = append(dst, algorithm...)
	dst = append(dst, '\n')
	dst = append(dst, stamp...)
	dst = append(dst, '\n')
	dst = append(dst, scope...)
	dst = append(dst, '\n')
	sum := sha256.Sum256(canonical)
	return hex.AppendEncode(dst, sum[:])
}
