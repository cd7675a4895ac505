//go:build !race

// The race detector allocates.

package front_test

import (
	"bufio"
	"bytes"
	"io"
	"runtime"
	"strings"
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

// Requests that a client sends ahead are not copied again for each of them.
func TestServe_AllocatesLittleForRequestsSentAhead(t *testing.T) {
	const blocks, size = 20, 1000
	s := serve(t, front.Options{Runtime: func(_ *reactor.Loop, _ front.Request, caller front.Caller) { caller.Answer(200, nil, []byte("ok")) }})
	c := s.dial(t)
	block := strings.Repeat("POST /endpoints/e HTTP/1.1\r\nHost: a\r\n\r\n", size)
	br := bufio.NewReader(c)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() {
		for range blocks {
			io.WriteString(c, block)
		}
	}()
	for n := 0; n < blocks*size; {
		line, err := br.ReadSlice('\n')
		if err != nil {
			t.Fatal(err)
		}
		if string(line) == "\r\n" {
			n++
			br.Discard(len("ok"))
		}
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / (blocks * size); n > 1000 {
		t.Errorf("%d bytes are allocated per request", n)
	}
}
