// Package model is the artifact that the example trainer writes and the example
// model server reads: a classifier in one JSON file, either a linear one or
// boosted trees.
//
// Start at [Read] and [Model.Predict]. The package knows nothing of training,
// of HTTP or of digits.
package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
)

// File is the name of the artifact's file inside a model directory.
const File = "model.json"

// Model is a classifier: features in, a label and its probability out. It has
// either Linear or Trees. A model from [Read] is valid and is not changed by
// use, so any number of goroutines may share it.
type Model struct {
	Name     string   `json:"name"`
	Features int      `json:"features"`
	Labels   []string `json:"labels"`
	Linear   *Linear  `json:"linear,omitempty"`
	Trees    *Trees   `json:"trees,omitempty"`
}

// Prediction is one answer.
type Prediction struct {
	Label string  `json:"label"`
	Score float64 `json:"score"` // probability of Label in 0..1, rounded to six decimals
}

// Open reads the model of a model directory.
func Open(dir string) (*Model, error) {
	f, err := os.Open(filepath.Join(dir, File))
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	defer f.Close()
	m, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return m, nil
}

// Read reads one model and checks it: what Read returns without an error,
// Predict can use without a panic or an endless loop.
func Read(r io.Reader) (*Model, error) {
	var m Model
	if err := json.NewDecoder(r).Decode(&m); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return &m, nil
}

// Predict returns the likeliest label of each row. A row of the wrong length, or
// with numbers so large that the answer is not a number, is an error naming the
// row, counted from 0.
func (m *Model) Predict(rows [][]float64) ([]Prediction, error) {
	predictions := make([]Prediction, len(rows))
	for i, row := range rows {
		if len(row) != m.Features {
			return nil, fmt.Errorf("row %d has %d features, the model takes %d", i, len(row), m.Features)
		}
		p := m.Probabilities(row)
		best := argmax(p)
		if math.IsNaN(p[best]) {
			return nil, fmt.Errorf("row %d is out of the model's range", i)
		}
		predictions[i] = Prediction{Label: m.Labels[best], Score: round6(p[best])}
	}
	return predictions, nil
}

// Probabilities returns the probability of every label, in the order of Labels.
// The row must have Features numbers.
func (m *Model) Probabilities(row []float64) []float64 {
	scores := make([]float64, len(m.Labels))
	if m.Linear != nil {
		m.Linear.add(scores, row)
	} else {
		m.Trees.add(scores, row)
	}
	Softmax(scores)
	return scores
}

func (m *Model) check() error {
	switch {
	case m.Features < 1:
		return fmt.Errorf("features is %d, want at least 1", m.Features)
	case len(m.Labels) < 2:
		return fmt.Errorf("%d labels, want at least 2", len(m.Labels))
	case (m.Linear == nil) == (m.Trees == nil):
		return errors.New("want exactly one of linear and trees")
	case m.Linear != nil:
		return m.Linear.check(m.Features, len(m.Labels))
	default:
		return m.Trees.check(m.Features, len(m.Labels))
	}
}

// Softmax turns scores into probabilities that add up to 1, in place.
func Softmax(scores []float64) {
	top := scores[argmax(scores)]
	var sum float64
	for i, s := range scores {
		scores[i] = math.Exp(s - top)
		sum += scores[i]
	}
	for i := range scores {
		scores[i] /= sum
	}
}

// argmax prefers the first of equals.
func argmax(values []float64) int {
	best := 0
	for i, v := range values {
		if v > values[best] {
			best = i
		}
	}
	return best
}

func round6(v float64) float64 { return math.Round(v*1e6) / 1e6 }
