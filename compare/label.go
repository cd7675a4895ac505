package compare

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"
)

// A score is one label of an answer and how well it did. A label without a name is its place in its row.
type score struct {
	name  []byte
	score float64
}

// A ranking is what an answer says of labels: one row for each thing that was asked about. Flat ones are a list of single
// labels, each of which may be a row, or all of them one.
type ranking struct {
	scores []score
	rows   []int32 // where each row ends in scores
	flat   flatness
}

// flatness is what may be made of a list of single labels or numbers.
type flatness uint8

const (
	notFlat     flatness = iota // it has rows
	flatScores                  // numbers that are scores of one row
	flatNumbers                 // whole numbers: labels, each a row, or scores of one row
	flatLabels                  // labels with scores, each a row
	flatRow                     // labels with scores that may be those of one row
)

func (r *ranking) reset() {
	clear(r.scores)
	r.scores, r.rows, r.flat = r.scores[:0], r.rows[:0], notFlat
}

func (r *ranking) add(name []byte, n float64) {
	if n != n {
		n = math.Inf(-1)
	}
	r.scores = append(r.scores, score{name, n})
}

// end ends a row, which must not be empty.
func (r *ranking) end() bool {
	r.rows = append(r.rows, int32(len(r.scores)))
	from, to := r.row(len(r.rows) - 1)
	return from < to
}

func (r *ranking) row(n int) (from, to int) {
	if n > 0 {
		from = int(r.rows[n-1])
	}
	return from, int(r.rows[n])
}

// Names of members, the first of which that is there counts.
var (
	outputNames = [][]byte{[]byte("predictions"), []byte("outputs")}
	labelNames  = [][]byte{[]byte("predicted_label"), []byte("label"), []byte("predicted_class"), []byte("class")}
	listNames   = [][]byte{[]byte("labels"), []byte("label"), []byte("classes")}
	pairNames   = [][]byte{[]byte("label")}
	scoreNames  = [][]byte{[]byte("probabilities"), []byte("scores"), []byte("score"), []byte("probability"), []byte("prob")}
)

// A labeller reads labels out of a document, the single best of each row or all.
type labeller struct {
	*document
	*ranking
	best bool
}

// member returns the value of the first of the names that an object has as one of the shapes.
func (l *labeller) member(i int32, names [][]byte, shapes ...shape) (value int32, ok bool) {
	for _, name := range names {
		if at, ok := l.document.member(i, name); ok && slices.Contains(shapes, l.nodes[at].is) {
			return at, true
		}
	}
	return 0, false
}

// answer reads a whole answer.
func (l *labeller) answer(i int32) bool {
	switch l.nodes[i].is {
	case list:
		return l.list(i)
	case object:
		if inner, ok := l.member(i, outputNames, list, object); ok {
			return l.answer(inner)
		}
		return l.item(i)
	}
	return l.single(i)
}

// single reads a label that stands alone.
func (l *labeller) single(i int32) bool {
	if !l.isLabel(i) {
		return false
	}
	l.add(l.name(i), 1)
	return l.end()
}

// isLabel reports whether a value may be a label: a text or a whole number.
func (l *labeller) isLabel(i int32) bool {
	switch l.nodes[i].is {
	case text:
		return true
	case number:
		n := newDecimal(l.raw(i))
		return n.whole()
	}
	return false
}

// list reads a list whose elements are of one shape.
func (l *labeller) list(i int32) bool {
	n := l.size(i)
	if n == 0 {
		return false
	}
	is := l.nodes[i+1].is
	if is == number {
		return l.numbers(i)
	}
	if is == object && l.pairs(i) {
		return true
	}
	for k, at := 0, i+1; k < n; k, at = k+1, l.next(at) {
		if l.nodes[at].is != is {
			return false
		}
		ok := false
		switch is {
		case text:
			ok = l.single(at)
		case list:
			ok = l.inner(at)
		case object:
			ok = l.item(at)
		}
		if !ok {
			return false
		}
	}
	return true
}

// numbers reads a list of nothing but numbers: scores of one row; or labels, if they are whole.
func (l *labeller) numbers(i int32) bool {
	if l.flat = flatNumbers; !l.scoreList(i, -1) {
		return false
	}
	for k := range l.size(i) {
		if !l.isLabel(i + 1 + int32(k)) {
			l.flat = flatScores
		}
	}
	return true
}

// scoreList reads a list of numbers as scores, of the labels in another list of that length if there is one.
func (l *labeller) scoreList(i, labels int32) bool {
	for k, at := 0, i+1; k < l.size(i); k, at = k+1, l.next(at) {
		if l.nodes[at].is != number {
			return false
		}
		var name []byte
		if labels >= 0 {
			if !l.isLabel(labels + 1 + int32(k)) {
				return false
			}
			name = l.name(labels + 1 + int32(k))
		}
		l.add(name, l.float(at))
	}
	return true
}

// pairs reads a list of objects that each have one label and its score, as Hugging Face's pipelines answer.
func (l *labeller) pairs(i int32) bool {
	before := len(l.scores)
	for k, at := 0, i+1; k < l.size(i); k, at = k+1, l.next(at) {
		if l.nodes[at].is != object || !l.pair(at) {
			l.scores = l.scores[:before]
			return false
		}
	}
	if l.flat = flatLabels; l.oneRow(before) {
		l.flat = flatRow
	}
	return true
}

func (l *labeller) pair(i int32) bool {
	label, ok := l.member(i, pairNames, text, number)
	if !ok || !l.isLabel(label) {
		return false
	}
	n, ok := l.member(i, scoreNames, number)
	if ok {
		l.add(l.name(label), l.float(n))
	}
	return ok
}

// oneRow reports whether labels with scores may be of one row: each is there once, and the scores are shares of a whole.
func (r *ranking) oneRow(from int) bool {
	sum, names := 0.0, make(map[string]bool)
	for _, s := range r.scores[from:] {
		sum += s.score
		names[string(s.name)] = true
	}
	return len(names) == len(r.scores)-from && sum <= 1.01
}

// inner reads a list in a list: one row.
func (l *labeller) inner(i int32) bool {
	if l.size(i) == 0 {
		return false
	}
	switch l.nodes[i+1].is {
	case number:
		if l.size(i) == 1 { // a single score says nothing of labels
			return l.single(i + 1)
		}
		return l.scoreList(i, -1) && l.end()
	case text:
		return l.size(i) == 1 && l.single(i+1)
	case object:
		for k, at := 0, i+1; k < l.size(i); k, at = k+1, l.next(at) {
			if l.nodes[at].is != object || !l.pair(at) {
				return false
			}
		}
		return l.end()
	}
	return false
}

// item reads an object that says what one thing is: its best label, or lists of labels and scores.
func (l *labeller) item(i int32) bool {
	label, labelled := l.member(i, labelNames, text, number)
	if labelled && l.best {
		return l.single(label)
	}
	if scores, ok := l.member(i, scoreNames, list); ok {
		names, named := l.member(i, listNames, list)
		if named && l.size(names) == l.size(scores) && l.size(scores) > 0 {
			return l.scoreList(scores, names) && l.end()
		}
		if l.size(scores) > 1 {
			return l.scoreList(scores, -1) && l.end()
		}
	}
	return labelled && l.single(label)
}

// readLabels reads the labels of an answer.
func (p *pair) readLabels(i int, a *Answer) reading {
	r := &p.ranked[i]
	r.reset()
	ok := false
	switch format := labelFormat(a); format {
	case NPY:
		ok = p.arrays[i].parse(a.Body) && p.spend(p.arrays[i].count) && p.arrays[i].labels(r)
	case CSV:
		t := &p.tables[i]
		state := t.parse(a.Body, p.left)
		if p.spend(len(t.cells)); state != readable {
			return state
		}
		ok = t.labels(r)
	default:
		d := &p.json[i]
		state := d.parse(a.Body, format == Lines, p.limits.Depth, p.left)
		if p.spend(len(d.nodes)); state != readable {
			return state
		}
		l := labeller{d, r, p.answers.Top <= 1}
		from := int32(0)
		if format == Lines && d.size(0) == 1 {
			from = 1 // one line is what it says, not a list of it
		}
		ok = l.answer(from)
	}
	if p.left < 0 {
		return tooLarge
	}
	if !ok {
		return malformed
	}
	return readable
}

// labels reads rows of scores; or of a label each, with what else there is about it behind.
func (t *table) labels(r *ranking) bool {
	for n := range t.rows {
		from, to := t.row(n)
		first := bytes.TrimSpace(t.cell(from))
		switch {
		case !isNumber(first) && len(first) > 0:
			r.add(first, 1)
		case to-from == 1:
			if d := newDecimal(first); len(first) == 0 || !d.whole() {
				return false
			}
			r.add(plain(first), 1)
		default:
			for k := from; k < to; k++ {
				c := bytes.TrimSpace(t.cell(k))
				if !isNumber(c) {
					return false
				}
				r.add(nil, float(c))
			}
		}
		r.end()
	}
	return len(t.rows) > 0
}

// labels reads the scores along the last dimension, or an array of labels.
func (a *array) labels(r *ranking) bool {
	if a.count == 0 || len(a.shape) == 0 || a.class == 'b' || a.class == 'c' {
		return false
	}
	classes := a.shape[len(a.shape)-1]
	whole := a.class != 'f' && (len(a.shape) == 1 || classes == 1)
	if !whole && classes < 2 {
		return false
	}
	for n := range a.count {
		m := n
		if a.fortran {
			m = a.across(n)
		}
		if whole {
			r.add(a.append(nil, m), 1)
			r.end()
			continue
		}
		if r.add(nil, a.at(m).double); (n+1)%classes == 0 {
			r.end()
		}
	}
	return true
}

// across returns where the element is stored that is the n-th of an array whose last index would run fastest.
func (a *array) across(n int) int {
	rows := array{shape: a.shape}
	return rows.other(n)
}

// settle makes rows of what is flat, of both answers in the same way as far as that can be.
func settle(a, b *ranking) {
	together := a.mayBeOne(b) && b.mayBeOne(a)
	for _, r := range []*ranking{a, b} {
		switch {
		case r.flat == notFlat:
		case r.flat == flatScores || together:
			r.end()
		default:
			r.split()
		}
	}
}

// mayBeOne reports whether the ranking may be one row where the other one is.
func (r *ranking) mayBeOne(other *ranking) bool {
	switch r.flat {
	case notFlat:
		return len(r.rows) == 1
	case flatNumbers:
		return other.flat == flatScores
	case flatLabels:
		return false
	}
	return true
}

// split makes a row of each label.
func (r *ranking) split() {
	for i, s := range r.scores {
		if s.name == nil {
			r.scores[i] = score{strconv.AppendFloat(nil, s.score, 'f', -1, 64), 1}
		}
		r.rows = append(r.rows, int32(i+1))
	}
}

// compareLabels compares the best labels of each row.
func (p *pair) compareLabels() (x, y reading) {
	x, y = p.readLabels(0, &p.production), p.readLabels(1, &p.shadow)
	if x != readable || y != readable {
		return x, y
	}
	a, b := &p.ranked[0], &p.ranked[1]
	settle(a, b)
	if len(a.rows) != len(b.rows) {
		p.found.add(Length, size(len(a.rows), "rows"), size(len(b.rows), "rows"))
		return readable, readable
	}
	defer p.found.leave(p.found.enterList())
	k := max(1, p.answers.Top)
	for n := range a.rows {
		from, to := a.row(n)
		first, last := b.row(n)
		if s, t := a.scores[from:to], b.scores[first:last]; !p.sameBest(s, t, k) {
			p.found.add(Value, best(s, k), best(t, k))
		}
	}
	return readable, readable
}

// A rank is what is known of a label in both rows.
type rank struct {
	scores [2]float64
	in     [2]bool
}

// sameBest reports whether the k best labels can be the same set. Labels whose scores agree within the tolerance with that of
// the k-th may each be among the best or not.
func (p *pair) sameBest(s, t []score, k int) bool {
	if min(k, len(s)) != min(k, len(t)) || (s[0].name == nil) != (t[0].name == nil) {
		return false
	}
	bounds := [2]float64{p.kth(s, k), p.kth(t, k)}
	if math.IsInf(bounds[0], -1) != math.IsInf(bounds[1], -1) {
		return false // one has no best labels: its scores are no numbers
	}
	surely, possibly := 0, 0
	for _, r := range p.align(s, t) {
		sure, possible := false, true
		for i := range 2 {
			tied := false
			if r.in[i] {
				tied, _ = p.tolerance.floats(r.scores[i], bounds[i])
			}
			sure = sure || r.in[i] && !tied && r.scores[i] > bounds[i]
			possible = possible && r.in[i] && (tied || r.scores[i] > bounds[i])
		}
		if sure && !possible {
			return false
		}
		if sure {
			surely++
		}
		if possible {
			possibly++
		}
	}
	k = min(k, len(s))
	return surely <= k && k <= possibly
}

// kth returns the k-th best score, or the worst if there are fewer.
func (p *pair) kth(row []score, k int) float64 {
	if k == 1 {
		best := row[0].score
		for _, s := range row[1:] {
			best = max(best, s.score)
		}
		return best
	}
	p.sorted = p.sorted[:0]
	for _, s := range row {
		p.sorted = append(p.sorted, s.score)
	}
	slices.Sort(p.sorted)
	return p.sorted[max(0, len(row)-k)]
}

// align brings the labels of two rows together.
func (p *pair) align(s, t []score) []rank {
	p.ranks = p.ranks[:0]
	if s[0].name == nil {
		for i := range max(len(s), len(t)) {
			var r rank
			for side, row := range [2][]score{s, t} {
				if i < len(row) {
					r.scores[side], r.in[side] = row[i].score, true
				}
			}
			p.ranks = append(p.ranks, r)
		}
		return p.ranks
	}
	byName := func(x, y score) int { return cmp.Or(bytes.Compare(x.name, y.name), cmp.Compare(y.score, x.score)) }
	slices.SortStableFunc(s, byName)
	slices.SortStableFunc(t, byName)
	for len(s) > 0 || len(t) > 0 {
		order := 1
		if len(t) == 0 || len(s) > 0 && bytes.Compare(s[0].name, t[0].name) <= 0 {
			order = -1
		}
		if len(s) > 0 && len(t) > 0 && bytes.Equal(s[0].name, t[0].name) {
			order = 0
		}
		var r rank
		if order <= 0 {
			r.scores[0], r.in[0], s = s[0].score, true, s[1:]
		}
		if order >= 0 {
			r.scores[1], r.in[1], t = t[0].score, true, t[1:]
		}
		p.ranks = append(p.ranks, r)
	}
	return p.ranks
}

// best writes the k best labels, the best first.
func best(row []score, k int) []byte {
	order := make([]int, len(row))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(row[j].score, row[i].score) })
	var b []byte
	for n, i := range order[:min(k, len(order))] {
		if n > 0 {
			b = append(b, ", "...)
		}
		if row[i].name == nil {
			b = strconv.AppendInt(b, int64(i), 10)
		} else {
			b = append(b, row[i].name...)
		}
		if len(b) > maxValue {
			break
		}
	}
	return b
}
