// Package keys is the keyring: keys of this installation that encrypt what is written to folders, under the names that keys of
// KMS have.
//
// Start at [Ring.Find], which resolves a name, and [Ring.Seal] and [Ring.Unseal], by which whole objects are encrypted and
// read back (seal.go). A key has versions: the last one encrypts, the others still decrypt. The keyring is a file that only its
// owner can read; whoever changes it, a running server sees it at once.
package keys

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// What [Ring.Find] says of a key that cannot be used.
var (
	ErrUnknown  = errors.New("there is no such key")
	ErrDisabled = errors.New("the key is disabled")
)

// A Key is one key.
type Key struct {
	ID       string    `json:"id"`
	Aliases  []string  `json:"aliases,omitempty"` // alias/name
	Disabled bool      `json:"disabled,omitempty"`
	Versions []Version `json:"versions"` // the last one encrypts
}

// A Version is what a key was from one time on.
type Version struct {
	Secret []byte    `json:"secret"` // 32 bytes
	Since  time.Time `json:"since"`
}

// A Ring is a keyring. Any number of goroutines may use it.
type Ring struct {
	path string
	arn  string // up to the resource, which every key's ARN begins with

	mu      sync.Mutex
	changed time.Time // of the file, when it was read
	keys    []Key
}

// Open returns the keyring in a file, which need not exist. Prefix is how ARNs of keys begin: arn:aws:kms:region:account:.
func Open(path, prefix string) *Ring { return &Ring{path: path, arn: prefix} }

// read brings the keys up to date. It is called with the lock held.
func (r *Ring) read() error {
	info, err := os.Stat(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		r.keys, r.changed = nil, time.Time{}
		return nil
	}
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	if info.ModTime().Equal(r.changed) {
		return nil
	}
	b, err := os.ReadFile(r.path)
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	var keys []Key
	if err := json.Unmarshal(b, &keys); err != nil {
		return fmt.Errorf("keyring %s: %w", r.path, err)
	}
	for _, k := range keys {
		if k.ID == "" || len(k.Versions) == 0 || slices.ContainsFunc(k.Versions, func(v Version) bool { return len(v.Secret) != secretSize }) {
			return fmt.Errorf("keyring %s: key %q is not whole", r.path, k.ID)
		}
	}
	r.keys, r.changed = keys, info.ModTime()
	return nil
}

// Keys lists the keys, those made first at the beginning.
func (r *Ring) Keys() ([]Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.read()
	return slices.Clone(r.keys), err
}

// Find returns the key of an ID, an ARN, an alias (alias/name) or an alias's ARN. The error is [ErrUnknown] or [ErrDisabled] for
// one that cannot encrypt.
func (r *Ring) Find(name string) (Key, error) {
	k, err := r.find(name)
	if err == nil && k.Disabled {
		err = fmt.Errorf("key %s: %w", name, ErrDisabled)
	}
	return k, err
}

func (r *Ring) find(name string) (Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.read(); err != nil {
		return Key{}, err
	}
	i := r.index(r.keys, name)
	if i < 0 {
		return Key{}, fmt.Errorf("key %s: %w", name, ErrUnknown)
	}
	return r.keys[i], nil
}

// index finds a key by any of its names.
func (r *Ring) index(keys []Key, name string) int {
	rest, isARN := strings.CutPrefix(name, r.arn)
	id, isKey := strings.CutPrefix(rest, "key/")
	return slices.IndexFunc(keys, func(k Key) bool {
		return isARN == isKey && id == k.ID || slices.Contains(k.Aliases, rest)
	})
}

// ARN is a key's.
func (r *Ring) ARN(id string) string { return r.arn + "key/" + id }

var aliasPattern = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]{1,250}$`)

// Create makes a key, with an alias unless that is empty.
func (r *Ring) Create(alias string) (Key, error) {
	k := Key{ID: uuid.NewString(), Versions: []Version{newVersion()}}
	if alias != "" {
		if !aliasPattern.MatchString(alias) || strings.HasPrefix(alias, "alias/aws/") {
			return Key{}, fmt.Errorf("%q is no alias: it must be alias/ and letters, digits, /, _ or -, and not begin with alias/aws/", alias)
		}
		k.Aliases = []string{alias}
	}
	return k, r.change(func(keys []Key) ([]Key, error) {
		if alias != "" && r.index(keys, alias) >= 0 {
			return nil, fmt.Errorf("%s is another key's", alias)
		}
		return append(keys, k), nil
	})
}

// Rotate gives a key a new version. What older ones encrypted can still be read.
func (r *Ring) Rotate(name string) error {
	return r.changeKey(name, func(k *Key) { k.Versions = append(slices.Clone(k.Versions), newVersion()) })
}

// Enable allows or forbids a key to encrypt and to decrypt.
func (r *Ring) Enable(name string, enabled bool) error {
	return r.changeKey(name, func(k *Key) { k.Disabled = !enabled })
}

func (r *Ring) changeKey(name string, f func(*Key)) error {
	return r.change(func(keys []Key) ([]Key, error) {
		i := r.index(keys, name)
		if i < 0 {
			return nil, fmt.Errorf("key %s: %w", name, ErrUnknown)
		}
		keys = slices.Clone(keys)
		f(&keys[i])
		return keys, nil
	})
}

// change writes what f makes of the keys. Changes, from whatever process, come one after the other.
func (r *Ring) change(f func([]Key) ([]Key, error)) error {
	lock, err := os.OpenFile(r.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = time.Time{} // two changes may come within the clock's step
	if err := r.read(); err != nil {
		return err
	}
	keys, err := f(r.keys)
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(keys, "", "  ")
	if err == nil {
		err = replace(r.path, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	r.changed = time.Time{}
	return nil
}

// replace writes a file whole or not at all.
func replace(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync() // what is sealed by a key must not outlive it
}

func newVersion() Version {
	secret := make([]byte, secretSize)
	rand.Read(secret)
	return Version{secret, time.Now().UTC().Truncate(time.Second)}
}
