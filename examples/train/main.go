// Command train fits two digit classifiers on the shipped examples, a linear
// one and boosted trees, and packs each as a model artifact: OUT/linear.tar.gz
// and OUT/trees.tar.gz. It prints how well each does on the pictures held out.
//
// Start at run. The one random draw has a fixed seed and no time is noted, so
// two runs by one build give the same bytes.
package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"gnomon/examples/data"
	"gnomon/examples/model"
)

const labels = 10

func main() {
	out := flag.String("out", "models", "folder to write linear.tar.gz and trees.tar.gz to")
	flag.Parse()
	if err := run(*out, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

func run(out string, report io.Writer) error {
	split, err := data.Digits()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	linear, trees := trainLinear(split.Train), trainTrees(split.Train)
	fmt.Fprintf(report, "%d pictures trained on, %d held out\n", len(split.Train), len(split.Held))
	for _, a := range []struct {
		file string
		m    *model.Model
	}{{"linear.tar.gz", linear}, {"trees.tar.gz", trees}} {
		path := filepath.Join(out, a.file)
		if err := pack(path, a.m); err != nil {
			return fmt.Errorf("pack %s: %w", path, err)
		}
		q := measure(a.m, split.Held)
		fmt.Fprintf(report, "%-13s  accuracy %.1f %%  log loss %.3f  %s\n", a.m.Name, 100*q.accuracy, q.logLoss, path)
	}
	fmt.Fprintf(report, "the two agree on %.1f %% of the pictures held out\n", 100*agreement(linear, trees, split.Held))
	return nil
}

// quality is how well a model does on examples it has not seen.
type quality struct {
	accuracy float64 // share of right labels
	logLoss  float64 // mean of -ln(probability given to the right label)
}

func measure(m *model.Model, examples []data.Example) quality {
	var right int
	var loss float64
	for _, e := range examples {
		p := m.Probabilities(e.Pixels)
		if likeliest(p) == e.Digit {
			right++
		}
		loss -= math.Log(p[e.Digit])
	}
	n := float64(len(examples))
	return quality{accuracy: float64(right) / n, logLoss: loss / n}
}

// agreement is the share of examples to which both models give one label.
func agreement(a, b *model.Model, examples []data.Example) float64 {
	same := 0
	for _, e := range examples {
		if likeliest(a.Probabilities(e.Pixels)) == likeliest(b.Probabilities(e.Pixels)) {
			same++
		}
	}
	return float64(same) / float64(len(examples))
}

func likeliest(p []float64) int {
	best := 0
	for k := range p {
		if p[k] > p[best] {
			best = k
		}
	}
	return best
}

func labelNames() []string {
	names := make([]string, labels)
	for k := range names {
		names[k] = strconv.Itoa(k)
	}
	return names
}

// round6 keeps artifacts small; it is done before anything is measured.
func round6(v float64) float64 { return math.Round(v*1e6) / 1e6 }
