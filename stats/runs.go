package stats

import "math"

// enoughRuns is how many complete runs of a length there are before its variation counts.
const enoughRuns = 16

// maxErrors is how many standard errors of a length m may be away from the mean before its variation stops growing.
const maxErrors = 3

// runs are sums over all runs of one length: over complete ones of n values each with the sum S, Σn², Σn·S and ΣS²; and
// n and S of the incomplete one at the end. They are what Σ(n·m − S)² takes for any m.
type runs struct {
	count      int64 // complete ones
	nn, ns, ss float64
	tailN      int64
	tailSum    float64
}

// add adds a slot to the run at the end, which is complete with it if ends.
func (r *runs) add(m Moments, ends bool) {
	r.tailN += m.N
	r.tailSum += m.Sum
	if !ends {
		return
	}
	n := float64(r.tailN)
	r.count++
	r.nn += n * n
	r.ns += n * r.tailSum
	r.ss += r.tailSum * r.tailSum
	r.tailN, r.tailSum = 0, 0
}

// variation is Σ(n·m − S)² over all runs, m being no further than maxErrors from the mean of all n values.
func (r *runs) variation(m, mean, n float64) float64 {
	reach := maxErrors * math.Sqrt(r.about(mean, n)) / n
	return r.about(mean+math.Max(-reach, math.Min(reach, m-mean)), n)
}

func (r *runs) about(m, n float64) float64 {
	complete := math.Max(0, m*m*r.nn-2*m*r.ns+r.ss)
	tail := float64(r.tailN)
	d := tail*m - r.tailSum
	return complete + math.Max(d*d, complete*tail/(n-tail))
}
