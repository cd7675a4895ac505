package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"gnomon/bench/internal/load"
	"gnomon/bench/internal/testbed"
	"gnomon/bench/internal/wire"
)

// answering returns the address of a model that gives one answer.
func answering(t *testing.T, answer string) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for br := bufio.NewReader(c); ; {
					if _, err := wire.Read(br, nil, io.Discard); err != nil {
						return
					}
					io.WriteString(c, answer)
				}
			}()
		}
	}()
	return ln.Addr().String()
}

func rowOf(t *testing.T, s scenario, account func() (counting, error)) *row {
	address := answering(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	r := &row{scenario: s, target: outside(address, s, nil)}
	r.account = account
	return r
}

// TestRow_MeasuresAgainWithoutAllCopies has copies missing in the first round.
func TestRow_MeasuresAgainWithoutAllCopies(t *testing.T) {
	readings := []counting{{201, 201, 201}, {221, 221, 220}, {422, 422, 421}, {442, 442, 441}}
	n := 0
	r := rowOf(t, mirrored.at(2000), func() (counting, error) { n++; return readings[n-1], nil })
	if err := r.measure(t.Context(), time.Millisecond, 0); err != nil || r.failure != nil || r.spoilt != 1 || len(r.rounds) != 1 || n != len(readings) {
		t.Errorf("%v, %v, %d rounds spoilt, %d measured", err, r.failure, r.spoilt, len(r.rounds))
	}
}

func TestRow_RestsLongerWhenCopiesAreMissing(t *testing.T) {
	r, steady := &row{scenario: mirrored.at(saturated)}, &row{scenario: mirrored.at(2000)}
	for _, want := range []time.Duration{minRest, 2 * minRest, 4 * minRest} {
		p, q := r.plan(time.Millisecond, 0), steady.plan(time.Millisecond, 0)
		if p.Burst != burst || p.Rest != want || p.Rate != 0 || p.For < want || q.Burst != 0 || q.Rate != 2000 || r.failure != nil {
			t.Errorf("rests %v, want %v: %+v, %+v", p.Rest, want, p, q)
		}
		r.spoil(measurement{copied: 0.5})
		steady.spoil(measurement{copied: 0.5})
	}
	for range maxSpoilt {
		r.spoil(measurement{copied: 0.5})
	}
	if r.failure == nil {
		t.Error("it goes on for ever")
	}
}

func TestRow_RefusesToMeasure(t *testing.T) {
	for name, step := range map[string]counting{"requests missing": {19, 19, 19}, "copies missing in every round": {20, 20, 10}} {
		var sum counting
		r := rowOf(t, mirrored.at(2000), func() (counting, error) {
			sum = counting{sum.requests + step.requests, sum.sampled + step.sampled, sum.copied + step.copied}
			return sum, nil
		})
		if err := r.measure(t.Context(), time.Millisecond, 0); err == nil && r.failure == nil || len(r.rounds) > 0 {
			t.Errorf("%s: %v, %d measured", name, err, len(r.rounds))
		}
	}
}

func TestRow_Plan(t *testing.T) {
	for want, s := range map[float64]scenario{0: plain.at(saturated), 2000: plain.at(2000), 4500: plain.at(half)} {
		r := &row{scenario: s}
		if got := r.plan(time.Second, 9000); got.Rate != want || got.Burst != 0 || got.For != time.Second {
			t.Errorf("%s: %+v, want a rate of %v", s.pace(), got, want)
		}
	}
	slow := &row{scenario: plain.of(huge).at(hugeRate)}
	if got := slow.plan(time.Second, 0); got.Count() != minRequests {
		t.Errorf("%d requests, want %d", got.Count(), minRequests)
	}
}

// TestCapacity_IsOfAnOpenLoop has all copies made in a closed loop, where callers wait for a machine that is behind, but not in the
// first open one.
func TestCapacity_IsOfAnOpenLoop(t *testing.T) {
	r := rowOf(t, mirrored.at(lowRate), nil)
	tries := 0
	var rates []float64
	try := func(plan load.Plan) (measurement, error) {
		plan.For = 200 * time.Millisecond
		m, err := r.try(t.Context(), plan)
		rates = append(rates, plan.Rate)
		if tries++; tries == 2 {
			m.copied = 0.9
		}
		return m, err
	}
	got, err := capacityBy(try)
	last := rates[max(0, len(rates)-holds):] // one try that went well is none
	if err != nil || len(rates) < 2+holds || rates[0] != 0 || got > slowdown*rates[1] || slices.Min(last) != got || slices.Max(last) != got {
		t.Errorf("the capacity is %v (%v), of open loops at %v", got, err, rates)
	}
}

// TestRow_AsksWhileSomethingElseGoesOn wants what goes on alongside to begin before a measurement and to end after it, and its failure
// to be the measurement's.
func TestRow_AsksWhileSomethingElseGoesOn(t *testing.T) {
	var events []string
	var failure error
	r := rowOf(t, bothModels.from(2).at(2000), nil)
	r.account = func() (counting, error) {
		events = append(events, "read")
		return counting{requests: int64(len(events)) * minRequests}, nil
	}
	r.alongside = func(_ context.Context, rate float64) (func() error, error) {
		events = append(events, fmt.Sprintf("begin %.0f", rate))
		return func() error { events = append(events, "end"); return failure }, nil
	}
	if err := r.measure(t.Context(), time.Millisecond, 0); err != nil || len(r.rounds) != 1 {
		t.Errorf("%v, %d rounds", err, len(r.rounds))
	}
	if want := []string{"begin 2000", "read", "read", "end"}; !slices.Equal(events, want) {
		t.Errorf("%q, want %q", events, want)
	}
	failure = errMissed
	if err := r.measure(t.Context(), time.Millisecond, 0); !errors.Is(err, errMissed) {
		t.Errorf("what goes on alongside fails, and the error is %v", err)
	}
}

func TestBody(t *testing.T) {
	for _, n := range []int{100, 1000, referenceBody, large} {
		b := body(n)
		if !json.Valid(b) || len(b) > n || len(b) < n-9 {
			t.Errorf("%d bytes for %d: %.30s", len(b), n, b)
		}
	}
}

// TestRun goes through the whole benchmark with few requests. How fast anything is does not matter.
func TestRun(t *testing.T) {
	o := options{rounds: 2, duration: 20 * time.Millisecond}
	scenarios := []scenario{
		mirrored.from(4).at(saturated), mirrored.from(4).at(lowRate), nginxPlain.from(4).at(saturated), nginxMirror.at(lowRate), plain.at(half), signed.at(lowRate), modelAlone.at(half),
		mirrored.of(huge).at(100), reference(scenario{way: gnomon, variants: 2}).at(lowRate), reference(scenario{way: gnomon, sampling: 10}).from(256).at(lowRate),
	}
	var out bytes.Buffer
	if err := run(t.Context(), o, scenarios, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if _, err := testbed.FindNginx(""); err != nil {
		t.Log("nginx is not there, and its rows were left out")
	}
	for _, s := range []scenario{mirrored, plain, signed, modelAlone, bothModels} {
		if !strings.Contains(out.String(), s.String()) {
			t.Errorf("%s is missing:\n%s", s, &out)
		}
	}
}

func TestMatching(t *testing.T) {
	rows, err := matching(all(), "^(nginx, mirror|gnomon, experiment at 100 %), saturated")
	if err != nil || len(rows) == 0 {
		t.Fatal(rows, err)
	}
	for _, s := range rows {
		if s.rate != saturated || s.sampling != 100 || s.captured {
			t.Errorf("%s, %s was not asked for", s, s.pace())
		}
	}
	for _, wrong := range []string{"no such row", "("} {
		if rows, err := matching(all(), wrong); err == nil {
			t.Errorf("%q is %d rows", wrong, len(rows))
		}
	}
}
