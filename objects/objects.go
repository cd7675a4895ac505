// Package objects is the bucket table: it says where the buckets of s3:// URIs really are, and reads, lists and writes
// the objects in them.
//
// Start at [New] and [Table.Open]. A bucket is a local folder (file://), in S3 (s3://) or memory (mem://, for tests). The
// package knows nothing of models, captures or what an object is for.
package objects

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// Default is the name under which the table keeps the place of every bucket that it does not name.
const Default = "default"

// An Object is one object of a bucket, without its content.
type Object struct {
	URI     string // s3://bucket/key
	Size    int64  // bytes
	ModTime time.Time
}

// A Sealer encrypts objects for places that do not do so by themselves.
type Sealer interface {
	// Seal returns a writer that encrypts, by the key of that name, what is written to it, and writes it to w. Its Close
	// does not close w.
	Seal(ctx context.Context, key string, w io.Writer) (io.WriteCloser, error)
	// Sealed reports whether what is to be read was sealed, and Unseal reads it.
	Sealed(*bufio.Reader) bool
	Unseal(context.Context, *bufio.Reader) (io.Reader, error)
}

// A Table resolves s3:// URIs. Which bucket is where never changes after [New]. Any number of goroutines may use it.
type Table struct {
	places map[string]place
	sealer Sealer

	mu     sync.Mutex
	open   map[string]*blob.Bucket
	closed bool
}

// New returns a table of the given places, by bucket. Each is a URL: file:///folder; s3://bucket?region=R, with the options
// of gocloud.dev/blob/s3blob such as endpoint, use_path_style and profile; or mem:// for a bucket that lives as long as the
// table. {bucket} in it stands for the bucket's name; the place named [Default] is for every bucket not listed and, unless
// in memory, needs {bucket} so that two buckets do not share their objects. A folder is made when something is first written
// into it, a bucket in S3 is not.
//
// Objects in folders and in memory are encrypted by the sealer; without one none can be.
func New(places map[string]string, s Sealer) (*Table, error) {
	t := &Table{places: make(map[string]place, len(places)), sealer: s, open: make(map[string]*blob.Bucket)}
	for name, u := range places {
		p, err := parsePlace(name, u)
		if err != nil {
			return nil, fmt.Errorf("bucket %q: %w", name, err)
		}
		t.places[name] = p
	}
	return t, nil
}

// Close lets go of the buckets. What a memory bucket held is gone. Calls after it fail.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	var errs []error
	for _, b := range t.open {
		errs = append(errs, b.Close())
	}
	clear(t.open)
	return errors.Join(errs...)
}

// Open returns the content of the object at an s3:// URI, decrypted if it was sealed. The error is [fs.ErrNotExist] if there
// is none.
func (t *Table) Open(ctx context.Context, uri string) (io.ReadCloser, error) {
	b, key, err := t.object(uri, false)
	if err != nil {
		return nil, err
	}
	r, err := b.NewReader(ctx, key, nil)
	if err != nil {
		return nil, explain("open", uri, err)
	}
	if t.sealer == nil {
		return r, nil
	}
	from := bufio.NewReader(r)
	if !t.sealer.Sealed(from) {
		return opened{from, r}, nil
	}
	plain, err := t.sealer.Unseal(ctx, from)
	if err != nil {
		return nil, errors.Join(explain("open", uri, err), r.Close())
	}
	return opened{plain, r}, nil
}

// opened is an object's content, which may come through something else.
type opened struct {
	io.Reader
	io.Closer
}

// Stat describes the object at an s3:// URI. The error is [fs.ErrNotExist] if there is none.
func (t *Table) Stat(ctx context.Context, uri string) (Object, error) {
	b, key, err := t.object(uri, false)
	if err != nil {
		return Object{}, err
	}
	a, err := b.Attributes(ctx, key)
	if err != nil {
		return Object{}, explain("stat", uri, err)
	}
	return Object{URI: uri, Size: a.Size, ModTime: a.ModTime}, nil
}

// List yields the objects whose URI begins with prefix, in the order of their keys. A bucket that nothing was ever
// written to is empty. After an error it yields no more.
func (t *Table) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		name, key, err := Split(prefix)
		if err != nil {
			yield(Object{}, err)
			return
		}
		b, err := t.bucket(name, key, false)
		if errors.Is(err, errNoFolder) {
			return
		}
		if err != nil {
			yield(Object{}, fmt.Errorf("list %s: %w", prefix, err))
			return
		}
		all := b.List(&blob.ListOptions{Prefix: key})
		for {
			o, err := all.Next(ctx)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(Object{}, explain("list", prefix, err))
				return
			}
			if unfinished.MatchString(o.Key) {
				continue
			}
			if !yield(Object{URI: "s3://" + name + "/" + o.Key, Size: o.Size, ModTime: o.ModTime}, nil) {
				return
			}
		}
	}
}

// Create returns a writer for the object at an s3:// URI. The object appears, whole, when Close returns nil; it takes
// the place of one that was there. If ctx ends before Close, nothing appears.
func (t *Table) Create(ctx context.Context, uri string) (io.WriteCloser, error) {
	return t.create(ctx, uri, nil)
}

func (t *Table) create(ctx context.Context, uri string, before func(as func(any) bool) error) (io.WriteCloser, error) {
	b, key, err := t.object(uri, true)
	if err != nil {
		return nil, err
	}
	w, err := b.NewWriter(ctx, key, &blob.WriterOptions{DisableContentTypeDetection: true, BeforeWrite: before})
	if err != nil {
		return nil, explain("create", uri, err)
	}
	return w, nil
}

// CreateEncrypted is Create for an object that is encrypted by a key of KMS: in S3 by S3 itself (SSE-KMS), elsewhere by the
// sealer.
func (t *Table) CreateEncrypted(ctx context.Context, uri, kmsKey string) (io.WriteCloser, error) {
	if t.InS3(uri) {
		return t.create(ctx, uri, func(as func(any) bool) error {
			var in *transfermanager.UploadObjectInput
			if !as(&in) {
				return errors.New("the upload cannot be told of its key")
			}
			in.ServerSideEncryption, in.SSEKMSKeyID = types.ServerSideEncryptionAwsKms, &kmsKey
			return nil
		})
	}
	if t.sealer == nil {
		return nil, fmt.Errorf("create %s: there are no keys to encrypt it by", uri)
	}
	ctx, abandon := context.WithCancel(ctx)
	w, err := t.create(ctx, uri, nil)
	if err != nil {
		abandon()
		return nil, err
	}
	plain, err := t.sealer.Seal(ctx, kmsKey, w)
	if err != nil {
		abandon()
		w.Close()
		return nil, explain("create", uri, err)
	}
	return &sealing{plain, w, abandon}, nil
}

// Adopt makes the file at path the object at an s3:// URI, in place of one that was there, if that takes no copying: where the
// bucket is a folder of the same file system. The file is gone from path then. Otherwise it reports false, and nothing has
// happened.
func (t *Table) Adopt(_ context.Context, path, uri string) (bool, error) {
	if _, _, err := t.object(uri, true); err != nil {
		return false, err
	}
	name, key, _ := Split(uri)
	p, _ := t.place(name)
	if p.folder == "" {
		return false, nil
	}
	object := filepath.Join(p.of(name), filepath.FromSlash(key))
	err := os.MkdirAll(filepath.Dir(object), folderMode)
	if err == nil {
		err = os.Rename(path, object)
	}
	switch {
	case errors.Is(err, syscall.EXDEV):
		return false, nil
	case err != nil:
		return false, explain("create", uri, err)
	}
	return true, nil
}

// sealing is an object that is encrypted while it is written.
type sealing struct {
	plain   io.WriteCloser
	sealed  io.WriteCloser
	abandon func() // so that closing it makes nothing appear
}

func (s *sealing) Write(p []byte) (int, error) { return s.plain.Write(p) }

// Close makes the object appear, if all of it was encrypted.
func (s *sealing) Close() error {
	defer s.abandon()
	if err := s.plain.Close(); err != nil {
		s.abandon()
		return errors.Join(err, s.sealed.Close())
	}
	return s.sealed.Close()
}

// Check says what keeps an object, or a folder of them, from being at an s3:// URI; nil: nothing that is known without trying.
func (t *Table) Check(uri string) error {
	name, key, err := Split(uri)
	if err != nil {
		return err
	}
	p, ok := t.place(name)
	if !ok {
		return fmt.Errorf("bucket %q is not configured, and there is no default", name)
	}
	return p.check(key)
}

// InS3 reports whether the bucket of a URI is in S3.
func (t *Table) InS3(uri string) bool {
	name, _, err := Split(uri)
	p, ok := t.place(name)
	return err == nil && ok && p.s3 != ""
}

// Clean removes what an unfinished Create of the object has left behind, in a process that was killed. Nobody may be at it
// now. The object itself stays.
func (t *Table) Clean(_ context.Context, uri string) error {
	name, key, err := Split(uri)
	if err != nil {
		return err
	}
	p, ok := t.place(name)
	if !ok || p.folder == "" {
		return nil // elsewhere nothing is left behind
	}
	if err := p.check(key); err != nil {
		return fmt.Errorf("clean %s: %w", uri, err)
	}
	path := filepath.Join(p.of(name), filepath.FromSlash(key))
	entries, err := os.ReadDir(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), filepath.Base(path)); ok && rest != "" && unfinished.FindString(rest) == rest {
			err = errors.Join(err, os.Remove(filepath.Join(filepath.Dir(path), e.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("clean %s: %w", uri, err)
	}
	return nil
}

// place is where a bucket is.
func (t *Table) place(bucket string) (place, bool) {
	p, ok := t.places[bucket]
	if !ok {
		p, ok = t.places[Default]
	}
	return p, ok
}

// object returns the bucket and the key of a URI that names one object, for reading or for writing.
func (t *Table) object(uri string, write bool) (*blob.Bucket, string, error) {
	name, key, err := Split(uri)
	if err != nil {
		return nil, "", err
	}
	if key == "" || strings.HasSuffix(key, "/") {
		return nil, "", fmt.Errorf("%s names no object", uri)
	}
	b, err := t.bucket(name, key, write)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", uri, err)
	}
	return b, key, nil
}

// bucket opens the bucket of that name on its first use; for writing, it makes the folder. The key is only checked.
func (t *Table) bucket(name, key string, write bool) (*blob.Bucket, error) {
	p, ok := t.place(name)
	if !ok {
		return nil, fmt.Errorf("bucket %q is not configured, and there is no default: %w", name, fs.ErrNotExist)
	}
	if err := p.check(key); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, fmt.Errorf("bucket %q: %w", name, fs.ErrClosed)
	}
	if b, ok := t.open[name]; ok {
		return b, nil
	}
	b, err := p.open(name, write)
	if err != nil {
		return nil, fmt.Errorf("open bucket %q: %w", name, err)
	}
	t.open[name] = b
	return b, nil
}

// bucketName is S3's rule for buckets; it is also what makes a name safe as a folder's.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*$`)

// Split takes an s3:// URI apart. The key may be empty, as in s3://bucket.
func Split(uri string) (bucket, key string, err error) {
	rest, ok := strings.CutPrefix(uri, "s3://")
	if !ok {
		return "", "", fmt.Errorf("%q is not an s3:// URI", uri)
	}
	bucket, key, _ = strings.Cut(rest, "/")
	if len(bucket) < 3 || len(bucket) > 63 || !bucketName.MatchString(bucket) {
		return "", "", fmt.Errorf("%q: %q is not a bucket's name", uri, bucket)
	}
	return bucket, key, nil
}

// explain turns a missing object into fs.ErrNotExist and says what was tried.
func explain(verb, uri string, err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%s %s: %w", verb, uri, fs.ErrNotExist)
	}
	return fmt.Errorf("%s %s: %w", verb, uri, err)
}
