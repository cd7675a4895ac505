package compare

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A DifferenceKind is what kind of difference it is.
type DifferenceKind string

// The kinds of differences.
const (
	Missing DifferenceKind = "missing" // production has a member, the shadow has not
	Extra   DifferenceKind = "extra"   // the shadow has a member, production has not
	Type    DifferenceKind = "type"    // such as a number and a text; or one answer cannot be read as what the other is
	Value   DifferenceKind = "value"
	Length  DifferenceKind = "length" // of lists, rows, shapes and bytes; what they hold is not compared then
)

// DifferenceKinds lists the kinds of differences in the order they are shown.
func DifferenceKinds() []DifferenceKind { return []DifferenceKind{Missing, Extra, Type, Value, Length} }

// A Difference is what two answers differ in at one path, in one way. The same in several elements of a list is one
// Difference.
type Difference struct {
	// Path is a JSON Pointer (RFC 6901) in which "-" stands for every place in a list; empty for the whole answer. Columns
	// of CSV keep their number, from 0. It has at most 200 bytes.
	Path  string
	Kind  DifferenceKind
	Count int // how many there are

	// Production and Shadow are the first of the two values as they stand in the answers, each in at most 80 bytes; empty
	// where there is none.
	Production, Shadow string

	// Of those that are finite numbers: how many, and by how much they differ.
	Numbers            int
	Absolute, Relative Gap
}

// A Gap is by how much numbers differ: |a−b| as they are, or divided by max(|a|, |b|). It never overflows.
type Gap struct {
	Max float64 `json:"max"`
	Sum float64 `json:"sum"`
}

func (g *Gap) add(d float64) { g.merge(Gap{d, d}) }

func (g *Gap) merge(o Gap) {
	g.Max = min(max(g.Max, o.Max), math.MaxFloat64)
	g.Sum = min(g.Sum+o.Sum, math.MaxFloat64)
}

// Bounds of what is shown of an answer, in bytes.
const (
	maxPath  = 200
	maxPart  = 64
	maxValue = 80
)

// findings are the differences found so far, at the path that has been gone to.
type findings struct {
	list  []Difference
	more  int
	limit int
	path  []byte
	quiet bool // differences are to be noticed, not kept
}

// enter goes to a member. What is returned leads back.
func (f *findings) enter(key []byte) (back int) {
	back = len(f.path)
	if f.quiet || back > maxPath {
		return back
	}
	f.path = append(f.path, '/')
	if len(key) > maxPart {
		key = []byte(cut(string(key[:maxPart+1]), maxPart))
	}
	if slices.ContainsFunc(key, func(c byte) bool { return c < ' ' || c > '~' }) {
		key = []byte(printable(key))
	}
	for _, c := range key {
		switch c {
		case '~':
			f.path = append(f.path, "~0"...)
		case '/':
			f.path = append(f.path, "~1"...)
		default:
			f.path = append(f.path, c)
		}
	}
	return back
}

func (f *findings) enterList() (back int) { return f.enter(anyElement) }

var anyElement = []byte("-")

func (f *findings) enterColumn(n int) (back int) {
	back = len(f.path)
	f.path = strconv.AppendInt(append(f.path, '/'), int64(n), 10)
	return back
}

func (f *findings) leave(back int) { f.path = f.path[:back] }

// add notes a difference of that kind at the path. It returns false, which is what comparing comes to then.
func (f *findings) add(kind DifferenceKind, production, shadow []byte) bool {
	f.note(kind, production, shadow)
	return false
}

// addNumbers is add for numbers that are d apart.
func (f *findings) addNumbers(production, shadow []byte, d distance) bool {
	if n := f.note(Value, production, shadow); n != nil {
		n.apart(d)
	}
	return false
}

// again is addNumbers where there is such a difference at the path already. It reports false if there is none.
func (f *findings) again(d distance) bool {
	n := f.find(Value, f.place())
	if n != nil {
		n.Count++
		n.apart(d)
	}
	return n != nil
}

func (n *Difference) apart(d distance) {
	if d.finite() {
		n.Numbers++
		n.Absolute.add(d.absolute)
		n.Relative.add(d.relative)
	}
}

// note counts a difference, and returns where, if it is kept.
func (f *findings) note(kind DifferenceKind, production, shadow []byte) *Difference {
	if f.quiet {
		return nil
	}
	path := f.place()
	if n := f.find(kind, path); n != nil {
		n.Count++
		return n
	}
	if len(f.list) == f.limit {
		f.more++
		return nil
	}
	f.list = append(f.list, Difference{Path: string(path), Kind: kind, Count: 1, Production: shown(production), Shadow: shown(shadow)})
	return &f.list[len(f.list)-1]
}

// place returns the path as it is kept.
func (f *findings) place() []byte {
	if len(f.path) > maxPath {
		return []byte(cut(string(f.path), maxPath))
	}
	return f.path
}

func (f *findings) find(kind DifferenceKind, path []byte) *Difference {
	for i := range f.list {
		if n := &f.list[i]; n.Kind == kind && n.Path == string(path) {
			return n
		}
	}
	return nil
}

// shown is a value as it is shown: in one line, and not too long.
func shown(b []byte) string { return cut(printable(b[:min(len(b), maxValue+utf8.UTFMax)]), maxValue) }

// printable is text in one line. What is not UTF-8 becomes the replacement character.
func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		if unicode.IsSpace(r) {
			return ' '
		}
		return utf8.RuneError
	}, string(b))
}

// cut shortens valid UTF-8 to at most n bytes, and shows that it did.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// windowOf shows what is around a place in bytes, as text if it is.
func windowOf(b []byte, at int) []byte {
	const before, after = 20, 40
	from, to := max(0, at-before), min(len(b), at+after)
	lead, trail := "", ""
	if from > 0 {
		lead = "…"
	}
	if to < len(b) {
		trail = "…"
	}
	for from < at && !utf8.RuneStart(b[from]) {
		from++
	}
	for to > at+1 && to < len(b) && !utf8.RuneStart(b[to]) {
		to--
	}
	if utf8.Valid(b[from:to]) {
		return []byte(lead + string(b[from:to]) + trail)
	}
	to = min(len(b), at+16)
	return fmt.Appendf(nil, "at byte %d: % x", at, b[min(at, len(b)):to])
}
