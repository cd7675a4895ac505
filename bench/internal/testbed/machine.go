package testbed

import (
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
	const calls, size = 10_000, 32 << 20
	began := time.Now()
	for range calls {
		unix.Getppid()
	}
	call := time.Since(began) / calls
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return fmt.Sprintf("A system call takes %v.", call)
	}
	defer unix.Munmap(memory)
	unix.Madvise(memory, unix.MADV_NOHUGEPAGE) // so that each page is asked for; without it there are fewer
	page, longest := os.Getpagesize(), time.Duration(0)
	began = time.Now()
	for at := 0; at < size; at += page {
		one := time.Now()
		memory[at] = 1
		longest = max(longest, time.Since(one))
	}
	return fmt.Sprintf("A system call takes %v, a page fault %v, and %v at most.", call, time.Since(began)/time.Duration(size/page), longest)
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
