package reactor

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// scratchSize is how much is read at once. Most messages fit and are never copied out of it.
const scratchSize = 64 << 10

// A Loop calls the handlers of its connections, one at a time.
type Loop struct {
	index int
	epoll *os.File
	raw   syscall.RawConn
	wake  int // an eventfd; written to when something is posted to a loop that may be waiting

	panicked   func(v any, stack []byte)
	given      atomic.Int64 // connections that Group.Next gave it
	conns      []*Conn      // by file descriptor
	generation int32        // of the connection made last
	events     [128]unix.EpollEvent
	scratch    []byte
	head       unix.Msghdr
	vec        [MaxParts]unix.Iovec

	memory  memory
	onTrim  []func()
	orders  chan<- order
	turns   uint64
	timers  timers
	alarm   int64 // when the epoll file's deadline is; 0: none
	base    time.Time
	now     time.Time // when this turn began
	later   []func()
	running []func() // what was put off and is being called

	taken []func() // what was posted and is being called

	mu     sync.Mutex
	posted []func()
	ending bool
	ended  bool
}

func newLoop(index int, orders chan<- order) (*Loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil { // otherwise os keeps it from the poller
		unix.Close(fd)
		return nil, err
	}
	base := time.Now()
	l := &Loop{index: index, orders: orders, epoll: os.NewFile(uintptr(fd), "epoll"), scratch: make([]byte, scratchSize), base: base, now: base, wake: -1}
	if l.raw, err = l.epoll.SyscallConn(); err != nil {
		l.close()
		return nil, err
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		l.close()
		return nil, err
	}
	return l, l.watch(l.wake, unix.EPOLLIN, 0)
}

func (l *Loop) watch(fd int, events uint32, generation int32) error {
	return l.control(func(epoll int) error {
		return unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events | unix.EPOLLET, Fd: int32(fd), Pad: generation})
	})
}

func (l *Loop) control(f func(epoll int) error) error {
	var err error
	if bad := l.raw.Control(func(fd uintptr) { err = f(int(fd)) }); bad != nil {
		return bad
	}
	return err
}

// Index is the loop's place in its group.
func (l *Loop) Index() int { return l.index }

// Turn numbers the loop's turns: between two of them it has looked for new events.
func (l *Loop) Turn() uint64 { return l.turns }

// Now is when this turn of the loop saw its events. Turns are short, so whatever need not be more exact, such as a deadline of
// seconds, has the time from here: asking the clock costs more than the rest of setting one.
func (l *Loop) Now() time.Time { return l.now }

// Scratch is memory that whoever is called by the loop may use until it returns. [Conn.Read] does not use it by itself.
func (l *Loop) Scratch() []byte { return l.scratch }

// Post has f called on the loop, from any goroutine. It reports false if the loop has ended and f will not be called.
// Functions are called in the order in which one goroutine posts them.
func (l *Loop) Post(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.posted = append(l.posted, f)
	if len(l.posted) == 1 {
		var one [8]byte
		binary.NativeEndian.PutUint64(one[:], 1)
		unix.Write(l.wake, one[:]) // fails only when it is full, and then the loop is awake
	}
	return true
}

// Later has f called when the loop has dealt with all events that are there now, and before it waits for others. It is
// for the loop's own goroutine: for what may wait for others, and for whoever would otherwise hold the loop too long.
func (l *Loop) Later(f func()) { l.later = append(l.later, f) }

// OnTrim has f called on the loop twice a minute, to let go of what was not needed since. It must be called before Run.
func (l *Loop) OnTrim(f func()) { l.onTrim = append(l.onTrim, f) }

func (l *Loop) trim() {
	l.memory.trim()
	for _, f := range l.onTrim {
		f()
	}
}

// run ends with ctx. What was posted before then is called.
func (l *Loop) run(ctx context.Context) error {
	defer l.close()
	defer context.AfterFunc(ctx, func() { l.Post(func() { l.ending = true }) })()
	for {
		err := l.raw.Read(l.turn)
		switch {
		case l.ending:
			l.finish()
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			// The next turn looks for events first: if nothing ran for a while, what a deadline was for may have come long ago.
			l.alarm = passed
			l.epoll.SetReadDeadline(time.Time{})
		case err != nil:
			return err
		}
	}
}

// turn deals with everything that there is to do. It reports whether the loop is to end; else it is called again when
// there is more.
func (l *Loop) turn(epoll uintptr) bool {
	for !l.ending {
		l.turns++
		n := pollNow(int(epoll), l.events[:])
		l.now = time.Now()
		for _, e := range l.events[:n] {
			if c := l.of(e); c != nil {
				c.heard = l.turns
			}
		}
		for _, e := range l.events[:n] {
			l.dispatch(e)
		}
		// While there is much to do there is more by now, and looking for it is cheaper than waiting for it.
		if !l.settle() && n <= 1 {
			return l.ending
		}
	}
	return true
}

// settle does what is due without an event. It reports whether there is more to do at once.
func (l *Loop) settle() bool {
	l.expire()
	l.callLater()
	l.setAlarm()
	return len(l.later) > 0
}

// callLater calls what was put off. What that puts off again comes after the next events.
func (l *Loop) callLater() {
	l.running, l.later = l.later, l.running[:0]
	for i, f := range l.running {
		l.running[i] = nil
		l.call(f)
	}
}

func (l *Loop) dispatch(e unix.EpollEvent) {
	if int(e.Fd) == l.wake {
		l.callPosted()
		return
	}
	if c := l.of(e); c != nil {
		defer l.contain(c)
		c.handler.Ready(Events(e.Events))
	}
}

// of returns whose event it is; nil: the connection has been closed, by the handler of an event before it, say, and its number may
// be another's now.
func (l *Loop) of(e unix.EpollEvent) *Conn {
	if int(e.Fd) >= len(l.conns) {
		return nil
	}
	if c := l.conns[e.Fd]; c != nil && c.generation == e.Pad {
		return c
	}
	return nil
}

// contain keeps a panic of a handler to its connection, which is closed, if somebody wants to know of it.
func (l *Loop) contain(c *Conn) {
	if l.panicked == nil {
		return
	}
	if v := recover(); v != nil {
		l.panicked(v, debug.Stack())
		c.Close()
	}
}

func (l *Loop) callPosted() {
	var count [8]byte
	unix.Read(l.wake, count[:]) // to zero
	l.mu.Lock()
	l.taken, l.posted = l.posted, l.taken[:0]
	l.mu.Unlock()
	for i, f := range l.taken {
		l.taken[i] = nil
		l.call(f)
	}
}

// call keeps a panic to the function that panics, if somebody wants to know of it.
func (l *Loop) call(f func()) {
	if l.panicked != nil {
		defer func() {
			if v := recover(); v != nil {
				l.panicked(v, debug.Stack())
			}
		}()
	}
	f()
}

// finish closes what is left.
func (l *Loop) finish() {
	for _, c := range l.conns {
		if c != nil {
			c.Close()
		}
	}
	for len(l.later) > 0 {
		l.turns++
		l.callLater()
	}
}

func (l *Loop) close() {
	l.mu.Lock()
	already := l.ended
	l.ended = true
	rest := l.posted
	l.posted = nil
	l.mu.Unlock()
	if already {
		return
	}
	for _, f := range rest {
		f()
	}
	if l.wake >= 0 {
		unix.Close(l.wake)
	}
	l.epoll.Close()
}
