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
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc", "life.mjs"} {
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
}
