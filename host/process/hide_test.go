package process_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gnomon"
	"gnomon/host"
	"gnomon/host/hosttest"
	"gnomon/host/process"
)

func TestServer_SeesOnlyItsOwnFolders(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("hiding folders needs root")
	}
	data := t.TempDir()
	for _, f := range []string{"secret", "host/secret"} {
		path := filepath.Join(data, f)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := options(filepath.Join(data, "host"), hosttest.Objects(t, map[string][]byte{"s3://models/weights": []byte("w")}))
	o.Hide = []string{data}
	o.Images = []process.Image{{Name: "look", Command: []string{"sh", "-c", "find " + data + " -type f; cat weights; touch $HOME/mine $TMPDIR/mine && echo; touch " + data + "/mine || echo refused"}}}
	h := hosttest.Start(t, open(t, o), host.Options{MinBackoff: time.Minute, MaxBackoff: time.Minute})
	f := hosttest.Target{Image: "look"}.Fleet(hosttest.Well)
	f.Container.Artifacts = []gnomon.Artifact{{URI: "s3://models/weights"}}
	h.MustEnsure(f)
	i := h.AwaitOne(gnomon.InstanceFailed)
	got := h.Log(i.ID)
	weights := filepath.Join(o.Dir, "instances", i.ID.String(), "ml/model/weights") + "\nw\n"
	if !strings.HasPrefix(got, weights) || !strings.HasSuffix(got, "refused\n") {
		t.Errorf("a server sees, reads and writes:\n%s\nwant only %s", got, weights)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "instances", i.ID.String(), "home", "mine")); err != nil {
		t.Errorf("what it wrote into its home is not there: %v", err)
	}
}
