package objects

import (
	"cmp"
	"context"
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
	_ "gocloud.dev/blob/s3blob" // which opens s3:// for blob
)

// A place is where a bucket is, or, with {bucket} in it, where many are: in a folder, in S3, or in memory.
type place struct {
	folder string // empty: it is not in one
	s3     string // URL; empty: it is not in S3
}

// brace stands for {bucket} where a URL may have no braces.
const brace = "--bucket--"

func parsePlace(name, raw string) (place, error) {
	u, err := url.Parse(strings.ReplaceAll(raw, "{bucket}", brace))
	if err != nil {
		return place{}, err
	}
	many := strings.Contains(raw, "{bucket}")
	if name == Default && u.Scheme != "mem" && !many {
		return place{}, fmt.Errorf("%s: needs {bucket}, or all buckets would be one", raw)
	}
	switch u.Scheme {
	case "mem":
		return place{}, nil
	case "file":
		path := strings.ReplaceAll(u.Path, brace, "{bucket}")
		if u.Host != "" || u.RawQuery != "" || !filepath.IsAbs(path) {
			return place{}, fmt.Errorf("%s: want an absolute folder, as in file:///var/lib/gnomon/objects/{bucket}", raw)
		}
		return place{folder: filepath.Clean(path)}, nil
	case "s3":
		if u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil {
			return place{}, fmt.Errorf("%s: want a bucket and no path, as in s3://{bucket}?region=us-east-1", raw)
		}
		return parseS3(name, raw, u)
	}
	return place{}, fmt.Errorf("%s: want file:///folder, s3://bucket or mem://", raw)
}

// parseS3 checks the options of a bucket in S3 by opening it, for which nothing is asked of the server.
func parseS3(name, raw string, u *url.URL) (place, error) {
	if !u.Query().Has("region") {
		return place{}, fmt.Errorf("%s: needs a region, as in s3://{bucket}?region=us-east-1; a server that has none takes any", raw)
	}
	p := place{s3: raw}
	b, err := p.open(cmp.Or(strings.Trim(name, "."), Default), false)
	if err != nil {
		return place{}, err
	}
	return p, b.Close()
}

// check refuses keys that no folder can hold, and those that would leave it.
func (p place) check(key string) error {
	if p.folder == "" {
		return nil // S3 takes any key
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

// folderMode is the mode of folders that are made for objects.
const folderMode = 0o750

func (p place) open(bucket string, create bool) (*blob.Bucket, error) {
	switch {
	case p.s3 != "":
		return blob.OpenBucket(context.Background(), strings.ReplaceAll(p.s3, "{bucket}", bucket)) // which asks nobody anything
	case p.folder == "":
		return memblob.OpenBucket(nil), nil
	}
	folder := p.of(bucket)
	if _, err := os.Stat(folder); !create && errors.Is(err, fs.ErrNotExist) {
		return nil, errNoFolder
	}
	return fileblob.OpenBucket(folder, &fileblob.Options{
		CreateDir:   true,
		DirFileMode: folderMode,
		NoTempDir:   true, // a rename from elsewhere may cross file systems
		Metadata:    fileblob.MetadataDontWrite,
	})
}
