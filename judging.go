package gnomon

// Judging says how much worse a shadow may be for it to pass as no worse, and against what it is judged. The zero Judging has the
// default margins, and judges against production's one answer.
type Judging struct {
	LatencyMargin float64 `json:",omitzero"` // share by which its latency may be longer, on the geometric mean; 0: DefaultLatencyMargin
	ErrorMargin   float64 `json:",omitzero"` // share of the requests in which it may fail more often; 0: DefaultErrorMargin
	AnswerMargin  float64 `json:",omitzero"` // share of the requests in which it may answer differently more often; 0: DefaultAnswerMargin

	// NoiseFloor is the share of the copied requests that goes to production once more, so that the shadow is judged against what
	// production differs from itself; 0: none.
	NoiseFloor float64 `json:",omitzero"`
}

// The default margins. A smaller one takes more requests to decide: errors and answers about 7 ÷ margin where nothing fails or
// differs, latency about its variance ÷ margin².
const (
	DefaultLatencyMargin = 0.03
	DefaultErrorMargin   = 0.002
	DefaultAnswerMargin  = 0.005
)

// judging are its tags, with the bounds of their values in percent.
var judging = []struct {
	key         string
	least, most float64
	of          func(*Judging) *float64
	says        string
}{
	{TagLatencyMargin, 0.1, 100, func(j *Judging) *float64 { return &j.LatencyMargin }, "by which the shadow's latency may be longer, from 0.1 to 100"},
	{TagErrorMargin, 0.001, 50, func(j *Judging) *float64 { return &j.ErrorMargin }, "of the requests in which the shadow may fail more often, from 0.001 to 50"},
	{TagAnswerMargin, 0.001, 50, func(j *Judging) *float64 { return &j.AnswerMargin }, "of the requests in which the shadow may answer differently, from 0.001 to 50"},
	{TagNoiseFloor, 0.1, 100, func(j *Judging) *float64 { return &j.NoiseFloor }, "of the copied requests that goes to production once more, from 0.1 to 100"},
}

// parse takes what a tag says of judging. It reports false if it is none of these tags.
func (j *Judging) parse(t Tag) (mine bool, err error) {
	for _, g := range judging {
		if g.key != t.Key {
			continue
		}
		n, ok := decimal(t.Value)
		if !ok || n < g.least || n > g.most {
			return true, Errorf(Invalid, "The value %q of the tag %q is not valid. It must be a percentage %s, with at most four decimals, such as 2.5.", t.Value, t.Key, g.says)
		}
		*g.of(j) = n / 100
		return true, nil
	}
	return false, nil
}

// other returns the key of the first tag that must have another value for j to become o; empty: none.
func (j Judging) other(o Judging) string {
	for _, g := range judging {
		if *g.of(&j) != *g.of(&o) {
			return g.key
		}
	}
	return ""
}

// WithDefaults returns it with the margins that it leaves open.
func (j Judging) WithDefaults() Judging {
	for _, d := range []struct {
		of *float64
		to float64
	}{{&j.LatencyMargin, DefaultLatencyMargin}, {&j.ErrorMargin, DefaultErrorMargin}, {&j.AnswerMargin, DefaultAnswerMargin}} {
		if *d.of == 0 {
			*d.of = d.to
		}
	}
	return j
}
