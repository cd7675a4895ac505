package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"strconv"
	"strings"
)

// decodeFunc reads the rows of a request's body; there is at least one.
type decodeFunc func(body []byte) ([][]float64, error)

// decoder picks how to read a body. No Content-Type means JSON, SageMaker's
// default.
func decoder(contentType string) (decodeFunc, error) {
	if contentType == "" {
		return parseJSON, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, fmt.Errorf("Content-Type %q: %w", contentType, err)
	}
	switch media {
	case "application/json":
		return parseJSON, nil
	case "text/csv":
		return parseCSV, nil
	}
	return nil, fmt.Errorf("Content-Type %q is neither application/json nor text/csv", contentType)
}

// encoder picks the first type of Accept that the server can write. Quality
// values only matter where they are 0.
func encoder(accept []string) (encodeFunc, error) {
	list := strings.Join(accept, ",")
	if strings.TrimSpace(list) == "" {
		return writeJSON, nil
	}
	for item := range strings.SplitSeq(list, ",") {
		media, params, err := mime.ParseMediaType(item)
		if err != nil {
			continue
		}
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil && q == 0 {
			continue
		}
		switch media {
		case "*/*", "application/*", "application/json":
			return writeJSON, nil
		case "text/*", "text/csv":
			return writeCSV, nil
		}
	}
	return nil, fmt.Errorf("Accept %q allows neither application/json nor text/csv", list)
}

func parseJSON(body []byte) ([][]float64, error) {
	var request struct {
		Instances [][]float64 `json:"instances"`
		Features  []float64   `json:"features"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, fmt.Errorf("body is not the JSON wanted: %w", err)
	}
	switch {
	case request.Instances != nil && request.Features != nil:
		return nil, errors.New(`body has both "instances" and "features"`)
	case request.Features != nil:
		return [][]float64{request.Features}, nil
	case len(request.Instances) > 0:
		return request.Instances, nil
	}
	return nil, errors.New(`body has neither "instances" (a list of rows) nor "features" (one row)`)
}

func parseCSV(body []byte) ([][]float64, error) {
	r := csv.NewReader(bytes.NewReader(body))
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	r.ReuseRecord = true
	var rows [][]float64
	for {
		record, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("body is not CSV: %w", err)
		}
		row, err := numbers(record)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", len(rows), err)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, errors.New("body has no rows")
	}
	return rows, nil
}

func numbers(record []string) ([]float64, error) {
	row := make([]float64, len(record))
	for i, field := range record {
		v, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("field %d is %q, not a number", i, field)
		}
		row[i] = v
	}
	return row, nil
}
