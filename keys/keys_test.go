package keys_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"gnomon/keys"
)

const prefix = "arn:aws:kms:us-east-1:000000000000:"

func newRing(t testing.TB) *keys.Ring {
	return keys.Open(filepath.Join(t.TempDir(), "keys.json"), prefix)
}

func create(t testing.TB, r *keys.Ring, alias string) keys.Key {
	t.Helper()
	k, err := r.Create(alias)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRing_Find(t *testing.T) {
	r := newRing(t)
	if list, err := r.Keys(); err != nil || len(list) != 0 {
		t.Errorf("a keyring that is not there has %v, %v", list, err)
	}
	k := create(t, r, "alias/captures")
	create(t, r, "")
	for _, name := range []string{k.ID, prefix + "key/" + k.ID, "alias/captures", prefix + "alias/captures"} {
		if found, err := r.Find(name); err != nil || found.ID != k.ID {
			t.Errorf("%s: %v, %v", name, found.ID, err)
		}
	}
	for _, name := range []string{
		"", "captures", "alias/other", "key/" + k.ID, prefix + "key/other", prefix + k.ID + "/x", "arn:aws:kms:eu-west-1:000000000000:key/" + k.ID,
	} {
		if found, err := r.Find(name); !errors.Is(err, keys.ErrUnknown) {
			t.Errorf("%q: %v, %v", name, found.ID, err)
		}
	}
	if err := r.Enable("alias/captures", false); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Find(k.ID); !errors.Is(err, keys.ErrDisabled) {
		t.Errorf("a disabled key: %v", err)
	}
	for _, alias := range []string{"captures", "alias/", "alias/aws/s3", "alias/captures", "alias/ü"} {
		if _, err := r.Create(alias); err == nil {
			t.Errorf("alias %q is taken", alias)
		}
	}
}

// TestRing_IsSeenByOthers changes a keyring that another has open, from many goroutines.
func TestRing_IsSeenByOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	server := keys.Open(path, prefix)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				if _, err := keys.Open(path, prefix).Create(""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if list, err := server.Keys(); err != nil || len(list) != 20 {
		t.Errorf("%d keys of 20, %v", len(list), err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(path, []byte(`[{"id":"x","versions":[{"secret":"AAAA"}]}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Find("x"); err == nil || !strings.Contains(err.Error(), "not whole") {
		t.Errorf("half a key: %v", err)
	}
}

func seal(t testing.TB, r *keys.Ring, name string, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := r.Seal(t.Context(), name, &out)
	if err != nil {
		t.Fatal(err)
	}
	for rest := plain; len(rest) > 0; {
		n := 1 + rand.IntN(len(rest))
		if _, err := w.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unseal(t testing.TB, r *keys.Ring, sealed []byte) ([]byte, error) {
	t.Helper()
	from, err := r.Unseal(t.Context(), bufio.NewReader(iotest.HalfReader(bytes.NewReader(sealed))))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(from)
}

func TestSeal(t *testing.T) {
	r := newRing(t)
	k := create(t, r, "alias/a")
	var old [][]byte
	for _, n := range []int{0, 1, 100, 64<<10 - 1, 64 << 10, 64<<10 + 1, 200_000} {
		plain := bytes.Repeat([]byte("secret "), n/7+1)[:n]
		sealed := seal(t, r, "alias/a", plain)
		if n >= 100 && bytes.Contains(sealed, []byte("secret secret")) {
			t.Errorf("%d bytes can be read", n)
		}
		if got, err := unseal(t, r, sealed); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes have become %d, %v", n, len(got), err)
		}
		old = append(old, sealed)
	}
	if err := r.Rotate(k.ID); err != nil {
		t.Fatal(err)
	}
	old = append(old, seal(t, r, k.ID, []byte("new")))
	for _, sealed := range old {
		if _, err := unseal(t, r, sealed); err != nil {
			t.Errorf("after a rotation: %v", err)
		}
	}
	if err := r.Enable(k.ID, false); err != nil {
		t.Fatal(err)
	}
	if _, err := unseal(t, r, old[0]); !errors.Is(err, keys.ErrDisabled) {
		t.Errorf("with a disabled key: %v", err)
	}
	if _, err := r.Seal(t.Context(), k.ID, io.Discard); !errors.Is(err, keys.ErrDisabled) {
		t.Errorf("with a disabled key: %v", err)
	}
	if _, err := unseal(t, newRing(t), old[0]); !errors.Is(err, keys.ErrUnknown) {
		t.Errorf("with another ring: %v", err)
	}
}

// TestUnseal_NoticesEveryChange cuts a sealed object at every place, and changes every byte of it.
func TestUnseal_NoticesEveryChange(t *testing.T) {
	r := newRing(t)
	k := create(t, r, "")
	sealed := seal(t, r, k.ID, []byte("a short secret"))
	for n := range sealed {
		if got, err := unseal(t, r, sealed[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes, it is %q", n, len(sealed), got)
		}
		changed := bytes.Clone(sealed)
		changed[n] ^= 1
		if got, err := unseal(t, r, changed); err == nil {
			t.Errorf("with byte %d changed, it is %q", n, got)
		}
	}
	// Whole chunks: two exchanged, one left out, one more.
	long := seal(t, r, k.ID, make([]byte, 3*64<<10))
	const chunk = 64<<10 + 16
	begin := len(long) - 3*chunk
	a, b, c := long[begin:begin+chunk], long[begin+chunk:begin+2*chunk], long[begin+2*chunk:]
	for name, parts := range map[string][][]byte{"exchanged": {b, a, c}, "left out": {a, c}, "cut off": {a, b}, "twice": {a, a, b, c}, "one more": {a, b, c, c}} {
		if _, err := unseal(t, r, append(bytes.Clone(long[:begin]), bytes.Join(parts, nil)...)); err == nil {
			t.Errorf("chunks %s are read", name)
		}
	}
}

// FuzzUnseal reads anything.
func FuzzUnseal(f *testing.F) {
	r := newRing(f)
	k, err := r.Create("alias/a")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seal(f, r, k.ID, []byte("text")))
	f.Add([]byte("gnomon-sealed-1\n{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if from, err := r.Unseal(t.Context(), bufio.NewReader(bytes.NewReader(data))); err == nil {
			io.Copy(io.Discard, from)
		}
	})
}

// FuzzFind takes any name for a key.
func FuzzFind(f *testing.F) {
	r := newRing(f)
	k, err := r.Create("alias/a")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{k.ID, "alias/a", prefix + "key/" + k.ID, prefix, "arn:"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		rest := strings.TrimPrefix(name, prefix)
		known := rest == k.ID && name == rest || rest == "key/"+k.ID && name != rest || rest == "alias/a"
		if _, err := r.Find(name); (err == nil) != known {
			t.Errorf("%q: %v", name, err)
		}
	})
}
