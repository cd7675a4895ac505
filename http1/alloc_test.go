//go:build !race

// The race detector allocates.

package http1_test

import (
	"testing"

	"gnomon/http1"
)

func TestParse_AllocNothing(t *testing.T) {
	var r http1.Request
	var a http1.Response
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 33\r\n\r\n")
	n := testing.AllocsPerRun(1000, func() {
		if n, err := r.Parse(signed, max); n == 0 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := a.Parse(answer, max); n == 0 || err != nil {
			t.Fatal(n, err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}
