package reactor

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Listener accepts connections for loops. Unlike those of the net package, they are not in Go's poller.
type Listener struct {
	ln   net.Listener
	file *os.File // of the same socket: the net package does not let others accept on its own
	raw  syscall.RawConn
}

// Listen takes ln over, which must be of TCP, and without TLS.
func Listen(ln net.Listener) (*Listener, error) {
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("%s is no TCP listener", ln.Addr())
	}
	file, err := tcp.File()
	if err != nil {
		return nil, err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Listener{ln, file, raw}, nil
}

// Close ends Accept, and the listener.
func (l *Listener) Close() error { return errors.Join(l.file.Close(), l.ln.Close()) }

// Accept waits for the next connection and returns its socket, which is non-blocking. The error wraps [net.ErrClosed]
// once the listener is closed.
func (l *Listener) Accept() (int, error) {
	var fd int
	var err error
	closed := l.raw.Read(func(listener uintptr) bool {
		for {
			fd, _, err = unix.Accept4(int(listener), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			if err != unix.EINTR && err != unix.ECONNABORTED {
				return err != unix.EAGAIN
			}
		}
	})
	switch {
	case closed != nil:
		return -1, errors.Join(closed, net.ErrClosed)
	case err != nil:
		return -1, os.NewSyscallError("accept", err)
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // an optimization: it may fail
	return fd, nil
}

// Remote is the address of the other side, invalid if that is gone.
func (c *Conn) Remote() netip.AddrPort {
	sa, err := unix.Getpeername(c.fd)
	if err != nil {
		return netip.AddrPort{}
	}
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}
