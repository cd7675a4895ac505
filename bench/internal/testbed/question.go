package testbed

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"

	"gnomon/bench/internal/load"
)

// Questions are n bodies of a size, each unlike the others, with what a model of HashImage answers, so that an answer that
// is another's, or cut, is seen.
func Questions(n, size int, invocation func(body []byte) ([]byte, error)) ([]load.Request, error) {
	random := rand.NewChaCha8([32]byte{'q'})
	var all []load.Request
	for range n {
		body := make([]byte, size)
		if _, err := random.Read(body); err != nil {
			return nil, err
		}
		wire, err := invocation(body)
		if err != nil {
			return nil, fmt.Errorf("make a request: %w", err)
		}
		sum := sha256.Sum256(body)
		all = append(all, load.Request{Wire: wire, Want: []byte(hex.EncodeToString(sum[:]))})
	}
	return all, nil
}
