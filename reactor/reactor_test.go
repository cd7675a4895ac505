package reactor_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"gnomon/reactor"
)

// run runs n loops until the test ends.
func run(t testing.TB, n int) *reactor.Group {
	t.Helper()
	g, err := reactor.NewGroup(n)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return g
}

// echo sends back what comes, and closes when the other side has.
type echo struct {
	conn    *reactor.Conn
	out     []byte
	expired atomic.Int64
}

func (e *echo) Ready(reactor.Events) {
	e.flush()
	for len(e.out) == 0 {
		n, err := e.conn.Read(e.conn.Loop().Scratch())
		if errors.Is(err, reactor.ErrAgain) {
			return
		}
		if err != nil || n == 0 {
			e.conn.Close()
			return
		}
		e.out = append(e.out, e.conn.Loop().Scratch()[:n]...)
		e.flush()
	}
}

func (e *echo) flush() {
	if len(e.out) == 0 {
		return
	}
	n, err := e.conn.Write(e.out[:len(e.out)/2], e.out[len(e.out)/2:])
	if err != nil {
		e.conn.Close()
		return
	}
	e.out = e.out[n:]
}

func (e *echo) Expired() { e.expired.Add(1); e.conn.Close() }

// serve accepts connections until the test ends and calls adopt with each, on a loop.
func serve(t testing.TB, g *reactor.Group, adopt func(l *reactor.Loop, fd int)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	from, err := reactor.Listen(ln)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			fd, err := from.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			l := g.Next()
			l.Post(func() { adopt(l, fd) })
		}
	}()
	t.Cleanup(func() { from.Close(); <-done })
	return ln.Addr().String()
}

func echoes(t testing.TB) func(l *reactor.Loop, fd int) {
	return func(l *reactor.Loop, fd int) {
		e := &echo{}
		var err error
		if e.conn, err = l.Adopt(fd, e); err != nil {
			t.Error(err)
		}
	}
}

// Connections are shared out before their loops come to adopt them: one that is held up must not get all of them.
func TestNext_CountsWhatIsOnItsWay(t *testing.T) {
	g := run(t, 2)
	var n [2]int
	for range 10 {
		n[g.Next().Index()]++
	}
	if n != [2]int{5, 5} {
		t.Errorf("the loops get %v", n)
	}
}

// What a loop has dialled is no reason to give callers to others: it came of those that it has, and may lie idle.
func TestNext_DoesNotCountWhatWasDialled(t *testing.T) {
	g := run(t, 2)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	l := g.Loops()[0]
	dialled := make(chan error)
	l.Post(func() {
		var conns []*reactor.Conn
		for range 4 {
			e := &echo{}
			var err error
			if e.conn, err = l.Dial(netip.MustParseAddrPort(ln.Addr().String()), e); err != nil {
				dialled <- err
				return
			}
			conns = append(conns, e.conn)
		}
		conns[0].Close()
		dialled <- nil
	})
	if err := <-dialled; err != nil {
		t.Fatal(err)
	}
	var n [2]int
	for range 10 {
		n[g.Next().Index()]++
	}
	if n != [2]int{5, 5} {
		t.Errorf("the loops get %v", n)
	}
}

func TestLoop_MovesBytesBothWays(t *testing.T) {
	address := serve(t, run(t, 2), echoes(t))
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // more than any socket buffer
	for range 4 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c.Write(sent)
			c.(*net.TCPConn).CloseWrite()
		}()
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("got %d bytes of %d, %v", len(got), len(sent), err)
		}
		c.Close()
	}
}

// once calls its functions.
type once struct {
	ready   func(reactor.Events)
	expired func()
}

func (o *once) Ready(e reactor.Events) {
	if o.ready != nil {
		o.ready(e)
	}
}

func (o *once) Expired() { o.expired() }

func TestDial_SaysHowItWent(t *testing.T) {
	g := run(t, 1)
	l := g.Loops()[0]
	dial := func(to string) error {
		result := make(chan error, 1)
		l.Post(func() {
			h := &once{}
			conn, err := l.Dial(netip.MustParseAddrPort(to), h)
			if err != nil {
				result <- err
				return
			}
			h.ready = func(reactor.Events) {
				if err := conn.Connected(); !errors.Is(err, reactor.ErrAgain) {
					conn.Close()
					result <- err
				}
			}
		})
		return <-result
	}
	if err := dial(serve(t, g, echoes(t))); err != nil {
		t.Error(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := dial(ln.Addr().String()); err == nil {
		t.Error("connected to nobody")
	}
}

func TestExpire_ComesOnceAndNotBeforeItsTime(t *testing.T) {
	g := run(t, 1)
	expired := make(chan time.Duration, 8)
	address := serve(t, g, func(l *reactor.Loop, fd int) {
		h := &once{}
		conn, err := l.Adopt(fd, h)
		if err != nil {
			t.Error(err)
			return
		}
		begin := time.Now()
		h.expired = func() {
			expired <- time.Since(begin)
			if time.Since(begin) < 100*time.Millisecond {
				conn.Expire(time.Now().Add(20 * time.Millisecond))
				return
			}
			conn.Close()
		}
		conn.Expire(begin.Add(time.Hour))
		conn.Expire(begin.Add(30 * time.Millisecond)) // sooner than the alarm that is set
		conn.Expire(begin.Add(60 * time.Millisecond)) // later than it
	})
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.ReadAll(c); err != nil {
		t.Fatal(err)
	}
	if first := <-expired; first < 60*time.Millisecond {
		t.Errorf("after %v", first)
	}
}

// What a deadline was for may have come while the loop was held up: that is looked for first.
func TestExpire_ComesAfterEvents(t *testing.T) {
	g := run(t, 1)
	l := g.Loops()[0]
	adopted, told := make(chan struct{}), make(chan string, 4)
	address := serve(t, g, func(l *reactor.Loop, fd int) {
		h := &once{expired: func() { told <- "expired" }}
		conn, err := l.Adopt(fd, h)
		if err != nil {
			t.Error(err)
			return
		}
		h.ready = func(reactor.Events) {
			if n, _ := conn.Read(l.Scratch()); n > 0 {
				told <- "ready"
				conn.Close()
			}
		}
		conn.Expire(time.Now().Add(20 * time.Millisecond))
		close(adopted)
	})
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	<-adopted
	held, free := make(chan struct{}), make(chan struct{})
	l.Post(func() { close(held); <-free })
	<-held
	if _, err := io.WriteString(c, "x"); err != nil {
		t.Fatal(err)
	}
	<-time.After(40 * time.Millisecond)
	close(free)
	if what := <-told; what != "ready" {
		t.Errorf("first it is %s", what)
	}
}

func TestExpire_NoneMeansNever(t *testing.T) {
	g := run(t, 1)
	expired := make(chan string, 8)
	address := serve(t, g, func(l *reactor.Loop, fd int) {
		for _, name := range []string{"never", "in time"} {
			h := &once{expired: func() { expired <- name }}
			if name == "never" {
				h.expired = func() { expired <- "never" }
			}
			conn, err := l.Adopt(fd, h)
			if err != nil {
				return
			}
			if name == "never" {
				conn.Expire(time.Now().Add(10 * time.Millisecond))
				conn.Expire(time.Time{})
				if fd, err = dup(fd); err != nil {
					t.Error(err)
				}
				continue
			}
			conn.Expire(time.Now().Add(50 * time.Millisecond))
		}
	})
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if who := <-expired; who != "in time" {
		t.Error(who)
	}
}

func TestPost_KeepsTheOrderOfOneGoroutine(t *testing.T) {
	l := run(t, 1).Loops()[0]
	const n = 10000
	got := make([]int, 0, n)
	done := make(chan struct{})
	for i := range n {
		l.Post(func() {
			got = append(got, i)
			if len(got) == n {
				close(done)
			}
		})
	}
	<-done
	for i, v := range got {
		if i != v {
			t.Fatalf("%d came at place %d", v, i)
		}
	}
}

func TestLater_ComesAfterWhatIsUnderWay(t *testing.T) {
	l := run(t, 1).Loops()[0]
	order := make(chan int, 4)
	l.Post(func() {
		l.Later(func() { order <- 2; l.Later(func() { order <- 3 }) })
		order <- 1
	})
	for want := 1; want <= 3; want++ {
		if got := <-order; got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
}

func TestRun_EndsWithItsConnections(t *testing.T) {
	g, err := reactor.NewGroup(2)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	address := serve(t, g, echoes(t))
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "x")
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("the connection is not closed in order: %v", err)
	}
	if g.Loops()[0].Post(func() { t.Error("called") }) {
		t.Error("a loop that has ended takes what is posted")
	}
}

func TestRelease_MakesAnOrdinaryConnection(t *testing.T) {
	g := run(t, 1)
	released := make(chan net.Conn, 1)
	address := serve(t, g, func(l *reactor.Loop, fd int) {
		h := &once{}
		conn, err := l.Adopt(fd, h)
		if err != nil {
			t.Error(err)
			return
		}
		nc, err := conn.Release()
		if err != nil {
			t.Error(err)
		}
		released <- nc
	})
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	nc := <-released
	defer nc.Close()
	io.WriteString(c, "hello")
	b := make([]byte, 5)
	if _, err := io.ReadFull(nc, b); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
}

// Two connections have events in one turn: whoever is told first knows of the other's, and no longer in the next turn.
func TestHeard_BeforeTheHandlerIsTold(t *testing.T) {
	g := run(t, 1)
	loop := g.Loops()[0]
	conns := make(chan *reactor.Conn, 2)
	handlers := [2]*once{{}, {}}
	n := 0
	address := serve(t, g, func(l *reactor.Loop, fd int) {
		conn, err := l.Adopt(fd, handlers[n])
		if err != nil {
			t.Error(err)
		}
		n++
		conns <- conn
	})
	var clients [2]net.Conn
	var adopted [2]*reactor.Conn
	for i := range clients {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		clients[i], adopted[i] = c, <-conns
	}
	// What comes now are the first events of both connections, that they are writable, or has come before.
	held, free := make(chan struct{}), make(chan struct{})
	loop.Post(func() { close(held); <-free })
	<-held
	heard := make(chan bool, 4)
	for i, h := range handlers {
		h.ready = func(e reactor.Events) {
			adopted[i].Read(loop.Scratch())
			heard <- adopted[1-i].Heard()
		}
		io.WriteString(clients[i], "x")
	}
	close(free)
	if a, b := <-heard, <-heard; !a || !b {
		t.Errorf("told first, it has heard of the other's event: %v; told second: %v", a, b)
	}
	done := make(chan bool)
	loop.Post(func() { done <- adopted[0].Heard() || adopted[1].Heard() })
	if <-done {
		t.Error("it is still heard of in a turn without an event of it")
	}
}

func TestQuiet_SeesWhatIsThere(t *testing.T) {
	g := run(t, 1)
	type seen struct{ before, after, read bool }
	result := make(chan seen, 1)
	address := serve(t, g, func(l *reactor.Loop, fd int) {
		h := &once{}
		conn, err := l.Adopt(fd, h)
		if err != nil {
			t.Error(err)
			return
		}
		s := seen{before: conn.Quiet()}
		h.ready = func(reactor.Events) {
			if s.after = !conn.Quiet(); !s.after {
				return
			}
			conn.Read(l.Scratch())
			s.read = conn.Quiet()
			result <- s
			h.ready = nil
		}
	})
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	time.AfterFunc(10*time.Millisecond, func() { io.WriteString(c, "x") })
	if s := <-result; s != (seen{true, true, true}) {
		t.Errorf("%+v", s)
	}
}

func TestContain_KeepsAPanicToItsConnection(t *testing.T) {
	g, err := reactor.NewGroup(1)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan any, 8)
	g.Contain(func(v any, stack []byte) { told <- v })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	address := serve(t, g, func(l *reactor.Loop, fd int) {
		h := &once{}
		conn, err := l.Adopt(fd, h)
		if err != nil {
			t.Error(err)
			return
		}
		h.ready = func(reactor.Events) {
			if n, _ := conn.Read(l.Scratch()); n > 0 && l.Scratch()[0] == 'x' {
				panic("x")
			}
		}
		h.expired = func() { panic("late") }
		conn.Expire(time.Now().Add(50 * time.Millisecond))
		l.Later(func() { panic("put off") })
	})
	g.Loops()[0].Post(func() { panic("posted") })
	if v := <-told; v != "posted" {
		t.Errorf("told %v", v)
	}
	for _, say := range []string{"x", "y"} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, say)
		io.ReadAll(c)
		c.Close()
	}
	all := map[any]int{}
	for range 4 {
		all[<-told]++
	}
	if all["x"] != 1 || all["late"] != 1 || all["put off"] != 2 {
		t.Errorf("told %v", all)
	}
}
