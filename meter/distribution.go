package meter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"
)

// RelativeError bounds how far a quantile may be from the true one: by this share of it, up or down.
const RelativeError = 0.01

// scale numbers the sketches' bins. Like a constant, it never changes; rows in stores depend on it.
var scale = newScale()

func newScale() *mapping.LogarithmicMapping {
	m, err := mapping.NewLogarithmicMapping(RelativeError)
	if err != nil {
		panic(err) // the error is out of range
	}
	return m
}

// floor is the smallest duration told apart from 0, in µs. Durations are whole nanoseconds.
const floor = 0.001

// A Distribution is what is known of many durations: count, sum, least and most exactly, quantiles to within
// [RelativeError]. Its zero value is empty.
type Distribution struct {
	count         int64
	sum, min, max float64 // µs
	bins          *store.DenseStore
}

// Add adds one duration. One below 0 counts as 0.
func (d *Distribution) Add(t time.Duration) { d.add(float64(t) / float64(time.Microsecond)) }

// add adds one value. Those of a distribution are all of one unit, which is then the unit of all that it tells: µs, unless
// whoever keeps it says otherwise.
func (d *Distribution) add(v float64) {
	v = math.Max(0, v)
	if d.count == 0 {
		d.min, d.max = v, v
	}
	d.count++
	d.sum += v
	d.min = math.Min(d.min, v)
	d.max = math.Max(d.max, v)
	d.store().Add(scale.Index(math.Max(floor, v)))
}

func (d *Distribution) store() *store.DenseStore {
	if d.bins == nil {
		d.bins = store.NewDenseStore()
	}
	return d.bins
}

// Merge adds all of o's durations. It leaves o alone.
func (d *Distribution) Merge(o *Distribution) {
	if o.count == 0 {
		return
	}
	if d.count == 0 {
		d.min, d.max = o.min, o.max
	}
	d.count += o.count
	d.sum += o.sum
	d.min = math.Min(d.min, o.min)
	d.max = math.Max(d.max, o.max)
	d.store().MergeWith(o.bins)
}

// reset empties d and keeps its memory.
func (d *Distribution) reset() {
	bins := d.bins
	*d = Distribution{bins: bins}
	if bins != nil {
		bins.Clear()
	}
}

// Count returns how many durations there are.
func (d *Distribution) Count() int64 { return d.count }

// Sum returns the sum of the durations in µs.
func (d *Distribution) Sum() float64 { return d.sum }

// Min returns the shortest duration in µs, 0 if there is none.
func (d *Distribution) Min() float64 { return d.min }

// Max returns the longest duration in µs, 0 if there is none.
func (d *Distribution) Max() float64 { return d.max }

// Mean returns the arithmetic mean in µs, 0 if there is no duration.
func (d *Distribution) Mean() float64 {
	if d.count == 0 {
		return 0
	}
	return d.sum / float64(d.count)
}

// Quantile returns the q-quantile in µs, 0 ≤ q ≤ 1: the duration that stands at place q·(count−1), counted from 0 in
// rising order. It returns 0 if there is no duration.
func (d *Distribution) Quantile(q float64) float64 {
	switch {
	case d.count == 0:
		return 0
	case q >= 1:
		return d.max
	case q <= 0:
		return d.min
	}
	v := scale.Value(d.bins.KeyAtRank(q * float64(d.count-1)))
	return math.Min(math.Max(v, d.min), d.max)
}

// below calls fn for each of the rising bounds (µs) with how many durations are at or below it, a bin counting as its
// middle.
func (d *Distribution) below(bounds []float64, fn func(bound float64, count int64)) {
	in := make([]int64, len(bounds)+1)
	if d.bins != nil {
		i := 0
		d.bins.ForEach(func(index int, count float64) bool {
			for v := scale.Value(index); i < len(bounds) && v > bounds[i]; {
				i++
			}
			in[i] += int64(count)
			return false
		})
	}
	var sum int64
	for i, b := range bounds {
		sum += in[i]
		fn(b, sum)
	}
}

// The encoding: a byte for the version, which stands for scale too; then sum, least and most as 8 bytes each, little
// endian; then for each bin in rising order how far its index is from the one before, and its count, as varints.
// Nothing at all is the empty distribution.
const (
	version  = 1
	header   = 1 + 3*8
	maxIndex = 1 << 12 // no duration is as long; above and below it a row is damaged
)

var errDamaged = errors.New("damaged distribution")

// encode appends d to b.
func (d *Distribution) encode(b []byte) []byte {
	if d.count == 0 {
		return b
	}
	b = append(b, version)
	for _, f := range []float64{d.sum, d.min, d.max} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	before := -maxIndex
	d.bins.ForEach(func(index int, count float64) bool {
		b = binary.AppendUvarint(b, uint64(index-before))
		b = binary.AppendUvarint(b, uint64(count))
		before = index
		return false
	})
	return b
}

// decodeDistribution is the inverse of encode.
func decodeDistribution(b []byte) (Distribution, error) {
	if len(b) == 0 {
		return Distribution{}, nil
	}
	if b[0] != version {
		return Distribution{}, fmt.Errorf("%w: version %d", errDamaged, b[0])
	}
	if len(b) <= header {
		return Distribution{}, fmt.Errorf("%w: cut off", errDamaged)
	}
	f := func(i int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b[1+8*i:])) }
	d := Distribution{sum: f(0), min: f(1), max: f(2), bins: store.NewDenseStore()}
	if !(0 <= d.min && d.min <= d.max && d.max <= d.sum*(1+1e-9) && d.sum < math.Inf(1)) {
		return Distribution{}, fmt.Errorf("%w: sum %g, least %g, most %g", errDamaged, d.sum, d.min, d.max)
	}
	index := -maxIndex
	for b = b[header:]; len(b) > 0; {
		step, n := binary.Uvarint(b)
		count, k := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || k <= 0 || step > 2*maxIndex || count == 0 || count > 1<<52 || index+int(step) > maxIndex {
			return Distribution{}, fmt.Errorf("%w: bin after %d", errDamaged, index)
		}
		index += int(step)
		d.bins.AddWithCount(index, float64(count))
		d.count += int64(count)
		b = b[n+k:]
	}
	return d, nil
}
