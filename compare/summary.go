package compare

import (
	"cmp"
	stdjson "encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"
)

// Bounds of a [Summary].
const (
	MaxPaths    = 64 // that are told apart
	MaxExamples = 3  // that are kept of each path
	maxEventID  = 64 // bytes
)

// A Summary gathers what came of many comparisons, in bounded memory. The zero Summary is empty. It is not safe for use by
// several goroutines at a time. Compared is Agreed and Differed together.
type Summary struct {
	Compared     int64
	Agreed       int64
	Differed     int64
	Uncomparable map[Reason]int64 // not among Compared
	Kinds        map[Kind]int64   // how those were compared
	Texts        int64            // were compared as Text or Stream,
	Similarity   float64          // which this is the sum over of how alike they are, from 0 to 1 each

	// Other is about all paths for which there was no room, and about differences that found none in a [Result]. It has no
	// path and no examples, and counts an answer once for each of its paths.
	Other PathSummary

	paths map[string]*PathSummary
}

// A PathSummary is what differs at one path.
type PathSummary struct {
	Path     string                   `json:"path"`    // as in [Difference]
	Answers  int64                    `json:"answers"` // that differ there, each once
	Kinds    map[DifferenceKind]int64 `json:"kinds"`   // how many differences there are, of which one answer may have several
	Numbers  int64                    `json:"numbers,omitzero"`
	Absolute Gap                      `json:"absolute,omitzero"` // of Numbers differences between finite numbers
	Relative Gap                      `json:"relative,omitzero"`
	Examples []Example                `json:"examples,omitempty"` // the first ones
}

// An Example is one difference of one pair of answers.
type Example struct {
	EventID    string         `json:"event_id"`
	Kind       DifferenceKind `json:"kind"`
	Production string         `json:"production,omitempty"`
	Shadow     string         `json:"shadow,omitempty"`
}

// Mean returns the mean of the Numbers differences' absolute and relative size, 0 if there are none.
func (p *PathSummary) Mean() (absolute, relative float64) {
	if p.Numbers == 0 {
		return 0, 0
	}
	return p.Absolute.Sum / float64(p.Numbers), p.Relative.Sum / float64(p.Numbers)
}

// Add counts one result. The event's ID is kept with examples, of its first 64 bytes.
func (s *Summary) Add(r Result, eventID string) {
	if r.Uncomparable != "" {
		count(&s.Uncomparable, r.Uncomparable, 1)
		return
	}
	s.Compared++
	count(&s.Kinds, r.Kind, 1)
	if r.Kind == Text || r.Kind == Stream {
		s.Texts++
		s.Similarity += r.Similarity
	}
	if r.Agrees() {
		s.Agreed++
		return
	}
	s.Differed++
	for i := range r.Differences {
		d := &r.Differences[i]
		p := s.path(d.Path)
		if !slices.ContainsFunc(r.Differences[:i], func(before Difference) bool { return before.Path == d.Path }) {
			p.Answers++
		}
		p.add(d)
		if p != &s.Other && len(p.Examples) < MaxExamples {
			id := cut(printable([]byte(eventID[:min(len(eventID), maxEventID+1)])), maxEventID)
			p.Examples = append(p.Examples, Example{id, d.Kind, d.Production, d.Shadow})
		}
	}
	if r.More > 0 {
		s.Other.Answers++
		s.Other.more(int64(r.More))
	}
}

// Unknown is what the kinds of differences are counted as that found no place in a [Result].
const Unknown DifferenceKind = "unknown"

func (p *PathSummary) more(n int64) { count(&p.Kinds, Unknown, n) }

func (p *PathSummary) add(d *Difference) {
	count(&p.Kinds, d.Kind, int64(d.Count))
	p.Numbers += int64(d.Numbers)
	p.Absolute.merge(d.Absolute)
	p.Relative.merge(d.Relative)
}

func count[K comparable](m *map[K]int64, k K, n int64) {
	if *m == nil {
		*m = make(map[K]int64)
	}
	(*m)[k] += n
}

// path returns where differences at a path are counted.
func (s *Summary) path(path string) *PathSummary {
	p, ok := s.paths[path]
	switch {
	case ok:
		return p
	case len(s.paths) == MaxPaths:
		return &s.Other
	case s.paths == nil:
		s.paths = make(map[string]*PathSummary)
	}
	p = &PathSummary{Path: path}
	s.paths[path] = p
	return p
}

// Paths returns the paths that answers differ at, those of most answers first. What is returned is the caller's.
func (s *Summary) Paths() []PathSummary {
	all := make([]PathSummary, 0, len(s.paths))
	for _, p := range s.paths {
		c := *p
		c.Kinds, c.Examples = maps.Clone(p.Kinds), slices.Clone(p.Examples)
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b PathSummary) int {
		return cmp.Or(cmp.Compare(b.Answers, a.Answers), cmp.Compare(a.Path, b.Path))
	})
	return all
}

// Merge adds all that o has, and leaves o alone. Where there is no room for all paths, s keeps its own and takes those of
// o that most answers differ at; of examples it keeps its own first.
func (s *Summary) Merge(o *Summary) {
	s.Compared += o.Compared
	s.Agreed += o.Agreed
	s.Differed += o.Differed
	s.Texts += o.Texts
	s.Similarity += o.Similarity
	for k, n := range o.Uncomparable {
		count(&s.Uncomparable, k, n)
	}
	for k, n := range o.Kinds {
		count(&s.Kinds, k, n)
	}
	for _, p := range o.Paths() {
		s.path(p.Path).merge(&p)
	}
	other := o.Other
	s.Other.merge(&other)
	s.Other.Examples = nil
}

func (p *PathSummary) merge(o *PathSummary) {
	p.Answers += o.Answers
	for k, n := range o.Kinds {
		count(&p.Kinds, k, n)
	}
	p.Numbers += o.Numbers
	p.Absolute.merge(o.Absolute)
	p.Relative.merge(o.Relative)
	p.Examples = append(p.Examples, o.Examples[:min(len(o.Examples), MaxExamples-len(p.Examples))]...)
}

// wire is how a summary is kept: as it is read, too.
type wire struct {
	Compared     int64            `json:"compared"`
	Agreed       int64            `json:"agreed"`
	Differed     int64            `json:"differed"`
	Uncomparable map[Reason]int64 `json:"uncomparable,omitempty"`
	Kinds        map[Kind]int64   `json:"kinds,omitempty"`
	Texts        int64            `json:"texts,omitzero"`
	Similarity   float64          `json:"similarity_sum,omitzero"`
	Paths        []PathSummary    `json:"paths,omitempty"`
	Other        *PathSummary     `json:"other,omitempty"`
}

// MarshalJSON writes the summary. What is read from that is the same summary.
func (s Summary) MarshalJSON() ([]byte, error) {
	w := wire{
		Compared: s.Compared, Agreed: s.Agreed, Differed: s.Differed, Uncomparable: s.Uncomparable, Kinds: s.Kinds,
		Texts: s.Texts, Similarity: s.Similarity, Paths: s.Paths(),
	}
	if len(s.Other.Kinds) > 0 {
		w.Other = &s.Other
	}
	return stdjson.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON writes. Anything that no summary comes to is an error, and then s stays as it was.
func (s *Summary) UnmarshalJSON(b []byte) error {
	var w wire
	if err := stdjson.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("summary of comparisons: %w", err)
	}
	read := Summary{
		Compared: w.Compared, Agreed: w.Agreed, Differed: w.Differed, Uncomparable: w.Uncomparable, Kinds: w.Kinds,
		Texts: w.Texts, Similarity: w.Similarity,
	}
	if w.Other != nil {
		read.Other = *w.Other
	}
	if len(w.Paths) > MaxPaths {
		return fmt.Errorf("summary of comparisons: %d paths, of which there are at most %d", len(w.Paths), MaxPaths)
	}
	for _, p := range w.Paths {
		if _, twice := read.paths[p.Path]; twice {
			return fmt.Errorf("summary of comparisons: the path %q is there twice", p.Path)
		}
		*read.path(p.Path) = p
	}
	if err := read.check(); err != nil {
		return fmt.Errorf("summary of comparisons: %w", err)
	}
	*s = read
	return nil
}

func (s *Summary) check() error {
	if s.Agreed < 0 || s.Differed < 0 || s.Compared != s.Agreed+s.Differed {
		return fmt.Errorf("%d compared, %d agreed and %d differed", s.Compared, s.Agreed, s.Differed)
	}
	if err := checkCounts(s.Uncomparable, Reasons(), math.MaxInt64); err != nil {
		return err
	}
	if err := checkCounts(s.Kinds, Kinds(), s.Compared); err != nil {
		return err
	}
	if n := total(s.Kinds); n != s.Compared {
		return fmt.Errorf("%d compared, %d by their kinds", s.Compared, n)
	}
	if s.Texts != s.Kinds[Text]+s.Kinds[Stream] || !(s.Similarity >= 0 && s.Similarity <= float64(s.Texts)*(1+1e-9)) {
		return fmt.Errorf("%d texts that are alike by %g", s.Texts, s.Similarity)
	}
	for _, p := range s.paths {
		if err := p.check(s.Differed); err != nil {
			return fmt.Errorf("path %q: %w", p.Path, err)
		}
	}
	if len(s.Other.Examples) > 0 || s.Other.Path != "" {
		return fmt.Errorf("other paths have the path %q and %d examples", s.Other.Path, len(s.Other.Examples))
	}
	return s.Other.check(math.MaxInt64)
}

func checkCounts[K ~string](counts map[K]int64, known []K, most int64) error {
	for k, n := range counts {
		if !slices.Contains(known, k) || n < 0 || n > most {
			return fmt.Errorf("%q counts %d", k, n)
		}
	}
	return nil
}

func total[K comparable](counts map[K]int64) (n int64) {
	for _, k := range counts {
		n += k
	}
	return n
}

func (p *PathSummary) check(most int64) error {
	if p.Answers < 0 || p.Answers > most || !shortText(p.Path, maxPath) {
		return fmt.Errorf("%d answers, %d bytes", p.Answers, len(p.Path))
	}
	if err := checkCounts(p.Kinds, append(DifferenceKinds(), Unknown), math.MaxInt64); err != nil {
		return err
	}
	if p.Numbers < 0 || p.Numbers > p.Kinds[Value] || !p.Absolute.sane() || !p.Relative.sane() {
		return fmt.Errorf("%d numbers, %+v, %+v", p.Numbers, p.Absolute, p.Relative)
	}
	if len(p.Examples) > MaxExamples {
		return fmt.Errorf("%d examples", len(p.Examples))
	}
	for _, e := range p.Examples {
		if !slices.Contains(DifferenceKinds(), e.Kind) || !shortText(e.EventID, maxEventID) || !shortText(e.Production, maxValue) || !shortText(e.Shadow, maxValue) {
			return fmt.Errorf("example %+v", e)
		}
	}
	return nil
}

func (g Gap) sane() bool { return 0 <= g.Max && g.Max <= g.Sum*(1+1e-9) && g.Sum <= math.MaxFloat64 }

func shortText(s string, most int) bool { return len(s) <= most && utf8.ValidString(s) }
