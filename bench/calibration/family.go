package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// A draw is what is behind one request in either arm, in no unit. drift is added to both.
type draw struct{ production, shadow, drift float64 }

// A family is a way in which what happens to one request depends on what happened to those before. The same process makes
// latencies, whose logarithm is scale times what is drawn; and, in copies of their own, failures and answers that differ, which
// are draws above a threshold, so that they cluster as the latencies do.
type family struct {
	name, says string
	scale      float64
	tail       func(x float64) float64 // the share of draws above x in the long run, of either arm, drift left out
	start      func(*rand.Rand) func() draw
	unjudged   bool // no promise holds for it
}

// threshold returns what the share of draws is above, 0 ≤ share < 1.
func (f family) threshold(share float64) float64 {
	if share == 0 {
		return math.Inf(1)
	}
	low, high := -20.0, 1e4
	for range 100 {
		if middle := (low + high) / 2; f.tail(middle) > share {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// What the families are made of.
const (
	spellShare  = 0.02 // of the time
	spellLength = 50.0 // requests, on average
	spellHeight = 5.0
	coldShare   = 0.01
	coldHeight  = 16.0 // e^1.6 is 5 times as long
	loadCarry   = 0.99
	loadHeight  = 3.0
	loadWidens  = 0.3 // noise is e^0.3 times as wide for each unit of load
	dayLength   = 20_000
)

var families = []family{
	{name: "normal", says: "independent; the logarithm of latency is normal, with a standard deviation of 0.1", scale: 0.1, tail: normalTail,
		start: independently((*rand.Rand).NormFloat64)},
	{name: "lognormal", says: "independent; the logarithm itself is lognormal, 0.1 at the median", scale: 0.1,
		tail:  func(x float64) float64 { return normalTail(math.Log(max(x, 0))) },
		start: independently(func(r *rand.Rand) float64 { return math.Exp(r.NormFloat64()) })},
	{name: "Pareto 2.5", says: "independent; latency is Pareto with the index 2.5", scale: 1 / 2.5,
		tail:  func(x float64) float64 { return min(1, math.Exp(-x)) },
		start: independently((*rand.Rand).ExpFloat64)},
	{name: "AR(1) .5", says: "each arm for itself; the logarithm has a standard deviation of 0.1", scale: 0.1, tail: normalTail, start: autoregressive(0.5)},
	{name: "AR(1) .9", says: "each arm for itself; the logarithm has a standard deviation of 0.1", scale: 0.1, tail: normalTail, start: autoregressive(0.9)},
	{name: "slow spells", says: "each arm for itself 2 % of the time in spells of 50 requests on average, 5 standard deviations of 0.1 up", scale: 0.1,
		tail: mixed(spellShare, spellHeight), start: spells},
	{name: "cold starts", says: "independent; 1 % of the requests take 5 times as long", scale: 0.1, tail: mixed(coldShare, coldHeight), start: independently(cold)},
	{name: "shared load", says: "a lognormal load, AR(1) .99, makes both arms slower and wider", scale: 0.1, tail: loadTail, start: load},
	{name: "drift", says: "both arms rise and fall by a standard deviation of 0.1 over a day of 20,000 requests", scale: 0.1, tail: normalTail, start: day},
}

// busyHours is what no verdict can know: most of what the shadow fails more comes at a time of the day, and the stream begins at
// any. A verdict is about the time so far.
var busyHours = family{name: "busy hours", says: "as drift, with most of the failures and differing answers in the busy half of the day", scale: 0.1,
	unjudged: true, tail: dayTail, start: func(r *rand.Rand) func() draw {
		next := day(r)
		return func() draw {
			d := next()
			return draw{production: d.production + d.drift, shadow: d.shadow + d.drift}
		}
	}}

// chosen returns the families of these names, separated by commas; empty: all.
func chosen(names string) (all []family, unknown string) {
	there := append(slices.Clip(families), busyHours)
	if names == "" {
		return there, ""
	}
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(there, func(f family) bool { return f.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, name
		}
		all = append(all, there[i])
	}
	return all, ""
}

func normalTail(x float64) float64 { return math.Erfc(x/math.Sqrt2) / 2 }

func independently(one func(*rand.Rand) float64) func(*rand.Rand) func() draw {
	return func(r *rand.Rand) func() draw {
		return func() draw { return draw{production: one(r), shadow: one(r)} }
	}
}

func cold(r *rand.Rand) float64 {
	z := r.NormFloat64()
	if r.Float64() < coldShare {
		z += coldHeight
	}
	return z
}

func autoregressive(carry float64) func(*rand.Rand) func() draw {
	fresh := math.Sqrt(1 - carry*carry)
	return func(r *rand.Rand) func() draw {
		a, b := r.NormFloat64(), r.NormFloat64()
		return func() draw {
			a, b = carry*a+fresh*r.NormFloat64(), carry*b+fresh*r.NormFloat64()
			return draw{production: a, shadow: b}
		}
	}
}

func spells(r *rand.Rand) func() draw {
	on := [2]bool{r.Float64() < spellShare, r.Float64() < spellShare}
	return func() draw {
		var z [2]float64
		for i := range z {
			if on[i] {
				on[i] = r.Float64() >= 1/spellLength
			} else {
				on[i] = r.Float64() < spellShare/(1-spellShare)/spellLength
			}
			z[i] = r.NormFloat64()
			if on[i] {
				z[i] += spellHeight
			}
		}
		return draw{production: z[0], shadow: z[1]}
	}
}

// mixed is the tail of normal draws of which a share is higher.
func mixed(share, height float64) func(float64) float64 {
	return func(x float64) float64 { return (1-share)*normalTail(x) + share*normalTail(x-height) }
}

func load(r *rand.Rand) func() draw {
	level := r.NormFloat64()
	fresh := math.Sqrt(1 - loadCarry*loadCarry)
	return func() draw {
		level = loadCarry*level + fresh*r.NormFloat64()
		width := math.Exp(loadWidens * level)
		return draw{production: loadHeight*level + width*r.NormFloat64(), shadow: loadHeight*level + width*r.NormFloat64()}
	}
}

// dayTail is the mean over the hours of a day.
func dayTail(x float64) float64 {
	const hours = 96
	sum := 0.0
	for h := range hours {
		sum += normalTail(x - math.Sin(2*math.Pi*float64(h)/hours))
	}
	return sum / hours
}

// loadTail is the sum over loads in small steps.
func loadTail(x float64) float64 {
	const step = 1.0 / 64
	sum := 0.0
	for level := -8.0; level <= 8; level += step {
		sum += math.Exp(-level*level/2) * normalTail((x-loadHeight*level)*math.Exp(-loadWidens*level))
	}
	return sum * step / math.Sqrt(2*math.Pi)
}

// day begins at any hour.
func day(r *rand.Rand) func() draw {
	hour := r.Float64()
	return func() draw {
		hour += 1.0 / dayLength
		return draw{production: r.NormFloat64(), shadow: r.NormFloat64(), drift: math.Sin(2 * math.Pi * hour)}
	}
}
