package main

import (
	"gnomon/examples/data"
	"gnomon/examples/model"
)

// Chosen, like those in trees.go, by training on the first 800 training examples
// and looking at the other 398; the held-out ones had no part in it.
const (
	linearSteps    = 80
	linearRate     = 0.5
	linearMomentum = 0.9
	linearDecay    = 1e-3 // of the weights, not of the biases
	inkScale       = 1.0 / 16
)

// trainLinear fits a multinomial logistic regression by full-batch gradient
// descent with momentum. It starts at zero and draws no random numbers.
func trainLinear(examples []data.Example) *model.Model {
	weights, speed := matrix(labels, data.Pixels+1), matrix(labels, data.Pixels+1)
	for range linearSteps {
		slope := linearSlope(weights, examples)
		for k := range weights {
			for j := range weights[k] {
				g := slope[k][j] / float64(len(examples))
				if j < data.Pixels {
					g += linearDecay * weights[k][j]
				}
				speed[k][j] = linearMomentum*speed[k][j] - linearRate*g
				weights[k][j] += speed[k][j]
			}
		}
	}
	l := &model.Linear{Weights: matrix(labels, data.Pixels), Bias: make([]float64, labels)}
	for k := range weights {
		for j := range data.Pixels {
			l.Weights[k][j] = round6(weights[k][j] * inkScale)
		}
		l.Bias[k] = round6(weights[k][data.Pixels])
	}
	return &model.Model{Name: "digits-linear", Features: data.Pixels, Labels: labelNames(), Linear: l}
}

// linearSlope is the gradient of the summed log loss. The last column is the
// bias, whose feature is always 1.
func linearSlope(weights [][]float64, examples []data.Example) [][]float64 {
	slope := matrix(labels, data.Pixels+1)
	scores := make([]float64, labels)
	for _, e := range examples {
		for k, w := range weights {
			s := w[data.Pixels]
			for j, ink := range e.Pixels {
				s += w[j] * ink * inkScale
			}
			scores[k] = s
		}
		model.Softmax(scores)
		scores[e.Digit]--
		for k, miss := range scores {
			for j, ink := range e.Pixels {
				slope[k][j] += miss * ink * inkScale
			}
			slope[k][data.Pixels] += miss
		}
	}
	return slope
}

func matrix(rows, columns int) [][]float64 {
	m := make([][]float64, rows)
	for i := range m {
		m[i] = make([]float64, columns)
	}
	return m
}
