package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestJavaScript lives a whole experiment through the AWS SDK for JavaScript; the story is in js/life.mjs.
func TestJavaScript(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is missing: install the packages nodejs and npm, of version 20 or later", tool)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc", "life.mjs", "profile.mjs", "stream.mjs"} {
		b, err := os.ReadFile(filepath.Join("js", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--prefer-offline")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("the SDK cannot be installed: npm ci: %v\n%s", err, out)
	}
	s := newServer(t, "")
	life := exec.CommandContext(t.Context(), "node", "life.mjs")
	life.Dir, life.Env = dir, s.environ()
	if out, err := life.CombinedOutput(); err != nil {
		t.Fatalf("life.mjs: %v\n%s", err, out)
	}
	wantProfile(t, s, dir)
	wantJavaScriptStreams(t, dir)
}

// wantProfile has "gnomon env" write a profile, and the SDK use it with no other word about the server.
func wantProfile(t *testing.T, s *server, dir string) {
	t.Helper()
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "AWS_PROFILE=shadows"}
	for _, args := range [][]string{
		{filepath.Join(bin, "gnomon"), "env", "--data-dir", s.data(), "--profile", "shadows"},
		{"node", "profile.mjs"},
	} {
		c := exec.CommandContext(t.Context(), args[0], args[1:]...)
		c.Dir, c.Env = dir, env
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out)
		}
	}
}
