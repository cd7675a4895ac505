package report

import (
	"math"
	"strconv"
	"strings"
)

// ticksWanted is about how many ticks an axis has.
const ticksWanted = 6

// linearTicks returns the ticks at round numbers from low to high.
func linearTicks(low, high float64, label func(v, step float64) string) []Tick {
	step := roundStep((high - low) / ticksWanted)
	var all []Tick
	for i := math.Ceil(low / step); i*step <= high && len(all) <= 2*ticksWanted; i++ {
		all = append(all, Tick{i * step, label(i*step, step)})
	}
	return all
}

// roundStep returns the least of 1, 2 and 5 times a power of ten that is not below least.
func roundStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= least {
			return m * power
		}
	}
	return 10 * power
}

// logTicks returns the ticks at powers of ten from low to high: fewer if there are many of those, numbers between them if there
// are few.
func logTicks(low, high float64, label func(v, step float64) string) []Tick {
	decades := math.Log10(high / low)
	if decades < 0.7 {
		return linearTicks(low, high, label)
	}
	every, between := int(math.Ceil(decades/ticksWanted)), []float64{1}
	switch {
	case decades < 1.5:
		between = []float64{1, 2, 3, 5}
	case decades < 3:
		between = []float64{1, 3}
	}
	var all []Tick
	for e := int(math.Floor(math.Log10(low))); e <= int(math.Floor(math.Log10(high))); e++ {
		for _, m := range between {
			if v := m * math.Pow10(e); e%every == 0 && low <= v && v <= high {
				all = append(all, Tick{v, label(v, v)})
			}
		}
	}
	return all
}

// digits writes v with as many decimals as a step needs.
func digits(v, step float64) string {
	decimals := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	s := strconv.FormatFloat(v, 'f', min(decimals, 9), 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return strings.Replace(s, "-", "−", 1)
}

// plain is a label in percent.
func plain(v, step float64) string { return digits(v, step) + " %" }

// signed is a label in percent of a difference.
func signed(v, step float64) string {
	if v > step/2 {
		return "+" + plain(v, step)
	}
	return plain(v, step)
}

// countLabel is a label of a number of things.
func countLabel(v, step float64) string {
	switch {
	case v >= 1e6:
		return digits(v/1e6, step/1e6) + "M"
	case v >= 1e3:
		return digits(v/1e3, step/1e3) + "k"
	}
	return digits(v, step)
}

// timeLabel is a label of so many microseconds.
func timeLabel(us, step float64) string {
	switch {
	case us >= 1e6:
		return digits(us/1e6, step/1e6) + " s"
	case us >= 1e3:
		return digits(us/1e3, step/1e3) + " ms"
	}
	return digits(us, step) + " µs"
}
