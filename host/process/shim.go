package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gnomon"
)

// A plan is all a shim needs to know to run one server.
type plan struct {
	Folder   folders
	Args     []string
	Env      []string
	Dir      string
	Hide     []string // folders that the server must not see
	Mark     string   // in the environment of everything the server starts
	Log      string
	LogBytes int64
	LogFiles int
	LockWait time.Duration

	Class    gnomon.Class
	Nice     int // of all but a shadow without a group of its own
	Group    group
	CPUs     []int  // the only ones to run on; none: all
	MaxBytes uint64 // of data, for each process; 0: no limit
}

// An order is what Gnomon tells a shim, one at a time. Exactly one member is set.
type order struct {
	Begin *plan          `json:",omitempty"`
	Stop  *time.Duration `json:",omitempty"` // the grace
	Class gnomon.Class   `json:",omitempty"`
}

// A report is what a shim tells Gnomon. Exactly one member is set.
type report struct {
	Started bool    `json:",omitempty"`
	Failed  string  `json:",omitempty"` // the server did not start
	Exit    *string `json:",omitempty"` // how the server ended; nothing of it is left
	Class   *string `json:",omitempty"` // the class was changed; or else why not
}

// A shim runs one model server and outlives it, and Gnomon, for as long as it takes to leave nothing of it behind.
// Its standard input is its life: orders come over it, and its end means that Gnomon is gone.
type shim struct {
	plan    plan
	reports *json.Encoder
	orders  chan order
	signals chan os.Signal

	lock    *os.File
	log     *logFile
	logDone chan struct{}

	pid    int
	ended  bool
	status syscall.WaitStatus
}

// ShimMain is the program between Gnomon and a model server. Gnomon starts itself as "gnomon shim" to run it, with
// orders on its standard input and reports on its standard output; it is of no use to anyone else. It returns the
// process's exit status.
func ShimMain([]string) int {
	s := &shim{
		reports: json.NewEncoder(os.Stdout),
		orders:  make(chan order),
		signals: make(chan os.Signal, 16),
	}
	// All are taken, none is ignored: what is ignored here would be ignored by the server as well.
	signal.Notify(s.signals, syscall.SIGCHLD, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	go s.readOrders(os.Stdin)
	first, ok := <-s.orders
	if !ok || first.Begin == nil {
		fmt.Fprintln(os.Stderr, "gnomon shim: it is started by gnomon serve, for each model server")
		return 2
	}
	s.plan = *first.Begin
	if err := s.begin(); err != nil {
		s.killAll()
		s.reports.Encode(report{Failed: err.Error()})
		return 1
	}
	s.reports.Encode(report{Started: true})
	s.watch()
	s.reports.Encode(report{Exit: new(s.exit())})
	return 0
}

func (s *shim) readOrders(r io.Reader) {
	defer close(s.orders)
	for d := json.NewDecoder(r); ; {
		var o order
		if d.Decode(&o) != nil {
			return
		}
		s.orders <- o
	}
}

// begin takes the instance over and starts its server. To start an instance is to get its lock.
func (s *shim) begin() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become subreaper: %w", err)
	}
	lock, err := takeLock(s.plan.Folder, s.plan.LockWait)
	if err != nil {
		return err
	}
	s.lock = lock
	if err := endRemains(s.plan.Folder); err != nil {
		return err
	}
	unix.Umask(0o022)
	if err := s.settle(); err != nil {
		return err
	}
	return s.start()
}

// watch returns when the server has ended, was told to or has lost Gnomon, and nothing of it is left.
func (s *shim) watch() {
	defer s.killAll()
	var kill <-chan time.Time
	for {
		select {
		case o, ok := <-s.orders:
			switch {
			case !ok:
				return
			case o.Stop != nil:
				kill = s.terminate(*o.Stop)
			case o.Class != "":
				s.reports.Encode(report{Class: new(s.reclass(o.Class))})
			}
		case <-kill:
			return
		case sig := <-s.signals:
			switch sig {
			case syscall.SIGCHLD:
				if s.reap(); s.ended {
					return
				}
			case syscall.SIGTERM:
				kill = s.terminate(30 * time.Second)
			}
		}
	}
}

// terminate asks the server to end. A shadow gets production's share of the machine for it, so that it can.
func (s *shim) terminate(grace time.Duration) <-chan time.Time {
	s.reclass(gnomon.Production)
	unix.Kill(-s.pid, unix.SIGTERM)
	return time.After(grace)
}

// reap takes note of all children that have ended.
func (s *shim) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		s.note(pid, status)
	}
}

func (s *shim) note(pid int, status syscall.WaitStatus) {
	if pid == s.pid {
		s.ended, s.status = true, status
	}
}

// killAll kills until no child is left. The children of a killed child become the shim's own before that one can be
// reaped, so each round sees those that the round before has orphaned.
func (s *shim) killAll() {
	for {
		for _, pid := range children(os.Getpid()) {
			unix.Kill(pid, unix.SIGKILL)
		}
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err == syscall.ECHILD {
			break
		}
		if err == nil {
			s.note(pid, status)
			s.reap()
		}
	}
	if s.logDone == nil {
		return // nothing was started
	}
	select {
	case <-s.logDone:
	case <-time.After(2 * time.Second): // the log's pipe was given to a process that is not the server's
	}
	os.Remove(s.plan.Folder.state())
}

// exit says how the server ended, and with which last words.
func (s *shim) exit() string {
	how := fmt.Sprintf("exit status %d", s.status.ExitStatus())
	if s.status.Signaled() {
		how = "killed by " + unix.SignalName(s.status.Signal())
	}
	select {
	case <-s.logDone:
		if t := s.log.lastLines(); t != "" {
			how += "; its log ends: " + t
		}
	default:
	}
	return how
}

// takeLock waits for the lock of an instance's folder.
func takeLock(f folders, wait time.Duration) (*os.File, error) {
	lock, err := os.OpenFile(f.lock(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(wait); ; time.Sleep(10 * time.Millisecond) {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return lock, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || time.Now().After(deadline) {
			lock.Close()
			return nil, fmt.Errorf("the instance still runs: lock %s: %w", f.lock(), err)
		}
	}
}
