package process

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gnomon"
	"gnomon/objects"
)

// pack makes a tar.gz of the headers; files have their own name as content.
func pack(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range headers {
		if h.Typeflag == 0 || h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			io.WriteString(w, h.Name)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpackInto unpacks below a folder of a fresh folder, which it returns.
func unpackInto(t testing.TB, archive []byte, l Limits) (outer string, err error) {
	t.Helper()
	outer = t.TempDir()
	inner := filepath.Join(outer, "inner")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(inner)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	return outer, unpack(context.Background(), bytes.NewReader(archive), root, l.budget())
}

func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			t.Errorf("%s is no plain file", path)
			return nil
		}
		b, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir+"/")] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestUnpack_TakesPlainArchives(t *testing.T) {
	outer, err := unpackInto(t, pack(t,
		tar.Header{Name: "./", Typeflag: tar.TypeDir},
		tar.Header{Name: "./model.json", Mode: 0o600},
		tar.Header{Name: "code/", Typeflag: tar.TypeDir, Mode: 0o000},
		tar.Header{Name: "code/serve", Mode: 0o4755},
		tar.Header{Name: "deep/er/weights"},
		tar.Header{Name: "code/serve", Mode: 0o755},
		tar.Header{Name: "..dots", Mode: 0o644},
	), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"inner/model.json": "./model.json", "inner/code/serve": "code/serve", "inner/deep/er/weights": "deep/er/weights",
		"inner/..dots": "..dots",
	}
	if diff := cmp.Diff(want, files(t, outer)); diff != "" {
		t.Error(diff)
	}
	st, err := os.Stat(filepath.Join(outer, "inner/code/serve"))
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode()&0o111 == 0 || st.Mode()&os.ModeSetuid != 0 {
		t.Errorf("mode %v: want it executable and not set-user-ID", st.Mode())
	}
}

func TestUnpack_RefusesEscapes(t *testing.T) {
	for name, headers := range map[string][]tar.Header{
		"absolute":          {{Name: "/etc/passwd"}},
		"up":                {{Name: "../outside"}},
		"up, inside":        {{Name: "a/../../outside"}},
		"up, back in":       {{Name: "a/../b"}},
		"folder up":         {{Name: "../outside/", Typeflag: tar.TypeDir}},
		"symlink":           {{Name: "link", Linkname: "/etc", Typeflag: tar.TypeSymlink}},
		"symlink and below": {{Name: "link", Linkname: "..", Typeflag: tar.TypeSymlink}, {Name: "link/outside"}},
		"symlink inside":    {{Name: "link", Linkname: "model.json", Typeflag: tar.TypeSymlink}},
		"hard link":         {{Name: "link", Linkname: "../outside", Typeflag: tar.TypeLink}},
		"device":            {{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}},
		"pipe":              {{Name: "pipe", Typeflag: tar.TypeFifo}},
		"file as folder":    {{Name: "a"}, {Name: "a/b"}},
		"folder as file":    {{Name: "a/", Typeflag: tar.TypeDir}, {Name: "a"}},
		"the folder itself": {{Name: "."}},
		"too long a name":   {{Name: strings.Repeat("n", 300)}},
	} {
		t.Run(name, func(t *testing.T) {
			outer, err := unpackInto(t, pack(t, headers...), Limits{})
			if err == nil {
				t.Error("no error")
			}
			for f := range files(t, outer) {
				if !strings.HasPrefix(f, "inner/") {
					t.Errorf("it wrote %s", f)
				}
			}
		})
	}
}

func TestUnpack_KeepsToItsLimits(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "zeros", Size: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(w, zeros{}, 64<<20); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	outer, err := unpackInto(t, bomb.Bytes(), Limits{Bytes: 1 << 20})
	if !errors.Is(err, errTooLarge) {
		t.Errorf("%d bytes that become 64 MiB: %v, want %v", bomb.Len(), err, errTooLarge)
	}
	if st, err := os.Stat(filepath.Join(outer, "inner/zeros")); err != nil || st.Size() > 1<<20+1 {
		t.Errorf("written: %v, %v", st.Size(), err)
	}

	trailing := append(pack(t, tar.Header{Name: "a"}), gzipped(t, make([]byte, 2<<20))...)
	if _, err := unpackInto(t, trailing, Limits{Bytes: 1 << 20}); !errors.Is(err, errTooLarge) {
		t.Errorf("a bomb behind the archive: %v, want %v", err, errTooLarge)
	}

	many := []tar.Header{{Name: "a"}, {Name: "b"}, {Name: "c/", Typeflag: tar.TypeDir}}
	if _, err := unpackInto(t, pack(t, many...), Limits{Entries: 2}); err == nil {
		t.Error("three entries where two are allowed: no error")
	}
	if _, err := unpackInto(t, pack(t, many...), Limits{Entries: 3}); err != nil {
		t.Errorf("three entries where three are allowed: %v", err)
	}
	deep := tar.Header{Name: strings.Repeat("d/", 90) + "x"}
	if _, err := unpackInto(t, pack(t, deep, tar.Header{Name: "y"}), Limits{Entries: 10}); err == nil {
		t.Error("ninety folders where ten entries are allowed: no error")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestUnpack_NoticesDamage(t *testing.T) {
	whole := pack(t, tar.Header{Name: "a"}, tar.Header{Name: "b"})
	broken := bytes.Clone(whole)
	broken[len(broken)-8] ^= 1 // in the checksum
	for name, b := range map[string][]byte{
		"empty": nil, "no gzip": []byte("model"), "no tar": gzipped(t, []byte("model")),
		"cut short": whole[:len(whole)-12], "no checksum": whole[:len(whole)-8], "wrong checksum": broken,
	} {
		if _, err := unpackInto(t, b, Limits{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestLayOut_ShowsNothingUntilAllIsThere(t *testing.T) {
	from, err := objects.New(map[string]string{"default": "mem://"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	w, err := from.Create(t.Context(), "s3://models/a.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	w.Write(pack(t, tar.Header{Name: "model.json"}))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	good := gnomon.Artifact{URI: "s3://models/a.tar.gz", Gzip: true}
	f := onDisk(t.TempDir())
	for name, bad := range map[string]gnomon.Artifact{
		"missing":             {URI: "s3://models/none"},
		"channel climbs out":  {URI: good.URI, Gzip: true, Channel: ".."},
		"channel is a path":   {URI: good.URI, Gzip: true, Channel: "a/b"},
		"channel is absolute": {URI: good.URI, Gzip: true, Channel: "/a"},
	} {
		if err := f.layOut(t.Context(), from, []gnomon.Artifact{good, bad}, Limits{}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := os.Stat(f.files()); err == nil {
			t.Fatalf("%s: half of the artifacts are to be seen", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.layOut(ctx, from, []gnomon.Artifact{good}, Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after its context ended: %v", err)
	}
	for range 2 { // the second finds it done
		if err := f.layOut(t.Context(), from, []gnomon.Artifact{good}, Limits{}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]string{"model/model.json": "model.json"}, files(t, f.files())); diff != "" {
		t.Error(diff)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(pack(f, tar.Header{Name: "model.json"}, tar.Header{Name: "code/", Typeflag: tar.TypeDir}))
	f.Add(pack(f, tar.Header{Name: "../x"}, tar.Header{Name: "l", Linkname: "..", Typeflag: tar.TypeSymlink}))
	f.Add(gzipped(f, []byte("no tar")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, archive []byte) {
		checkInside(t, archive)
		checkInside(t, gzipped(t, archive)) // mutations seldom get past gzip's checksum
	})
}

func checkInside(t *testing.T, archive []byte) {
	t.Helper()
	outer, _ := unpackInto(t, archive, Limits{Bytes: 1 << 20, Entries: 100})
	var size int
	for name, content := range files(t, outer) {
		size += len(content)
		if !strings.HasPrefix(name, "inner/") {
			t.Errorf("it wrote %q", name)
		}
	}
	if size > 1<<20+1 {
		t.Errorf("it wrote %d bytes", size)
	}
}
