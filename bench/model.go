package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
)

const answerBody = `{"predictions":[0.1234567890123]}`

// requestBody is JSON of 2.8 KB.
var requestBody = []byte(`{"instances":[` + strings.Repeat("0.123456,", 310) + `0]}`)

// serveModels serves production, a shadow, and a shadow whose answers have no body.
func serveModels(_ []string, ready func(...string)) error {
	var addresses []string
	ended := make(chan error, 3)
	for _, body := range []string{answerBody, answerBody, ""} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addresses = append(addresses, ln.Addr().String())
		answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		go func() { ended <- serveModel(ln, answer) }()
	}
	ready(addresses...)
	return <-ended
}

// serveModel gives every request the same answer, for as little CPU as can be: the machine belongs to the proxies.
func serveModel(ln net.Listener, answer []byte) error {
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			for br := bufio.NewReader(c); skipMessage(br) == nil; {
				if _, err := c.Write(answer); err != nil {
					return
				}
			}
		}()
	}
}

var lengthName = []byte("content-length:")

// skipMessage reads one request or answer that has a Content-Length.
func skipMessage(br *bufio.Reader) error {
	for length := 0; ; {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			_, err := br.Discard(length)
			return err
		}
		if len(line) > len(lengthName) && bytes.EqualFold(line[:len(lengthName)], lengthName) {
			for _, d := range bytes.TrimSpace(line[len(lengthName):]) {
				length = 10*length + int(d-'0')
			}
		}
	}
}
