package process

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gnomon"
	"gnomon/host"
)

func TestMatches(t *testing.T) {
	const ecr = "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/demo-linear:v1"
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"demo", "demo", true},
		{"demo", "demo:v1", false},
		{"*.dkr.ecr.*.amazonaws.com/*demo-linear:*", ecr, true},
		{"*.dkr.ecr.*.amazonaws.com/demo-linear:*", ecr, false},
		{"*", "", true},
		{"*", ecr, true},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a*b*c", "abc", true},
		{"a*b*c", "acb", false},
		{"a*b*b", "ab", false},
		{"**x**", "axb", true},
		{"", "", true},
		{"", "x", false},
		{"[a]", "a", false},
	} {
		if got := matches(tc.pattern, tc.name); got != tc.want {
			t.Errorf("matches(%q, %q) = %t", tc.pattern, tc.name, got)
		}
	}
}

func TestFindImage_TakesTheFirstThatFits(t *testing.T) {
	all := []Image{{Name: "a:1", Command: []string{"one"}}, {Name: "a:*", Command: []string{"any"}}}
	for name, want := range map[string]string{"a:1": "one", "a:2": "any"} {
		if i, err := findImage(all, name); err != nil || i.Command[0] != want {
			t.Errorf("%s: %v, %v, want %s", name, i.Command, err, want)
		}
	}
	if _, err := findImage(all, "b"); err == nil || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("an image that fits none: %v", err)
	}
}

func TestImage_RefusesWhatCannotRun(t *testing.T) {
	for name, i := range map[string]Image{
		"no name":             {Command: []string{"x"}},
		"no command":          {Name: "x"},
		"empty program":       {Name: "x", Command: []string{""}},
		"unknown placeholder": {Name: "x", Command: []string{"x", "--port={prot}"}},
	} {
		if err := i.check(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	fine := Image{Name: "x", Command: []string{"x", `{"json": {}}`, "{port}", "{PORT}"}}
	if err := fine.check(); err != nil {
		t.Error(err)
	}
}

func TestImage_FindsItsProgram(t *testing.T) {
	dir := t.TempDir()
	server := filepath.Join(dir, "server")
	if err := os.WriteFile(server, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		image Image
		want  string
	}{
		"relative to its folder": {Image{Command: []string{"./server"}, Dir: dir}, server},
		"absolute":               {Image{Command: []string{server}, Dir: "/"}, server},
		"not there":              {Image{Command: []string{"./none"}, Dir: dir}, ""},
		"not executable":         {Image{Command: []string{"./text"}, Dir: dir}, ""},
		"not in PATH":            {Image{Command: []string{"no-such-program-anywhere"}, Dir: dir}, ""},
	} {
		got, err := tc.image.program()
		if got != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("%s: %q, %v, want %q", name, got, err, tc.want)
		}
	}
}

func TestImage_FillsItsCommandAndEnvironment(t *testing.T) {
	t.Setenv("PATH", "/usr/bin")
	t.Setenv("SECRET", "of Gnomon")
	i := Image{
		Command: []string{"serve", "--listen=:{port}", "{model_dir}", "{sources_dir}/x", "{endpoint}-{variant}", "{}"},
		Env:     map[string]string{"A": "image", "B": "image"},
	}
	s := host.Spec{Fleet: gnomon.Fleet{Endpoint: "shop", Variant: "blue"}}
	f := onDisk("/data/i")
	want := []string{"/bin/serve", "--listen=:81", "/data/i/ml/model", "/data/i/ml/additional-model-data-sources/x", "shop-blue", "{}"}
	if diff := cmp.Diff(want, i.arguments("/bin/serve", s, f, "81")); diff != "" {
		t.Error(diff)
	}
	env := i.environment(gnomon.Container{Environment: map[string]string{"B": "model", "SAGEMAKER_BIND_TO_PORT": "1", "GNOMON_INSTANCE": "x"}}, f, "81", "m")
	wantEnv := []string{"A=image", "B=model", "GNOMON_INSTANCE=m", "HOME=/data/i/home", "LANG=C.UTF-8", "PATH=/usr/bin", "SAGEMAKER_BIND_TO_PORT=81", "TMPDIR=/data/i/tmp"}
	if diff := cmp.Diff(wantEnv, env); diff != "" {
		t.Error(diff)
	}
	if !slices.IsSorted(env) {
		t.Error("not sorted")
	}
}

func TestNew_RefusesBadImages(t *testing.T) {
	if _, err := New(slog.New(slog.DiscardHandler), Options{Dir: t.TempDir(), Images: []Image{{Name: "x"}}}); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("an image without a command: %v", err)
	}
}
