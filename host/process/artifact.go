package process

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gnomon"
	"gnomon/objects"
)

// Objects is where artifacts come from. An [objects.Table] is one.
type Objects interface {
	Open(ctx context.Context, uri string) (io.ReadCloser, error)
	List(ctx context.Context, prefix string) iter.Seq2[objects.Object, error]
}

// Limits bound what the artifacts of one instance may become once they are unpacked. A zero value means the default.
type Limits struct {
	Bytes   int64 // 64 GiB
	Entries int   // files and folders; 200,000
}

func (l Limits) budget() *budget {
	return &budget{bytes: cmp.Or(l.Bytes, 64<<30), entries: cmp.Or(l.Entries, 200_000)}
}

// A budget is what is left of the limits.
type budget struct {
	bytes   int64
	entries int
}

var errTooLarge = errors.New("the artifacts are over the limit of bytes")

func (b *budget) entry() error {
	if b.entries--; b.entries < 0 {
		return errors.New("the artifacts are over the limit of files")
	}
	return nil
}

// copy copies what r still holds, as far as the budget goes.
func (b *budget) copy(w io.Writer, r io.Reader) error {
	n, err := io.Copy(w, io.LimitReader(r, b.bytes+1))
	b.bytes -= n
	if err == nil && b.bytes < 0 {
		err = errTooLarge
	}
	return err
}

// fetch lays out one artifact under the folder into, which it makes.
func fetch(ctx context.Context, from Objects, a gnomon.Artifact, into string, b *budget) error {
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(into)
	if err != nil {
		return err
	}
	defer root.Close()
	if a.Prefix {
		return fetchPrefix(ctx, from, a.URI, root, b)
	}
	r, err := from.Open(ctx, a.URI)
	if err != nil {
		return err
	}
	defer r.Close()
	if a.Gzip {
		return unpack(ctx, r, root, b)
	}
	return save(root, path.Base(a.URI), r, 0o644, b)
}

// fetchPrefix lays out every object under the prefix by the rest of its key.
func fetchPrefix(ctx context.Context, from Objects, prefix string, root *os.Root, b *budget) error {
	if !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	n := 0
	for o, err := range from.List(ctx, prefix) {
		if err != nil {
			return err
		}
		n++
		name := strings.TrimPrefix(o.URI, prefix)
		if name == "" || strings.HasSuffix(name, "/") {
			continue // the empty object that consoles make for a folder
		}
		r, err := from.Open(ctx, o.URI)
		if err != nil {
			return err
		}
		err = save(root, name, r, 0o644, b)
		r.Close()
		if err != nil {
			return err
		}
	}
	if n == 0 {
		return errors.New("there is no object under this prefix")
	}
	return nil
}

// unpack lays out a tar.gz. Like SageMaker, it takes files and folders and nothing else: with no links in it, no name
// inside the root can lead out of it, and os.Root holds even if that reasoning is wrong.
func unpack(ctx context.Context, r io.Reader, root *os.Root, b *budget) error {
	unzipped, err := gzip.NewReader(contextReader{ctx, r})
	if err != nil {
		return fmt.Errorf("not a tar.gz: %w", err)
	}
	archive := tar.NewReader(unzipped)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			// The checksum is behind the archive's end.
			return b.copy(io.Discard, unzipped)
		}
		if err != nil {
			return fmt.Errorf("not a tar.gz, or cut short: %w", err)
		}
		if err := unpackEntry(archive, h, root, b); err != nil {
			return fmt.Errorf("entry %q: %w", h.Name, err)
		}
	}
}

func unpackEntry(r io.Reader, h *tar.Header, root *os.Root, b *budget) error {
	switch h.Typeflag {
	case tar.TypeReg:
		return save(root, h.Name, r, 0o644|os.FileMode(h.Mode)&0o111, b)
	case tar.TypeDir:
		return mkdir(root, h.Name, b)
	case tar.TypeXGlobalHeader:
		return b.entry()
	case tar.TypeSymlink, tar.TypeLink:
		return errors.New("archives with links are not taken")
	default:
		return fmt.Errorf("archives with entries of type %q are not taken", h.Typeflag)
	}
}

// mkdir makes the folder and those above it.
func mkdir(root *os.Root, name string, b *budget) error {
	name, err := local(name)
	if err != nil {
		return err
	}
	if err := b.entry(); err != nil {
		return err
	}
	return root.MkdirAll(name, 0o755)
}

// save writes one file, and makes the folders above it.
func save(root *os.Root, name string, r io.Reader, mode os.FileMode, b *budget) error {
	name, err := local(name)
	if err != nil {
		return err
	}
	if err := b.entry(); err != nil {
		return err
	}
	if dir := path.Dir(name); dir != "." {
		b.entries -= strings.Count(dir, "/") // folders that no entry names cost as well
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	err = b.copy(f, r)
	if err2 := f.Close(); err == nil {
		err = err2
	}
	return err
}

// local returns the name, cleaned. It refuses those that lead out of the folder, or out of a part of it.
func local(name string) (string, error) {
	if slices.Contains(strings.Split(name, "/"), "..") || !filepath.IsLocal(name) || strings.ContainsRune(name, 0) {
		return "", errors.New("the name leads out of the model's folder")
	}
	return path.Clean(name), nil
}

// A contextReader stops a long copy when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
