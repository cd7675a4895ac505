package testbed

import (
	"fmt"
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
	return fmt.Sprintf("%s, %d processors, %s, %s/%s, load average %s", time.Now().UTC().Format("2006-01-02 15:04 MST"),
		runtime.NumCPU(), memory, runtime.GOOS, runtime.GOARCH, LoadAverage())
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
