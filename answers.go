package gnomon

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Answers say how a shadow's answers are compared with production's. The zero Answers are compared by their content type,
// exactly, and with nothing left out. They can be compared by [Answers.Equal].
type Answers struct {
	Kind       AnswerKind   `json:",omitzero"` // empty: by content type
	Top        int          `json:",omitzero"` // of AnswersTop: how many of the best labels, 1 to 100; else 0
	AnyOrder   bool         `json:",omitzero"` // the order of no list counts
	Unordered  []AnswerPath `json:",omitzero"` // lists whose order does not count; sorted, each once
	Similarity float64      `json:",omitzero"` // above 0 and at most 1: texts agree from there on; 0: only if they are the same
	Ignore     []AnswerPath `json:",omitzero"` // what is left out; sorted, each once, at most [MaxIgnored]
	Absolute   float64      `json:",omitzero"` // numbers a and b agree if |a−b| is at most this, 0 or more,
	Relative   float64      `json:",omitzero"` // or at most this times max(|a|, |b|); 0 or more, below 1
}

// MaxIgnored is how many paths [Answers] may leave out.
const MaxIgnored = 64

// An AnswerKind is what answers are taken for when they are compared.
type AnswerKind string

// The kinds.
const (
	AnswersAuto  AnswerKind = ""     // what their content type says
	AnswersJSON  AnswerKind = "json" // JSON, or JSON Lines where the content type says so
	AnswersCSV   AnswerKind = "csv"
	AnswersNPY   AnswerKind = "npy"   // NumPy's format of arrays
	AnswersTop   AnswerKind = "top"   // labels with scores, of which the best must be the same
	AnswersText  AnswerKind = "text"  // in which white space does not count
	AnswersBytes AnswerKind = "bytes" // byte for byte
	AnswersOff   AnswerKind = "off"   // not at all
)

// An AnswerPath leads to values in an answer: keys of objects and places in lists, each after a slash. The part "-" is every
// element of a list, "+" every element or member of whatever is there, a number one element (from 0) or a key; "/" alone is
// the whole answer. A key that is empty, or has a slash or what tags cannot hold, can only be met by "+".
type AnswerPath string

// Parts returns the parts of the path, none for the whole answer.
func (p AnswerPath) Parts() []string {
	if p == "/" {
		return nil
	}
	return strings.Split(strings.TrimPrefix(string(p), "/"), "/")
}

// parsePath returns a path as it is written in a tag.
func parsePath(word string) (p AnswerPath, ok bool) {
	if word != "/" && (!strings.HasPrefix(word, "/") || strings.HasSuffix(word, "/") || strings.Contains(word, "//")) {
		return "", false
	}
	return AnswerPath(word), true
}

// Equal reports whether both compare alike.
func (a Answers) Equal(o Answers) bool { return a.other(o) == "" }

// other returns the key of the first tag that must have another value for a to become o; empty: none.
func (a Answers) other(o Answers) string {
	switch {
	case a.Kind != o.Kind || a.Top != o.Top || a.AnyOrder != o.AnyOrder || a.Similarity != o.Similarity || !slices.Equal(a.Unordered, o.Unordered):
		return TagAnswers
	case !slices.Equal(a.Ignore, o.Ignore):
		return TagIgnore
	case a.Absolute != o.Absolute || a.Relative != o.Relative:
		return TagTolerance
	}
	return ""
}

// parse takes what a tag says of answers.
func (a *Answers) parse(t Tag) error {
	wrong, words := "", strings.Fields(t.Value)
	switch t.Key {
	case TagAnswers:
		wrong = a.parseKind(words)
	case TagIgnore:
		wrong = a.parseIgnore(words)
	case TagTolerance:
		wrong = a.parseTolerance(words)
	}
	if wrong != "" {
		return Errorf(Invalid, "The value %q of the tag %q is not valid. %s", t.Value, t.Key, wrong)
	}
	return nil
}

// Check returns an error that is Invalid if a setting has no effect beside the others.
func (a *Answers) Check() error {
	parsed := slices.Contains([]AnswerKind{AnswersAuto, AnswersJSON, AnswersCSV, AnswersNPY}, a.Kind)
	switch {
	case len(a.Ignore) > 0 && !parsed:
		return Errorf(Invalid, "The tag %q leaves nothing out of answers that are compared as %q: it goes with auto, json, csv and npy. Leave it out, or change the tag %q.", TagIgnore, a.Kind, TagAnswers)
	case a.Absolute+a.Relative > 0 && !parsed && a.Kind != AnswersTop:
		return Errorf(Invalid, "The tag %q has no effect on answers that are compared as %q: it goes with auto, json, csv, npy and labels. Leave it out, or change the tag %q.", TagTolerance, a.Kind, TagAnswers)
	}
	return nil
}

const kindsText = "It must begin with how answers are compared: auto, json, csv, npy, label, top-2 to top-100, text, bytes or off."

// parseKind takes the words of TagAnswers. It returns what is wrong with them.
func (a *Answers) parseKind(words []string) (wrong string) {
	if len(words) == 0 {
		return kindsText
	}
	switch kind := AnswerKind(words[0]); kind {
	case "auto":
	case "label":
		a.Kind, a.Top = AnswersTop, 1
	case AnswersJSON, AnswersCSV, AnswersNPY, AnswersText, AnswersBytes, AnswersOff:
		a.Kind = kind
	default:
		var ok bool
		if a.Top, ok = parseTop(words[0]); !ok {
			return kindsText
		}
		a.Kind = AnswersTop
	}
	for _, w := range words[1:] {
		if wrong := a.option(words[0], w); wrong != "" {
			return wrong
		}
	}
	if a.AnyOrder && len(a.Unordered) > 0 {
		return "The word unordered alone is for all lists: leave it out, or those with a path."
	}
	a.Unordered = sorted(a.Unordered)
	return ""
}

var topText = regexp.MustCompile(`^top-([1-9][0-9]{0,2})$`)

func parseTop(word string) (k int, ok bool) {
	m := topText.FindStringSubmatch(word)
	if m == nil {
		return 0, false
	}
	k, err := strconv.Atoi(m[1])
	return k, err == nil && 2 <= k && k <= 100
}

// option takes one word of TagAnswers after the first, which is kind.
func (a *Answers) option(kind, word string) (wrong string) {
	name, value, given := strings.Cut(word, "=")
	switch {
	case name == "unordered" && a.Kind != AnswersAuto && a.Kind != AnswersJSON:
		return "The word unordered goes with auto and json, not with " + kind + "."
	case name == "similarity" && a.Kind != AnswersAuto && a.Kind != AnswersText:
		return "The word similarity goes with auto and text, not with " + kind + "."
	case word == "unordered":
		a.AnyOrder = true
		return ""
	case name == "unordered":
		path, ok := parsePath(value)
		if !ok {
			return "A list without order is named by its path, such as unordered=/predictions/-/labels, or unordered=/ for the whole answer."
		}
		a.Unordered = append(a.Unordered, path)
		return ""
	case name == "similarity" && given:
		n, ok := number(value)
		if !ok || n <= 0 || n > 1 {
			return "A similarity must be above 0 and at most 1, such as similarity=0.9."
		}
		if a.Similarity != 0 {
			return "It may have one similarity only."
		}
		a.Similarity = n
		return ""
	}
	return "After how answers are compared it may have unordered, unordered=/path/of/a/list and similarity=0.9, with spaces between them."
}

// parseIgnore takes the words of TagIgnore. It returns what is wrong with them.
func (a *Answers) parseIgnore(words []string) (wrong string) {
	for _, w := range words {
		path, ok := parsePath(w)
		if !ok || path == "/" {
			words = nil
			break
		}
		a.Ignore = append(a.Ignore, path)
	}
	if len(words) == 0 || len(words) > MaxIgnored {
		return `It must be 1 to 64 paths with spaces between them, such as /model_version /predictions/-/time: each part after a slash, "-" for every element of a list, "+" for whatever is there.`
	}
	a.Ignore = sorted(a.Ignore)
	return ""
}

func sorted(paths []AnswerPath) []AnswerPath {
	slices.Sort(paths)
	return slices.Compact(paths)
}

// parseTolerance takes the words of TagTolerance. It returns what is wrong with them.
func (a *Answers) parseTolerance(words []string) (wrong string) {
	seen := make(map[string]bool)
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		n, ok := number(value)
		switch {
		case !ok || seen[name]:
			words = nil
		case name == "absolute":
			a.Absolute = n
		case name == "relative" && n < 1:
			a.Relative = n
		default:
			words = nil
		}
		seen[name] = true
	}
	if len(words) == 0 {
		return "It must be absolute=0.001, relative=0.01 or both, with a space between them: each 0 or more, relative below 1. Exponents are allowed, such as 1e-6."
	}
	return ""
}

// exact is a number of 0 or more as tolerances have it.
var exact = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$`)

// number reads a number of 0 or more that may have an exponent.
func number(s string) (n float64, ok bool) {
	if !exact.MatchString(s) {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}
