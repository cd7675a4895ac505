package testbed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Apart has the servers, with their workers, run on the first half of the processors, and everything else on the others: their
// models, what else the bed has started, and this program, which asks. Kernels of virtual machines may pack threads that wake each
// other onto one processor while another is idle; what is measured then is how they wait for each other. What is started later is
// where its parent is. With one processor only it is an error.
func (b *Bed) Apart(servers ...*Process) error {
	first, second, err := halves()
	if err != nil {
		return err
	}
	var asked []int
	for _, s := range servers {
		own, err := s.own()
		if err != nil {
			return err
		}
		asked = append(asked, own...)
	}
	all := append(descendantsOf(os.Getpid()), os.Getpid()) // the bed started nothing that is no descendant
	for range 2 {                                          // a thread may have been made in the first, by one that had not been moved yet
		for _, pid := range all {
			set := &second
			if slices.Contains(asked, pid) {
				set = &first
			}
			if err := bind(pid, set); err != nil {
				return err
			}
		}
	}
	return nil
}

// halves divides the processors that this process may use.
func halves() (first, second unix.CPUSet, err error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return first, second, os.NewSyscallError("sched_getaffinity", err)
	}
	if all.Count() < 2 {
		return first, second, errors.New("there is one processor only, and two are needed")
	}
	for cpu, left := 0, all.Count()/2; first.Count()+second.Count() < all.Count(); cpu++ {
		switch {
		case !all.IsSet(cpu):
		case left > 0:
			first.Set(cpu)
			left--
		default:
			second.Set(cpu)
		}
	}
	return first, second, nil
}

// bind has all threads of a process run on some processors only.
func bind(pid int, to *unix.CPUSet) error {
	return eachThread(pid, func(tid int) error {
		if err := unix.SchedSetaffinity(tid, to); err != nil {
			return fmt.Errorf("bind thread %d to processors: %w", tid, err)
		}
		return nil
	})
}

// eachThread calls f for all threads of a process. That one of them has ended is no error.
func eachThread(pid int, f func(tid int) error) error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return err
	}
	for _, path := range threads {
		tid, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			return err
		}
		if err := f(tid); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}
