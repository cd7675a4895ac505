package main

import "time"

// A ceiling is how much a row of Gnomon's may cost beside another row: so many times as much, or so much more.
type ceiling struct {
	row, beside string
	times       float64       // at most; 0: more counts
	more        time.Duration // at most
}

// ceilings are what Gnomon is held to. They may be lowered, never raised.
var ceilings = []ceiling{
	{row: gnomonPlain, beside: nginxPlain, times: 1.3},
	{row: gnomonMirror, beside: nginxMirror, times: 0.45},
	{row: gnomonMirror, beside: nginxPlain, times: 2.2},
	{row: gnomonSigned, beside: gnomonPlain, more: signatureCeiling(len(requestBody))},
}

// signatureCeiling is what checking the signature of a request with a body of n bytes may take.
func signatureCeiling(n int) time.Duration {
	return 5*time.Microsecond + time.Duration(n)*time.Microsecond/1000
}

// A verdict is a ceiling beside what was measured: in each round for itself, so that what slows the machine down for
// some rounds cancels out.
type verdict struct {
	ceiling
	found []float64 // a factor, or microseconds more; empty: a row is missing
}

// kept is false for what was not measured.
func (v verdict) kept() bool { return len(v.found) > 0 && median(v.found) <= v.limit() }

func (v verdict) limit() float64 {
	if v.times > 0 {
		return v.times
	}
	return inMicros(v.more)
}

// judge holds the rows to the ceilings.
func judge(rows []*row) []verdict {
	byName := make(map[string]*row)
	for _, r := range rows {
		byName[r.name] = r
	}
	var all []verdict
	for _, c := range ceilings {
		v := verdict{ceiling: c}
		r, beside := byName[c.row], byName[c.beside]
		if r != nil && beside != nil {
			for i := range r.cpu {
				if c.times > 0 {
					v.found = append(v.found, float64(r.cpu[i])/float64(beside.cpu[i]))
				} else {
					v.found = append(v.found, inMicros(r.cpu[i]-beside.cpu[i]))
				}
			}
		}
		all = append(all, v)
	}
	return all
}

func inMicros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
