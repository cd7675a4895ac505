package api_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gnomon/sagemaker"
)

const root = ".."

// A row of docs/compatibility.md says what becomes of some members.
type row struct {
	paths   []string // of members; X.* is X and everything inside it
	verdict string
	how     string
	like    string // the shared structure whose rows hold inside the one path; empty: none
}

var (
	code = regexp.MustCompile("`([^`]+)`")
	like = regexp.MustCompile(`^as \[([^]]+)\]\(#[a-z-]+\)$`)
	link = regexp.MustCompile(`\]\((\.\./[^)]+)\)`)
	name = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")
)

// readCompatibility returns the page's rows by the headings they stand under.
func readCompatibility(t *testing.T) map[string][]row {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	tables := make(map[string][]row)
	heading := ""
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if h, ok := strings.CutPrefix(line, "### "); ok {
			heading = h
		}
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 3 {
			t.Fatalf("%s: %q has %d cells, want 3", heading, line, len(cells))
		}
		r := row{verdict: strings.TrimSpace(cells[1]), how: strings.TrimSpace(cells[2])}
		for _, m := range code.FindAllStringSubmatch(cells[0], -1) {
			r.paths = append(r.paths, m[1])
		}
		if m := like.FindStringSubmatch(r.verdict); m != nil {
			r.like = m[1]
		}
		tables[heading] = append(tables[heading], r)
	}
	return tables
}

// expand returns the paths that a table's rows speak of, with the shared structures put in.
func expand(t *testing.T, tables map[string][]row, heading string) []string {
	t.Helper()
	var paths []string
	for _, r := range tables[heading] {
		paths = append(paths, r.paths...)
		if r.like == "" {
			continue
		}
		if len(r.paths) != 1 || len(tables[r.like]) == 0 {
			t.Errorf("%s: %q is not one member that is as a structure below", heading, r.paths)
			continue
		}
		for _, inner := range expand(t, tables, r.like) {
			paths = append(paths, r.paths[0]+"."+inner)
		}
	}
	return paths
}

// covers reports whether a path of the page speaks of a member.
func covers(path, member string) bool {
	if held, ok := strings.CutSuffix(path, ".*"); ok {
		return member == held || strings.HasPrefix(member, held+".") || strings.HasPrefix(member, held+"[].")
	}
	return member == strings.TrimSuffix(path, "[]")
}

func TestCompatibility_HasARowForEveryMember(t *testing.T) {
	tables := readCompatibility(t)
	for _, op := range sagemaker.Operations() {
		paths := expand(t, tables, op)
		used := make(map[string]bool)
		for m := range sagemaker.InputMembers(op) {
			n := 0
			for _, p := range paths {
				if covers(p, m.Path) {
					used[p] = true
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s: %s has %d rows, want one", op, m.Path, n)
			}
		}
		for _, p := range paths {
			if !used[p] {
				t.Errorf("%s: the row %s is of no member", op, p)
			}
		}
	}
}

func TestCompatibility_HasNoOtherTables(t *testing.T) {
	tables := readCompatibility(t)
	known := append(sagemaker.Operations(), "GetMetricData", "GetMetricStatistics", "ListMetrics") // CloudWatch's: package metrics
	for _, rows := range tables {
		for _, r := range rows {
			known = append(known, r.like)
		}
	}
	for _, heading := range slices.Sorted(maps.Keys(tables)) {
		if !slices.Contains(known, heading) {
			t.Errorf("%s is no operation and no structure that one has", heading)
		}
	}
}

func TestCompatibility_SaysHow(t *testing.T) {
	tests := testNames(t)
	for heading, rows := range readCompatibility(t) {
		for _, r := range rows {
			named := name.FindAllStringSubmatch(r.how, -1)
			for _, m := range named {
				if !tests[m[1]] {
					t.Errorf("%s %q: there is no test %s", heading, r.paths, m[1])
				}
			}
			rooms := link.FindAllStringSubmatch(r.how, -1)
			for _, m := range rooms {
				if _, err := os.Stat(filepath.Join(root, "docs", m[1])); err != nil {
					t.Errorf("%s %q: %v", heading, r.paths, err)
				}
			}
			ok := r.like != ""
			switch r.verdict {
			case "acts":
				ok = len(named)+len(rooms) > 0
			case "refused":
				ok = strings.HasPrefix(r.how, "`ValidationException`") && len(named) > 0
			case "no-op":
				ok = r.how != ""
			}
			if !ok {
				t.Errorf("%s %q: %q with %q says not enough: acts needs a test or a room, refused an error and a test, no-op a reason", heading, r.paths, r.verdict, r.how)
			}
		}
	}
}

// testNames returns the tests and fuzz targets of the whole tree.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	names := make(map[string]bool)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range function.FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
