package compare

import (
	"bytes"
	"cmp"
	"math"
	"math/big"
	"strconv"
)

// A tolerance is how far numbers may be apart that agree.
type tolerance struct{ absolute, relative float64 }

func (t tolerance) none() bool { return t.absolute == 0 && t.relative == 0 }

// A distance is by how much two numbers differ. Those that cannot be told apart by a finite number are infinitely far.
type distance struct{ absolute, relative float64 }

func (d distance) finite() bool { return d.absolute <= math.MaxFloat64 }

var far = distance{math.Inf(1), math.Inf(1)}

// agree reports whether numbers that are so far apart, the larger of which has that magnitude, agree.
func (t tolerance) agree(absolute, larger float64) bool {
	return absolute <= t.absolute || absolute <= t.relative*larger
}

// floats compares two floating-point numbers. NaN agrees with NaN. The distance is that of numbers that do not agree.
func (t tolerance) floats(a, b float64) (ok bool, d distance) {
	if a == b || a != a && b != b {
		return true, distance{}
	}
	absolute, larger := math.Abs(a-b), max(math.Abs(a), math.Abs(b))
	switch {
	case !(larger <= math.MaxFloat64): // one is NaN or infinite
		return false, far
	case t.agree(absolute, larger):
		return true, distance{}
	}
	return false, apart(min(absolute, math.MaxFloat64), larger)
}

func apart(absolute, larger float64) distance { return distance{absolute, absolute / larger} }

// numbers compares two numbers as they are written. Whole numbers are told apart however long they are; others are taken as
// IEEE 754 doubles, as nearly every reader of answers takes them.
func (t tolerance) numbers(a, b []byte) (ok bool, d distance) {
	if bytes.Equal(a, b) {
		return true, distance{}
	}
	f, g := float(a), float(b)
	if f != g {
		return t.floats(f, g)
	}
	x, y := newDecimal(a), newDecimal(b)
	if !x.whole() || !y.whole() || x.compare(&y) == 0 {
		return true, distance{}
	}
	d = wholeDistance(&x, &y, f)
	return d.finite() && t.agree(d.absolute, math.Abs(f)), d
}

// float returns the double that is nearest to a number, infinity if it is beyond all.
func float(text []byte) float64 {
	if newDecimal(text).special == 'n' {
		return math.NaN() // with a sign, as C prints it, it is no number to strconv
	}
	f, _ := strconv.ParseFloat(string(text), 64)
	return f
}

// maxWhole is how many digits of a whole number are reckoned with, which all doubles have.
const maxWhole = 310

func wholeDistance(x, y *decimal, f float64) distance {
	a, ok := x.big()
	b, okay := y.big()
	if !ok || !okay || math.IsInf(f, 0) {
		return far
	}
	apartBy, _ := new(big.Float).SetInt(a.Sub(a, b)).Float64()
	return apart(math.Abs(apartBy), math.Abs(f))
}

// A decimal is a number as it is written, in the manner of JSON or of what programs print for it.
type decimal struct {
	negative bool
	digits   []byte // from the first digit that is not 0 to the last; there may be a point between
	count    int    // of digits
	point    int    // the number is 0.digits times 10 to the point; 0 has no digits
	special  byte   // 'n' for NaN, 'i' for infinity; else 0
}

// newDecimal reads what [isNumber] takes for a number, in JSON or outside of it.
func newDecimal(text []byte) decimal {
	var d decimal
	s := text
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		d.negative, s = s[0] == '-', s[1:]
	}
	if len(s) > 0 && s[0]|0x20 >= 'a' {
		if d.special = s[0] | 0x20; d.special == 'n' {
			d.negative = false
		}
		return d
	}
	exponent := 0
	if i := bytes.IndexAny(s, "eE"); i >= 0 {
		exponent, s = smallInt(s[i+1:]), s[:i]
	}
	d.read(s, exponent)
	return d
}

// read takes the digits and the point.
func (d *decimal) read(s []byte, exponent int) {
	whole := bytes.IndexByte(s, '.')
	if whole < 0 {
		whole = len(s)
	}
	first := bytes.IndexAny(s, "123456789")
	if first < 0 {
		d.negative = false // −0 is 0
		return
	}
	last := len(s) - 1
	for s[last] == '0' || s[last] == '.' {
		last--
	}
	d.digits = s[first : last+1]
	d.count = len(d.digits)
	switch {
	case first > whole:
		d.point = whole - first + 1
	default:
		d.point = whole - first
		if last > whole {
			d.count--
		}
	}
	d.point += exponent
}

// smallInt reads a whole number with a sign. One that is beyond all sense becomes a thousand millions.
func smallInt(s []byte) int {
	negative := len(s) > 0 && s[0] == '-'
	n := 0
	for _, c := range bytes.TrimLeft(s, "+-") {
		n = min(n*10+int(c-'0'), 1e9)
	}
	if negative {
		return -n
	}
	return n
}

// whole reports whether it is a whole number.
func (d *decimal) whole() bool { return d.special == 0 && d.count <= max(d.point, 0) }

// big returns a whole number, if it is not too long.
func (d *decimal) big() (n *big.Int, ok bool) {
	if d.point > maxWhole {
		return nil, false
	}
	digits := append(bytes.ReplaceAll(d.digits, []byte("."), nil), bytes.Repeat([]byte("0"), d.point-d.count)...)
	n, ok = new(big.Int).SetString("0"+string(digits), 10)
	if ok && d.negative {
		n.Neg(n)
	}
	return n, ok
}

// compare orders numbers exactly: −1, 0 or 1. NaN is before all others.
func (d *decimal) compare(o *decimal) int {
	if n := cmp.Compare(d.sign(), o.sign()); n != 0 {
		return n
	}
	n := d.compareMagnitude(o)
	if d.negative {
		return -n
	}
	return n
}

func (d *decimal) sign() int {
	switch {
	case d.special == 'n':
		return -2
	case len(d.digits) == 0 && d.special == 0:
		return 0
	case d.negative:
		return -1
	}
	return 1
}

func (d *decimal) compareMagnitude(o *decimal) int {
	if n := cmp.Or(cmp.Compare(d.special, o.special), cmp.Compare(d.point, o.point)); n != 0 {
		return n
	}
	a, b := d.digits, o.digits
	for {
		a, b = bytes.TrimPrefix(a, dot), bytes.TrimPrefix(b, dot)
		if len(a) == 0 || len(b) == 0 {
			return cmp.Compare(len(a), len(b))
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
}

var dot = []byte(".")

// isNumber reports whether a text outside of JSON is a number, as programs print them: with a sign, a leading point, and in
// any case nan, inf or infinity.
func isNumber(s []byte) bool {
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	if len(s) == 0 {
		return false
	}
	if s[0]|0x20 == 'n' || s[0]|0x20 == 'i' {
		return bytes.EqualFold(s, []byte("nan")) || bytes.EqualFold(s, []byte("inf")) || bytes.EqualFold(s, []byte("infinity"))
	}
	n := digits(s)
	rest := s[n:]
	if len(rest) > 0 && rest[0] == '.' {
		fraction := digits(rest[1:])
		n, rest = n+fraction, rest[1+fraction:]
	}
	if n == 0 {
		return false
	}
	if len(rest) == 0 {
		return true
	}
	if rest[0]|0x20 != 'e' {
		return false
	}
	if rest = rest[1:]; len(rest) > 0 && (rest[0] == '-' || rest[0] == '+') {
		rest = rest[1:]
	}
	return len(rest) > 0 && digits(rest) == len(rest)
}

// digits returns how many digits s begins with.
func digits(s []byte) int {
	for i, c := range s {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(s)
}
