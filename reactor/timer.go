package reactor

import (
	"container/heap"
	"time"
)

// A timer is a connection's deadline. Most deadlines are moved on long before they are over, so moving one on only
// writes it down: the heap is looked at when the time comes at which it stood before.
type timer struct {
	conn  *Conn
	due   int64 // nanoseconds after the loop's base; 0: no deadline
	armed int64 // what the heap is sorted by, at most due; 0: not in the heap
	place int
}

type timers []*timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].armed < t[j].armed }
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i, j
}
func (t *timers) Push(x any) {
	x.(*timer).place = len(*t)
	*t = append(*t, x.(*timer))
}
func (t *timers) Pop() any {
	last := (*t)[len(*t)-1]
	(*t)[len(*t)-1] = nil
	*t = (*t)[:len(*t)-1]
	return last
}

func (l *Loop) set(t *timer, due int64) {
	t.due = due
	switch {
	case t.armed == 0:
		t.armed = due
		heap.Push(&l.timers, t)
	case due < t.armed:
		t.armed = due
		heap.Fix(&l.timers, t.place)
	}
}

func (l *Loop) drop(t *timer) {
	if t.armed != 0 {
		heap.Remove(&l.timers, t.place)
	}
	t.due, t.armed = 0, 0
}

// expire tells those whose deadline is over.
func (l *Loop) expire() {
	if len(l.timers) == 0 {
		return
	}
	now := int64(l.now.Sub(l.base))
	for len(l.timers) > 0 && l.timers[0].armed <= now {
		t := l.timers[0]
		if t.due > now {
			t.armed = t.due
			heap.Fix(&l.timers, 0)
			continue
		}
		over := t.due > 0
		l.drop(t)
		if over {
			l.expired(t.conn)
		}
	}
}

func (l *Loop) expired(c *Conn) {
	defer l.contain(c)
	c.handler.Expired()
}

// passed is an alarm that has gone off. It is no deadline's, so the next one is set in any case, also to none.
const passed = -1

// setAlarm has the loop woken when the next deadline may be over.
func (l *Loop) setAlarm() {
	next := int64(0)
	if len(l.timers) > 0 {
		next = l.timers[0].armed
	}
	if next == l.alarm {
		return
	}
	l.alarm = next
	at := time.Time{}
	if next > 0 {
		at = l.base.Add(time.Duration(next))
	}
	l.epoll.SetReadDeadline(at)
}
