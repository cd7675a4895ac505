package compare

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
)

// npyMagic begins every array; numpy/lib/format.py describes what follows.
const npyMagic = "\x93NUMPY"

// Bounds of what is read: NumPy itself knows 64 dimensions, and reads no longer header unless asked to.
const (
	maxDimensions = 64
	maxHeader     = 10000
)

// An array is one of numbers or truth values.
type array struct {
	class   byte // 'b' for truth values, 'i', 'u', 'f' or 'c', as in NumPy
	size    int  // of an element, in bytes
	big     bool // endian
	fortran bool // the first index runs fastest
	shape   []int
	count   int // of elements
	data    []byte
}

// parse reads an array. Arrays of texts, objects and records cannot be read, nor can numbers of 16 bytes.
func (a *array) parse(body []byte) bool {
	*a = array{shape: a.shape[:0]}
	if len(body) < len(npyMagic)+2 || string(body[:len(npyMagic)]) != npyMagic {
		return false
	}
	version, rest := body[len(npyMagic)], body[len(npyMagic)+2:]
	var n int
	switch {
	case version == 1 && len(rest) >= 2:
		n, rest = int(binary.LittleEndian.Uint16(rest)), rest[2:]
	case (version == 2 || version == 3) && len(rest) >= 4:
		n, rest = int(binary.LittleEndian.Uint32(rest)), rest[4:]
	default:
		return false
	}
	if n > maxHeader || n > len(rest) {
		return false
	}
	h := header{text: rest[:n], array: a}
	a.data = rest[n:]
	return h.parse() && a.fits()
}

// fits counts the elements, and reports whether they are all there.
func (a *array) fits() bool {
	n := uint64(1)
	for _, d := range a.shape {
		if d == 0 {
			a.count = 0
			return len(a.data) == 0
		}
	}
	for _, d := range a.shape {
		var over uint64
		if over, n = bits.Mul64(n, uint64(d)); over != 0 || n > uint64(len(a.data)) {
			return false
		}
	}
	a.count = int(n)
	return a.count*a.size == len(a.data)
}

// A header is the dictionary of an array, as Python writes it.
type header struct {
	text  []byte
	array *array
}

func (h *header) space() { h.text = bytes.TrimLeft(h.text, " \t\r\n") }

func (h *header) take(c byte) bool {
	h.space()
	if len(h.text) == 0 || h.text[0] != c {
		return false
	}
	h.text = h.text[1:]
	return true
}

// word takes one of two words.
func (h *header) word(yes, no string) (is, ok bool) {
	h.space()
	for _, w := range []string{yes, no} {
		if rest, ok := bytes.CutPrefix(h.text, []byte(w)); ok {
			h.text = rest
			return w == yes, true
		}
	}
	return false, false
}

func (h *header) quoted() (s []byte, ok bool) {
	h.space()
	if len(h.text) == 0 || h.text[0] != '\'' && h.text[0] != '"' {
		return nil, false
	}
	s, rest, ok := bytes.Cut(h.text[1:], h.text[:1])
	h.text = rest
	return s, ok
}

// parse reads {'descr': '<f4', 'fortran_order': False, 'shape': (1, 10), }, in which each key is there once.
func (h *header) parse() bool {
	if !h.take('{') {
		return false
	}
	const descr, order, shape = 1, 2, 4
	seen := 0
	for !h.take('}') {
		key, ok := h.quoted()
		if !ok || !h.take(':') {
			return false
		}
		member := 0
		switch string(key) {
		case "descr":
			var s []byte
			s, ok = h.quoted()
			member, ok = descr, ok && h.array.typed(s)
		case "fortran_order":
			member = order
			h.array.fortran, ok = h.word("True", "False")
		case "shape":
			member, ok = shape, h.shape()
		}
		if !ok || seen&member != 0 || member == 0 {
			return false
		}
		seen |= member
		if h.take(',') {
			continue
		}
		if h.space(); len(h.text) == 0 || h.text[0] != '}' {
			return false
		}
	}
	h.space()
	return seen == descr|order|shape && len(h.text) == 0
}

// shape reads (), (3,) or (1, 10).
func (h *header) shape() bool {
	if !h.take('(') {
		return false
	}
	for !h.take(')') {
		h.space()
		n := digits(h.text)
		size, err := strconv.ParseInt(string(h.text[:n]), 10, 62)
		if err != nil || len(h.array.shape) == maxDimensions {
			return false
		}
		h.text = h.text[n:]
		h.take('L') // Python 2 wrote long integers so
		h.array.shape = append(h.array.shape, int(size))
		if !h.take(',') {
			return h.take(')')
		}
	}
	return true
}

// typed takes the type of the elements, such as <f4.
func (a *array) typed(descr []byte) bool {
	if len(descr) != 3 && len(descr) != 4 {
		return false
	}
	switch descr[0] {
	case '<', '=', '|':
	case '>':
		a.big = true
	default:
		return false
	}
	a.class = descr[1]
	size, err := strconv.Atoi(string(descr[2:]))
	a.size = size
	switch a.class {
	case 'b':
		return err == nil && size == 1
	case 'i', 'u':
		return err == nil && (size == 1 || size == 2 || size == 4 || size == 8)
	case 'f':
		return err == nil && (size == 2 || size == 4 || size == 8)
	case 'c':
		return err == nil && (size == 8 || size == 16)
	}
	return false
}

// bitsAt returns a part of an element as it is stored: of n bytes, from the byte at.
func (a *array) bitsAt(at, n int) uint64 {
	b := a.data[at : at+n]
	if a.big {
		switch n {
		case 1:
			return uint64(b[0])
		case 2:
			return uint64(binary.BigEndian.Uint16(b))
		case 4:
			return uint64(binary.BigEndian.Uint32(b))
		}
		return binary.BigEndian.Uint64(b)
	}
	switch n {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// An element is one number of an array: a whole one as sign and magnitude, or a double.
type element struct {
	whole     bool
	negative  bool
	magnitude uint64
	double    float64
}

// at returns the element that is stored at place n; of a complex number the real part.
func (a *array) at(n int) element {
	switch a.class {
	case 'f':
		return element{double: a.float(n*a.size, a.size)}
	case 'c':
		return element{double: a.float(n*a.size, a.size/2)}
	}
	v := a.bitsAt(n*a.size, a.size)
	if shift := 64 - 8*a.size; a.class == 'i' && int64(v<<shift) < 0 {
		signed := int64(v<<shift) >> shift
		return element{whole: true, negative: true, magnitude: uint64(-signed), double: float64(signed)}
	}
	return element{whole: true, magnitude: v, double: float64(v)}
}

// imaginary returns the imaginary part of a complex number.
func (a *array) imaginary(n int) element {
	return element{double: a.float(n*a.size+a.size/2, a.size/2)}
}

func (a *array) float(at, size int) float64 {
	v := a.bitsAt(at, size)
	switch size {
	case 2:
		return half(uint16(v))
	case 4:
		return float64(math.Float32frombits(uint32(v)))
	}
	return math.Float64frombits(v)
}

// half returns what an IEEE 754 number of 16 bits says.
func half(v uint16) float64 {
	sign, exponent, fraction := 1.0, int(v>>10&0x1f), float64(v&0x3ff)
	if v>>15 == 1 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 0x1f:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// elements compares two numbers of arrays.
func (t tolerance) elements(a, b element) (ok bool, d distance) {
	if !a.whole || !b.whole {
		return t.floats(a.double, b.double)
	}
	if a.negative == b.negative && a.magnitude == b.magnitude {
		return true, distance{}
	}
	apartBy := a.double - b.double
	if a.negative == b.negative {
		apartBy = float64(max(a.magnitude, b.magnitude) - min(a.magnitude, b.magnitude))
	}
	larger := math.Max(math.Abs(a.double), math.Abs(b.double))
	d = apart(math.Abs(apartBy), larger)
	return t.agree(d.absolute, larger), d
}

// append appends the element that is stored at place n, as text.
func (a *array) append(b []byte, n int) []byte {
	e := a.at(n)
	precision := 64
	if a.class == 'f' && a.size < 8 || a.class == 'c' && a.size == 8 {
		precision = 32
	}
	switch {
	case a.class == 'b':
		return strconv.AppendBool(b, e.magnitude != 0)
	case a.class == 'c':
		b = strconv.AppendFloat(b, e.double, 'g', -1, precision)
		if i := strconv.FormatFloat(a.imaginary(n).double, 'g', -1, precision); i[0] == '-' || i[0] == '+' {
			b = append(b, i...)
		} else {
			b = append(append(b, '+'), i...)
		}
		return append(b, 'j')
	case !e.whole:
		return strconv.AppendFloat(b, e.double, 'g', -1, precision)
	case e.negative:
		b = append(b, '-')
	}
	return strconv.AppendUint(b, e.magnitude, 10)
}

// compareNPY compares two arrays element by element. What numbers they are stored as does not count; their shape does.
func (p *pair) compareNPY() (a, b reading) {
	x, y := &p.arrays[0], &p.arrays[1]
	if !x.parse(p.production.Body) {
		a = malformed
	}
	if !y.parse(p.shadow.Body) {
		b = malformed
	}
	switch {
	case a != readable || b != readable:
	case !slices.Equal(x.shape, y.shape):
		p.found.add(Length, x.shapeText(), y.shapeText())
	case x.kindText() != y.kindText():
		p.found.add(Type, []byte(x.kindText()), []byte(y.kindText()))
	default:
		p.compareElements(x, y)
	}
	return a, b
}

func (a *array) kindText() string {
	switch a.class {
	case 'b':
		return "truth values"
	case 'c':
		return "complex numbers"
	}
	return "numbers"
}

// shapeText writes the shape as Python does.
func (a *array) shapeText() []byte {
	b := []byte{'('}
	for i, n := range a.shape {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	if len(a.shape) == 1 {
		b = append(b, ',')
	}
	return append(b, ')')
}

func (p *pair) compareElements(x, y *array) {
	for range x.shape {
		p.found.enterList()
	}
	defer p.found.leave(0)
	alike := x.class == y.class && x.size == y.size && x.big == y.big && x.fortran == y.fortran
	const block = 256 // bytes, which are mostly the same where models are
	for n := 0; n < x.count; {
		end := n + 1
		if alike {
			end = min(x.count, n+block/x.size)
			if bytes.Equal(x.data[n*x.size:end*x.size], y.data[n*y.size:end*y.size]) {
				n = end
				continue
			}
		}
		for ; n < end; n++ {
			m := n
			if x.fortran != y.fortran {
				m = x.other(n)
			}
			p.compareElement(x, y, n, m)
		}
	}
}

// compareElement compares what is stored at place n of x and m of y.
func (p *pair) compareElement(x, y *array, n, m int) {
	ok, d := p.tolerance.elements(x.at(n), y.at(m))
	if x.class == 'c' {
		again, e := p.tolerance.floats(x.imaginary(n).double, y.imaginary(m).double)
		ok, d = ok && again, distance{max(d.absolute, e.absolute), max(d.relative, e.relative)}
	}
	if ok || len(p.ignore) > 0 && p.ignoredAt(x, n) {
		return
	}
	if !p.found.again(d) { // the numbers are written out once only: there may be very many
		var a, b [64]byte
		p.found.addNumbers(x.append(a[:0], n), y.append(b[:0], m), d)
	}
}

// ignoredAt reports whether settings leave out the element that is stored at place n.
func (p *pair) ignoredAt(a *array, n int) bool {
	s := p.ignore.start()
	for depth := range a.shape {
		s = p.ignore.place(s, depth, a.index(n, depth))
		if p.ignore.whole(s, depth+1) {
			return true
		}
	}
	return false
}

// index returns what the index of that dimension is of the element that is stored at place n.
func (a *array) index(n, dimension int) int {
	if a.fortran {
		for _, d := range a.shape[:dimension] {
			n /= d
		}
	} else {
		for _, d := range a.shape[dimension+1:] {
			n /= d
		}
	}
	return n % a.shape[dimension]
}

// other returns where the element that is stored at place n would be in the other order.
func (a *array) other(n int) int {
	m := 0
	for k := range a.shape {
		if !a.fortran { // the other one is: the last index is the most
			k = len(a.shape) - 1 - k
		}
		m = m*a.shape[k] + a.index(n, k)
	}
	return m
}
