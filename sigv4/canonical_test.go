package sigv4

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAppendPath(t *testing.T) {
	tests := []struct{ path, want string }{
		{"", "/"},
		{"/", "/"},
		{"//", "/"},
		{"/a", "/a"},
		{"/a/", "/a/"},
		{"//a//b//", "/a/b/"},
		{"/a/./b/.", "/a/b"},
		{"/a/../b", "/b"},
		{"/a/..", "/"},
		{"/a/../", "/"},
		{"/../../a", "/a"},
		{"/a/b/../..//c", "/c"},
		{"/...", "/..."},
		{"/a%20b", "/a%2520b"},
		{"/%2e%2e/a", "/%252e%252e/a"},
		{"/a%2Fb", "/a%252Fb"},
		{"/a+b=c,d:e@f", "/a%2Bb%3Dc%2Cd%3Ae%40f"},
		{"/-._~", "/-._~"},
		{"/世", "/%E4%B8%96"},
	}
	for _, tt := range tests {
		// Resolving ".." must not reach into what stands before the path.
		got := string(appendPath([]byte("GET /x\n"), []byte(tt.path)))
		if want := "GET /x\n" + tt.want; got != want {
			t.Errorf("appendPath(%q) = %q, want %q", tt.path, got, want)
		}
	}
}

func TestAppendQuery(t *testing.T) {
	tests := []struct{ query, want string }{
		{"", ""},
		{"a", "a="},
		{"a=", "a="},
		{"=a", "=a"},
		{"&&a=1&", "a=1"},
		{"b=1&a=2", "a=2&b=1"},
		{"a=2&a=1&a", "a=&a=1&a=2"},
		{"a-b=1&a=2", "a=2&a-b=1"},
		{"a.=1&a=2&a%2F=3", "a=2&a%2F=3&a.=1"}, // '%' sorts before '.', '/' would not
		{"B=1&a=2", "B=1&a=2"},
		{"a=b=c", "a=b%3Dc"},
		{"a+b=c+d", "a%20b=c%20d"},
		{"a=%20%2b%2B", "a=%20%2B%2B"},
		{"%41=%7e", "A=~"},
		{"a=;b", "a=%3Bb"},
		{"a=?/", "a=%3F%2F"},
		{"世=1", "%E4%B8%96=1"},
	}
	for _, tt := range tests {
		var c canonicalizer
		if !c.appendQuery([]byte(tt.query)) {
			t.Errorf("appendQuery(%q) refuses", tt.query)
		}
		if got := string(c.buf); got != tt.want {
			t.Errorf("appendQuery(%q) = %q, want %q", tt.query, got, tt.want)
		}
	}
}

func TestAppendFolded(t *testing.T) {
	for value, want := range map[string]string{
		"":                   "",
		"  ":                 "",
		"a":                  "a",
		" a  b ":             "a b",
		"a\tb":               "a b",
		"a \t b\r\n c":       "a b c",
		`"a   b"`:            `"a b"`,
		"é\u00a0\u00a0é\xff": "é\u00a0\u00a0é\xff",
	} {
		if got := string(appendFolded(nil, []byte(value))); got != want {
			t.Errorf("appendFolded(%q) = %q, want %q", value, got, want)
		}
	}
}

// model is the canonical request written the plain way, from the standard
// library's parts.
func model(method, uri, value string) (string, bool) {
	path, query, _ := strings.Cut(uri, "?")
	var segments []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			segments = segments[:max(0, len(segments)-1)]
		default:
			segments = append(segments, escape(segment))
		}
	}
	canonicalPath := "/" + strings.Join(segments, "/")
	if strings.HasSuffix(path, "/") && len(segments) > 0 {
		canonicalPath += "/"
	}
	var pairs [][]string
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, val, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return "", false
		}
		val, err = url.QueryUnescape(val)
		if err != nil {
			return "", false
		}
		pairs = append(pairs, []string{escape(name), escape(val)})
	}
	slices.SortFunc(pairs, slices.Compare)
	var parameters []string
	for _, p := range pairs {
		parameters = append(parameters, p[0]+"="+p[1])
	}
	isASCIISpace := func(r rune) bool { return strings.ContainsRune(" \t\n\v\f\r", r) }
	folded := strings.Join(strings.FieldsFunc(value, isASCIISpace), " ")
	return method + "\n" + canonicalPath + "\n" + strings.Join(parameters, "&") + "\nx:" + folded + "\n\nx\nhash", true
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func FuzzCanonical(f *testing.F) {
	f.Add("GET", "/a/../b//c%20d/?b=1&a=%2f+&a=&c", " x  y\t")
	f.Add("POST", "", "")
	f.Add("", "?%zz", "\xff")
	f.Add("GET", "/?a=%0z", "")
	f.Add("GET", "/?%z0", "")
	f.Add("P", "/..?&=&a=%2", "a\r\n b")
	f.Add("GET", "//?a=b?c=d;e", "a,b")
	f.Fuzz(func(t *testing.T, method, uri, value string) {
		r := &Request{Method: []byte(method), RequestURI: []byte(uri), Header: []Header{{[]byte("X"), []byte(value)}}}
		var c canonicalizer
		got, err := c.request(r, []byte("x"), []byte("hash"))
		want, ok := model(method, uri, value)
		if (err == nil) != ok {
			t.Fatalf("%q: error %v, model says ok %v", uri, err, ok)
		}
		if diff := cmp.Diff(want, string(got)); ok && diff != "" {
			t.Fatal(diff)
		}
		again, err := c.request(r, []byte("x"), []byte("hash"))
		if ok && (err != nil || !bytes.Equal(got, again)) {
			t.Fatalf("not the same twice: %q, %q", got, again)
		}
	})
}

// A cache that a caller could grow without end would be a leak.
func TestSigningKeyCacheIsBounded(t *testing.T) {
	var c keyCache
	key := newSigningKey("id", "secret", "20150830", "us-east-1", "service")
	for i := range 3 * maxSigningKeys {
		c.put(string(rune(i)), key)
		if len(c.entries) > maxSigningKeys {
			t.Fatalf("%d entries", len(c.entries))
		}
	}
	if c.get([]byte(string(rune(3*maxSigningKeys-1)))) != key {
		t.Error("the last key put is not there")
	}
}
