package compare

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// A document is JSON in the order in which it was written: each value before what it holds, keys before their values.
type document struct {
	body  []byte
	nodes []node
	text  []byte // strings that have escapes, without them
}

// A node is one value, or a key.
type node struct {
	from, to int32 // where it stands in the body, with the quotes of a string
	a, b     int32 // a list's or object's size, and the node behind it; of an escaped string where it stands in text
	is       shape
	escaped  bool
}

// A shape is what of JSON a value is.
type shape uint8

const (
	null shape = iota
	boolean
	number
	text
	list
	object
)

var bom = []byte("\xef\xbb\xbf")

// raw returns a value as it stands in the answer.
func (d *document) raw(i int32) []byte { return d.body[d.nodes[i].from:d.nodes[i].to] }

// string returns what a string says.
func (d *document) string(i int32) []byte {
	n := &d.nodes[i]
	if n.escaped {
		return d.text[n.a:n.b]
	}
	return d.body[n.from+1 : n.to-1]
}

// size returns how many elements or members there are.
func (d *document) size(i int32) int { return int(d.nodes[i].a) }

// member returns an object's first member of that name.
func (d *document) member(i int32, name []byte) (value int32, ok bool) {
	for k, at := 0, i+1; k < d.size(i); k, at = k+1, d.next(at+1) {
		if bytes.Equal(d.string(at), name) {
			return at + 1, true
		}
	}
	return 0, false
}

// next returns the node behind a value.
func (d *document) next(i int32) int32 {
	if d.nodes[i].is >= list {
		return d.nodes[i].b
	}
	return i + 1
}

// parse reads one value of JSON, or with lines a list of them, each on lines of its own. Besides what RFC 8259 has there may
// be NaN, Infinity and −Infinity, which Python writes, and a byte-order mark. No more than values are read.
func (d *document) parse(body []byte, lines bool, depth, values int) reading {
	d.body, d.nodes, d.text = bytes.TrimPrefix(body, bom), d.nodes[:0], d.text[:0]
	p := parser{document: d, values: values}
	if lines {
		p.lines(depth)
	} else {
		p.value(depth)
	}
	p.space()
	if p.state == readable && p.at < len(d.body) {
		p.state = malformed
	}
	return p.state
}

type parser struct {
	*document
	at     int
	values int
	state  reading // anything but readable ends the reading
}

func (p *parser) fail(r reading) bool {
	p.state = r
	return false
}

// peek returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.at < len(p.body) {
		return p.body[p.at]
	}
	return 0
}

func (p *parser) space() {
	for p.at < len(p.body) {
		switch p.body[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// take takes a byte after white space, if it is that one.
func (p *parser) take(c byte) bool {
	p.space()
	if p.peek() != c {
		return false
	}
	p.at++
	return true
}

func (p *parser) open(is shape) (i int32, ok bool) {
	if p.values--; p.values < 0 {
		return 0, p.fail(tooLarge)
	}
	p.nodes = append(p.nodes, node{from: int32(p.at), is: is})
	return int32(len(p.nodes) - 1), true
}

// lines reads the values of JSON Lines as one list.
func (p *parser) lines(depth int) bool {
	i, ok := p.open(list)
	if !ok {
		return false
	}
	for n := int32(0); ; n++ {
		before := p.at
		p.space()
		if p.at == len(p.body) {
			p.nodes[i].to, p.nodes[i].a, p.nodes[i].b = int32(p.at), n, int32(len(p.nodes))
			return n > 0 || p.fail(malformed)
		}
		if n > 0 && bytes.IndexByte(p.body[before:p.at], '\n') < 0 {
			return p.fail(malformed)
		}
		if !p.value(depth) {
			return false
		}
	}
}

func (p *parser) value(depth int) bool {
	p.space()
	switch c := p.peek(); {
	case c == '{' || c == '[':
		if depth == 0 {
			return p.fail(tooLarge)
		}
		if c == '{' {
			return p.object(depth - 1)
		}
		return p.list(depth - 1)
	case c == '"':
		return p.string()
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	}
	for _, w := range literals {
		if bytes.HasPrefix(p.body[p.at:], w.text) {
			return p.word(w.is, len(w.text))
		}
	}
	return p.fail(malformed)
}

var literals = []struct {
	text []byte
	is   shape
}{{[]byte("null"), null}, {[]byte("true"), boolean}, {[]byte("false"), boolean}, {[]byte("NaN"), number}, {[]byte("Infinity"), number}}

func (p *parser) word(is shape, n int) bool {
	i, ok := p.open(is)
	p.at += n
	if ok {
		p.nodes[i].to = int32(p.at)
	}
	return ok
}

func (p *parser) number() bool {
	s := p.body[p.at:]
	n := 0
	if s[0] == '-' {
		n++
	}
	switch whole := digits(s[n:]); {
	case whole == 0 && bytes.HasPrefix(s[n:], []byte("Infinity")):
		return p.word(number, n+len("Infinity"))
	case whole == 0 || whole > 1 && s[n] == '0':
		return p.fail(malformed)
	default:
		n += whole
	}
	if n < len(s) && s[n] == '.' {
		fraction := digits(s[n+1:])
		if fraction == 0 {
			return p.fail(malformed)
		}
		n += 1 + fraction
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		if n++; n < len(s) && (s[n] == '+' || s[n] == '-') {
			n++
		}
		exponent := digits(s[n:])
		if exponent == 0 {
			return p.fail(malformed)
		}
		n += exponent
	}
	return p.word(number, n)
}

func (p *parser) string() bool {
	i, ok := p.open(text)
	if !ok {
		return false
	}
	for p.at++; ; p.at++ {
		switch c := p.peek(); {
		case c == '"':
			p.at++
			p.nodes[i].to = int32(p.at)
			return true
		case c == '\\':
			return p.escaped(i)
		case c < ' ':
			return p.fail(malformed)
		}
	}
}

// escaped reads on from the first escape in a string.
func (p *parser) escaped(i int32) bool {
	n := &p.nodes[i]
	n.escaped, n.a = true, int32(len(p.text))
	p.text = append(p.text, p.body[n.from+1:p.at]...)
	for {
		c := p.peek()
		switch {
		case c == '"':
			p.at++
			n.to, n.b = int32(p.at), int32(len(p.text))
			return true
		case c < ' ':
			return p.fail(malformed)
		case c != '\\':
			p.text = append(p.text, c)
			p.at++
		case !p.escape():
			return p.fail(malformed)
		}
	}
}

// escape reads one escape. Half a surrogate pair becomes what UTF-8 would make of it if it could, so that it differs from
// others.
func (p *parser) escape() bool {
	p.at++
	c := p.peek()
	p.at++
	if i := bytes.IndexByte([]byte(`"\/bfnrt`), c); i >= 0 && c != 0 {
		p.text = append(p.text, "\"\\/\b\f\n\r\t"[i])
		return true
	}
	r, ok := p.hex()
	if c != 'u' || !ok {
		return false
	}
	const high, low, end = 0xd800, 0xdc00, 0xe000
	if high <= r && r < low && bytes.HasPrefix(p.body[p.at:], []byte(`\u`)) {
		before := p.at
		p.at += 2
		if s, ok := p.hex(); ok && low <= s && s < end {
			p.text = utf8.AppendRune(p.text, (r-high)<<10+(s-low)+0x10000)
			return true
		}
		p.at = before
	}
	if high <= r && r < end {
		p.text = append(p.text, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
		return true
	}
	p.text = utf8.AppendRune(p.text, r)
	return true
}

// hex reads four hexadecimal digits.
func (p *parser) hex() (r rune, ok bool) {
	if p.at+4 > len(p.body) {
		return 0, false
	}
	for _, c := range p.body[p.at : p.at+4] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	p.at += 4
	return r, true
}

func (p *parser) list(depth int) bool {
	i, ok := p.open(list)
	if !ok {
		return false
	}
	p.at++
	n := int32(0)
	for !p.take(']') {
		if n > 0 && !p.take(',') {
			return p.fail(malformed)
		}
		if !p.value(depth) {
			return false
		}
		n++
	}
	p.nodes[i].to, p.nodes[i].a, p.nodes[i].b = int32(p.at), n, int32(len(p.nodes))
	return true
}

func (p *parser) object(depth int) bool {
	i, ok := p.open(object)
	if !ok {
		return false
	}
	p.at++
	n := int32(0)
	for !p.take('}') {
		if n > 0 && !p.take(',') {
			return p.fail(malformed)
		}
		if p.space(); p.peek() != '"' {
			return p.fail(malformed)
		}
		if !p.string() {
			return false
		}
		if !p.take(':') {
			return p.fail(malformed)
		}
		if !p.value(depth) {
			return false
		}
		n++
	}
	p.nodes[i].to, p.nodes[i].a, p.nodes[i].b = int32(p.at), n, int32(len(p.nodes))
	return true
}

// compareJSON compares two documents, or two lists of lines.
func (p *pair) compareJSON(lines bool) (a, b reading) {
	a, b = p.parse(lines)
	if a != readable || b != readable {
		return a, b
	}
	w := &p.walk
	w.pair, w.order, w.twins = p, w.order[:0], w.twins[:0]
	w.value(0, 0, place{ignored: p.ignore.start(), orderless: p.orderless.start()})
	if p.left < 0 {
		return tooLarge, tooLarge
	}
	return readable, readable
}

func (p *pair) parse(lines bool) (a, b reading) {
	read := func(i int, body []byte) reading {
		d := &p.json[i]
		r := d.parse(body, lines, p.limits.Depth, p.left)
		p.spend(len(d.nodes))
		return r
	}
	return read(0, p.production.Body), read(1, p.shadow.Body)
}

// float returns a number as a double.
func (d *document) float(i int32) float64 { return float(d.raw(i)) }

// name returns what a label says. A whole number is one label however it is written.
func (d *document) name(i int32) []byte {
	if d.nodes[i].is == text {
		return d.string(i)
	}
	return plain(d.raw(i))
}

// plain writes a whole number without fraction and exponent, if it is not too long.
func plain(number []byte) []byte {
	if digits(number) == len(number) {
		return number
	}
	if n := newDecimal(number); n.whole() && n.point <= 15 {
		return strconv.AppendInt(nil, int64(float(number)), 10)
	}
	return number
}
