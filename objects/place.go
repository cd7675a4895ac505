package objects

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"
)

// A place is where a bucket is, or, with {bucket} in it, where many are.
type place struct {
	folder string // empty: in memory
}

func parsePlace(name, raw string) (place, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return place{}, err
	}
	switch u.Scheme {
	case "mem":
		return place{}, nil
	case "file":
	case "s3":
		return place{}, fmt.Errorf("%s: this build serves buckets from folders (file:///…/{bucket}) only, not from S3", raw)
	default:
		return place{}, fmt.Errorf("%s: want file:///folder or mem://", raw)
	}
	if u.Host != "" || u.RawQuery != "" || !filepath.IsAbs(u.Path) {
		return place{}, fmt.Errorf("%s: want an absolute folder, as in file:///var/lib/gnomon/objects/{bucket}", raw)
	}
	if name == Default && !strings.Contains(u.Path, "{bucket}") {
		return place{}, fmt.Errorf("%s: needs {bucket}, or all buckets would be one", raw)
	}
	return place{folder: filepath.Clean(u.Path)}, nil
}

// check refuses keys that no folder can hold, and those that would leave it.
func (p place) check(key string) error {
	if p.folder == "" {
		return nil
	}
	if strings.HasPrefix(key, "/") || strings.Contains(key, "//") {
		return errors.New("a folder holds no empty names between slashes")
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "." || part == ".." {
			return errors.New("a folder holds no . or .. as part of a key")
		}
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("a folder holds no control characters in a key")
	}
	return nil
}

// errNoFolder says that nothing was ever written to the bucket.
var errNoFolder = fmt.Errorf("nothing was ever written to this bucket: %w", fs.ErrNotExist)

// unfinished matches the names under which fileblob writes an object before it renames it.
var unfinished = regexp.MustCompile(`\.[0-9a-f]{16}\.tmp$`)

// of is the folder of a bucket.
func (p place) of(bucket string) string { return strings.ReplaceAll(p.folder, "{bucket}", bucket) }

func (p place) open(bucket string, create bool) (*blob.Bucket, error) {
	if p.folder == "" {
		return memblob.OpenBucket(nil), nil
	}
	folder := p.of(bucket)
	if _, err := os.Stat(folder); !create && errors.Is(err, fs.ErrNotExist) {
		return nil, errNoFolder
	}
	return fileblob.OpenBucket(folder, &fileblob.Options{
		CreateDir:   true,
		DirFileMode: 0o750,
		NoTempDir:   true, // a rename from elsewhere may cross file systems
		Metadata:    fileblob.MetadataDontWrite,
	})
}
