// Package data carries the small public data set that the example models are
// trained on: 8×8 pictures of handwritten digits. Its source and licence are in
// README.md beside it.
//
// Start at [Digits]. The package knows nothing of models.
package data

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
)

// Pixels is the number of features of an [Example].
const Pixels = 64

//go:embed digits.csv
var digits string

// Example is one picture and the digit that its writer meant.
type Example struct {
	Pixels []float64 // Pixels whole numbers in 0..16, row by row
	Digit  int       // 0..9
}

// Split is the data set, cut once.
type Split struct {
	Train []Example // about two thirds, the first in the source's order
	Held  []Example // the rest; most of its writers are not in Train
}

// Digits returns the data set. An error means that the program was built with a
// damaged digits.csv.
func Digits() (Split, error) {
	all, err := parse(digits)
	if err != nil {
		return Split{}, fmt.Errorf("digits.csv: %w", err)
	}
	cut := len(all) * 2 / 3
	return Split{Train: all[:cut], Held: all[cut:]}, nil
}

func parse(text string) ([]Example, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = Pixels + 1
	records, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("no header line")
	}
	examples := make([]Example, 0, len(records)-1)
	for i, record := range records[1:] {
		e, err := example(record)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		examples = append(examples, e)
	}
	return examples, nil
}

func example(record []string) (Example, error) {
	e := Example{Pixels: make([]float64, Pixels)}
	for i, field := range record {
		n, err := strconv.Atoi(field)
		if err != nil {
			return Example{}, err
		}
		switch {
		case i < Pixels && (n < 0 || n > 16):
			return Example{}, fmt.Errorf("pixel %d is %d, not in 0..16", i, n)
		case i == Pixels && (n < 0 || n > 9):
			return Example{}, fmt.Errorf("digit %d is not in 0..9", n)
		case i < Pixels:
			e.Pixels[i] = float64(n)
		default:
			e.Digit = n
		}
	}
	return e, nil
}
