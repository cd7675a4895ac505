package main

import (
	"math/rand/v2"

	"gnomon/examples/data"
	"gnomon/examples/model"
)

// Chosen as those in linear.go were.
const (
	treeRounds   = 120
	treeDepth    = 4
	treeRate     = 0.15
	treeSeed     = 1     // of the draw of pixels
	pixelShare   = 0.125 // of the pixels, drawn anew for each split, may be asked about
	leafShrink   = 1.0   // added to every leaf's curvature
	leafMinimum  = 0.2   // least curvature on either side of a split
	inkLevels    = 17    // a pixel is one of 0..16, so a histogram is exact
	gainTooSmall = 1e-9
)

// pull is what the log loss wants of one example's score, or of many examples'
// together: its slope and its curvature.
type pull struct{ slope, curve float64 }

func (p *pull) add(q pull)       { p.slope += q.slope; p.curve += q.curve }
func (p pull) minus(q pull) pull { return pull{p.slope - q.slope, p.curve - q.curve} }
func (p pull) gain() float64     { return p.slope * p.slope / (p.curve + leafShrink) }
func (p pull) step() float64     { return -treeRate * p.slope / (p.curve + leafShrink) }
func (p pull) tooLight() bool    { return p.curve < leafMinimum }

func total(pulls []pull, of []int) pull {
	var sum pull
	for _, i := range of {
		sum.add(pulls[i])
	}
	return sum
}

// trainTrees boosts one tree per label and round by second-order gradient
// boosting of the log loss. Each split looks at a few pixels drawn at random
// from a fixed seed, which makes the trees differ and their sum better.
func trainTrees(examples []data.Example) *model.Model {
	perLabel := make([][]model.Tree, labels)
	scores := matrix(len(examples), labels)
	everyone := make([]int, len(examples))
	for i := range everyone {
		everyone[i] = i
	}
	draw := rand.New(rand.NewPCG(treeSeed, treeSeed))
	for range treeRounds {
		pulls := pullsPerLabel(scores, examples)
		for k := range perLabel {
			g := grower{examples: examples, pulls: pulls[k], draw: draw}
			g.grow(everyone, treeDepth)
			perLabel[k] = append(perLabel[k], g.tree)
			for i, e := range examples {
				scores[i][k] += g.tree.Value(e.Pixels)
			}
		}
	}
	return &model.Model{
		Name: "digits-trees", Features: data.Pixels, Labels: labelNames(),
		Trees: &model.Trees{PerLabel: perLabel},
	}
}

func pullsPerLabel(scores [][]float64, examples []data.Example) [][]pull {
	pulls := make([][]pull, labels)
	for k := range pulls {
		pulls[k] = make([]pull, len(examples))
	}
	p := make([]float64, labels)
	for i, e := range examples {
		copy(p, scores[i])
		model.Softmax(p)
		for k := range p {
			pulls[k][i] = pull{slope: p[k], curve: p[k] * (1 - p[k])}
		}
		pulls[e.Digit][i].slope--
	}
	return pulls
}

// grower grows one tree for one label.
type grower struct {
	examples []data.Example
	pulls    []pull // one per example
	draw     *rand.Rand
	tree     model.Tree
}

// grow appends the subtree for the examples in of and returns its place.
func (g *grower) grow(of []int, depth int) int {
	at := len(g.tree)
	g.tree = append(g.tree, model.Node{})
	sum := total(g.pulls, of)
	feature, below, ok := 0, 0, false
	if depth > 0 {
		feature, below, ok = g.split(of, sum)
	}
	if !ok {
		g.tree[at].Value = round6(sum.step())
		return at
	}
	var left, right []int
	for _, i := range of {
		if g.examples[i].Pixels[feature] < float64(below) {
			left = append(left, i)
		} else {
			right = append(right, i)
		}
	}
	n := model.Node{Feature: feature, Below: float64(below)}
	n.Left = g.grow(left, depth-1)
	n.Right = g.grow(right, depth-1)
	g.tree[at] = n
	return at
}

// split finds the question that gains most among the pixels drawn; the first of
// equals wins. It reports false when none gains.
func (g *grower) split(of []int, sum pull) (int, int, bool) {
	feature, below, best := 0, 0, gainTooSmall
	for j := range data.Pixels {
		if g.draw.Float64() >= pixelShare {
			continue
		}
		var levels [inkLevels]pull
		for _, i := range of {
			levels[int(g.examples[i].Pixels[j])].add(g.pulls[i])
		}
		var left pull
		for cut := 1; cut < inkLevels; cut++ {
			left.add(levels[cut-1])
			right := sum.minus(left)
			if left.tooLight() || right.tooLight() {
				continue
			}
			if gain := left.gain() + right.gain() - sum.gain(); gain > best {
				feature, below, best = j, cut, gain
			}
		}
	}
	return feature, below, best > gainTooSmall
}
