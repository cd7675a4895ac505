package stats

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// sequenceVersion is what rows in stores are marked with. It changes with the meaning of a field, never for a new grid or
// bound, which are no part of the state.
const sequenceVersion = 1

// sequenceState is a Sequence as it is kept. Field names stay.
type sequenceState struct {
	Version    int         `json:"version"`
	Bound      float64     `json:"bound"`
	N          int64       `json:"n"`
	Sum        float64     `json:"sum"`
	SumSquares float64     `json:"sum_squares"`
	Slots      int64       `json:"slots"`
	Runs       []runsState `json:"runs"` // of 1, 2, 4, … slots
}

type runsState struct {
	NN      float64 `json:"nn"`
	NS      float64 `json:"ns"`
	SS      float64 `json:"ss"`
	TailN   int64   `json:"tail_n"`
	TailSum float64 `json:"tail_sum"`
}

var errDamaged = errors.New("stats: damaged sequence")

// MarshalJSON returns the whole state, floats to the last bit.
func (s *Sequence) MarshalJSON() ([]byte, error) {
	if s.bound == 0 {
		return nil, errors.New("stats: a sequence without a bound: want one by NewSequence")
	}
	st := sequenceState{Version: sequenceVersion, Bound: s.bound, N: s.all.N, Sum: s.all.Sum, SumSquares: s.all.SumSq,
		Slots: s.slots, Runs: make([]runsState, len(s.runs))}
	for k, r := range s.runs {
		st.Runs[k] = runsState{r.nn, r.ns, r.ss, r.tailN, r.tailSum}
	}
	return json.Marshal(st)
}

// UnmarshalJSON is the inverse of MarshalJSON. It changes nothing, and returns an error, if b is of another version, has
// other fields, or numbers that no values within the bound can have.
func (s *Sequence) UnmarshalJSON(b []byte) error {
	var st sequenceState
	if err := strictly(b, &st, 7); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	switch {
	case st.Version != sequenceVersion:
		return fmt.Errorf("%w: version %d, want %d", errDamaged, st.Version, sequenceVersion)
	case !validBound(st.Bound):
		return fmt.Errorf("%w: bound %g", errDamaged, st.Bound)
	case st.Slots < 0 || st.Slots > st.N || (st.Slots == 0) != (st.N == 0):
		return fmt.Errorf("%w: %d slots of %d values", errDamaged, st.Slots, st.N)
	case len(st.Runs) != bits.Len64(uint64(st.Slots)):
		return fmt.Errorf("%w: runs of %d lengths over %d slots", errDamaged, len(st.Runs), st.Slots)
	}
	got := Sequence{bound: st.Bound, all: Moments{st.N, st.Sum, st.SumSquares}, slots: st.Slots}
	if err := got.all.check(got.bound); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	for k, r := range st.Runs {
		got.runs = append(got.runs, runs{st.Slots >> k, r.NN, r.NS, r.SS, r.TailN, r.TailSum})
		if err := got.runs[k].check(&got, k); err != nil {
			return fmt.Errorf("%w: runs of %d slots: %w", errDamaged, 1<<k, err)
		}
	}
	*s = got
	return nil
}

// UnmarshalJSON makes runsState as strict as what it is part of.
func (r *runsState) UnmarshalJSON(b []byte) error {
	type plain runsState
	return strictly(b, (*plain)(r), 5)
}

// strictly decodes an object into v, which has as many fields, all of which have to be there.
func strictly(b []byte, v any, fields int) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	if len(all) != fields {
		return fmt.Errorf("%d fields, want %d", len(all), fields)
	}
	for name, value := range all {
		if string(value) == "null" {
			return fmt.Errorf("%s is null", name)
		}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// check says whether r can be the runs of 2^k slots of s.
func (r *runs) check(s *Sequence, k int) error {
	in := s.slots & (1<<k - 1) // slots of the incomplete run
	n, sum := float64(s.all.N-r.tailN), s.all.Sum-r.tailSum
	count, over := float64(r.count), s.bound*float64(s.all.N)*slack
	switch {
	case r.tailN < in || r.tailN > s.all.N-r.count<<k || in == 0 && (r.tailN != 0 || r.tailSum != 0):
		return fmt.Errorf("%d of %d values in the incomplete one, of %d slots", r.tailN, s.all.N, in)
	case !(math.Abs(r.tailSum) <= s.bound*float64(r.tailN)*(1+slack)):
		return fmt.Errorf("sum %g of %d values", r.tailSum, r.tailN)
	case !(n*n <= count*r.nn*(1+slack) && r.nn <= n*n*(1+slack)):
		return fmt.Errorf("sum of squared counts %g, of %g values in %d", r.nn, n, r.count)
	case !(math.Pow(math.Max(0, math.Abs(sum)-over), 2) <= count*r.ss*(1+slack)):
		return fmt.Errorf("sum of squared sums %g, of %g in %d", r.ss, sum, r.count)
	case !(r.ss <= s.bound*s.bound*r.nn*(1+slack)):
		return fmt.Errorf("sum of squared sums %g, bound %g", r.ss, s.bound)
	case !(r.ns*r.ns <= r.nn*r.ss*(1+slack)):
		return fmt.Errorf("sum of products %g, of squares %g and %g", r.ns, r.nn, r.ss)
	}
	return nil
}
