package reactor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// These calls never wait, so they are made without telling the scheduler, as Go's own poller makes its.

func pollNow(epoll int, events []unix.EpollEvent) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

func receive(fd int, p []byte, flags uintptr) (int, unix.Errno) {
	if len(p) == 0 {
		return 0, unix.EINVAL
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), flags, 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// send uses the loop's message, which must not move while the kernel reads it: it is part of the loop, which does not.
func (l *Loop) send(fd int, parts [][]byte) (int, unix.Errno) {
	used := 0
	for _, p := range parts {
		if len(p) > 0 {
			l.vec[used].Base = &p[0]
			l.vec[used].SetLen(len(p))
			used++
		}
	}
	if used == 0 {
		return 0, 0
	}
	l.head.Iov = &l.vec[0]
	l.head.SetIovlen(used)
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&l.head)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if errno != unix.EINTR {
			clear(l.vec[:used])
			return int(n), errno
		}
	}
}
