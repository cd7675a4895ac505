package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// What a server may write to its log for long, and at once, before lines are dropped instead of written.
const (
	logBytesPerSecond = 1 << 20
	logBurst          = 8 << 20
	tailBytes         = 600
)

// A logFile is a file that is renamed when it is full, so that a log keeps its end and no more than size × files.
type logFile struct {
	path  string
	size  int64 // bytes of one file
	files int

	f       *os.File
	written int64
	tail    []byte // the last of what this run wrote

	allowance float64
	refilled  time.Time
	dropped   int64
}

func openLog(path string, size int64, files int) (*logFile, error) {
	l := &logFile{path: path, size: size, files: files, allowance: logBurst, refilled: time.Now()}
	return l, l.open()
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	l.f, l.written = f, st.Size()
	return nil
}

// Write always takes all of p: a server must not stand still because its log is full or its disk is. What comes faster
// than the log's pace is counted and dropped.
func (l *logFile) Write(p []byte) (int, error) {
	now := time.Now()
	l.allowance = min(logBurst, l.allowance+now.Sub(l.refilled).Seconds()*logBytesPerSecond)
	l.refilled = now
	l.tail = append(l.tail, p[max(0, len(p)-tailBytes):]...)
	l.tail = l.tail[max(0, len(l.tail)-tailBytes):]
	if float64(len(p)) > l.allowance {
		l.dropped += int64(len(p))
		return len(p), nil
	}
	l.allowance -= float64(len(p))
	if n := l.dropped; n > 0 && l.append(fmt.Appendf(nil, "\n[gnomon: dropped %d bytes: too fast, or no room]\n", n)) {
		l.dropped -= n
	}
	if !l.append(p) {
		l.dropped += int64(len(p))
	}
	return len(p), nil
}

// append writes p to the file, or to the next one. It reports false if it could not.
func (l *logFile) append(p []byte) bool {
	if l.written > 0 && l.written+int64(len(p)) > l.size {
		l.rotate()
	}
	if l.f == nil && l.open() != nil {
		return false
	}
	n, err := l.f.Write(p)
	l.written += int64(n)
	return err == nil
}

// rotate renames log to log.1, log.1 to log.2 and so on; the oldest is overwritten.
func (l *logFile) rotate() {
	if l.f != nil {
		l.f.Close()
	}
	l.f, l.written = nil, 0
	for n := l.files - 1; n > 0; n-- {
		os.Rename(logName(l.path, n-1), logName(l.path, n)) // one that is missing leaves a gap, no more
	}
	if l.files == 1 {
		os.Remove(l.path)
	}
}

func logName(path string, n int) string {
	if n == 0 {
		return path
	}
	return fmt.Sprintf("%s.%d", path, n)
}

// lastLines returns the end of what this run wrote, from the beginning of a line.
func (l *logFile) lastLines() string {
	t := l.tail
	if len(t) == tailBytes {
		if _, after, ok := bytes.Cut(t, []byte("\n")); ok {
			t = after
		}
	}
	return string(bytes.ToValidUTF8(bytes.TrimSpace(t), []byte("?")))
}

// A logReader reads the files of a log one after another.
type logReader struct {
	io.Reader
	files []*os.File
}

func (r *logReader) Close() error {
	var errs []error
	for _, f := range r.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// readLog opens what is kept of a log, oldest first.
func readLog(ctx context.Context, path string, files int) (io.ReadCloser, error) {
	r := &logReader{}
	var parts []io.Reader
	for n := files - 1; n >= 0; n-- {
		f, err := os.Open(logName(path, n))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			r.Close()
			return nil, err
		}
		r.files = append(r.files, f)
		parts = append(parts, contextReader{ctx, f})
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("log %s: %w", path, fs.ErrNotExist)
	}
	r.Reader = io.MultiReader(parts...)
	return r, nil
}
