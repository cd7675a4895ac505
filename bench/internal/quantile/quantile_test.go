package quantile

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestOf(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	for _, tc := range []struct {
		list []int
		q    float64
		want int
	}{
		{[]int{5}, 0.5, 5}, {[]int{5}, 0.99, 5}, {[]int{1, 5, 9}, 0.5, 5}, {[]int{1, 2, 3, 4}, 0.5, 3},
		{hundred, 0.99, 100}, {hundred, 0.5, 51}, {hundred, 0, 1}, {hundred, 1, 100},
	} {
		if got := Of(tc.list, tc.q); got != tc.want {
			t.Errorf("%v of %v: %v, want %v", tc.q, tc.list, got, tc.want)
		}
	}
}

func TestMedian(t *testing.T) {
	list := []int{9, 1, 5}
	if got := Median(list); got != 5 || list[0] != 9 {
		t.Errorf("got %v, and the list is %v", got, list)
	}
}

// A machine answers in 5 ms and something, with a tail, and now and then is busy for a while.
type machine struct {
	random *rand.Rand
	slower float64       // all answers
	pause  time.Duration // and pauses so long once a second
}

func (m machine) round(busy float64) []Sample {
	var all []Sample
	for at := range 4000 {
		due := time.Duration(at) * 500 * time.Microsecond
		took := 5*time.Millisecond + time.Duration(m.random.ExpFloat64()*200)*time.Microsecond
		if since := due % time.Second; since < m.pause {
			took += m.pause - since // what is due in a pause waits for its end
		}
		all = append(all, Sample{due, time.Duration(float64(took) * m.slower * busy)})
	}
	return all
}

// rounds gives both sides what the rounds say how busy the machine is.
func rounds(of, beside machine, busy [][2]float64) []Round {
	var all []Round
	for _, b := range busy {
		all = append(all, Round{of.round(b[0]), beside.round(b[1])})
	}
	return all
}

func TestBound(t *testing.T) {
	quiet := [][2]float64{{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}
	bothBusy := [][2]float64{{1, 1}, {1.5, 1.5}, {1, 1}, {2, 2}, {1, 1}}
	noise := [][2]float64{{1, 1}, {1.5, 1}, {1, 1}, {1, 2}, {1.3, 1}}
	littleNoise := [][2]float64{{1, 1}, {1.2, 1}, {1, 1}, {1, 1.4}, {1.1, 1}}
	for name, tc := range map[string]struct {
		slower       float64
		pause        time.Duration
		busy         [][2]float64
		above, below float64 // of the lower bound
	}{
		"equal":                                 {1, 0, quiet, 0.95, 1.01},
		"20 % slower":                           {1.2, 0, quiet, 1.15, 1.21},
		"20 % slower on a busy machine":         {1.2, 0, bothBusy, 1.10, 1.21},
		"equal, one side busier in some rounds": {1, 0, noise, 0.3, 1.05},
		"twice as slow, and noise":              {2, 0, littleNoise, 1.10, 2.01},
		"stops 60 ms in every second":           {1, 60 * time.Millisecond, quiet, 1.5, 11},
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			got := Bound(rounds(machine{random, tc.slower, tc.pause}, machine{random, 1, 0}, tc.busy), 0.99, 0.999, 1)
			if got.Lower < tc.above || got.Lower > tc.below {
				t.Errorf("the lower bound of %.3f (%v over %v) is %.3f, want between %v and %v",
					got.Value(), got.Of, got.Beside, got.Lower, tc.above, tc.below)
			}
			if got.Lower > got.Value() {
				t.Errorf("the lower bound %.3f is above the ratio %.3f", got.Lower, got.Value())
			}
		})
	}
}

// TestBound_KnowsQuantiles compares with the quantiles of sorted lists.
func TestBound_KnowsQuantiles(t *testing.T) {
	var of, beside []Sample
	for i := range 1000 {
		of = append(of, Sample{time.Duration(i) * time.Millisecond, time.Duration(i*7%1000 + 1)})
		beside = append(beside, Sample{time.Duration(i) * time.Millisecond, 10})
	}
	for _, q := range []float64{0, 0.5, 0.99, 0.999} {
		got := Bound([]Round{{of, beside}}, q, 0.999, 1)
		if want := time.Duration(q*1000) + 1; got.Of != want || got.Beside != 10 {
			t.Errorf("q %v: %d over %d, want %d over 10", q, got.Of, got.Beside, want)
		}
	}
}
