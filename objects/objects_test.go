package objects_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gnomon/keys"
	"gnomon/objects"
)

func newTable(t *testing.T, places map[string]string) *objects.Table {
	t.Helper()
	tab, err := objects.New(places, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tab.Close() })
	return tab
}

func put(t *testing.T, tab *objects.Table, uri, content string) {
	t.Helper()
	w, err := tab.Create(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, tab *objects.Table, uri string) string {
	t.Helper()
	r, err := tab.Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func list(t *testing.T, tab *objects.Table, prefix string) []string {
	t.Helper()
	var uris []string
	for o, err := range tab.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		uris = append(uris, o.URI)
	}
	return uris
}

func TestTable_ReadsWhatWasWritten(t *testing.T) {
	for kind, place := range map[string]string{"folder": "file://" + t.TempDir() + "/{bucket}", "memory": "mem://"} {
		t.Run(kind, func(t *testing.T) {
			tab := newTable(t, map[string]string{"default": place})
			put(t, tab, "s3://models/a/one.tar.gz", "1")
			put(t, tab, "s3://models/a/two", "22")
			put(t, tab, "s3://models/b", "3")
			put(t, tab, "s3://other/a/one.tar.gz", "other")

			if got := get(t, tab, "s3://models/a/one.tar.gz"); got != "1" {
				t.Errorf("read %q, want 1", got)
			}
			if got := get(t, tab, "s3://other/a/one.tar.gz"); got != "other" {
				t.Errorf("read %q from the other bucket", got)
			}
			if diff := cmp.Diff([]string{"s3://models/a/one.tar.gz", "s3://models/a/two"}, list(t, tab, "s3://models/a/")); diff != "" {
				t.Error(diff)
			}
			if o, err := tab.Stat(t.Context(), "s3://models/a/two"); err != nil || o.Size != 2 || o.ModTime.IsZero() {
				t.Errorf("Stat: %+v, %v", o, err)
			}
		})
	}
}

func TestTable_FolderHoldsNothingButTheObjects(t *testing.T) {
	dir := t.TempDir()
	tab := newTable(t, map[string]string{"default": "file://" + dir + "/{bucket}"})
	put(t, tab, "s3://models/a/b", "x")
	var got []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			got = append(got, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/models/a/b"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTable_UnfinishedObjectIsNotThere(t *testing.T) {
	tab := newTable(t, map[string]string{"default": "file://" + t.TempDir() + "/{bucket}"})
	ctx, cancel := context.WithCancel(t.Context())
	w, err := tab.Create(ctx, "s3://models/half")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "half of")
	if got := list(t, tab, "s3://models/"); got != nil {
		t.Errorf("listed before Close: %v", got)
	}
	cancel()
	if err := w.Close(); err == nil {
		t.Error("Close after its context ended: no error")
	}
	if _, err := tab.Stat(t.Context(), "s3://models/half"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat: %v, want ErrNotExist", err)
	}
}

// TestTable_AdoptsFiles has folders of this file system, folders of another, and memory, in which a file has no place.
func TestTable_AdoptsFiles(t *testing.T) {
	shared, err := os.MkdirTemp("/dev/shm", "objects") // a file system of its own, mostly
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(shared) })
	tab := newTable(t, map[string]string{"here": "file://" + t.TempDir(), "memory": "mem://", "there": "file://" + shared})
	for _, bucket := range []string{"here", "there", "memory"} {
		uri, path := "s3://"+bucket+"/a/b", filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte("new"), 0o600); err != nil {
			t.Fatal(err)
		}
		put(t, tab, uri, "old")
		adopted, err := tab.Adopt(t.Context(), path, uri)
		_, gone := os.Stat(path)
		if err != nil || adopted != errors.Is(gone, fs.ErrNotExist) || bucket == "here" && !adopted || bucket == "memory" && adopted {
			t.Errorf("%s: adopted %v, %v; the file: %v", bucket, adopted, err, gone)
		}
		if got := get(t, tab, uri); (got == "new") != adopted {
			t.Errorf("%s: adopted %v, and the object is %q", bucket, adopted, got)
		}
	}
	if adopted, err := tab.Adopt(t.Context(), filepath.Join(t.TempDir(), "none"), "s3://here/c"); adopted || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is missing: %v, %v", adopted, err)
	}
	if adopted, err := tab.Adopt(t.Context(), "/dev/null", "s3://here/../../c"); adopted || err == nil {
		t.Errorf("a key that climbs out: %v, %v", adopted, err)
	}
}

func TestTable_MissingThings(t *testing.T) {
	dir := t.TempDir()
	tab := newTable(t, map[string]string{"default": "file://" + dir + "/{bucket}"})
	for _, uri := range []string{"s3://nobucket/x", "s3://nobucket/x/y"} {
		if _, err := tab.Open(t.Context(), uri); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open(%s): %v, want ErrNotExist", uri, err)
		}
	}
	if got := list(t, tab, "s3://nobucket/"); got != nil {
		t.Errorf("an unwritten bucket lists %v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "nobucket")); err == nil {
		t.Error("reading made the bucket's folder")
	}
	put(t, tab, "s3://models/dir/file", "x")
	if _, err := tab.Open(t.Context(), "s3://models/dir"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening a folder: %v, want ErrNotExist", err)
	}
	only := newTable(t, map[string]string{"models": "file://" + dir})
	if _, err := only.Open(t.Context(), "s3://others/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a bucket without a place: %v, want ErrNotExist", err)
	}
}

func TestTable_RefusesKeysThatClimbOut(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	tab := newTable(t, map[string]string{"default": "file://" + dir + "/{bucket}"})
	put(t, tab, "s3://models/a", "x")
	for _, uri := range []string{
		"s3://models/../secret", "s3://models/a/../../secret", "s3://models/..", "s3://models//etc/passwd",
		"s3://models/a\x00b", "s3://../secret", "s3://./secret", "s3://models/./a", "s3://MODELS/x", "file:///etc/passwd",
		"s3://models", "s3://models/", "s3:///x", "",
	} {
		if _, err := tab.Open(t.Context(), uri); err == nil {
			t.Errorf("Open(%q): no error", uri)
		}
		if w, err := tab.Create(t.Context(), uri); err == nil {
			w.Close()
			t.Errorf("Create(%q): no error", uri)
		}
	}
	for o, err := range tab.List(t.Context(), "s3://models/../") {
		if err == nil {
			t.Errorf("listed %v outside the bucket", o)
		}
	}
}

func TestNew_RefusesUnclearPlaces(t *testing.T) {
	for name, tc := range map[string]struct{ bucket, url, want string }{
		"default for one":   {"default", "file:///data", "{bucket}"},
		"s3 for one":        {"default", "s3://training?region=eu-central-1", "{bucket}"},
		"s3 with a path":    {"training", "s3://training/prefix?region=eu-central-1", "no path"},
		"s3 nowhere":        {"training", "s3://training", "region"},
		"s3 option":         {"training", "s3://training?region=eu-central-1&speed=high", "speed"},
		"other scheme":      {"x", "ftp://host/x", "file:///folder"},
		"no scheme":         {"x", "/data", "file:///folder"},
		"relative":          {"x", "file://data/x", "absolute"},
		"unknown parameter": {"x", "file:///data?create_dir=true", "absolute"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := objects.New(map[string]string{tc.bucket: tc.url}, nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("New: %v, want an error that says %q", err, tc.want)
			}
		})
	}
}

func TestTable_ClosedRefuses(t *testing.T) {
	tab := newTable(t, map[string]string{"default": "mem://"})
	put(t, tab, "s3://models/a", "x")
	tab.Close()
	if _, err := tab.Open(t.Context(), "s3://models/a"); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Open after Close: %v, want ErrClosed", err)
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"s3://bucket/key", "s3://bucket", "s3://a..b/c", "s3://bucket/../x", "https://x/y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		bucket, key, err := objects.Split(uri)
		if err != nil {
			return
		}
		if !filepath.IsLocal(bucket) || strings.ContainsAny(bucket, "/\\\x00") {
			t.Errorf("bucket %q of %q is not safe as a folder's name", bucket, uri)
		}
		if again := "s3://" + bucket + "/" + key; again != uri && "s3://"+bucket != uri {
			t.Errorf("%q became %q", uri, again)
		}
	})
}

// TestTable_CleansUpAfterAKill has what a killed process leaves of an object that it was writing.
func TestTable_CleansUpAfterAKill(t *testing.T) {
	dir := t.TempDir()
	tab := newTable(t, map[string]string{"bucket": "file://" + dir, "memory": "mem://"})
	put(t, tab, "s3://bucket/a/object", "whole")
	if _, err := tab.Create(t.Context(), "s3://bucket/a/object"); err != nil { // and nobody closes it
		t.Fatal(err)
	}
	others := []string{"object", "object.tmp", "object.0123456789abcdef.tmp.gz", "objects.0123456789abcdef.tmp"}
	for _, name := range others[1:] {
		if err := os.WriteFile(filepath.Join(dir, "a", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, uri := range []string{"s3://bucket/a/object", "s3://bucket/a/object", "s3://bucket/elsewhere/object", "s3://memory/object"} {
		if err := tab.Clean(t.Context(), uri); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"object", "object.0123456789abcdef.tmp.gz", "object.tmp", "objects.0123456789abcdef.tmp"}, names); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
	for _, uri := range []string{"bucket/a", "s3://bucket/../a"} {
		if err := tab.Clean(t.Context(), uri); err == nil {
			t.Errorf("%s is cleaned", uri)
		}
	}
}

// TestTable_Encrypts has objects that lie encrypted in a folder and are read as they were written.
func TestTable_Encrypts(t *testing.T) {
	dir := t.TempDir()
	ring := keys.Open(filepath.Join(t.TempDir(), "keyring.json"), "arn:aws:kms:us-east-1:000000000000:")
	if _, err := ring.Create("alias/a"); err != nil {
		t.Fatal(err)
	}
	tab, err := objects.New(map[string]string{"bucket": "file://" + dir}, ring)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tab.Close() })
	put(t, tab, "s3://bucket/plain", "everybody may know")
	w, err := tab.CreateEncrypted(t.Context(), "s3://bucket/sealed", "alias/a")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "nobody may know")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"plain": "everybody may know", "sealed": "nobody may know"} {
		r, err := tab.Open(t.Context(), "s3://bucket/"+name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || strings.Contains(string(raw), want) != (name == "plain") {
			t.Errorf("%s lies there as %q, %v", name, raw, err)
		}
	}
	if _, err := tab.CreateEncrypted(t.Context(), "s3://bucket/unknown", "alias/other"); !errors.Is(err, keys.ErrUnknown) {
		t.Errorf("by a key that there is not: %v", err)
	}
	if err := ring.Enable("alias/a", false); err != nil {
		t.Fatal(err)
	}
	if _, err := tab.Open(t.Context(), "s3://bucket/sealed"); !errors.Is(err, keys.ErrDisabled) {
		t.Errorf("with its key disabled: %v", err)
	}
	names := 0
	for o, err := range tab.List(t.Context(), "s3://bucket/") {
		if names++; err != nil || strings.Contains(o.URI, "unknown") {
			t.Errorf("%v, %v", o, err)
		}
	}
	if names != 2 {
		t.Errorf("%d objects", names)
	}
	if _, err := newTable(t, map[string]string{"bucket": "file://" + dir}).CreateEncrypted(t.Context(), "s3://bucket/x", "alias/a"); err == nil {
		t.Error("without keys, objects are encrypted")
	}
}

// TestTable_TellsS3TheKey looks at what a server of S3 is asked for.
func TestTable_TellsS3TheKey(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	asked := make(chan *http.Request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r }))
	defer server.Close()
	tab := newTable(t, map[string]string{"bucket": "s3://bucket?region=us-east-1&use_path_style=true&endpoint=" + server.URL})
	for key, want := range map[string][2]string{"": {}, "alias/captures": {"aws:kms", "alias/captures"}} {
		var w io.WriteCloser
		var err error
		if key == "" {
			w, err = tab.Create(t.Context(), "s3://bucket/a/object")
		} else {
			w, err = tab.CreateEncrypted(t.Context(), "s3://bucket/a/object", key)
		}
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, "content")
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r := <-asked
		got := [2]string{r.Header.Get("X-Amz-Server-Side-Encryption"), r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")}
		if got != want || r.Method != "PUT" || r.URL.Path != "/bucket/a/object" {
			t.Errorf("with key %q: %s %s, encryption %q", key, r.Method, r.URL, got)
		}
	}
	if !tab.InS3("s3://bucket/x") || tab.InS3("s3://other/x") || tab.InS3("x") {
		t.Error("InS3 is wrong")
	}
}
