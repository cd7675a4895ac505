package model

import "fmt"

// Trees scores each label by the sum of what that label's trees say.
type Trees struct {
	PerLabel [][]Tree `json:"per_label"` // one list of trees per label
}

// Tree is a decision tree as a list of nodes, the root first.
type Tree []Node

// Node either asks or answers. A node with Left 0 is a leaf and answers Value;
// any other sends a row with row[Feature] < Below to node Left, and the rest to
// node Right. Both stand later in the list than the node itself.
type Node struct {
	Feature int     `json:"feature,omitempty"`
	Below   float64 `json:"below,omitempty"`
	Left    int     `json:"left,omitempty"`
	Right   int     `json:"right,omitempty"`
	Value   float64 `json:"value,omitempty"`
}

// Value returns what the tree says of a row.
func (t Tree) Value(row []float64) float64 {
	i := 0
	for t[i].Left != 0 {
		if row[t[i].Feature] < t[i].Below {
			i = t[i].Left
		} else {
			i = t[i].Right
		}
	}
	return t[i].Value
}

func (t *Trees) add(scores, row []float64) {
	for k, trees := range t.PerLabel {
		for _, tree := range trees {
			scores[k] += tree.Value(row)
		}
	}
}

func (t *Trees) check(features, labels int) error {
	if len(t.PerLabel) != labels {
		return fmt.Errorf("trees for %d labels, want %d", len(t.PerLabel), labels)
	}
	for k, trees := range t.PerLabel {
		for i, tree := range trees {
			if err := tree.check(features); err != nil {
				return fmt.Errorf("tree %d of label %d: %w", i, k, err)
			}
		}
	}
	return nil
}

func (t Tree) check(features int) error {
	if len(t) == 0 {
		return fmt.Errorf("no nodes")
	}
	for i, n := range t {
		if n.Left == 0 {
			continue
		}
		// Children that stand later rule out a walk that never ends.
		if n.Left <= i || n.Right <= i || n.Left >= len(t) || n.Right >= len(t) {
			return fmt.Errorf("node %d has children %d and %d of %d nodes", i, n.Left, n.Right, len(t))
		}
		if n.Feature < 0 || n.Feature >= features {
			return fmt.Errorf("node %d asks for feature %d of %d", i, n.Feature, features)
		}
	}
	return nil
}
