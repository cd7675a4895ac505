package model

import "fmt"

// Linear scores each label by a weighted sum of the features.
type Linear struct {
	Weights [][]float64 `json:"weights"` // one row per label, one column per feature
	Bias    []float64   `json:"bias"`    // one per label
}

func (l *Linear) add(scores, row []float64) {
	for k, weights := range l.Weights {
		s := l.Bias[k]
		for j, w := range weights {
			s += w * row[j]
		}
		scores[k] += s
	}
}

func (l *Linear) check(features, labels int) error {
	if len(l.Weights) != labels || len(l.Bias) != labels {
		return fmt.Errorf("linear has %d weight rows and %d biases for %d labels", len(l.Weights), len(l.Bias), labels)
	}
	for k, weights := range l.Weights {
		if len(weights) != features {
			return fmt.Errorf("weight row %d has %d columns for %d features", k, len(weights), features)
		}
	}
	return nil
}
