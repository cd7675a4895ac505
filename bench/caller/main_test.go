package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// TestRun_SendsUntilItIsEnded ends it at the 300th request, which comes after the first 100 ms.
func TestRun_SendsUntilItIsEnded(t *testing.T) {
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if asked.Add(1) == 300 {
			end()
		}
	}))
	defer s.Close()
	if err := run(ctx, strings.NewReader(request), s.Listener.Addr().String(), 2000, 2); err != nil || asked.Load() < 300 {
		t.Errorf("%v after %d requests", err, asked.Load())
	}
}

func TestRun_Fails(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	for name, tc := range map[string]struct {
		address string
		rate    float64
		callers int
		want    string
	}{
		"no address":  {"", 1, 1, "must be an address"},
		"no rate":     {"x", 0, 1, "must be positive"},
		"no callers":  {"x", 1, 0, "must be positive"},
		"not found":   {s.Listener.Addr().String(), 100, 1, "404"},
		"nobody home": {"127.0.0.1:1", 100, 1, "refused"},
	} {
		if err := run(t.Context(), strings.NewReader(request), tc.address, tc.rate, tc.callers); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
