package compare

import "bytes"

// A table is CSV (RFC 4180, with line ends of either kind). Empty lines are left out.
type table struct {
	body  []byte
	cells []cell
	rows  []int32 // where each row ends in cells
	text  []byte  // cells that have quotes in them, without the quotes
}

// A cell is a place in the body, or in text.
type cell struct {
	from, to int32
	unquoted bool // it stands in text
}

func (t *table) cell(i int) []byte {
	c := t.cells[i]
	if c.unquoted {
		return t.text[c.from:c.to]
	}
	return t.body[c.from:c.to]
}

// row returns where a row begins and ends in cells.
func (t *table) row(n int) (from, to int) {
	if n > 0 {
		from = int(t.rows[n-1])
	}
	return from, int(t.rows[n])
}

// parse reads a table of at most that many cells.
func (t *table) parse(body []byte, values int) reading {
	t.body, t.cells, t.rows, t.text = bytes.TrimPrefix(body, bom), t.cells[:0], t.rows[:0], t.text[:0]
	for at := 0; at < len(t.body); {
		if n := lineEnd(t.body[at:]); n > 0 {
			at += n
			continue
		}
		for more := true; more; {
			if len(t.cells) == values {
				return tooLarge
			}
			end, ok := t.field(at)
			if !ok {
				return malformed
			}
			more = end < len(t.body) && t.body[end] == ','
			if at = end; more {
				at++
			}
		}
		at += lineEnd(t.body[at:])
		t.rows = append(t.rows, int32(len(t.cells)))
	}
	return readable
}

// lineEnd returns how long the line end is that s begins with.
func lineEnd(s []byte) int {
	switch {
	case len(s) > 0 && s[0] == '\n':
		return 1
	case bytes.HasPrefix(s, []byte("\r\n")):
		return 2
	case len(s) == 1 && s[0] == '\r':
		return 1
	}
	return 0
}

// field reads one cell and returns where it ends.
func (t *table) field(at int) (end int, ok bool) {
	if at < len(t.body) && t.body[at] == '"' {
		return t.quoted(at + 1)
	}
	end = at
	for end < len(t.body) && t.body[end] != ',' && lineEnd(t.body[end:]) == 0 {
		if t.body[end] == '"' {
			return 0, false
		}
		end++
	}
	t.cells = append(t.cells, cell{from: int32(at), to: int32(end)})
	return end, true
}

// quoted reads on behind an opening quote.
func (t *table) quoted(at int) (end int, ok bool) {
	from := int32(len(t.text))
	for at < len(t.body) {
		switch {
		case t.body[at] == '"' && at+1 < len(t.body) && t.body[at+1] == '"':
			t.text = append(t.text, '"')
			at += 2
		case t.body[at] == '"':
			at++
			t.cells = append(t.cells, cell{from, int32(len(t.text)), true})
			return at, at == len(t.body) || t.body[at] == ',' || lineEnd(t.body[at:]) > 0
		case lineEnd(t.body[at:]) > 0:
			t.text = append(t.text, '\n')
			at += lineEnd(t.body[at:])
		default:
			t.text = append(t.text, t.body[at])
			at++
		}
	}
	return 0, false
}

func (p *pair) parseTables() (a, b reading) {
	a = p.tables[0].parse(p.production.Body, p.left)
	p.spend(len(p.tables[0].cells))
	b = p.tables[1].parse(p.shadow.Body, p.left)
	p.spend(len(p.tables[1].cells))
	return a, b
}

// compareCSV compares two tables cell by cell: numbers as such, and everything else as text.
func (p *pair) compareCSV() (a, b reading) {
	a, b = p.parseTables()
	if a != readable || b != readable {
		return a, b
	}
	x, y := &p.tables[0], &p.tables[1]
	if len(x.rows) != len(y.rows) {
		p.found.add(Length, size(len(x.rows), "rows"), size(len(y.rows), "rows"))
		return readable, readable
	}
	defer p.found.leave(p.found.enterList())
	whole := p.ignore.start()
	for n := range x.rows {
		if in := p.ignore.place(whole, 0, n); !p.ignore.whole(in, 1) {
			p.compareRow(n, in)
		}
	}
	return readable, readable
}

func (p *pair) compareRow(n int, in state) {
	x, y := &p.tables[0], &p.tables[1]
	i, end := x.row(n)
	j, stop := y.row(n)
	if end-i != stop-j {
		p.found.add(Length, size(end-i, "cells"), size(stop-j, "cells"))
		return
	}
	for k := range end - i {
		a, b := x.cell(i+k), y.cell(j+k)
		if bytes.Equal(a, b) || in != 0 && p.ignore.whole(p.ignore.place(in, 1, k), 2) {
			continue
		}
		back := p.found.enterColumn(k)
		p.compareCell(a, b)
		p.found.leave(back)
	}
}

func (p *pair) compareCell(a, b []byte) {
	x, y := bytes.TrimSpace(a), bytes.TrimSpace(b)
	switch m, n := isNumber(x), isNumber(y); {
	case m && n:
		if ok, d := p.tolerance.numbers(x, y); !ok {
			p.found.addNumbers(x, y, d)
		}
	case m != n:
		p.found.add(Type, a, b)
	default:
		p.found.add(Value, a, b)
	}
}
