package compare

import (
	"bytes"
	"cmp"
	"slices"
)

// A walk goes through two documents side by side.
type walk struct {
	*pair
	order []int32 // a stack of keys and elements that are being sorted
	twins []twin  // a stack of elements that are being matched
}

// A place is where the walk is, as far as settings care.
type place struct {
	ignored, orderless state
	depth              int
}

// value compares two values. It reports false if they differ, and then the differences are noted.
func (w *walk) value(i, j int32, at place) bool {
	if !w.spend(1) {
		return false
	}
	a, b := &w.json[0], &w.json[1]
	is := a.nodes[i].is
	if is != b.nodes[j].is {
		return w.found.add(Type, a.raw(i), b.raw(j))
	}
	switch is {
	case number:
		ok, d := w.tolerance.numbers(a.raw(i), b.raw(j))
		return ok || w.found.addNumbers(a.raw(i), b.raw(j), d)
	case text:
		return bytes.Equal(a.string(i), b.string(j)) || w.found.add(Value, a.raw(i), b.raw(j))
	case list:
		return bytes.Equal(a.raw(i), b.raw(j)) || w.list(i, j, at)
	case object:
		return bytes.Equal(a.raw(i), b.raw(j)) || w.object(i, j, at)
	}
	return bytes.Equal(a.raw(i), b.raw(j)) || w.found.add(Value, a.raw(i), b.raw(j))
}

func (w *walk) list(i, j int32, at place) bool {
	n, m := w.json[0].size(i), w.json[1].size(j)
	if n != m {
		return w.found.add(Length, size(n, "elements"), size(m, "elements"))
	}
	defer w.found.leave(w.found.enterList())
	if w.answers.AnyOrder || w.orderless.whole(at.orderless, at.depth) {
		return w.unordered(i, j, at, n)
	}
	same := true
	for k, x, y := 0, i+1, j+1; k < n && w.on(same); k, x, y = k+1, w.json[0].next(x), w.json[1].next(y) {
		if in, ignored := w.place(at, k); !ignored {
			same = w.value(x, y, in) && same
		}
	}
	return same
}

// on reports whether there is any use in going on.
func (w *walk) on(same bool) bool { return w.left >= 0 && (same || !w.found.quiet) }

// place goes from a list to one of its elements.
func (w *walk) place(at place, n int) (in place, ignored bool) {
	in = place{w.ignore.place(at.ignored, at.depth, n), w.orderless.place(at.orderless, at.depth, n), at.depth + 1}
	return in, w.ignore.whole(in.ignored, in.depth)
}

// member goes from an object to one of its members.
func (w *walk) member(at place, key []byte) (in place, ignored bool) {
	in = place{w.ignore.member(at.ignored, at.depth, key), w.orderless.member(at.orderless, at.depth, key), at.depth + 1}
	return in, w.ignore.whole(in.ignored, in.depth)
}

// object compares two objects by their keys. Of a key that is there twice the last holds, as nearly every parser has it.
func (w *walk) object(i, j int32, at place) bool {
	bottom := len(w.order)
	w.keys(&w.json[0], i)
	middle := len(w.order)
	w.keys(&w.json[1], j)
	top := len(w.order)
	same := true
	for x, y := bottom, middle; (x < middle || y < top) && w.on(same); {
		order := w.compareKeys(x, middle, y, top)
		if order <= 0 {
			x = w.last(&w.json[0], x, middle) + 1
		}
		if order >= 0 {
			y = w.last(&w.json[1], y, top) + 1
		}
		switch {
		case order < 0:
			same = w.alone(&w.json[0], w.order[x-1], at, Missing) && same
		case order > 0:
			same = w.alone(&w.json[1], w.order[y-1], at, Extra) && same
		default:
			same = w.both(w.order[x-1], w.order[y-1], at) && same
		}
	}
	w.order = w.order[:bottom]
	return same
}

// compareKeys compares the keys at two places of the stack, either of which may be an end.
func (w *walk) compareKeys(x, endX, y, endY int) int {
	switch {
	case x == endX:
		return 1
	case y == endY:
		return -1
	}
	return bytes.Compare(w.json[0].string(w.order[x]), w.json[1].string(w.order[y]))
}

// alone deals with a member that the other object has not.
func (w *walk) alone(d *document, key int32, at place, kind DifferenceKind) bool {
	if _, ignored := w.member(at, d.string(key)); ignored {
		return true
	}
	defer w.found.leave(w.found.enter(d.string(key)))
	if kind == Missing {
		return w.found.add(kind, d.raw(key+1), nil)
	}
	return w.found.add(kind, nil, d.raw(key+1))
}

// both compares the members of two keys that are the same.
func (w *walk) both(x, y int32, at place) bool {
	key := w.json[0].string(x)
	in, ignored := w.member(at, key)
	if ignored {
		return true
	}
	defer w.found.leave(w.found.enter(key))
	return w.value(x+1, y+1, in)
}

// keys puts the keys of an object on the stack, in order; equal ones as they stand.
func (w *walk) keys(d *document, i int32) {
	from := len(w.order)
	for k, at := 0, i+1; k < d.size(i); k, at = k+1, d.next(at+1) {
		w.order = append(w.order, at)
	}
	slices.SortFunc(w.order[from:], func(x, y int32) int {
		return cmp.Or(bytes.Compare(d.string(x), d.string(y)), cmp.Compare(x, y))
	})
}

// last returns the last place of the key at x.
func (w *walk) last(d *document, x, end int) int {
	for x+1 < end && bytes.Equal(d.string(w.order[x]), d.string(w.order[x+1])) {
		x++
	}
	return x
}
