package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"gnomon/examples/data"
	"gnomon/examples/model"
)

// The floors lie some points below what is printed today, so that they fail
// when training breaks and not when a compiler rounds otherwise.
var floors = map[string]float64{"linear.tar.gz": 0.90, "trees.tar.gz": 0.88}

func TestTrainTwice(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for _, out := range []string{first, second} {
		if err := run(out, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	split, err := data.Digits()
	if err != nil {
		t.Fatal(err)
	}
	var models []*model.Model
	for file, floor := range floors {
		a, b := readFile(t, first, file), readFile(t, second, file)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: two runs gave different bytes", file)
		}
		m := unpack(t, a)
		if q := measure(m, split.Held); q.accuracy < floor {
			t.Errorf("%s: accuracy %.3f on held-out pictures, want at least %.2f", file, q.accuracy, floor)
		}
		models = append(models, m)
	}
	if share := agreement(models[0], models[1], split.Held); share < 0.85 || share == 1 {
		t.Errorf("the models agree on %.3f of the pictures, want most and not all", share)
	}
}

func readFile(t *testing.T, dir, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// unpack wants an archive of exactly one regular file, as SageMaker would
// extract it.
func unpack(t *testing.T, archive []byte) *model.Model {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	folder := tar.NewReader(zip)
	header, err := folder.Next()
	if err != nil {
		t.Fatal(err)
	}
	if header.Name != model.File || header.Typeflag != tar.TypeReg {
		t.Fatalf("archive holds %q of type %q, want the file %s", header.Name, header.Typeflag, model.File)
	}
	m, err := model.Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Next(); err != io.EOF {
		t.Errorf("after the model came %v, want the end", err)
	}
	return m
}
