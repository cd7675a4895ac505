// Package access says who is asking: the access keys that requests may be signed with.
//
// Start at [Load] or [Create]. [Keys] is an immutable snapshot, safe for any number of readers.
package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A Key is an access key of this installation, in AWS's terms.
type Key struct {
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
}

// Keys are the access keys that exist.
type Keys struct {
	first Key
	all   map[string]Key
}

// Lookup returns the key with that ID.
func (k *Keys) Lookup(id string) (Key, bool) {
	key, ok := k.all[id]
	return key, ok
}

// First returns the key that was made first, for clients that run beside the server.
func (k *Keys) First() Key { return k.first }

// Load reads the keys from a file. The error is fs.ErrNotExist if there is no file.
func Load(path string) (*Keys, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read access keys: %w", err)
	}
	var list []Key
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("read access keys from %s: %w", path, err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("read access keys from %s: there is none; remove the file to have a new one made", path)
	}
	k := &Keys{first: list[0], all: make(map[string]Key, len(list))}
	for _, key := range list {
		if key.AccessKeyID == "" || key.SecretAccessKey == "" {
			return nil, fmt.Errorf("read access keys from %s: a key without access_key_id or secret_access_key", path)
		}
		k.all[key.AccessKeyID] = key
	}
	return k, nil
}

// Create loads the keys from a file. If there is none, it makes one that holds the key made by newKey, readable by its
// owner only.
func Create(path string, newKey func() (id, secret string)) (*Keys, error) {
	k, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	id, secret := newKey()
	b, err := json.MarshalIndent([]Key{{AccessKeyID: id, SecretAccessKey: secret}}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("make an access key: %w", err)
	}
	if err := writeOnce(path, append(b, '\n')); err != nil {
		return nil, fmt.Errorf("make an access key: %w", err)
	}
	return Load(path)
}

// writeOnce makes a file whole or not at all, so that a crash leaves no half of a key.
func writeOnce(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".access-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
