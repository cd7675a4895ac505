package process

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"gnomon"
)

// The niceness of a shadow where it has no group of its own, and its first claim on the out-of-memory killer.
const (
	shadowNice     = 19
	shadowOOMScore = 1000
)

// settle puts the shim itself where the server shall be, so that whatever the server starts is there from its first
// instruction, and the copying of its log is charged to it as well.
func (s *shim) settle() error {
	if err := s.plan.Group.join(); err != nil {
		return err
	}
	if len(s.plan.CPUs) > 0 {
		var set unix.CPUSet
		for _, c := range s.plan.CPUs {
			set.Set(c)
		}
		if err := eachThread(os.Getpid(), func(tid int) error { return unix.SchedSetaffinity(tid, &set) }); err != nil {
			return fmt.Errorf("bind to processors: %w", err)
		}
	}
	if err := renice(os.Getpid(), s.plan.Nice); err != nil { // Gnomon's own is lower
		return err
	}
	if s.plan.Class != gnomon.Shadow {
		return nil
	}
	return s.setClass(os.Getpid(), s.plan.Class)
}

// setClass gives one process the priorities of a class.
func (s *shim) setClass(pid int, c gnomon.Class) error {
	nice, score := s.plan.Nice, 0
	if c == gnomon.Shadow {
		nice, score = shadowNice, shadowOOMScore
	}
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte(strconv.Itoa(score)), 0); err != nil {
		return err
	}
	if s.plan.Group.CPU != "" {
		return nil // the group has a weight
	}
	if err := renice(pid, nice); err != nil {
		return err
	}
	return setAutogroup(pid, nice)
}

// setAutogroup gives the session of a process the same niceness: where the kernel groups by session, a niceness weighs
// only against processes of the same one.
func setAutogroup(pid, nice int) error {
	if own, err := unix.Getsid(0); err != nil {
		return err
	} else if sid, err := unix.Getsid(pid); err != nil || sid == own {
		return nil // Gnomon's own session, or the process has ended
	}
	err := os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(strconv.Itoa(nice)), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// reclass gives the shim, the server and everything it has started the priorities of a class. It returns why it could
// not, or nothing.
func (s *shim) reclass(c gnomon.Class) string {
	errs := []error{s.plan.Group.weigh(c)}
	for _, pid := range append(descendants(os.Getpid()), os.Getpid()) {
		err := s.setClass(pid, c)
		if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ESRCH) { // those that have just ended
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err.Error()
	}
	s.plan.Class = c
	return ""
}

// start starts the server, with nothing open but /dev/null and the log.
func (s *shim) start() error {
	// Gnomon's own parent may have left it something open, which is then open here as well.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close what is inherited: %w", err)
	}
	log, err := openLog(s.plan.Log, s.plan.LogBytes, s.plan.LogFiles)
	if err != nil {
		return err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()
	if err := s.spawn([]*os.File{null, w, w}); err != nil {
		r.Close()
		return err
	}
	s.log, s.logDone = log, make(chan struct{})
	go func() {
		defer close(s.logDone)
		io.CopyBuffer(struct{ io.Writer }{log}, struct{ io.Reader }{r}, make([]byte, 64<<10))
	}()
	return s.remember()
}

// spawn starts the process from a thread of its own, to which the parent-death signal and the view of the file system
// belong. The thread never ends before the shim: the server would get its signal.
func (s *shim) spawn(files []*os.File) error {
	forked := make(chan error)
	go func() {
		runtime.LockOSThread()
		forked <- s.fork(files)
		select {}
	}()
	return <-forked
}

func (s *shim) fork(files []*os.File) error {
	if err := hide(s.plan.Hide, s.plan.Folder.ofServer()); err != nil {
		return fmt.Errorf("hide folders: %w", err)
	}
	restore, err := lowerData(s.plan.MaxBytes)
	if err != nil {
		return fmt.Errorf("limit data: %w", err)
	}
	p, err := os.StartProcess(s.plan.Args[0], s.plan.Args, &os.ProcAttr{
		Dir: s.plan.Dir, Env: s.plan.Env, Files: files,
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	})
	restore()
	if err != nil {
		return err
	}
	s.pid = p.Pid
	p.Release() // reaped with all other children, by pid
	if n := s.plan.MaxBytes; n > 0 {
		unix.Prlimit(s.pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: n, Max: n}, nil) // it may have ended already
	}
	return nil
}

// lowerData lowers the limit on data for what is forked now. Only a soft limit can be raised again afterwards, so the
// hard one is set from outside once the server is there.
func lowerData(n uint64) (restore func(), err error) {
	if n == 0 {
		return func() {}, nil
	}
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &own); err != nil {
		return nil, err
	}
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: min(n, own.Max), Max: own.Max}); err != nil {
		return nil, err
	}
	return func() { unix.Setrlimit(unix.RLIMIT_DATA, &own) }, nil
}

// eachThread calls f for the threads of a process, until no new ones appear.
func eachThread(pid int, f func(tid int) error) error {
	done := make(map[int]bool)
	for {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*", pid))
		if err != nil {
			return err
		}
		fresh := false
		for _, t := range tasks {
			tid, err := strconv.Atoi(filepath.Base(t))
			if err != nil || done[tid] {
				continue
			}
			done[tid], fresh = true, true
			if err := f(tid); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
		if !fresh {
			return nil
		}
	}
}
