package access_test

import (
	"os"
	"path/filepath"
	"testing"

	"gnomon/access"
)

func TestCreate_MakesOneKeyOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	n := 0
	newKey := func() (string, string) { n++; return "AKIA", "secret" }
	for range 2 {
		k, err := access.Create(path, newKey)
		if err != nil {
			t.Fatal(err)
		}
		if key, ok := k.Lookup("AKIA"); !ok || key.SecretAccessKey != "secret" || k.First() != key {
			t.Errorf("key %+v, %v", key, ok)
		}
		if _, ok := k.Lookup("other"); ok {
			t.Error("a key that does not exist is found")
		}
	}
	if n != 1 {
		t.Errorf("%d keys were made", n)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestLoad_RefusesWhatIsNotKeys(t *testing.T) {
	for name, text := range map[string]string{"Empty": "", "None": "[]", "NoSecret": `[{"access_key_id":"x"}]`} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys.json")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if k, err := access.Load(path); err == nil {
				t.Errorf("loaded %v", k)
			}
		})
	}
}
