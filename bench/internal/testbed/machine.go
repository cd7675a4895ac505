package testbed

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Machine says when and on what a benchmark runs.
func Machine() string {
	memory := "unknown memory"
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		memory = fmt.Sprintf("%.1f GiB", float64(info.Totalram)*float64(info.Unit)/(1<<30))
	}
	load := LoadAverage()
	return fmt.Sprintf("%s, %d processors, %s, %s/%s, load average %s\n%s", time.Now().UTC().Format("2006-01-02 15:04 MST"),
		runtime.NumCPU(), memory, runtime.GOOS, runtime.GOARCH, load, kernelCosts())
}

// kernelCosts says what the kernel, and what it runs on, asks for what servers do most. Virtual machines differ in it by a factor of
// a hundred, and tell more of a latency by it than by their processors.
func kernelCosts() string {
	const calls = 10_000
	began := time.Now()
	for range calls {
		unix.Getppid()
	}
	call := time.Since(began) / calls
	small, err := freshMemory(unix.MADV_NOHUGEPAGE)
	huge, hugeErr := freshMemory(unix.MADV_HUGEPAGE)
	if err := errors.Join(err, hugeErr); err != nil {
		return fmt.Sprintf("A system call takes %v; what memory takes is unknown: %v.", call, err)
	}
	return fmt.Sprintf("A system call takes %v, a megabyte of memory at its first use %v, in huge pages %v.", call, small, huge)
}

// freshMemory is what the first use of a megabyte takes, in pages as advised.
func freshMemory(advice int) (time.Duration, error) {
	const megabytes = 32
	memory, err := unix.Mmap(-1, 0, megabytes<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return 0, err
	}
	defer unix.Munmap(memory)
	if err := unix.Madvise(memory, advice); err != nil {
		return 0, err
	}
	began := time.Now()
	for at := 0; at < len(memory); at += os.Getpagesize() {
		memory[at] = 1
	}
	return time.Since(began) / megabytes, nil
}

// LoadAverage is that of the last one, five and fifteen minutes.
func LoadAverage() string {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return "unknown"
	}
	const one = 1 << 16
	return fmt.Sprintf("%.2f %.2f %.2f", float64(info.Loads[0])/one, float64(info.Loads[1])/one, float64(info.Loads[2])/one)
}
