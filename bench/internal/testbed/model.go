package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
)

// modelArgument is the first argument with which this program is a model instead of the benchmark.
const modelArgument = "model"

const answerBody = `{"predictions":[0.1234567890123]}`

// runModel serves until the process is ended. It prints its address.
func runModel(args []string) error {
	flags := flag.NewFlagSet(modelArgument, flag.ContinueOnError)
	port := flags.Int("port", 0, "port on 127.0.0.1")
	empty := flags.Bool("empty", false, "answer without a body")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	body := answerBody
	if *empty {
		body = ""
	}
	return serveModel(ln, fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
}

// serveModel gives every request the same answer, to /ping and /invocations alike, for as little processor time as can
// be: the machine belongs to the proxies.
func serveModel(ln net.Listener, answer []byte) error {
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() { // ends with the connection, or with the process
			defer c.Close()
			for br := bufio.NewReader(c); skipMessage(br) == nil; {
				if _, err := c.Write(answer); err != nil {
					return
				}
			}
		}()
	}
}

// startModel runs a model and returns its address.
func startModel(ctx context.Context, started *group, args ...string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{modelArgument}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if _, err := started.start(cmd); err != nil {
		return "", err
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("model: read its address: %w", err)
	}
	return strings.TrimSpace(address), nil
}

var lengthName = []byte("content-length:")

// skipMessage reads one request or answer. Without a Content-Length it has no body; chunks are not known here.
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
