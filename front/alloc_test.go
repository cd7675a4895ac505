//go:build !race

// The race detector allocates.

package front_test

import (
	"bytes"
	"io"
	"testing"

	"gnomon/front"
	"gnomon/reactor"
)

// runtimeAllocations is the ceiling per request of the runtime. It may be lowered, never raised.
const runtimeAllocations = 0

func TestServe_AllocatesLittle(t *testing.T) {
	body := []byte("ok")
	s := serve(t, front.Options{Runtime: func(_ *reactor.Loop, _ front.Request, caller front.Caller) { caller.Answer(200, nil, body) }})
	c := s.dial(t)
	request := []byte("POST /endpoints/e/invocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\nhi")
	buf := make([]byte, 4096)
	call := func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		for got := 0; !bytes.HasSuffix(buf[:got], []byte("\r\n\r\nok")); {
			n, err := c.Read(buf[got:])
			if err != nil && err != io.EOF {
				t.Fatal(err)
			}
			got += n
		}
	}
	for range 100 {
		call()
	}
	if n := testing.AllocsPerRun(2000, call); n > runtimeAllocations {
		t.Errorf("%v allocations per request, the ceiling is %v", n, runtimeAllocations)
	}
}
