package reactor

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrAgain is what [Conn.Read] returns when nothing is there now: the handler is called when there is.
var ErrAgain = errors.New("nothing to read now")

// Events say why a handler is called. An event says that something may have changed, and comes once: what it is about
// must be used up, or be looked at again later on. It may also come of what was used up already, as Writable alone.
type Events uint32

// The events.
const (
	Readable Events = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	Writable Events = unix.EPOLLOUT | unix.EPOLLHUP | unix.EPOLLERR
	Gone     Events = unix.EPOLLHUP | unix.EPOLLERR                   // nothing can be sent or read any more
	Left     Events = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR // the other side sends no more; what it sent may be there to read
)

// A Handler is told of its connection's events, on the loop's goroutine. It may close the connection.
type Handler interface {
	Ready(Events)
	// Expired is called once the deadline is over. The connection has none then.
	Expired()
}

// A Conn is one connection of a loop. All methods are for the loop's goroutine.
type Conn struct {
	loop       *Loop
	fd         int
	generation int32
	handler    Handler
	timer      timer
	given      bool   // by Group.Next
	heard      uint64 // the last turn with an event of it
}

// Adopt makes a connected, non-blocking socket a connection of the loop, which [Group.Next] has chosen for it. The loop
// closes it from now on.
func (l *Loop) Adopt(fd int, h Handler) (*Conn, error) {
	c, err := l.add(fd, h)
	if err != nil {
		l.given.Add(-1)
		return nil, err
	}
	c.given = true
	return c, nil
}

func (l *Loop) add(fd int, h Handler) (*Conn, error) {
	c := &Conn{loop: l, fd: fd, handler: h}
	c.timer.conn = c
	for len(l.conns) <= fd {
		l.conns = append(l.conns, nil)
	}
	l.generation++
	c.generation = l.generation
	if err := l.watch(fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP, c.generation); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	l.conns[fd] = c
	return c, nil
}

// Dial begins to connect. The handler is told that the connection is writable when it stands or has failed, which
// [Conn.Connected] says.
func (l *Loop) Dial(to netip.AddrPort, h Handler) (*Conn, error) {
	family, address := sockaddr(to)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // an optimization: it may fail
	if err := unix.Connect(fd, address); err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	return l.add(fd, h)
}

func sockaddr(to netip.AddrPort) (int, unix.Sockaddr) {
	if a := to.Addr().Unmap(); a.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(to.Port()), Addr: a.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
}

// Connected returns nil if a dialled connection stands, ErrAgain while that is open, and otherwise what went wrong.
func (c *Conn) Connected() error {
	code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if code != 0 {
		return os.NewSyscallError("connect", unix.Errno(code))
	}
	if _, err := unix.Getpeername(c.fd); err == unix.ENOTCONN {
		return ErrAgain
	}
	return nil
}

// Loop is the connection's loop.
func (c *Conn) Loop() *Loop { return c.loop }

// Closed reports whether Close or Release was called.
func (c *Conn) Closed() bool { return c.fd < 0 }

// Read reads what is there, ErrAgain if that is nothing. At the end it returns 0 and no error.
func (c *Conn) Read(p []byte) (int, error) {
	n, errno := receive(c.fd, p, unix.MSG_DONTWAIT)
	switch errno {
	case 0:
		return n, nil
	case unix.EAGAIN:
		return 0, ErrAgain
	}
	return 0, os.NewSyscallError("recv", errno)
}

// Quiet reports whether the other side has neither closed the connection nor sent anything that was not read.
func (c *Conn) Quiet() bool {
	var one [1]byte
	_, errno := receive(c.fd, one[:], unix.MSG_DONTWAIT|unix.MSG_PEEK)
	return errno == unix.EAGAIN
}

// Heard reports whether this turn has an event of the connection, which its handler may not have been told of yet. Events are
// in the order in which they came about: what has come on a connection that is not heard of came, if at all, behind whatever the
// handler is told of.
func (c *Conn) Heard() bool { return c.heard == c.loop.turns }

// MaxParts is how many parts one Write may have.
const MaxParts = 6

// Write sends as much of the parts as the socket takes, in order, and returns how many bytes that was.
func (c *Conn) Write(parts ...[]byte) (int, error) {
	n, errno := c.loop.send(c.fd, parts)
	switch errno {
	case 0:
		return n, nil
	case unix.EAGAIN:
		return 0, nil
	}
	return 0, os.NewSyscallError("send", errno)
}

// Expire sets the deadline. Setting it costs next to nothing as long as it moves on; the zero time is none.
func (c *Conn) Expire(at time.Time) {
	if at.IsZero() {
		c.timer.due = 0
		return
	}
	c.loop.set(&c.timer, max(1, int64(at.Sub(c.loop.base))))
}

// Close closes the connection. No event comes of it any more.
func (c *Conn) Close() {
	if fd := c.detach(); fd >= 0 {
		unix.Close(fd)
	}
}

// CloseWrite tells the other side that nothing more comes.
func (c *Conn) CloseWrite() error {
	return os.NewSyscallError("shutdown", unix.Shutdown(c.fd, unix.SHUT_WR))
}

// Release takes the connection from the loop and returns it as an ordinary one.
func (c *Conn) Release() (net.Conn, error) {
	loop, fd := c.loop, c.detach()
	if err := loop.control(func(epoll int) error { return unix.EpollCtl(epoll, unix.EPOLL_CTL_DEL, fd, nil) }); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	f := os.NewFile(uintptr(fd), "connection")
	defer f.Close() // FileConn has a descriptor of its own
	nc, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("release connection: %w", err)
	}
	return nc, nil
}

func (c *Conn) detach() int {
	fd := c.fd
	if fd < 0 {
		return fd
	}
	c.loop.drop(&c.timer)
	c.loop.conns[fd] = nil
	if c.given {
		c.loop.given.Add(-1)
	}
	c.fd = -1
	return fd
}
