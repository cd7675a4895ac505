package compare

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
)

// compareStreams compares the text that the events of two streams come to, whatever the pieces in which it came.
func (p *pair) compareStreams() (a, b reading) {
	x, a := p.assemble(p.production.Body)
	y, b := p.assemble(p.shadow.Body)
	if a != readable || b != readable {
		return a, b
	}
	return p.compareText(x, y)
}

// An assembly is what the events of a stream have come to: texts by the number of the choice.
type assembly struct {
	document
	choices []choice
	known   bool // some event was of a form that is known
}

type choice struct {
	number int
	text   []byte
}

// maxChoices is how many alternatives a stream may have.
const maxChoices = 128

// assemble puts the text of a stream together: server-sent events (as in the HTML standard) or lines of JSON.
func (p *pair) assemble(body []byte) (text []byte, r reading) {
	var a assembly
	var data []byte
	flush := func() bool {
		r = a.event(data, p.limits.Depth, p.left)
		data = data[:0]
		return r == readable && p.spend(len(a.nodes))
	}
	for line := range bytes.Lines(body) {
		line = bytes.TrimRight(line, "\r\n")
		switch field, ok := bytes.CutPrefix(line, []byte("data:")); {
		case ok && len(data) > 0:
			data = append(append(data, '\n'), field...)
		case ok:
			data = append(data, field...)
		case len(line) == 0 || line[0] == '{':
			if !flush() {
				return nil, r
			}
			data = append(data, line...)
		}
	}
	if !flush() {
		return nil, r
	}
	if p.left < 0 {
		return nil, tooLarge
	}
	if !a.known {
		return nil, malformed
	}
	return a.text(), readable
}

func (a *assembly) text() []byte {
	slices.SortFunc(a.choices, func(x, y choice) int { return cmp.Compare(x.number, y.number) })
	var all [][]byte
	for _, c := range a.choices {
		all = append(all, c.text)
	}
	return bytes.Join(all, []byte("\n"))
}

// event takes the data of one event. Objects that bring no text, such as counts of tokens, are left out.
func (a *assembly) event(data []byte, depth, values int) reading {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || string(data) == "[DONE]" {
		a.nodes = a.nodes[:0]
		return readable
	}
	if r := a.parse(data, false, depth, values); r != readable {
		return r
	}
	if a.nodes[0].is != object {
		return malformed
	}
	if all, ok := a.find(0, list, "choices"); ok { // OpenAI's, chat and completion, and whoever answers alike
		return a.all(all)
	}
	if token, ok := a.find(0, object, "token"); ok { // Text Generation Inference, DJL
		a.known = true
		a.add(0, token, "text")
	} else {
		a.add(0, 0, "generated_text")
	}
	if delta, ok := a.find(0, object, "delta"); ok { // Anthropic's
		a.add(0, delta, "text")
		a.add(0, delta, "partial_json")
	}
	for _, fault := range []shape{object, text} {
		if i, ok := a.find(0, fault, "error"); ok {
			a.known = true
			a.append(0, a.raw(i))
		}
	}
	return readable
}

// all takes the choices of an event.
func (a *assembly) all(i int32) reading {
	a.known = true
	if a.size(i) > maxChoices {
		return tooLarge
	}
	for k, at := 0, i+1; k < a.size(i); k, at = k+1, a.next(at) {
		if a.nodes[at].is != object {
			return malformed
		}
		n := k
		if index, ok := a.find(at, number, "index"); ok {
			var err error
			if n, err = strconv.Atoi(string(a.raw(index))); err != nil || n < 0 || n >= maxChoices {
				return malformed
			}
		}
		a.add(n, at, "text")
		if delta, ok := a.find(at, object, "delta"); ok {
			a.add(n, delta, "reasoning_content")
			a.add(n, delta, "content")
			a.calls(n, delta)
		}
	}
	return readable
}

// calls takes the tools that a choice calls: their names and arguments, as they come.
func (a *assembly) calls(n int, delta int32) {
	calls, ok := a.find(delta, list, "tool_calls")
	if !ok {
		return
	}
	for k, at := 0, calls+1; k < a.size(calls); k, at = k+1, a.next(at) {
		if a.nodes[at].is != object {
			continue
		}
		if f, ok := a.find(at, object, "function"); ok {
			a.add(n, f, "name")
			a.add(n, f, "arguments")
		}
	}
}

// find returns a member of an object, if it has that shape.
func (d *document) find(i int32, is shape, name string) (value int32, ok bool) {
	value, ok = d.member(i, []byte(name))
	return value, ok && d.nodes[value].is == is
}

// add appends a text of an object, if it has it, to what a choice has come to.
func (a *assembly) add(n int, i int32, name string) {
	if s, ok := a.find(i, text, name); ok {
		a.known = true
		a.append(n, a.string(s))
	}
}

func (a *assembly) append(n int, s []byte) {
	i := slices.IndexFunc(a.choices, func(c choice) bool { return c.number == n })
	if i < 0 {
		i = len(a.choices)
		a.choices = append(a.choices, choice{number: n})
	}
	a.choices[i].text = append(a.choices[i].text, s...)
}
