package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gnomon"
	"gnomon/compare"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// An element of a page, with the text in it that is in no element of its own.
type element struct {
	Name     string
	Attr     map[string]string
	Text     string
	Children []*element
}

// parse reads a page as XML, which is stricter than what browsers do.
func parse(t testing.TB, b []byte) *element {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(b))
	root := &element{}
	open := []*element{root}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root.Children[0]
		} else if err != nil {
			t.Fatalf("the page is not well-formed: %v\n%s", err, b)
		}
		last := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{Name: token.Name.Local, Attr: make(map[string]string)}
			for _, a := range token.Attr {
				e.Attr[a.Name.Local] = a.Value
			}
			last.Children = append(last.Children, e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			last.Text += string(token)
		}
	}
}

// all returns the elements of a name that fit, in order.
func (e *element) all(name string, fits func(*element) bool) (found []*element) {
	if e.Name == name && (fits == nil || fits(e)) {
		found = append(found, e)
	}
	for _, c := range e.Children {
		found = append(found, c.all(name, fits)...)
	}
	return found
}

// outline returns the elements with their classes, without what the figures show.
func (e *element) outline(indent string) string {
	var b strings.Builder
	b.WriteString(indent + e.Name)
	if c := e.Attr["class"]; c != "" {
		b.WriteString("." + strings.ReplaceAll(c, " ", "."))
	}
	b.WriteString("\n")
	for _, c := range e.Children {
		b.WriteString(c.outline(indent + "  "))
	}
	return b.String()
}

func (e *element) text() string {
	text := e.Text
	for _, c := range e.Children {
		text += " " + c.text()
	}
	return text
}

func write(t testing.TB, c Comparison) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.WritePage(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWritePage_NeedsNothingElse(t *testing.T) {
	page := parse(t, write(t, example(t)))
	for _, name := range []string{"script", "link", "img", "iframe", "object", "embed", "image", "use", "a", "form", "base"} {
		if found := page.all(name, nil); len(found) > 0 {
			t.Errorf("the page has %d elements %s", len(found), name)
		}
	}
	var visit func(*element)
	visit = func(e *element) {
		for a, v := range e.Attr {
			if strings.HasPrefix(a, "on") || a == "style" || a == "src" || a == "href" || strings.Contains(v, "url(") || strings.Contains(v, "//") {
				t.Errorf("<%s %s=%q>", e.Name, a, v)
			}
		}
		for _, c := range e.Children {
			visit(c)
		}
	}
	visit(page)
	style := page.all("style", nil)
	if len(style) != 1 || strings.Contains(style[0].Text, "url(") || strings.Contains(style[0].Text, "@import") {
		t.Fatalf("styles: %v", style)
	}
	hash := sha256.Sum256([]byte(style[0].Text))
	policy := page.all("meta", func(e *element) bool { return e.Attr["http-equiv"] == "Content-Security-Policy" })
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"; len(policy) != 1 || !strings.Contains(policy[0].Attr["content"], want) {
		t.Errorf("the policy does not allow the page's own style %s: %v", want, policy)
	}
}

func TestWritePage_Outline(t *testing.T) {
	got := parse(t, write(t, example(t))).outline("")
	path := filepath.Join("testdata", "outline.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
}

func TestWritePage_SaysWhatItIsTold(t *testing.T) {
	c := example(t)
	page := parse(t, write(t, c))
	text := page.text()
	for _, part := range slices.Concat(c.Evidence.Why, c.Warnings, c.Evidence.Warnings, []string{
		"The shadow is worse.", "Latency: worse", "Errors: undecided", "Answers: no worse", "trees-1", "digits", "AllTraffic", "Trees",
		"50 % of the requests copied, at most 20 per second", "8,000", "queue_full", "49.75 %", "/label", `"cat"`, `"dog"`, "event-0",
		"is not the p99 of the differences", "a probability of 95 %", "margin 5 %", "decided", "2.40 ms", "1.80 ms",
	}) {
		if !strings.Contains(text, part) {
			t.Errorf("the page does not say %q", part)
		}
	}
	if n := len(page.all("svg", func(e *element) bool { return e.Attr["role"] == "img" })); n != 4 {
		t.Errorf("%d plots, want 4", n)
	}
}

func TestWritePage_OfNothing(t *testing.T) {
	page := parse(t, write(t, Comparison{}))
	text := page.text()
	for _, part := range []string{"No pair to compare yet.", "No answers compared yet.", "No latency yet."} {
		if !strings.Contains(text, part) {
			t.Errorf("the page does not say %q", part)
		}
	}
	if n := len(page.all("polyline", nil)); n > 0 {
		t.Errorf("%d lines of nothing", n)
	}
}

const hostile = `</style></title></svg><script>alert(1)</script><img src=x onerror="a()"> "' onload='b()' &lt; {{.CSS}} javascript:c() ` + "\u202e\u2028 `${d}`"

// haunted is the example with hostile text wherever text comes from models, users or the outside.
func haunted(t *testing.T, text string) Comparison {
	c := example(t)
	c.Name, c.Endpoint, c.Status, c.StatusReason, c.Outcome = gnomon.ExperimentName(text), gnomon.EndpointName(text), gnomon.ExperimentStatus(text), text, gnomon.Outcome(text)
	c.Warnings, c.Evidence.Why, c.Evidence.Warnings = []string{text}, []string{text}, []string{text}
	c.Variants.Production, c.Variants.Shadow = gnomon.VariantName(text), gnomon.VariantName(text)
	c.Verdict.Errors = "told by a newer server " + c.Verdict.Errors
	s := new(compare.Summary)
	s.Add(compare.Result{Kind: compare.JSON, Differences: []compare.Difference{
		{Path: text, Kind: compare.DifferenceKind(text), Count: 1, Production: text, Shadow: text},
	}}, text)
	c.Evidence.Answers.Differences = s
	return c
}

func TestWritePage_EscapesWhatIsHostile(t *testing.T) {
	b := write(t, haunted(t, hostile))
	got, want := parse(t, b), parse(t, write(t, haunted(t, "harmless")))
	if d := cmp.Diff(want.outline(""), got.outline("")); d != "" {
		t.Errorf("hostile text changes the page:\n%s", d)
	}
	if n := strings.Count(got.text(), hostile); n < 12 {
		t.Errorf("the text is there %d times as it is, want 12 or more", n)
	}
	if bytes.Contains(b, []byte("<script")) || bytes.Contains(b, []byte("onerror=\"")) {
		t.Error("hostile text is in the page as it is")
	}
}

type brokenWriter struct{}

var errDiskFull = errors.New("disk full")

func (brokenWriter) Write([]byte) (int, error) { return 0, errDiskFull }

func TestWrite_SaysThatItCouldNot(t *testing.T) {
	if err := example(t).WritePage(brokenWriter{}); !errors.Is(err, errDiskFull) {
		t.Errorf("page: %v", err)
	}
	if err := example(t).WriteText(brokenWriter{}); !errors.Is(err, errDiskFull) {
		t.Errorf("text: %v", err)
	}
}

func TestMeanings_AreOfAllBuckets(t *testing.T) {
	if d := cmp.Diff(slices.Sorted(maps.Keys(meanings)), slices.Sorted(slices.Values(gnomon.Buckets()))); d != "" {
		t.Error(d)
	}
}

// FuzzWritePage makes a page of whatever a server might answer.
func FuzzWritePage(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"verdict":{"overall":"<b>"},"evidence":{"latency":{"course":[{"values":-1,"lower":-1e308,"upper":1e308}]}}}`))
	f.Add([]byte(`{"distributions":{"production":{"points":[{"us":-1,"share":7},{"us":1e308,"share":-1e308}],"bands":[{"quantile":9}]}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c Comparison
		if json.Unmarshal(b, &c) != nil {
			return
		}
		page := write(t, c)
		if len(page) > 64<<10+40*len(b) {
			t.Errorf("%d bytes make a page of %d", len(b), len(page))
		}
	})
}
