package compare

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
)

// A twin is an element of a list without order.
type twin struct {
	hash  uint64 // of elements that may agree it is the same
	at    int32
	mate  int32 // its place among the other list's elements of the hash, or alone
	round int32 // the last search that has been here
}

const alone = -1

// unordered compares two lists of n elements each, in whatever order they are. As many elements as can be are matched with
// one that they agree with; the others are compared in the order in which they stand.
func (w *walk) unordered(i, j int32, at place, n int) bool {
	in, ignored := w.place(at, anyPlace)
	if ignored {
		return true
	}
	if !w.spend(2 * n) { // before all that memory is used
		return false
	}
	bottom := len(w.twins)
	w.elements(&w.json[0], i, in)
	w.elements(&w.json[1], j, in)
	defer func() { w.twins = w.twins[:bottom] }()
	left, right := w.twins[bottom:bottom+n], w.twins[bottom+n:bottom+2*n]
	for x, y := left, right; len(x) > 0 && len(y) > 0 && w.left >= 0; {
		var some, others []twin
		switch cmp.Compare(x[0].hash, y[0].hash) {
		case -1:
			_, x = bucket(x)
		case 1:
			_, y = bucket(y)
		default:
			some, x = bucket(x)
			others, y = bucket(y)
			w.match(some, others, in)
		}
	}
	return w.rest(left, right, in)
}

// elements puts the elements of a list on the stack, in the order of their hashes.
func (w *walk) elements(d *document, i int32, in place) {
	from := len(w.twins)
	for k, at := 0, i+1; k < d.size(i); k, at = k+1, d.next(at) {
		h := uint64(number)
		if d.nodes[at].is != number { // which are matched by size, all together
			h = w.hash(d, at, in)
		}
		w.twins = append(w.twins, twin{hash: h, at: at, mate: alone})
	}
	slices.SortFunc(w.twins[from:], func(x, y twin) int { return cmp.Or(cmp.Compare(x.hash, y.hash), cmp.Compare(x.at, y.at)) })
}

// bucket cuts off the elements of the first hash.
func bucket(t []twin) (first, rest []twin) {
	n := 1
	for n < len(t) && t[n].hash == t[0].hash {
		n++
	}
	return t[:n], t[n:]
}

// match matches elements of one hash.
func (w *walk) match(left, right []twin, in place) {
	if w.json[0].nodes[left[0].at].is == number && w.json[1].nodes[right[0].at].is == number {
		w.matchNumbers(left, right)
		return
	}
	for k := range min(len(left), len(right)) {
		if w.agree(left[k].at, right[k].at, in) {
			left[k].mate, right[k].mate = int32(k), int32(k)
		}
	}
	for k := range left {
		if left[k].mate == alone && w.left >= 0 {
			w.search(left, right, k, int32(k)+1, in)
		}
	}
}

// matchNumbers matches numbers by size. No other way matches more: of two that agree, whatever lies between them agrees
// with both.
func (w *walk) matchNumbers(left, right []twin) {
	bySize := func(d *document) func(x, y twin) int {
		return func(x, y twin) int {
			a, b := newDecimal(d.raw(x.at)), newDecimal(d.raw(y.at))
			return cmp.Or(a.compare(&b), cmp.Compare(x.at, y.at))
		}
	}
	slices.SortFunc(left, bySize(&w.json[0]))
	slices.SortFunc(right, bySize(&w.json[1]))
	for x, y := 0, 0; x < len(left) && y < len(right) && w.spend(1); {
		a, b := w.json[0].raw(left[x].at), w.json[1].raw(right[y].at)
		if ok, _ := w.tolerance.numbers(a, b); ok {
			left[x].mate, right[y].mate = int32(y), int32(x)
			x, y = x+1, y+1
			continue
		}
		m, n := newDecimal(a), newDecimal(b)
		if m.compare(&n) < 0 {
			x++
		} else {
			y++
		}
	}
}

// search finds a mate for left[k], if need be by giving others another one (Kuhn's algorithm).
func (w *walk) search(left, right []twin, k int, round int32, in place) bool {
	for r := range right {
		if !w.spend(1) {
			return false
		}
		if right[r].round == round || !w.agree(left[k].at, right[r].at, in) {
			continue
		}
		right[r].round = round
		if right[r].mate == alone || w.search(left, right, int(right[r].mate), round, in) {
			left[k].mate, right[r].mate = int32(r), int32(k)
			return true
		}
	}
	return false
}

// agree compares two elements and notes nothing.
func (w *walk) agree(i, j int32, in place) bool {
	quiet := w.found.quiet
	w.found.quiet = true
	same := w.value(i, j, in)
	w.found.quiet = quiet
	return same
}

// rest compares the elements that have no mate.
func (w *walk) rest(left, right []twin, in place) bool {
	bottom := len(w.order)
	w.alones(left)
	middle := len(w.order)
	w.alones(right)
	same := true
	for k := bottom; k < middle && w.on(same); k++ {
		same = w.value(w.order[k], w.order[middle+k-bottom], in) && same
	}
	w.order = w.order[:bottom]
	return same
}

func (w *walk) alones(twins []twin) {
	from := len(w.order)
	for _, t := range twins {
		if t.mate == alone {
			w.order = append(w.order, t.at)
		}
	}
	slices.Sort(w.order[from:])
}

var seed = maphash.MakeSeed()

// hash returns a number that is the same for all values that agree.
func (w *walk) hash(d *document, i int32, at place) uint64 {
	if !w.spend(1) {
		return 0
	}
	switch n := &d.nodes[i]; n.is {
	case number:
		if !w.tolerance.none() {
			return uint64(number)
		}
		f := d.float(i)
		if f == 0 || f != f {
			f = math.Abs(f) // −0 is 0, and NaN is NaN
		}
		return mix(uint64(number), math.Float64bits(f))
	case text:
		return mix(uint64(text), maphash.Bytes(seed, d.string(i)))
	case list:
		return w.hashList(d, i, at)
	case object:
		return w.hashObject(d, i, at)
	}
	return maphash.Bytes(seed, d.raw(i))
}

func mix(a, b uint64) uint64 { return maphash.Comparable(seed, [2]uint64{a, b}) }

func (w *walk) hashList(d *document, i int32, at place) uint64 {
	loose := w.answers.AnyOrder || w.orderless.whole(at.orderless, at.depth)
	h := mix(uint64(list), uint64(d.size(i)))
	for k, x := 0, i+1; k < d.size(i); k, x = k+1, d.next(x) {
		n := k
		if loose {
			n = anyPlace
		}
		in, ignored := w.place(at, n)
		switch {
		case ignored:
		case loose:
			h += w.hash(d, x, in)
		default:
			h = mix(h, w.hash(d, x, in))
		}
	}
	return h
}

func (w *walk) hashObject(d *document, i int32, at place) uint64 {
	bottom := len(w.order)
	w.keys(d, i)
	top := len(w.order)
	h := uint64(object)
	for x := bottom; x < top; x++ {
		x = w.last(d, x, top)
		key := w.order[x]
		if in, ignored := w.member(at, d.string(key)); !ignored {
			h = mix(mix(h, maphash.Bytes(seed, d.string(key))), w.hash(d, key+1, in))
		}
	}
	w.order = w.order[:bottom]
	return h
}
