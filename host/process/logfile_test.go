package process

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func readAll(t *testing.T, path string, files int) string {
	t.Helper()
	r, err := readLog(t.Context(), path, files)
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

func TestLog_KeepsItsEndAndItsSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := openLog(path, 100, 3)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 100 {
		l.Write(bytes.Repeat([]byte{byte('a' + n%26)}, 30))
	}
	got := readAll(t, path, 3)
	if want := "a"; len(got) > 300 || len(got) < 200 || !strings.HasSuffix(got, strings.Repeat(string(rune('a'+99%26)), 30)) {
		t.Errorf("%d bytes are kept: %q (%s)", len(got), got, want)
	}
	if all, _ := filepath.Glob(path + "*"); len(all) != 3 {
		t.Errorf("files %v, want three", all)
	}

	again, err := openLog(path, 100, 3) // the next start of the instance
	if err != nil {
		t.Fatal(err)
	}
	again.Write([]byte("next\n"))
	if got := readAll(t, path, 3); !strings.HasSuffix(got, "next\n") || len(got) < 150 {
		t.Errorf("after another start: %q", got)
	}
	if again.lastLines() != "next" {
		t.Errorf("last lines of this start: %q", again.lastLines())
	}
}

func TestLog_OneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := openLog(path, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	l.Write([]byte("12345678"))
	l.Write([]byte("abcdefgh"))
	if got := readAll(t, path, 1); got != "abcdefgh" {
		t.Errorf("kept %q", got)
	}
}

func TestLog_DropsWhatComesTooFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "log")
		l, err := openLog(path, 1<<30, 1)
		if err != nil {
			t.Fatal(err)
		}
		chunk := make([]byte, 1<<20)
		for range 100 {
			if n, err := l.Write(chunk); n != len(chunk) || err != nil {
				t.Fatalf("Write: %d, %v", n, err)
			}
		}
		if st, err := os.Stat(path); err != nil || st.Size() != logBurst {
			t.Errorf("100 MiB at once left %d bytes, want %d", st.Size(), logBurst)
		}
		time.Sleep(2 * time.Second)
		l.Write([]byte("calm again"))
		if got := readAll(t, path, 1); !strings.HasSuffix(got, "[gnomon: dropped 96468992 bytes: too fast, or no room]\ncalm again") {
			t.Errorf("the log ends with %q", got[max(0, len(got)-100):])
		}
	})
}

func TestLog_SurvivesItsFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := openLog(filepath.Join(dir, "log"), 10, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if n, err := l.Write([]byte("12345678")); n != 8 || err != nil {
			t.Errorf("Write: %d, %v", n, err)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l.Write([]byte("back"))
	if got := readAll(t, filepath.Join(dir, "log"), 2); !strings.Contains(got, "dropped 32 bytes") || !strings.Contains(got, "back") {
		t.Errorf("log %q", got)
	}
}

func TestLog_None(t *testing.T) {
	if _, err := readLog(t.Context(), filepath.Join(t.TempDir(), "log"), 3); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want ErrNotExist", err)
	}
}
