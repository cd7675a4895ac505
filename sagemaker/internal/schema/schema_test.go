package schema

import (
	"os"
	"strings"
	"testing"
)

func TestParse_Refuses(t *testing.T) {
	for name, c := range map[string]struct{ model, want string }{
		"no JSON":            {`{`, "read model"},
		"missing input":      {`{"operations": [{"name": "AddTags", "input": "Tags"}]}`, "operation AddTags: no shape Tags"},
		"missing member":     {`{"shapes": {"Tag": {"type": "structure", "members": [{"name": "Key", "shape": "Key"}]}}}`, "shape Tag: no shape Key"},
		"unknown type":       {`{"shapes": {"Tag": {"type": "document"}}}`, `shape Tag: unknown type "document"`},
		"pattern of its own": {`{"shapes": {"Tag": {"type": "string", "pattern": "(?!x)"}}}`, "shape Tag: error parsing regexp"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(c.model)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

// The patterns that look around are run as others that must match the same.
func TestParse_ReplacedPatternsMatchTheSame(t *testing.T) {
	data, err := os.ReadFile("../../model.json")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	arn := "arn:aws:sagemaker:eu-west-1:123456789012:model-package/"
	cases := map[string]struct{ matches, others []string }{
		"AlarmName": {
			matches: []string{"a", " a", "a ", "  a b  ", "\ta"},
			others:  []string{"", " ", "\t \v", "a\nb", "a\n"},
		},
		"MetricsEndpointPath": {
			matches: []string{"/metrics", "/.", "/a.", "/.a.b", "//", "/a/b.c_d-e", "/./."},
			others:  []string{"", "/", "metrics", "/..", "/a..b", "/a..", "/../a", "/a b", "/a\n"},
		},
		"VersionedArnOrName": {
			matches: []string{"a", "a-b", "a--b", "a/1", "a/123456789", arn + "a", arn + "a-1/9", strings.Repeat("a", 63)},
			others:  []string{"", "-", "-a", "a-", "a-/1", "a/", "a/x", "a/1234567890", arn, arn + "a-", strings.Repeat("a", 64), "a\n"},
		},
	}
	for name, s := range m.Shapes {
		if _, tested := cases[name]; tested != (s.RE2 != "") {
			t.Errorf("shape %s: has a replaced pattern: %t, tested here: %t", name, s.RE2 != "", tested)
		}
	}
	for name, c := range cases {
		re, err := m.Shapes[name].regexp()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range c.matches {
			if !re.MatchString(v) {
				t.Errorf("%s refuses %q", name, v)
			}
		}
		for _, v := range c.others {
			if re.MatchString(v) {
				t.Errorf("%s takes %q", name, v)
			}
		}
	}
}
