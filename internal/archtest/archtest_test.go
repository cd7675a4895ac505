package archtest_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gnomon"
)

// rules say what each package of the house may import of it, besides what the packages below it may. The first rule
// whose pattern fits holds. Tests may import more.
var rules = []struct {
	pattern string
	may     []string
}{
	{"gnomon", nil},

	// Leaf tools know nothing of the house.
	{"gnomon/sagemaker/...", []string{"gnomon/sagemaker/internal/schema"}},
	{"gnomon/sigv4", nil},
	{"gnomon/cloudwatch", nil},
	{"gnomon/objects", nil},
	{"gnomon/keys", nil},
	{"gnomon/replay", nil},
	{"gnomon/access", []string{"gnomon"}},
	{"gnomon/http1", nil},
	{"gnomon/reactor", []string{"gnomon/internal/spare"}},
	{"gnomon/internal/budget", nil},
	{"gnomon/internal/spare", nil},
	{"gnomon/stats", nil},

	// Rooms know the domain and leaf tools, and never each other.
	{"gnomon/front", []string{"gnomon/http1", "gnomon/internal/budget", "gnomon/reactor"}},
	{"gnomon/router", []string{"gnomon", "gnomon/http1", "gnomon/internal/budget", "gnomon/internal/spare", "gnomon/reactor"}},
	{"gnomon/control", []string{"gnomon"}},
	{"gnomon/store", []string{"gnomon"}},
	{"gnomon/meter", []string{"gnomon"}},
	{"gnomon/compare", []string{"gnomon"}},
	{"gnomon/verdict", []string{"gnomon", "gnomon/compare", "gnomon/internal/budget", "gnomon/stats"}},
	{"gnomon/capture", []string{"gnomon", "gnomon/internal/budget", "gnomon/internal/spare", "gnomon/objects"}},
	{"gnomon/host", []string{"gnomon"}},
	{"gnomon/host/...", []string{"gnomon", "gnomon/host", "gnomon/objects"}},
	// A face may know the rooms whose face it is.
	{"gnomon/api", []string{"gnomon", "gnomon/control", "gnomon/sagemaker"}},
	{"gnomon/metrics", []string{"gnomon", "gnomon/cloudwatch", "gnomon/meter"}},
	{"gnomon/report", []string{"gnomon", "gnomon/compare", "gnomon/meter", "gnomon/verdict"}},

	// What is put together from all of it.
	{"gnomon/cmd/...", []string{"gnomon/..."}},
	{"gnomon/internal/...", []string{"gnomon/..."}},
	{"gnomon/bench/...", []string{"gnomon/..."}},
	{"gnomon/e2e/...", nil},

	// What runs beside it and knows only itself.
	{"gnomon/examples/...", []string{"gnomon/examples/..."}},
}

// external says which modules of others a package may use. Packages that are not named use the standard library only.
var external = map[string][]string{
	"gnomon/objects":      {"gocloud.dev", "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"},
	"gnomon/keys":         {"github.com/google/uuid", "gocloud.dev", "golang.org/x/sys"},
	"gnomon/capture":      {"github.com/google/uuid"},
	"gnomon/sagemaker":    {"github.com/google/uuid"},
	"gnomon/cloudwatch":   {"github.com/fxamacker/cbor/v2"},
	"gnomon/reactor":      {"golang.org/x/sys"},
	"gnomon/front":        {"golang.org/x/sys"},
	"gnomon/store":        {"github.com/pressly/goose/v3", "modernc.org/sqlite"},
	"gnomon/compare":      {"golang.org/x/text"},
	"gnomon/meter":        {"github.com/DataDog/sketches-go", "github.com/prometheus/client_golang"},
	"gnomon/host/process": {"golang.org/x/sys"},
	// A suite of tests that lives outside of a test file.
	"gnomon/host/hosttest": {"github.com/google/go-cmp"},
}

func fits(pattern, pkg string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == prefix || strings.HasPrefix(pkg, prefix+"/")
	}
	return pkg == pattern
}

type pkg struct {
	ImportPath string
	Dir        string
	Name       string
	GoFiles    []string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	c := exec.Command("go", "list", "-json=ImportPath,Dir,Name,GoFiles,Imports", "gnomon/...")
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		i := slices.IndexFunc(rules, func(r struct {
			pattern string
			may     []string
		}) bool {
			return fits(r.pattern, p.ImportPath)
		})
		if i < 0 {
			t.Errorf("%s has no place in the house: give it a rule", p.ImportPath)
			continue
		}
		wired := strings.HasPrefix(p.ImportPath, "gnomon/cmd") || strings.HasPrefix(p.ImportPath, "gnomon/examples") ||
			strings.HasPrefix(p.ImportPath, "gnomon/internal") || strings.HasPrefix(p.ImportPath, "gnomon/bench")
		for _, imported := range p.Imports {
			switch {
			case fits("gnomon/...", imported):
				if !slices.ContainsFunc(rules[i].may, func(may string) bool { return fits(may, imported) }) {
					t.Errorf("%s may not import %s", p.ImportPath, imported)
				}
			case strings.Contains(strings.Split(imported, "/")[0], ".") && !wired:
				if !slices.ContainsFunc(external[p.ImportPath], func(may string) bool { return fits(may+"/...", imported) }) {
					t.Errorf("%s may not import %s", p.ImportPath, imported)
				}
			}
		}
	}
}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	for _, p := range packages(t) {
		documented := 0
		for _, file := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc != nil {
				documented++
			}
		}
		if documented != 1 && len(p.GoFiles) > 0 {
			t.Errorf("%s has %d package comments, want 1", p.ImportPath, documented)
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, p := range packages(t) {
		for _, file := range p.GoFiles {
			if strings.HasSuffix(file, "_gen.go") {
				continue
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, filepath.Join(p.Dir, file), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				if name := undocumented(d); name != "" {
					t.Errorf("%s: %s has no comment", set.Position(d.Pos()), name)
				}
			}
		}
	}
}

// undocumented returns the name of an exported declaration without a comment. Methods of unexported types, and those
// that a standard interface asks for, need none.
func undocumented(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && d.Recv == nil {
			return d.Name.Name
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			if s, ok := s.(*ast.TypeSpec); ok && s.Name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil && !d.Lparen.IsValid() {
				return s.Name.Name
			}
		}
	}
	return ""
}

// TestStates holds the pictures in docs/states.md to the tables in the code.
func TestStates(t *testing.T) {
	b, err := os.ReadFile("../../docs/states.md")
	if err != nil {
		t.Fatal(err)
	}
	drawn := make(map[string]bool)
	for line := range strings.Lines(string(b)) {
		from, rest, ok := strings.Cut(strings.TrimSpace(line), " --> ")
		to, _, _ := strings.Cut(rest, ":")
		if ok && from != "[*]" && to != "[*]" {
			drawn[from+" to "+strings.TrimSpace(to)] = true
		}
	}
	coded := make(map[string]bool)
	for from, all := range gnomon.ExperimentArrows() {
		for _, to := range all {
			coded[string(from)+" to "+string(to)] = true
		}
	}
	for from, all := range gnomon.EndpointArrows() {
		for _, to := range all {
			coded[string(from)+" to "+string(to)] = true
		}
	}
	if diff := cmp.Diff(coded, drawn); diff != "" {
		t.Errorf("docs/states.md differs from the code (-code +picture):\n%s", diff)
	}
}

func TestGoMod_ReplacesNothing(t *testing.T) {
	b, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "\nreplace") {
		t.Error("go.mod replaces a module")
	}
}

// TestSleeps keeps waiting by the clock out of tests: a test waits for what it wants to see. Inside a synctest bubble
// sleeping is how time passes, so files that use it are free to.
func TestSleeps(t *testing.T) {
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, "_test.go") || path.Dir(name) == "internal/archtest" {
			return nil
		}
		b, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		text := string(b)
		if strings.Contains(text, "time.Sleep(") && !strings.Contains(text, "synctest") {
			t.Errorf("%s sleeps", name)
		}
		if strings.Contains(text, "t.Skip()") {
			t.Errorf("%s skips without saying why", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
