package process

import (
	"fmt"
	"math"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// comeFirst gives this process's threads, and those that they will start, a niceness that is lower by less, so that Gnomon gets a
// processor before the servers do. It returns the niceness that was theirs, which is what servers are to have. The system may not
// allow it.
func (g groups) comeFirst(less int) (before int, err error) {
	if before, err = niceness(); err != nil || less == 0 {
		return before, err
	}
	if err := renice(os.Getpid(), before-less); err != nil {
		return before, err
	}
	if g.own == "" {
		return before, nil // Gnomon's threads are weighed against the groups one by one
	}
	return before, write(g.own, "cpu.weight", strconv.Itoa(weightOf(-less)))
}

// weightOf is the weight of a group of version 2 that counts as much as a thread of that niceness: 100 is niceness 0, and each step
// a quarter more, as the kernel has it (sched_prio_to_weight).
func weightOf(nice int) int {
	return min(10_000, int(math.Round(100*math.Pow(1.25, float64(-nice)))))
}

// niceness is that of the calling thread.
func niceness() (int, error) {
	n, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return 0, os.NewSyscallError("getpriority", err)
	}
	return 20 - n, nil // the system call returns 40 to 1, lest it look like an error
}

// renice sets the niceness of all threads of a process.
func renice(pid, nice int) error {
	nice = min(19, max(-20, nice))
	err := eachThread(pid, func(tid int) error { return unix.Setpriority(unix.PRIO_PROCESS, tid, nice) })
	if err != nil {
		return fmt.Errorf("set niceness %d: %w", nice, err)
	}
	return nil
}
