package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"time"

	"gnomon/examples/model"
)

// pack writes the model as the one file of a tar.gz. Owner, mode and time are
// fixed, so equal models give equal bytes.
func pack(path string, m *model.Model) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	if err := writeArchive(&archive, text); err != nil {
		return err
	}
	return os.WriteFile(path, archive.Bytes(), 0o644)
}

func writeArchive(w io.Writer, text []byte) error {
	zip := gzip.NewWriter(w)
	folder := tar.NewWriter(zip)
	err := folder.WriteHeader(&tar.Header{
		Name: model.File, Mode: 0o644, Size: int64(len(text)),
		ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
	})
	if err != nil {
		return err
	}
	if _, err := folder.Write(text); err != nil {
		return err
	}
	if err := folder.Close(); err != nil {
		return err
	}
	return zip.Close()
}
