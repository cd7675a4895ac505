// Package compare tells whether two answers to one request agree, and if not, where they differ. Start at [New] and
// [Comparer.Compare]; a [Summary] gathers what came of many.
//
// It knows how answers look and nothing of where they come from. Each comparison is bounded in time and memory by [Limits],
// whatever the answers are: what costs more is not compared, and says so.
package compare

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"

	"gnomon"
)

// An Answer is what one model answered. Nothing here changes it or keeps it.
type Answer struct {
	ContentType string
	Body        []byte
	Streamed    bool // it was asked for as a stream
}

// A Kind is how two answers were compared.
type Kind string

// The kinds.
const (
	JSON   Kind = "json"
	Lines  Kind = "jsonlines" // JSON Lines: compared as one list
	CSV    Kind = "csv"
	NPY    Kind = "npy"
	Labels Kind = "labels" // the best labels only
	Text   Kind = "text"
	Stream Kind = "stream" // the text that the events of a stream come to
	Bytes  Kind = "bytes"
)

// Kinds lists the kinds in the order they are shown.
func Kinds() []Kind { return []Kind{JSON, Lines, CSV, NPY, Labels, Text, Stream, Bytes} }

// A Reason is why two answers were not compared.
type Reason string

// The reasons.
const (
	TooLarge     Reason = "too_large"     // beyond Limits
	ContentTypes Reason = "content_types" // one is JSON, CSV or an array, and the other another of them
	NoLabels     Reason = "no_labels"     // labels were asked for, and neither answer has any
	Off          Reason = "off"           // nothing is to be compared
)

// Reasons lists the reasons in the order they are shown.
func Reasons() []Reason { return []Reason{TooLarge, ContentTypes, NoLabels, Off} }

// A Result is what came of comparing two answers.
type Result struct {
	Kind         Kind    // how they were compared; empty if they were not
	Score        float64 // 1 if they agree, else 0; it is 0 if they were not compared
	Similarity   float64 // of texts that were compared, from 0 to 1; else the Score
	Uncomparable Reason  // why they were not compared; empty: they were

	// Differences are what they differ in, as far as Limits.Differences allows; none if they agree. More is how many
	// differences found no place.
	Differences []Difference
	More        int
}

// Agrees reports whether the answers were compared and agree.
func (r Result) Agrees() bool { return r.Score == 1 }

// Limits bound what comparing one pair of answers may cost. A field of 0 stands for its default.
type Limits struct {
	Bytes       int // of each answer that is parsed; 1 MiB
	Values      int // that are looked at in both answers: values of JSON, cells of CSV, scores, words; 262144
	Depth       int // of JSON; 128
	Differences int // that are kept, by place and kind; 16
}

func (l Limits) filled() Limits {
	for field, n := range map[*int]int{&l.Bytes: 1 << 20, &l.Values: 1 << 18, &l.Depth: 128, &l.Differences: 16} {
		if *field <= 0 {
			*field = n
		}
	}
	return l
}

// A Comparer compares answers in one way. It never changes, and any number of goroutines may use it at a time.
type Comparer struct {
	answers   gnomon.Answers
	limits    Limits
	tolerance tolerance
	ignore    patterns
	orderless patterns
}

// New returns a Comparer that compares as the settings of an experiment say, within the default [Limits].
func New(a gnomon.Answers) *Comparer {
	return &Comparer{
		answers: a, limits: Limits{}.filled(), tolerance: tolerance{a.Absolute, a.Relative},
		ignore: newPatterns(a.Ignore), orderless: newPatterns(a.Unordered),
	}
}

// Within returns a Comparer that compares as c does, within other limits.
func (c *Comparer) Within(l Limits) *Comparer {
	within := *c
	within.limits = l.filled()
	return &within
}

// Compare compares the shadow's answer with production's. Answers of the same bytes agree, whatever they are. What one of
// them only can be read as is a difference; if neither can be read, their bytes are compared.
func (c *Comparer) Compare(production, shadow Answer) Result {
	if c.answers.Kind == gnomon.AnswersOff {
		return Result{Uncomparable: Off}
	}
	kind, ok := c.kind(&production, &shadow)
	switch {
	case bytes.Equal(production.Body, shadow.Body):
		return Result{Kind: kind, Score: 1, Similarity: 1}
	case !ok:
		return Result{Uncomparable: ContentTypes}
	case kind != Bytes && max(len(production.Body), len(shadow.Body)) > c.limits.Bytes:
		return Result{Uncomparable: TooLarge}
	}
	p := newPair(c, production, shadow)
	defer p.free()
	return p.compare(kind)
}

// A pair is one comparison under way. Pairs are used again, and what they hold in memory with them.
type pair struct {
	*Comparer
	production, shadow Answer
	left               int // values that may still be looked at
	found              findings
	similarity         float64

	json   [2]document
	walk   walk
	tables [2]table
	arrays [2]array
	ranked [2]ranking
	ranks  []rank
	sorted []float64
	normal [2][]byte // texts as they are compared
	grams  [2][]uint64
}

var pairs = sync.Pool{New: func() any { return new(pair) }}

func newPair(c *Comparer, production, shadow Answer) *pair {
	p := pairs.Get().(*pair)
	p.Comparer, p.production, p.shadow = c, production, shadow
	p.left, p.similarity = c.limits.Values, -1
	p.found = findings{limit: c.limits.Differences, path: p.found.path[:0]}
	return p
}

// keptValues is how many values' memory a pair keeps for the next one.
const keptValues = 1 << 14

func (p *pair) free() {
	if p.large() {
		return // to the garbage collector
	}
	p.Comparer, p.production, p.shadow, p.found.list = nil, Answer{}, Answer{}, nil
	for i := range 2 {
		p.json[i].body, p.tables[i].body, p.arrays[i].data = nil, nil, nil
		p.ranked[i].reset()
	}
	pairs.Put(p)
}

func (p *pair) large() bool {
	n := max(cap(p.ranks), cap(p.sorted), cap(p.walk.order), cap(p.walk.twins), cap(p.normal[0])/8, cap(p.normal[1])/8)
	for i := range 2 {
		n = max(n, cap(p.json[i].nodes), cap(p.json[i].text)/8, cap(p.tables[i].cells), cap(p.ranked[i].scores), cap(p.grams[i]))
	}
	return n > keptValues
}

// A reading is how far an answer could be read.
type reading int8

const (
	readable reading = iota
	malformed
	tooLarge
)

// compare compares by the kind, and by bytes if neither answer is of it.
func (p *pair) compare(kind Kind) Result {
	switch a, b := p.read(kind); {
	case a == tooLarge || b == tooLarge:
		return Result{Uncomparable: TooLarge}
	case a == readable && b == readable:
		return p.result(kind)
	case a != b:
		p.found.add(Type, is(kind, a, p.production.Body), is(kind, b, p.shadow.Body))
		return p.result(kind)
	}
	switch first, _ := kindOf(p.production.ContentType); {
	case kind == Labels:
		return Result{Uncomparable: NoLabels}
	case kind == Stream && first == Lines:
		return p.compare(Lines)
	case kind == Stream || kind != Text && p.production.Streamed && p.shadow.Streamed:
		return p.compare(Text)
	}
	p.compareBytes()
	return p.result(Bytes)
}

// read compares the answers as far as both can be read as that kind, and says whether they can. Nothing is read as Bytes.
func (p *pair) read(kind Kind) (a, b reading) {
	switch kind {
	case JSON, Lines:
		return p.compareJSON(kind == Lines)
	case CSV:
		return p.compareCSV()
	case NPY:
		return p.compareNPY()
	case Labels:
		return p.compareLabels()
	case Text:
		return p.compareText(p.production.Body, p.shadow.Body)
	case Stream:
		return p.compareStreams()
	}
	return malformed, malformed
}

// is says what an answer is where the other one is not.
func is(kind Kind, r reading, body []byte) []byte {
	if r == readable {
		return []byte(kind)
	}
	return fmt.Appendf(nil, "not %s: %s", kind, printable(body[:min(len(body), maxValue)]))
}

func (p *pair) result(kind Kind) Result {
	r := Result{Kind: kind, Differences: p.found.list, More: p.found.more}
	if len(r.Differences) == 0 {
		r.Score = 1
	}
	r.Similarity = r.Score
	if p.similarity >= 0 {
		r.Similarity = p.similarity
	}
	return r
}

// spend takes n values off what may still be looked at. It reports false when that is used up.
func (p *pair) spend(n int) bool {
	p.left -= n
	return p.left >= 0
}

// compareBytes compares byte for byte answers that are known to differ.
func (p *pair) compareBytes() {
	a, b := p.production.Body, p.shadow.Body
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	if len(a) != len(b) {
		p.found.add(Length, size(len(a), "bytes"), size(len(b), "bytes"))
		return
	}
	p.found.add(Value, windowOf(a, at), windowOf(b, at))
}

func size(n int, what string) []byte {
	return append(strconv.AppendInt(nil, int64(n), 10), " "+what...)
}
