package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// markName is the variable that tells the processes of an instance apart from all others, even when they have left
// their parents, sessions and groups.
const markName = "GNOMON_INSTANCE"

// A state is what a shim leaves for the case that it is killed itself.
type state struct {
	Boot  string // the machine's; process IDs mean nothing in another
	Pid   int
	Start uint64 // the server's start time in clock ticks since boot: tells it from a later process of that ID
	Mark  string
	Group group
}

// remember writes the state, so that it is there as a whole or not at all.
func (s *shim) remember() error {
	st := state{Boot: bootID(), Pid: s.pid, Mark: s.plan.Mark, Group: s.plan.Group}
	if p, ok := readProc(s.pid); ok {
		st.Start = p.start
	}
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	path := s.plan.Folder.state()
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// remainsWait is how long killed processes may take to be gone.
const remainsWait = 10 * time.Second

// endRemains kills what a shim that was killed has left of an instance. The caller has the instance's lock.
func endRemains(f folders) error {
	b, err := os.ReadFile(f.state())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("%s: %w", f.state(), err)
	}
	if s.Boot == bootID() {
		for deadline := time.Now().Add(remainsWait); s.kill() > 0; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				return errors.New("processes of the instance do not end although they were killed")
			}
		}
	}
	return os.Remove(f.state())
}

// kill kills the processes of the instance and returns how many it found.
func (s state) kill() int {
	n := 0
	for _, p := range processes() {
		if p.pid != os.Getpid() && p.state != 'Z' && s.owns(p) {
			killExactly(p, s.owns)
			n++
		}
	}
	return n
}

func (s state) owns(p proc) bool {
	if p.pid == s.Pid && p.start == s.Start {
		return true
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid))
	if err != nil {
		return false
	}
	mark := []byte(markName + "=" + s.Mark + "\x00")
	return bytes.HasPrefix(env, mark) || bytes.Contains(env, append([]byte{0}, mark...))
}

// killExactly kills the process that p describes, and never one that was given its ID in the meantime: once the
// descriptor is open, the check holds for what it refers to.
func killExactly(p proc, owns func(proc) bool) {
	fd, err := unix.PidfdOpen(p.pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if now, ok := readProc(p.pid); ok && now.start == p.start && owns(now) {
		unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

// A proc is what /proc tells of a process.
type proc struct {
	pid, parent int
	state       byte
	start       uint64
	ticks       uint64 // of processors, that it has used
	reaped      uint64 // and that its children had used when it took note of their end
	pages       uint64 // in memory
}

func readProc(pid int) (proc, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return proc{}, false
	}
	// The second field is the program's name in parentheses; it may contain anything.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 22 {
		return proc{}, false
	}
	parent, err := strconv.Atoi(f[1])
	if err != nil {
		return proc{}, false
	}
	var n [22]uint64
	for _, i := range []int{11, 12, 13, 14, 19, 21} {
		if n[i], err = strconv.ParseUint(f[i], 10, 64); err != nil {
			return proc{}, false
		}
	}
	return proc{
		pid: pid, parent: parent, state: f[0][0], start: n[19], ticks: n[11] + n[12], reaped: n[13] + n[14], pages: n[21],
	}, true
}

// processes lists all processes.
func processes() []proc {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var all []proc
	for _, d := range dirs {
		pid, err := strconv.Atoi(filepath.Base(d))
		if err != nil {
			continue
		}
		if p, ok := readProc(pid); ok {
			all = append(all, p)
		}
	}
	return all
}

// children lists the children of a process, those that have ended too.
func children(pid int) []int {
	var kids []int
	for _, p := range processes() {
		if p.parent == pid {
			kids = append(kids, p.pid)
		}
	}
	return kids
}

// descendants lists the children of a process, theirs, and so on.
func descendants(pid int) []int {
	all := processes()
	found := []int{pid}
	for i := 0; i < len(found); i++ {
		for _, p := range all {
			if p.parent == found[i] && p.state != 'Z' {
				found = append(found, p.pid)
			}
		}
	}
	return found[1:]
}

func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
