package process_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gnomon"
	"gnomon/host"
	"gnomon/host/hosttest"
	"gnomon/keys"
)

const secret = "weights that nobody else may have"

// TestDriver_EncryptsVolumes has a fleet with a key: its model is on disk in a form that only the key opens, and in memory as
// long as its server is there.
func TestDriver_EncryptsVolumes(t *testing.T) {
	ring := keys.Open(filepath.Join(t.TempDir(), "keyring.json"), "arn:aws:kms:us-east-1:000000000000:")
	if _, err := ring.Create("alias/volumes"); err != nil {
		t.Fatal(err)
	}
	from := hosttest.Objects(t, map[string][]byte{"s3://models/m/weights": []byte(secret), "s3://models/m/code/a.py": []byte("pass")})
	o := options(t.TempDir(), from)
	o.Sealer = ring
	d := open(t, o)
	if err := d.CanEncrypt(); err != nil {
		t.Fatal(err)
	}
	h := hosttest.Start(t, d, host.Options{})
	f := hosttest.Target{Image: image}.Fleet(hosttest.Well)
	f.KmsKey = "alias/volumes"
	f.Container.Artifacts = []gnomon.Artifact{{URI: "s3://models/m", Prefix: true}}
	h.MustEnsure(f)
	i := h.AwaitOne(gnomon.InstanceInService)
	wantModel(t, i)
	inMemory, err := filepath.Glob("/dev/shm/gnomon-*/" + i.ID.String())
	if err != nil || len(inMemory) != 1 {
		t.Fatalf("in memory is %q, %v", inMemory, err)
	}
	if sealed := wantNothingReadable(t, o.Dir); sealed != 1 {
		t.Errorf("%d sealed files", sealed)
	}

	hosttest.Call(t, i, "/crash")
	i = h.Await("a restart", func(all []gnomon.Instance) bool {
		return all[0].State == gnomon.InstanceInService && all[0].Restarts == 1
	})[0]
	wantModel(t, i)
	if err := ring.Enable("alias/volumes", false); err != nil {
		t.Fatal(err)
	}
	hosttest.Call(t, i, "/crash")
	h.AwaitOne(gnomon.InstanceRestarting)
	other := f
	other.ID = "other"
	h.MustEnsure(other)
	h.Await("a refusal", func(all []gnomon.Instance) bool {
		return slices.ContainsFunc(all, func(i gnomon.Instance) bool {
			return i.Failure != nil && i.Failure.Kind == gnomon.FailedVolume && strings.Contains(i.Failure.Detail, "disabled")
		})
	})
	if err := ring.Enable("alias/volumes", true); err != nil {
		t.Fatal(err)
	}
	h.Await("a second restart", func(all []gnomon.Instance) bool {
		return slices.ContainsFunc(all, func(i gnomon.Instance) bool { return i.State == gnomon.InstanceInService })
	})
	h.Close()
	if left, err := os.Stat(filepath.Dir(inMemory[0])); err == nil {
		t.Errorf("in memory is still %s", left.Name())
	}
}

func wantModel(t *testing.T, i gnomon.Instance) {
	t.Helper()
	var got map[string]string
	if err := json.Unmarshal([]byte(hosttest.Call(t, i, "/files")), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"model/weights": secret, "model/code/a.py": "pass"}, got); diff != "" {
		t.Error(diff)
	}
}

// wantNothingReadable looks for the secret in all files below a folder, and counts those that are sealed.
func wantNothingReadable(t *testing.T, dir string) (sealed int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%s can be read", path)
		}
		if filepath.Base(path) == "ml.sealed" {
			sealed++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// TestDriver_NoPlaceForSecrets has a folder on a disk where one in memory should be.
func TestDriver_NoPlaceForSecrets(t *testing.T) {
	o := options(t.TempDir(), hosttest.Objects(t, nil))
	if open(t, o).CanEncrypt() == nil {
		t.Error("without keys volumes can be encrypted")
	}
	o.Sealer, o.Memory = keys.Open(filepath.Join(t.TempDir(), "keyring.json"), "arn:"), "/proc"
	d := open(t, o)
	if d.CanEncrypt() == nil {
		t.Error("what is decrypted may be in /proc")
	}
	h := hosttest.Start(t, d, host.Options{})
	f := hosttest.Target{Image: image}.Fleet(hosttest.Well)
	f.KmsKey = "alias/volumes"
	h.MustEnsure(f)
	if i := h.AwaitOne(gnomon.InstanceFailed); i.Failure.Kind != gnomon.FailedVolume {
		t.Errorf("it failed with %+v", i.Failure)
	}
}
