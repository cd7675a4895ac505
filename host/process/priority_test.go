package process

import "testing"

// The kernel's weights (sched_prio_to_weight) are 1024 for niceness 0; what is wanted here is 100 for it.
func TestWeightOf(t *testing.T) {
	for nice, kernels := range map[int]float64{0: 1024, -1: 1277, -5: 3121, -10: 9548, -20: 88761} {
		want := kernels / 1024 * 100
		if got := float64(weightOf(nice)); got < 0.99*want || got > 1.01*want {
			t.Errorf("weight of niceness %d is %v, want %.0f", nice, got, want)
		}
	}
}
