package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	domain "gnomon"
	"gnomon/compare"
)

// A comparison is what comparing two answers takes, on one processor.
type comparison struct {
	name string
	took time.Duration // of one pair
}

// comparing measures how long pairs of answers take that are not the same bytes and agree, each kind for a quarter of d.
func comparing(ctx context.Context, d time.Duration) []comparison {
	json := []byte(`{"predictions":[` + strings.Repeat("0.123456,", 110) + `0]}`)
	spaced := bytes.ReplaceAll(json, []byte(","), []byte(", "))
	text := []byte(strings.Repeat("four words of text ", 54))
	single, double := array("<f4", 700), array("<f8", 700)
	c := compare.New(domain.Answers{Relative: 1e-6})
	var all []comparison
	for _, pair := range []struct {
		name, contentType string
		a, b              []byte
	}{
		{"the same bytes, 1 KB", "application/json", json, bytes.Clone(json)},
		{"JSON, 1 KB", "application/json", json, spaced},
		{"npy, 2.8 KB beside 5.6 KB", "application/x-npy", single, double},
		{"text, 1 KB", "text/plain", text, bytes.ReplaceAll(text, []byte("words of"), []byte("words  of"))},
	} {
		a, b := compare.Answer{ContentType: pair.contentType, Body: pair.a}, compare.Answer{ContentType: pair.contentType, Body: pair.b}
		n, begin := 0, time.Now()
		for time.Since(begin) < d/4 && ctx.Err() == nil {
			for range 100 {
				if !c.Compare(a, b).Agrees() {
					panic("answers that are the same differ: " + pair.name)
				}
			}
			n += 100
		}
		if n > 0 {
			all = append(all, comparison{pair.name, time.Since(begin) / time.Duration(n)})
		}
	}
	return all
}

// array is an array of n numbers in NumPy's format, of 4 or 8 bytes each.
func array(kind string, n int) []byte {
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }", kind, n)
	head += strings.Repeat(" ", 63-(10+len(head))%64) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(head)), byte(len(head)>>8))
	b = append(b, head...)
	for i := range n {
		if kind == "<f4" {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(i)/8))
		} else {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(i)/8))
		}
	}
	return b
}

func printComparing(w io.Writer, all []comparison) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nComparing two answers that agree\tµs of a processor\tpairs/s")
	for _, c := range all {
		fmt.Fprintf(t, "%s\t%.2f\t%.0f\n", c.name, float64(c.took)/float64(time.Microsecond), float64(time.Second)/float64(c.took))
	}
	t.Flush()
}
