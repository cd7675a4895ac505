package process

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"gnomon"
)

// The volume of an instance with a KmsKey. On disk are its artifacts, sealed by the key; what its server sees is in memory and
// is laid out anew, by the key, for each start. A key that is disabled keeps the next start from happening.

// volumeError says that it was not the artifacts.
type volumeError struct{ error }

func (e volumeError) Unwrap() error { return e.error }

// layOutSealed is layOut for such an instance.
func (d *Driver) layOutSealed(ctx context.Context, f folders, key string, artifacts []gnomon.Artifact) error {
	if err := d.CanEncrypt(); err != nil {
		return volumeError{err}
	}
	if err := os.RemoveAll(f.Server); err != nil { // of the start before
		return err
	}
	for _, dir := range []string{f.Own, f.home(), f.temp()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	return whole(f.files(), func(partial string) error {
		b := d.opts.Limits.budget()
		sealed, err := os.Open(f.sealed())
		if err == nil {
			defer sealed.Close()
			return d.unseal(ctx, sealed, partial, b)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := fetchAll(ctx, d.opts.Objects, artifacts, partial, b); err != nil {
			return err
		}
		return d.seal(ctx, key, partial, f.sealed())
	})
}

// unseal lays out under a folder what was sealed.
func (d *Driver) unseal(ctx context.Context, sealed io.Reader, dir string, b *budget) error {
	plain, err := d.opts.Sealer.Unseal(ctx, bufio.NewReader(sealed))
	if err != nil {
		return volumeError{err}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := unpack(ctx, plain, root, b); err != nil {
		return volumeError{err}
	}
	return nil
}

// seal writes a folder into a file that only the key opens, and that is there only when it is whole.
func (d *Driver) seal(ctx context.Context, key, dir, to string) (err error) {
	partial := to + ".partial"
	w, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(partial)
		}
	}()
	sealed, err := d.opts.Sealer.Seal(ctx, key, w)
	if err != nil {
		return volumeError{errors.Join(err, w.Close())}
	}
	err = archive(ctx, dir, sealed)
	if err = errors.Join(err, sealed.Close(), w.Close()); err != nil {
		return err
	}
	return os.Rename(partial, to)
}

// archive writes a folder as what unpack reads.
func archive(ctx context.Context, dir string, w io.Writer) error {
	zipped, err := gzip.NewWriterLevel(w, gzip.NoCompression) // weights do not shrink
	if err != nil {
		return err
	}
	tarred := tar.NewWriter(zipped)
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		return archiveEntry(ctx, tarred, dir, path, e)
	})
	if err != nil {
		return err
	}
	return errors.Join(tarred.Close(), zipped.Close())
}

func archiveEntry(ctx context.Context, to *tar.Writer, dir, path string, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	h, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	if h.Name, err = filepath.Rel(dir, path); err != nil {
		return err
	}
	if err := to.WriteHeader(h); err != nil || e.IsDir() {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(to, contextReader{ctx, f})
	return err
}

// CanEncrypt says what keeps the volumes of instances from being encrypted; nil: nothing.
func (d *Driver) CanEncrypt() error { return d.noMemory }

// makeMemory makes a folder, of which it returns the real name, in one that memory backs.
func makeMemory(in, name string) (string, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(in, &fs); err != nil {
		return "", fmt.Errorf("what is decrypted has no place: %s: %w", in, err)
	}
	if fs.Type != unix.TMPFS_MAGIC && fs.Type != unix.RAMFS_MAGIC {
		return "", fmt.Errorf("what is decrypted has no place: %s is on a disk and not in memory", in)
	}
	dir, err := filepath.EvalSymlinks(in)
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, name)
	return dir, os.MkdirAll(dir, 0o700)
}

// inMemory is where the folders are that the server of such an instance sees.
func (d *Driver) inMemory(id gnomon.InstanceID) string {
	return filepath.Join(d.memoryDir, id.String())
}

// clearMemory deletes what servers that are gone have seen.
func (d *Driver) clearMemory() error {
	if d.noMemory != nil {
		return nil
	}
	entries, err := os.ReadDir(d.memoryDir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(d.memoryDir, e.Name())))
	}
	return err
}
