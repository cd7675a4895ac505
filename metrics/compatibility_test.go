package metrics

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gnomon/cloudwatch"
)

var quotedPath = regexp.MustCompile("`([^`]+)`")

// paths returns the members that the page's table under a heading speaks of.
func paths(t *testing.T, heading string) []string {
	t.Helper()
	page, err := os.ReadFile("../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "\n### "+heading+"\n")
	if !ok {
		t.Fatalf("docs/compatibility.md has nothing on %s", heading)
	}
	table, _, _ := strings.Cut(rest, "\n##")
	var all []string
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			for _, m := range quotedPath.FindAllStringSubmatch(cells[1], -1) {
				all = append(all, m[1])
			}
		}
	}
	return all
}

// inside returns the paths of all members of a structure.
func inside(t reflect.Type, prefix string) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.PkgPath() == "time" {
		return nil
	}
	var all []string
	for i := range t.NumField() {
		f := t.Field(i)
		at := prefix + strings.Replace(f.Name, "ID", "Id", 1)
		all = append(all, at)
		of := f.Type
		if of.Kind() == reflect.Slice {
			at, of = at+"[]", of.Elem()
		}
		all = append(all, inside(of, at+".")...)
	}
	return all
}

func TestCompatibility_HasARowForEveryMemberOfMetrics(t *testing.T) {
	for heading, in := range map[string]reflect.Type{
		"GetMetricData":       reflect.TypeFor[cloudwatch.GetMetricDataInput](),
		"GetMetricStatistics": reflect.TypeFor[cloudwatch.GetMetricStatisticsInput](),
		"ListMetrics":         reflect.TypeFor[cloudwatch.ListMetricsInput](),
	} {
		rows := paths(t, heading)
		members := inside(in, "")
		covers := func(path, member string) bool {
			all, ok := strings.CutSuffix(path, ".*")
			return path == member || ok && (member == all || strings.HasPrefix(member, all+"."))
		}
		for _, m := range members {
			n := 0
			for _, p := range rows {
				if covers(p, m) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s: %s has %d rows, want one", heading, m, n)
			}
		}
		for _, p := range rows {
			if !slices.ContainsFunc(members, func(m string) bool { return covers(p, m) }) {
				t.Errorf("%s: the row %s is of no member", heading, p)
			}
		}
	}
}
