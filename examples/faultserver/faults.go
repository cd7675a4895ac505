package main

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// faults is what the server was told to do wrong, by name.
type faults map[string]value

func (f faults) has(name string) bool { _, ok := f[name]; return ok }

// chance reports, once in so many times, at random, that a request is to be spoilt.
func (f faults) chance(name string) bool {
	v, ok := f[name]
	return ok && v.count > 0 && rand.Int64N(v.count) == 0
}

// value is a fault's parameter; a fault uses at most one of the two.
type value struct {
	count int64 // a number or a size in bytes
	span  time.Duration
}

// kind is how a fault's value is written and what it is when left out.
type kind struct {
	answer   bool // says how /invocations answers; at most one of them makes sense
	takes    string
	fallback value
}

const (
	takesNothing = ""
	takesCount   = "a count"
	takesSize    = "a size"
	takesSpan    = "a duration"
)

func kinds() map[string]kind {
	return map[string]kind{
		"none":      {answer: true},
		"describe":  {answer: true},
		"slow":      {answer: true, takes: takesSpan, fallback: value{span: time.Second}},
		"hang":      {answer: true},
		"reset":     {answer: true},
		"status500": {answer: true},
		"garbage":   {answer: true},
		"surplus":   {answer: true},
		"truncate":  {answer: true},
		"endless":   {answer: true},
		"drip":      {answer: true, takes: takesSpan, fallback: value{span: time.Second}},
		"stream":    {answer: true, takes: takesSpan, fallback: value{span: 100 * time.Millisecond}},
		"huge":      {answer: true, takes: takesSize, fallback: value{count: 256 << 20}},
		"work":      {answer: true, takes: takesCount, fallback: value{count: 200}},

		"fail-one-in":     {takes: takesCount, fallback: value{count: 200}},
		"differ-one-in":   {takes: takesCount, fallback: value{count: 100}},
		"refuse":          {takes: takesCount},
		"never-healthy":   {},
		"unhealthy-after": {takes: takesCount, fallback: value{count: 5}},
		"exit-after":      {takes: takesSpan, fallback: value{span: time.Second}},
		"burn-cpu":        {takes: takesCount, fallback: value{count: 2}},
		"eat-memory":      {takes: takesSize, fallback: value{count: 256 << 20}},
		"flood-log":       {takes: takesSize, fallback: value{count: 1 << 30}},
		"log-requests":    {},
		"fork-grandchild": {takes: takesSpan, fallback: value{span: 10 * time.Minute}},
		"ignore-sigterm":  {},
	}
}

// parseFaults reads "slow=200ms,ignore-sigterm". Sizes are bytes or end in KiB,
// MiB or GiB.
func parseFaults(list string) (faults, error) {
	known, f := kinds(), faults{}
	answer := ""
	for item := range strings.SplitSeq(list, ",") {
		name, text, given := strings.Cut(strings.TrimSpace(item), "=")
		if name == "" && !given {
			continue
		}
		k, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("fault %q is none of %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if k.answer && answer != "" {
			return nil, fmt.Errorf("faults %s and %s both say how to answer", answer, name)
		}
		if k.answer {
			answer = name
		}
		v := k.fallback
		if given {
			var err error
			if v, err = parseValue(k.takes, text); err != nil {
				return nil, fmt.Errorf("fault %s: %w", name, err)
			}
		}
		f[name] = v
	}
	return f, nil
}

func parseValue(takes, text string) (value, error) {
	var v value
	var err error
	switch takes {
	case takesSpan:
		v.span, err = time.ParseDuration(text)
	case takesCount:
		v.count, err = strconv.ParseInt(text, 10, 64)
	case takesSize:
		v.count, err = parseSize(text)
	default:
		return value{}, fmt.Errorf("takes no value, was given %q", text)
	}
	if err != nil || v.count < 0 || v.span < 0 {
		return value{}, fmt.Errorf("%q is not %s", text, takes)
	}
	return v, nil
}

func parseSize(text string) (int64, error) {
	unit := int64(1)
	for suffix, bytes := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			text, unit = number, bytes
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && n > math.MaxInt64/unit {
		err = strconv.ErrRange
	}
	return n * unit, err
}

// answer is the name of the fault that says how to answer.
func (f faults) answer() string {
	for name, k := range kinds() {
		if k.answer && f.has(name) {
			return name
		}
	}
	return "none"
}
