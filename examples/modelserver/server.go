package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"gnomon/examples/model"
)

// maxBody is the most that SageMaker's documentation lets a real-time request
// carry.
const maxBody = 25 << 20

// server answers for one model, from the moment it is loaded.
type server struct {
	*http.ServeMux
	model atomic.Pointer[model.Model]
	log   *slog.Logger
}

func newServer(log *slog.Logger) *server {
	s := &server{ServeMux: http.NewServeMux(), log: log}
	s.HandleFunc("GET /ping", s.ping)
	s.HandleFunc("POST /invocations", s.invoke)
	return s
}

func (s *server) load(m *model.Model) { s.model.Store(m) }

func (s *server) ping(w http.ResponseWriter, _ *http.Request) {
	if s.model.Load() == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (s *server) invoke(w http.ResponseWriter, r *http.Request) {
	status, err := s.answer(w, r)
	if err == nil {
		return
	}
	s.log.Error("request refused", "status", status, "error", err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The caller may be gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}

// answer writes the predictions. With an error it has written nothing, and the
// status is the one to refuse with.
func (s *server) answer(w http.ResponseWriter, r *http.Request) (int, error) {
	m := s.model.Load()
	if m == nil {
		return http.StatusServiceUnavailable, errors.New("the model is not loaded yet")
	}
	decode, err := decoder(r.Header.Get("Content-Type"))
	if err != nil {
		return http.StatusUnsupportedMediaType, err
	}
	encode, err := encoder(r.Header.Values("Accept"))
	if err != nil {
		return http.StatusNotAcceptable, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge, fmt.Errorf("the body is over %d bytes", maxBody)
	}
	if err != nil {
		return http.StatusBadRequest, fmt.Errorf("read body: %w", err)
	}
	rows, err := decode(body)
	if err != nil {
		return http.StatusBadRequest, err
	}
	predictions, err := m.Predict(rows)
	if err != nil {
		return http.StatusBadRequest, err
	}
	if err := encode(w, m.Name, predictions); err != nil {
		s.log.Error("answer not sent", "error", err)
	}
	return http.StatusOK, nil
}

type encodeFunc func(w http.ResponseWriter, name string, predictions []model.Prediction) error

func writeJSON(w http.ResponseWriter, name string, predictions []model.Prediction) error {
	text, err := json.Marshal(struct {
		Predictions []model.Prediction `json:"predictions"`
		Model       string             `json:"model"`
	}{predictions, name})
	if err != nil {
		return err
	}
	return write(w, "application/json", text)
}

func writeCSV(w http.ResponseWriter, _ string, predictions []model.Prediction) error {
	var text strings.Builder
	for _, p := range predictions {
		text.WriteString(p.Label)
		text.WriteByte(',')
		text.WriteString(strconv.FormatFloat(p.Score, 'f', -1, 64))
		text.WriteByte('\n')
	}
	return write(w, "text/csv", []byte(text.String()))
}

func write(w http.ResponseWriter, contentType string, text []byte) error {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, err := w.Write(text)
	return err
}
