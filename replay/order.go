package replay

import (
	"container/heap"
	"iter"
)

// How much is held to put requests in order: those that began together end together, but for the slowest.
const (
	maxHeld      = 4096
	maxHeldBytes = 64 << 20
)

// InOrder yields the requests in the order in which they began, as far as that can be told by holding a bounded number of
// them. After an error it yields no more.
func InOrder(requests iter.Seq2[Request, error]) iter.Seq2[Request, error] {
	return func(yield func(Request, error) bool) {
		held, bytes := &queue{}, 0
		pop := func() bool {
			q := heap.Pop(held).(Request)
			bytes -= len(q.Body) + len(q.Answer)
			return yield(q, nil)
		}
		for q, err := range requests {
			if err != nil {
				yield(Request{}, err)
				return
			}
			heap.Push(held, q)
			bytes += len(q.Body) + len(q.Answer)
			for held.Len() > maxHeld || bytes > maxHeldBytes && held.Len() > 1 {
				if !pop() {
					return
				}
			}
		}
		for held.Len() > 0 {
			if !pop() {
				return
			}
		}
	}
}

// queue is a heap by when requests began.
type queue []Request

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].Began.Before(q[j].Began) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(Request)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	(*q)[last] = Request{}
	*q = (*q)[:last]
	return x
}
