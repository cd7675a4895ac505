package main

import (
	"log/slog"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes of memory, in bytes.
const (
	heapReserve = 512 << 20 // what copies and answers are allowed by default, and some more
	hugePage    = 2 << 20
)

// reserveHeap has the kernel back the heap by huge pages as it grows. Copies that wait for a slow shadow are tens of megabytes
// that come within a second or two, on the goroutine that production's answers are written by; in pages of 4 KiB each is a trap
// into the kernel, and in some virtual machines into the hypervisor: 11 µs were measured there (docs/adr/0011). The memory is not
// used: it is address space which the heap grows into, and which the collector has at once. Where the kernel does not offer huge
// pages all is as it was.
func reserveHeap(log *slog.Logger) {
	probe, err := unix.Mmap(-1, 0, heapReserve, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil { // as where memory may not be promised that is not there: the collector would end the program
		log.Debug("the heap gets no huge pages", "error", err)
		return
	}
	unix.Munmap(probe)
	b := make([]byte, heapReserve)
	from := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) % hugePage
	n := (uintptr(len(b)) - from) / hugePage * hugePage
	if err := unix.Madvise(b[from:from+n], unix.MADV_HUGEPAGE); err != nil {
		log.Debug("the heap gets no huge pages", "error", err)
	}
	runtime.KeepAlive(b)
	runtime.GC()
}
