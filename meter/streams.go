package meter

import (
	"encoding/binary"
	"fmt"
	"time"

	"gnomon"
)

// Streams is what is kept of streamed answers, in AWS's terms where AWS has one. Legs whose answer was not streamed, or
// that brought no data, are not among them.
type Streams struct {
	FirstChunk         Distribution // AWS's FirstChunkLatency: to the first chunk, of the whole request; of callers' only
	FirstChunkModel    Distribution // AWS's FirstChunkModelLatency: of it, the model's
	FirstChunkOverhead Distribution // AWS's FirstChunkOverheadLatency: of it, the rest; of callers' only
	InterChunk         Distribution // between two chunks: each stream's mean, of those with two or more
}

func (s *Streams) all() [4]*Distribution {
	return [4]*Distribution{&s.FirstChunk, &s.FirstChunkModel, &s.FirstChunkOverhead, &s.InterChunk}
}

func (s *Streams) add(l *gnomon.Leg) {
	if l.Chunks == 0 {
		return
	}
	s.FirstChunkModel.Add(l.FirstChunk)
	if l.FirstChunkOverhead > 0 { // a shadow's is 0: nobody waited
		s.FirstChunkOverhead.Add(l.FirstChunkOverhead)
		s.FirstChunk.Add(l.FirstChunk + l.FirstChunkOverhead)
	}
	if l.Chunks > 1 {
		s.InterChunk.Add(l.Streaming / time.Duration(l.Chunks-1))
	}
}

func (s *Streams) merge(o *Streams) {
	theirs := o.all()
	for i, d := range s.all() {
		d.Merge(theirs[i])
	}
}

func (s *Streams) reset() {
	for _, d := range s.all() {
		d.reset()
	}
}

// encode returns nothing without a stream.
func (s *Streams) encode() []byte {
	if s.FirstChunkModel.Count() == 0 {
		return nil
	}
	all := s.all()
	return encodeAll(nil, all[:])
}

// decodeStreams is the inverse of encode.
func decodeStreams(b []byte) (Streams, error) {
	var s Streams
	if len(b) == 0 {
		return s, nil
	}
	all := s.all()
	if err := decodeAll(b, all[:]); err != nil {
		return Streams{}, fmt.Errorf("streams: %w", err)
	}
	return s, nil
}

// encodeAll appends each distribution behind its length.
func encodeAll(b []byte, all []*Distribution) []byte {
	for _, d := range all {
		one := d.encode(nil)
		b = binary.AppendUvarint(b, uint64(len(one)))
		b = append(b, one...)
	}
	return b
}

// decodeAll is the inverse of encodeAll.
func decodeAll(b []byte, all []*Distribution) error {
	for _, d := range all {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return fmt.Errorf("%w: cut off", errDamaged)
		}
		var err error
		if *d, err = decodeDistribution(b[n : n+int(size)]); err != nil {
			return err
		}
		b = b[n+int(size):]
	}
	if len(b) > 0 {
		return fmt.Errorf("%w: %d bytes behind it", errDamaged, len(b))
	}
	return nil
}

// A StreamReport sums up a variant's streamed answers.
type StreamReport struct {
	FirstChunk         Latency `json:"first_chunk"`
	FirstChunkModel    Latency `json:"first_chunk_model"`
	FirstChunkOverhead Latency `json:"first_chunk_overhead"`
	InterChunk         Latency `json:"inter_chunk"`
	MidStreamErrors    int64   `json:"mid_stream_errors"`
}

func streamsOf(n *Numbers) StreamReport {
	s := &n.Streams
	return StreamReport{
		FirstChunk: latencyOf(&s.FirstChunk), FirstChunkModel: latencyOf(&s.FirstChunkModel),
		FirstChunkOverhead: latencyOf(&s.FirstChunkOverhead), InterChunk: latencyOf(&s.InterChunk),
		MidStreamErrors: n.MidStreamErrors,
	}
}
