package main

import (
	"cmp"
	"fmt"
	"strings"
)

// What the callers ask.
type way int

const (
	direct way = iota // the model itself; if there are copies, the shadow as well
	nginx             // nginx, which copies with its mirror
	gnomon            // gnomon, which copies in an experiment
)

// A scenario is one row: what is asked, and how. Two that are equal are the same row.
type scenario struct {
	way      way
	sampling int  // percent of the requests that are copied; nginx: 0, or 100 by its mirror
	empty    bool // the shadow answers without a body
	spaced   bool // the shadow answers the same in other bytes, which takes parsing
	signed   bool // signatures are checked
	captured bool // what both variants are asked and answer
	variants int  // of production without an experiment; 0: one variant, and an experiment

	body    int // bytes
	callers int // connections
	rate    int // requests per second of an open loop; or one of the two below
}

const (
	saturated = 0  // a closed loop: each caller sends as soon as it is answered
	half      = -1 // an open loop at half of what gnomon takes
)

// The reference, on which the ceilings are judged: 2.8 KB on 32 connections.
const (
	referenceBody    = 2800
	referenceCallers = 32
	lowRate          = 2000
	highRate         = 8000
)

func reference(s scenario) scenario {
	s.body, s.callers = cmp.Or(s.body, referenceBody), cmp.Or(s.callers, referenceCallers)
	return s
}

var (
	modelAlone  = reference(scenario{way: direct})
	bothModels  = reference(scenario{way: direct, sampling: 100})
	nginxPlain  = reference(scenario{way: nginx})
	nginxMirror = reference(scenario{way: nginx, sampling: 100})
	plain       = reference(scenario{way: gnomon})
	mirrored    = reference(scenario{way: gnomon, sampling: 100})
	captured    = reference(scenario{way: gnomon, sampling: 100, captured: true})
	signed      = reference(scenario{way: gnomon, signed: true})
)

func (s scenario) at(rate int) scenario      { s.rate = rate; return s }
func (s scenario) of(body int) scenario      { s.body = body; return s }
func (s scenario) unsigned() scenario        { s.signed = false; return s }
func (s scenario) from(callers int) scenario { s.callers = callers; return s }

// all are the rows in the order of the table: the reference, then variations that differ from it in one thing.
func all() []scenario {
	beside := []scenario{nginxPlain, nginxMirror, plain, mirrored}
	var rows []scenario
	for _, rate := range []int{saturated, lowRate, highRate} {
		for _, s := range append(beside, signed) {
			rows = append(rows, s.at(rate))
		}
	}
	for _, s := range []scenario{modelAlone, nginxPlain, plain, bothModels, nginxMirror, mirrored} {
		rows = append(rows, s.at(half))
	}
	for _, rate := range []int{saturated, lowRate} {
		rows = append(rows, captured.at(rate))
	}
	for _, x := range bodies {
		for _, s := range beside {
			rows = append(rows, s.of(x.size).at(x.rate))
		}
	}
	rows = append(rows, signed.of(large).at(largeRate))
	for _, callers := range []int{1, 256} {
		for _, s := range beside {
			rows = append(rows, s.from(callers).at(lowRate))
		}
	}
	return append(rows, others()...)
}

// Bodies larger than the reference come at a lower rate, so that the machine can take what they add up to.
const (
	large     = 100_000
	largeRate = 500
	huge      = 5_000_000
	hugeRate  = 10
)

var bodies = []struct{ size, rate int }{{1000, lowRate}, {large, largeRate}, {huge, hugeRate}}

// others vary what only some ways have.
func others() []scenario {
	var rows []scenario
	for _, s := range []scenario{
		{way: gnomon, sampling: 10},
		{way: gnomon, variants: 1},
		{way: gnomon, variants: 2},
		{way: nginx, sampling: 100, empty: true},
		{way: gnomon, sampling: 100, empty: true},
		{way: gnomon, sampling: 100, spaced: true},
	} {
		rows = append(rows, reference(s).at(lowRate))
	}
	return rows
}

// String says what is asked; the rest has columns of its own.
func (s scenario) String() string {
	var words []string
	switch {
	case s.way == direct && s.sampling > 0:
		return "both models themselves"
	case s.way == direct:
		return "the model itself"
	case s.way == nginx && s.sampling == 0:
		words = append(words, "nginx")
	case s.way == nginx:
		words = append(words, "nginx, mirror")
	case s.variants > 0:
		words = append(words, fmt.Sprintf("gnomon, %d without experiment", s.variants))
	default:
		words = append(words, fmt.Sprintf("gnomon, experiment at %d %%", s.sampling))
	}
	if s.signed {
		words = append(words, "signed")
	}
	if s.captured {
		words = append(words, "captured")
	}
	if s.spaced {
		words = append(words, "answers are parsed to be compared")
	}
	if s.empty {
		words = append(words, "shadow answers without a body")
	}
	return strings.Join(words, ", ")
}

// inBursts reports whether the row is saturated and copies: see burst.
func (s scenario) inBursts() bool { return s.rate == saturated && s.way == gnomon && s.sampling > 0 }

// endpoint names the endpoint that is asked.
func (s scenario) endpoint() string {
	name := fmt.Sprintf("e-%d-%d", s.sampling, s.variants)
	for _, is := range []struct {
		so   bool
		word string
	}{{s.signed, "-signed"}, {s.empty, "-empty"}, {s.spaced, "-spaced"}, {s.inBursts(), "-bursts"}, {s.captured, "-captured"}} {
		if is.so {
			name += is.word
		}
	}
	return name
}

// pace says how requests come.
func (s scenario) pace() string {
	switch s.rate {
	case saturated:
		return "saturated"
	case half:
		return "half of capacity"
	}
	return fmt.Sprintf("%d/s", s.rate)
}

// size says how large bodies are.
func (s scenario) size() string {
	if s.body >= 1_000_000 {
		return fmt.Sprintf("%g MB", float64(s.body)/1e6)
	}
	return fmt.Sprintf("%g KB", float64(s.body)/1e3)
}
