package compare

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// compareText compares two texts in which it does not count what white space there is, nor how accents are composed.
func (p *pair) compareText(production, shadow []byte) (a, b reading) {
	a, b = readText(production), readText(shadow)
	if a != readable || b != readable {
		return a, b
	}
	p.normal[0] = normal(p.normal[0][:0], production)
	p.normal[1] = normal(p.normal[1][:0], shadow)
	x, y := p.normal[0], p.normal[1]
	if bytes.Equal(x, y) {
		return readable, readable
	}
	for i, s := range [2][]byte{x, y} {
		var ok bool
		if p.grams[i], ok = pairsOfWords(p.grams[i][:0], s, p.left); !ok {
			return tooLarge, tooLarge
		}
		p.spend(len(p.grams[i]))
	}
	p.similarity = dice(p.grams[0], p.grams[1])
	if least := p.answers.Similarity; least == 0 || p.similarity < least {
		at := 0
		for at < min(len(x), len(y)) && x[at] == y[at] {
			at++
		}
		p.found.add(Value, windowOf(x, at), windowOf(y, at))
	}
	return readable, readable
}

func readText(body []byte) reading {
	if utf8.Valid(body) {
		return readable
	}
	return malformed
}

// normal appends the text in Unicode's form NFC, with one space for each run of white space, and none at its ends.
func normal(to, text []byte) []byte {
	if !norm.NFC.IsNormal(text) {
		text = norm.NFC.Bytes(text)
	}
	gap := false
	for i := 0; i < len(text); {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(text[i:])
		}
		switch {
		case unicode.IsSpace(r):
			gap = len(to) > 0
			i += n
			continue
		case gap:
			to, gap = append(to, ' '), false
		}
		to = append(to, text[i:i+n]...)
		i += n
	}
	return to
}

// pairsOfWords appends a number for each pair of neighbouring words; the text's beginning and end are words, too. It reports
// false if there are more than limit.
func pairsOfWords(to []uint64, text []byte, limit int) (all []uint64, ok bool) {
	before := uint64(edge)
	for len(text) > 0 {
		if len(to) >= limit {
			return to, false
		}
		var w []byte
		if w, text = word(text); w == nil {
			continue
		}
		h := hashWord(w)
		to = append(to, before*prime+h)
		before = h
	}
	return append(to, before*prime+edge), len(to) < limit
}

// FNV-1a, with its 64-bit offset and prime.
const (
	edge  = 14695981039346656037
	prime = 1099511628211
)

func hashWord(w []byte) uint64 {
	h := uint64(edge)
	for _, c := range w {
		h = (h ^ uint64(c)) * prime
	}
	return h
}

// word cuts off the first word: a run of letters and digits, or one sign or letter of a script that has no spaces. A space is
// none: nil.
func word(text []byte) (w, rest []byte) {
	r, n := utf8.DecodeRune(text)
	switch {
	case unicode.IsSpace(r):
		return nil, text[n:]
	case !wordly(r):
		return text[:n], text[n:]
	}
	for n < len(text) {
		r, size := utf8.DecodeRune(text[n:])
		if !wordly(r) {
			break
		}
		n += size
	}
	return text[:n], text[n:]
}

// wordly reports whether a rune is in words with its like.
func wordly(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9'
	}
	return (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)) &&
		!unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// dice returns the coefficient of Dice (1945) and Sørensen (1948) of two collections: twice what they have in common,
// divided by what they have together. It sorts them.
func dice(a, b []uint64) float64 {
	slices.Sort(a)
	slices.Sort(b)
	common := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			common++
			i, j = i+1, j+1
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	return 2 * float64(common) / float64(len(a)+len(b))
}
