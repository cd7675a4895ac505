package sigv4

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"hash"
	"sync"
)

// NewKey returns a new random access key in AWS's shape: an id of "AKIA" and
// 16 letters and digits, and a secret of 40 characters (240 random bits).
func NewKey() (accessKeyID, secret string) {
	var id [10]byte
	var raw [30]byte
	rand.Read(id[:])
	rand.Read(raw[:])
	return "AKIA" + base32.StdEncoding.EncodeToString(id[:]), base64.StdEncoding.EncodeToString(raw[:])
}

// A signingKey is a secret narrowed to one day, region and service.
type signingKey struct {
	id     string
	secret string
	macs   sync.Pool // of hash.Hash, keyed and ready for use
}

func newSigningKey(id, secret, date, region, service string) *signingKey {
	key := []byte("AWS4" + secret)
	for _, part := range []string{date, region, service, terminator} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return &signingKey{
		id:     id,
		secret: secret,
		macs:   sync.Pool{New: func() any { return hmac.New(sha256.New, key) }},
	}
}

// sign appends the signature of the string to sign to dst.
func (k *signingKey) sign(dst, toSign []byte) []byte {
	mac := k.macs.Get().(hash.Hash)
	mac.Write(toSign)
	dst = mac.Sum(dst)
	mac.Reset()
	k.macs.Put(mac)
	return dst
}

// maxSigningKeys bounds the cache. Each key needs one entry a day and service.
const maxSigningKeys = 4096

// keyCache holds signing keys by the credential they were derived for. Only
// known keys, the verifier's scopes and dates near now get in, so it grows
// with the days and not with what strangers send.
type keyCache struct {
	mu      sync.RWMutex
	entries map[string]*signingKey
}

func (c *keyCache) get(credential []byte) *signingKey {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.entries[string(credential)]
}

func (c *keyCache) put(credential string, key *signingKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Most of a full cache is of days gone by; what is not comes back at the
	// price of four hashes.
	if c.entries == nil || len(c.entries) >= maxSigningKeys {
		c.entries = make(map[string]*signingKey)
	}
	c.entries[credential] = key
}
