package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gnomon"
)

// A server is one start of an instance: a shim and, under it, the model server.
type server struct {
	id       gnomon.InstanceID
	folder   folders
	port     int
	cpus     []int
	maxBytes uint64
	group    group
	memory   uint64 // bytes that it has
	log      *slog.Logger
	patience time.Duration // with the shim, beyond a grace
	release  func()        // gives back port and processors

	shim   *exec.Cmd
	pid    atomic.Int64 // of the shim; 0: not started yet
	disk   diskUse
	last   *bytes.Buffer // what the shim itself had to say
	sendMu sync.Mutex
	life   *os.File // its end is the shim's order to kill

	begun   chan report   // the first report, or none; holds one
	classes chan string   // results of changing the class; holds one
	done    chan struct{} // closed when nothing is left of the server
	detail  string        // how it ended; readable once done is closed
}

func (s *server) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// runs reports whether anything of the server is left.
func (s *server) runs() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// launch starts the shim and returns when the server is started. After an error, nothing is left of either.
func (s *server) launch(ctx context.Context, command []string, p plan) error {
	reports, err := s.startShim(command)
	if err != nil {
		s.end("its shim did not start")
		return fmt.Errorf("start shim: %w", err)
	}
	go s.follow(reports) // ends with the shim; stop waits for it
	s.send(order{Begin: &p})
	select {
	case r := <-s.begun:
		if r.Started {
			return nil
		}
		<-s.done
		return fmt.Errorf("start %s: %s", p.Args[0], s.detail)
	case <-ctx.Done():
		s.hangUp()
		<-s.done
		return ctx.Err()
	}
}

func (s *server) startShim(command []string) (io.Reader, error) {
	orders, life, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer orders.Close()
	s.life, s.last = life, new(bytes.Buffer)
	s.shim = exec.Command(command[0], append(command[1:len(command):len(command)], s.id.String())...)
	s.shim.Env = []string{}
	s.shim.Dir = "/"
	s.shim.Stdin = orders
	s.shim.Stderr = &limitedWriter{s.last, 4 << 10}
	// A group of its own keeps a terminal's Ctrl-C from it. A session of its own would make its niceness mean nothing.
	s.shim.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	reports, err := s.shim.StdoutPipe()
	if err != nil {
		s.hangUp()
		return nil, err
	}
	if err := s.shim.Start(); err != nil {
		s.hangUp()
		return nil, err
	}
	s.pid.Store(int64(s.shim.Process.Pid))
	return reports, nil
}

// follow takes the shim's reports until it ends, and then sees to what a shim that was killed could not.
func (s *server) follow(reports io.Reader) {
	defer close(s.begun)
	var exit *string
	for d := json.NewDecoder(reports); ; {
		var r report
		if d.Decode(&r) != nil {
			break
		}
		switch {
		case r.Started:
			s.begun <- r
		case r.Failed != "":
			s.begun <- r
			exit = &r.Failed
		case r.Class != nil:
			select {
			case s.classes <- *r.Class:
			default: // nobody waits any more
			}
		case r.Exit != nil:
			exit = r.Exit
		}
	}
	err := s.shim.Wait()
	s.hangUp()
	if exit != nil {
		s.end(*exit)
		return
	}
	s.log.Warn("shim ended early", "instance", s.id.String(), "err", err, "stderr", s.last.String())
	if err := s.endRemains(); err != nil {
		s.log.Error("remains of an instance", "instance", s.id.String(), "err", err)
	}
	s.end("its shim was killed")
}

// endRemains does what the shim cannot any more.
func (s *server) endRemains() error {
	lock, err := takeLock(s.folder, remainsWait)
	if err != nil {
		return err
	}
	defer lock.Close()
	return endRemains(s.folder)
}

// end gives back what the server had. It is the last that happens to it.
func (s *server) end(detail string) {
	if err := s.group.remove(); err != nil {
		s.log.Error("remove control group", "instance", s.id.String(), "err", err)
	}
	s.release()
	s.detail = detail
	close(s.done)
}

// send gives the shim an order. A shim that has ended takes none.
func (s *server) send(o order) {
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	if s.life != nil {
		json.NewEncoder(s.life).Encode(o)
	}
}

// hangUp tells the shim that Gnomon has no more use for it: it kills all there is and ends.
func (s *server) hangUp() {
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	if s.life != nil {
		s.life.Close()
		s.life = nil
	}
}

// stop ends the server and returns when nothing of it is left.
func (s *server) stop(ctx context.Context, grace time.Duration) error {
	s.send(order{Stop: &grace})
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(grace + s.patience):
	}
	s.shim.Process.Kill() // follow then ends the remains
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// setClass asks the shim for other priorities.
func (s *server) setClass(ctx context.Context, c gnomon.Class) error {
	select {
	case <-s.classes: // the result of a call that did not wait for it
	default:
	}
	s.send(order{Class: c})
	select {
	case why := <-s.classes:
		if why != "" {
			return errors.New(why)
		}
		return nil
	case <-s.done:
		return errors.New("it has ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A limitedWriter keeps the first n bytes.
type limitedWriter struct {
	w io.Writer
	n int
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	keep := min(len(p), l.n)
	l.n -= keep
	l.w.Write(p[:keep])
	return len(p), nil
}
