package capture

import (
	"sync"
	"time"

	"gnomon"
	"gnomon/internal/budget"
	"gnomon/internal/spare"
)

// An item is one leg that waits to be written.
type item struct {
	stream   *stream
	began    time.Time
	leg      gnomon.Leg
	answered bool
	data     []byte // the parts, one behind the other
	ends     [parts]int
}

// The parts of an item's data.
const (
	eventID = iota
	inferenceID
	customAttributes
	inputType
	input
	outputType
	output
	parts
)

func (i *item) part(n int) []byte {
	begin := 0
	if n > 0 {
		begin = i.ends[n-1]
	}
	return i.data[begin:i.ends[n]]
}

// blockSize is how much memory is taken at once for small items.
const blockSize = 256 << 10

// keptBlocks is how many blocks may wait for the next items.
const keptBlocks = 64

// A queue is where legs wait, for some hundred milliseconds, until they are written. Loops put, one goroutine takes.
type queue struct {
	memory *budget.Budget // of what waits
	hasty  int64          // from when on the writer does not wait for more
	wake   chan struct{}  // holds one value while there is something
	hurry  chan struct{}  // holds one value while there is much

	mu     sync.Mutex
	items  []item
	blocks [][]byte // that they are in; the last has room
	spare  spare.List[[]byte]
}

func newQueue(memory int64) *queue {
	return &queue{memory: budget.New(memory), hasty: memory / 4, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
}

// put copies a leg. It reports false if there is no room.
func (q *queue) put(s *stream, g *gnomon.CapturedLeg) bool {
	all := [parts][]byte{g.EventID, g.InferenceID, g.CustomAttributes, g.InputType, nil, g.OutputType, nil}
	if s.Input {
		all[input] = g.Input
	}
	if s.Output && g.Answered {
		all[output] = g.Output
	}
	size := 0
	for _, p := range all {
		size += len(p)
	}
	if !q.memory.Take(int64(size)) {
		return false
	}
	i := item{stream: s, began: g.Began, leg: g.Leg, answered: g.Answered}
	if size > blockSize/4 {
		i.data = make([]byte, 0, size)
		i.copy(&all) // before others have to wait for it
	}
	q.mu.Lock()
	if i.data == nil {
		i.data = q.room(size)
		i.copy(&all)
	}
	q.items = append(q.items, i)
	q.mu.Unlock()
	signal(q.wake)
	if q.memory.Used() >= q.hasty {
		signal(q.hurry)
	}
	return true
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (i *item) copy(all *[parts][]byte) {
	for n, p := range all {
		i.data = append(i.data, p...)
		i.ends[n] = len(i.data)
	}
}

// room is empty memory with that capacity, which is that of a small item.
func (q *queue) room(size int) []byte {
	last := len(q.blocks) - 1
	if last < 0 || cap(q.blocks[last])-len(q.blocks[last]) < size {
		block, ok := q.spare.Take()
		if !ok {
			block = make([]byte, 0, blockSize)
		}
		q.blocks = append(q.blocks, block[:0])
		last++
	}
	b := q.blocks[last]
	begin := len(b)
	q.blocks[last] = b[:begin+size]
	return b[begin : begin : begin+size]
}

// A batch is what was taken from the queue at once.
type batch struct {
	items  []item
	blocks [][]byte
}

// take empties the queue. What the one before it was in, which has been given back, is used again.
func (q *queue) take(last batch) batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	next := batch{q.items, q.blocks}
	q.items, q.blocks = last.items, last.blocks
	return next
}

// give gives back a batch that is written. It returns an empty one, in the same memory.
func (q *queue) give(b batch) batch {
	for i := range b.items {
		q.memory.Give(b.items[i].size())
	}
	clear(b.items)
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, block := range b.blocks {
		if q.spare.Len() < keptBlocks {
			q.spare.Give(block)
		}
	}
	clear(b.blocks)
	return batch{b.items[:0], b.blocks[:0]}
}

// trim lets go of blocks that were not needed since the last time, and of the lists of what waits if nothing does.
func (q *queue) trim() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare.Trim(0)
	if len(q.items) == 0 {
		q.items, q.blocks = nil, nil
	}
}

// size is how many bytes of the queue's memory an item holds.
func (i *item) size() int64 { return int64(len(i.data)) }
