package quantile

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// A Sample is a latency, and when its request was due in its round.
type Sample struct{ Due, Took time.Duration }

// A Round is what was measured one after the other: of what is in question, and of what it is compared with.
type Round struct{ Of, Beside []Sample }

// Block is how long latencies are taken to depend on each other: a request that waits makes its neighbours wait. What is
// drawn in [Bound] are blocks.
const Block = 250 * time.Millisecond

// draws is how often: of 4000, four are below a bound of 99.9 %.
const draws = 4000

// A Ratio is a q-quantile over another.
type Ratio struct {
	Of, Beside time.Duration // the quantiles, over all rounds
	Lower      float64       // the true ratio is above it with the confidence asked for
}

// Value is the ratio as measured.
func (r Ratio) Value() float64 { return float64(r.Of) / float64(r.Beside) }

// Bound estimates the ratio of the q-quantiles and its lower bound, by a bootstrap that draws rounds, and blocks within the
// rounds drawn. Rounds are drawn as pairs: what slows the machine down for a while hits both sides of a round, or one side of
// few rounds, and is no evidence; what slows one side in all rounds is. A seed makes it repeatable. No side of any round may
// be empty.
func Bound(rounds []Round, q, confidence float64, seed uint64) Ratio {
	of, beside := newSide(q), newSide(q)
	for _, r := range rounds {
		of.add(r.Of)
		beside.add(r.Beside)
	}
	of.sort()
	beside.sort()
	random := rand.New(rand.NewPCG(seed, 0))
	ratios := make([]float64, draws)
	for i := range ratios {
		of.forget()
		beside.forget()
		for range rounds {
			drawn := random.IntN(len(rounds))
			of.draw(drawn, random)
			beside.draw(drawn, random)
		}
		ratios[i] = float64(of.quantile()) / float64(beside.quantile())
	}
	slices.Sort(ratios)
	all := Ratio{Lower: Of(ratios, 1-confidence)}
	of.all()
	beside.all()
	all.Of, all.Beside = of.quantile(), beside.quantile()
	return all
}

// A side is one side of all rounds. Its samples are sorted once, and a draw only says how often each block counts, since
// sorting what was drawn thousands of times would take minutes.
type side struct {
	q      float64
	rounds [][]int // the blocks of each round
	sizes  []int   // samples of each block
	counts []int   // how often each was drawn
	sorted []sample
}

type sample struct {
	took  time.Duration
	block int
}

func newSide(q float64) *side { return &side{q: q} }

func (s *side) add(round []Sample) {
	numbers := make(map[time.Duration]int)
	var blocks []int
	for _, x := range round {
		block, ok := numbers[x.Due/Block]
		if !ok {
			block = len(s.sizes)
			numbers[x.Due/Block] = block
			blocks = append(blocks, block)
			s.sizes = append(s.sizes, 0)
		}
		s.sizes[block]++
		s.sorted = append(s.sorted, sample{x.Took, block})
	}
	s.rounds = append(s.rounds, blocks)
}

func (s *side) sort() {
	slices.SortFunc(s.sorted, func(a, b sample) int { return cmp.Compare(b.took, a.took) }) // longest first
	s.counts = make([]int, len(s.sizes))
}

func (s *side) forget() { clear(s.counts) }

// draw draws as many blocks from a round as it has.
func (s *side) draw(round int, random *rand.Rand) {
	blocks := s.rounds[round]
	for range blocks {
		s.counts[blocks[random.IntN(len(blocks))]]++
	}
}

// all draws every block once.
func (s *side) all() {
	for i := range s.counts {
		s.counts[i] = 1
	}
}

// quantile is that of what was drawn: what is left when the share 1-q of the longest is passed over.
func (s *side) quantile() time.Duration {
	drawn := 0
	for block, n := range s.counts {
		drawn += n * s.sizes[block]
	}
	over := drawn - min(int(s.q*float64(drawn)), drawn-1)
	for _, x := range s.sorted {
		if over -= s.counts[x.block]; over <= 0 {
			return x.took
		}
	}
	return 0
}
