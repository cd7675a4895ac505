// Command model is a model that costs next to nothing, for the benchmarks: the machine belongs to what is measured.
//
// It answers /ping and /invocations alike, as -answer says: "static" is 33 bytes of JSON, "spaced" the same with spaces, so that
// only who reads it finds it to be the same, "empty" has no body, and
// "hash" is the SHA-256 of the request's body in hexadecimal digits, by which a caller knows that the answer is its own.
// With -wait it takes its time first, by a timer.
//
// Usage:
//
//	model [-port N] [-answer static|spaced|empty|hash] [-wait 5ms]
//
// It prints its address and serves until it is ended.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"hash"
	"io"
	"net"
	"os"
	"time"

	"gnomon/bench/internal/wire"
)

const (
	staticBody = `{"predictions":[0.1234567890123]}`
	spacedBody = `{"predictions": [0.1234567890123]}`
)

// A model is how requests are answered.
type model struct {
	wait time.Duration
	body string // the answer's; not with hash
	hash bool
}

func main() {
	port := flag.Int("port", 0, "port on 127.0.0.1; 0 is any")
	answer := flag.String("answer", "static", "static, spaced, empty or hash")
	wait := flag.Duration("wait", 0, "how long each answer takes")
	flag.Parse()
	if err := run(*port, *answer, *wait); err != nil {
		fmt.Fprintln(os.Stderr, "model:", err)
		os.Exit(1)
	}
}

func run(port int, answer string, wait time.Duration) error {
	m := model{wait: wait}
	switch answer {
	case "static":
		m.body = staticBody
	case "spaced":
		m.body = spacedBody
	case "empty":
	case "hash":
		m.hash = true
	default:
		return fmt.Errorf("answer %q is none of static, spaced, empty and hash", answer)
	}
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	return m.serve(ln)
}

func (m model) serve(ln net.Listener) error {
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go m.converse(c) // ends with the connection, or with the process
	}
}

func (m model) converse(c net.Conn) {
	defer c.Close()
	br := bufio.NewReaderSize(c, wire.BufferSize)
	answer := head(m.body)
	var sum hash.Hash
	to := io.Discard
	if m.hash {
		sum = sha256.New()
		to = sum
	}
	var line []byte
	for {
		message, err := wire.Read(br, line, to)
		if err != nil {
			return
		}
		line = message.First
		if m.hash {
			answer = head(hex.EncodeToString(sum.Sum(nil)))
			sum.Reset()
		}
		if m.wait > 0 && message.Body > 0 {
			time.Sleep(m.wait)
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// head puts the head of an answer before its body.
func head(body string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}
