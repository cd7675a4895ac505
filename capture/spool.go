package capture

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// A spool is the folder in which files wait to be uploaded.
type spool struct {
	dir   string
	limit int64        // bytes
	size  atomic.Int64 // of all files

	mu     sync.Mutex
	of     map[string]int64 // size of each bucket's files
	broken error            // what made the last write fail; nil: it did not
}

// take takes n bytes for a bucket's file. One bucket gets no more than half of them all, so that one which is dead leaves
// something to the others.
func (s *spool) take(f *file, n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := bucketOf(f.Records)
	if s.size.Load()+n > s.limit || s.of[name]+n > s.limit/2 {
		return false
	}
	s.add(f, n)
	return true
}

func (s *spool) add(f *file, n int64) {
	name := bucketOf(f.Records)
	s.size.Add(n)
	if s.of[name] += n; s.of[name] == 0 {
		delete(s.of, name)
	}
}

// give gives back bytes of a file's.
func (s *spool) give(f *file, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(f, -n)
}

func openSpool(o Options) (*spool, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	return &spool{dir: o.Dir, limit: o.SpoolSize, of: make(map[string]int64)}, nil
}

func (s *spool) trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

func (s *spool) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

// A plan is what a file becomes. It is in the spool before the file's first record.
type plan struct {
	Records string // URI of the object
	Times   string // URI of the one beside it
	KmsKey  string `json:",omitzero"`
}

// The names of a file's parts end like this.
const (
	planExt    = ".plan"
	recordsExt = ".records"
	timesExt   = ".times"
)

// objectMode is the mode of files that may become objects. Until then nobody else can see into their folder.
const objectMode = 0o666

// A file is one object in the making.
type file struct {
	plan
	path  string // without what the names of its parts end in
	begun time.Time

	records, times part
	count          int     // of records that are not written yet
	counts         *counts // of its stream; nil if resumed
	resumed        bool    // an earlier process began it
	failed         bool    // it could not be uploaded before
}

// A part is one of a file's two files. What is in it ends with a whole line.
type part struct {
	f       *os.File
	size    int64  // of its whole lines
	torn    bool   // there is part of a line behind them
	pending []byte // what is to be appended
}

// create begins a file for a stream.
func (s *spool) create(of *stream, now time.Time) (*file, error) {
	id := uuid.NewString()
	f := &file{
		plan: plan{Records: objectURI(of.CaptureStream, now, id), Times: timesURI(of.CaptureStream, now, id), KmsKey: of.KmsKey},
		path: filepath.Join(s.dir, id), begun: now,
	}
	text, err := json.Marshal(f.plan)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(f.path+planExt+".new", text, 0o600); err != nil {
		os.Remove(f.path + planExt + ".new")
		return nil, err
	}
	if err := os.Rename(f.path+planExt+".new", f.path+planExt); err != nil {
		return nil, err
	}
	for ext, p := range map[string]*part{recordsExt: &f.records, timesExt: &f.times} {
		if p.f, err = os.OpenFile(f.path+ext, os.O_CREATE|os.O_WRONLY|os.O_APPEND, objectMode); err != nil {
			f.close()
			return nil, errors.Join(err, s.remove(f))
		}
	}
	return f, nil
}

// write appends what is pending, or nothing at all. It returns why not.
func (f *file) write(s *spool) error {
	n := int64(len(f.records.pending) + len(f.times.pending))
	if !s.take(f, n) {
		f.records.pending, f.times.pending = f.records.pending[:0], f.times.pending[:0]
		return errSpoolFull
	}
	before := f.records.size + f.times.size
	err := f.records.append()
	if err == nil {
		_ = f.times.append() // records without times are whole all the same
	}
	f.times.pending = f.times.pending[:0]
	s.give(f, n-(f.records.size+f.times.size-before))
	return err
}

var errSpoolFull = errors.New("the spool is full: objects are not uploaded, or not fast enough")

// append writes what is pending. When that fails, the part is as it was before.
func (p *part) append() error {
	n, err := p.f.Write(p.pending)
	if err != nil {
		if n > 0 {
			cut := p.f.Truncate(p.size)
			p.torn, err = cut != nil, errors.Join(err, cut)
		}
		p.pending = p.pending[:0]
		return err
	}
	p.size += int64(n)
	p.pending = p.pending[:0]
	return nil
}

func (f *file) close() error {
	var err error
	for _, p := range []*part{&f.records, &f.times} {
		if p.f != nil {
			err = errors.Join(err, p.f.Close())
		}
		p.f, p.pending = nil, nil
	}
	return err
}

// remove takes a file out of the spool. The plan goes last: as long as it is there, what is beside it can be dealt with.
func (s *spool) remove(f *file) error {
	var err error
	for _, ext := range []string{recordsExt, timesExt, planExt} {
		if e := os.Remove(f.path + ext); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	if err == nil {
		s.give(f, f.records.size+f.times.size)
		f.records.size, f.times.size = 0, 0
	}
	return err
}

// resume returns the files that an earlier process left, cut to whole lines. One that cannot be read stays where it is, and
// is told of.
func (s *spool) resume(log *slog.Logger) ([]*file, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var left []*file
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), planExt)
		if !ok {
			if strings.HasSuffix(e.Name(), planExt+".new") {
				os.Remove(filepath.Join(s.dir, e.Name())) // of a file that was not begun
			}
			continue
		}
		f := &file{path: filepath.Join(s.dir, name), resumed: true}
		text, err := os.ReadFile(f.path + planExt)
		if err == nil {
			err = json.Unmarshal(text, &f.plan)
		}
		for ext, p := range map[string]*part{recordsExt: &f.records, timesExt: &f.times} {
			if err == nil {
				p.size, err = cut(f.path + ext)
			}
		}
		if err != nil {
			log.Error("capture: a file of the spool cannot be read, and is left there", "file", f.path, "error", err)
			continue
		}
		s.give(f, -f.records.size-f.times.size)
		left = append(left, f)
	}
	return left, nil
}

// cut ends a file behind its last whole line, and returns how long it is then. A file that is missing is empty.
func cut(path string) (int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	size := end
	block := make([]byte, 64<<10)
	for size > 0 {
		from := max(0, size-int64(len(block)))
		n, err := f.ReadAt(block[:size-from], from)
		if err != nil && err != io.EOF {
			return 0, err
		}
		if i := bytes.LastIndexByte(block[:n], '\n'); i >= 0 {
			size = from + int64(i) + 1
			break
		}
		size = from
	}
	if size < end {
		if err := f.Truncate(size); err != nil {
			return 0, err
		}
	}
	return size, f.Close()
}
