package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"iter"
	"net"
	"sync"
	"time"
)

// load sends a request n times at the rate, each when it is due whatever became of those before it: a caller whose last
// answer came late sends at once, and its latency counts from when it was due. That the system wakes callers late does
// not count: it is late for all rows alike, by more than most answers take. It returns the latencies, n of
// them, or an error if any request was not answered with 200.
func load(ctx context.Context, o options, address string, request []byte, n int) ([]time.Duration, error) {
	latencies := make([]time.Duration, n)
	failures := make([]error, o.callers)
	begin := time.Now()
	var calling sync.WaitGroup
	for i := range o.callers {
		calling.Go(func() {
			turns := func(yield func(due time.Time, took *time.Duration) bool) {
				for at := i; at < n; at += o.callers {
					if !yield(begin.Add(time.Duration(at)*time.Second/time.Duration(o.rate)), &latencies[at]) {
						return
					}
				}
			}
			failures[i] = call(ctx, address, request, turns)
		})
	}
	calling.Wait()
	for _, err := range failures {
		if err != nil {
			return nil, err // one tells enough: mostly they are all the same
		}
	}
	return latencies, ctx.Err()
}

// call is one caller on one connection. Its turns are when each request is due, and where its latency goes.
func call(ctx context.Context, address string, request []byte, turns iter.Seq2[time.Time, *time.Duration]) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	br := bufio.NewReader(conn)
	for due, took := range turns {
		if err := ctx.Err(); err != nil {
			return err
		}
		from := due
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
			from = time.Now()
		}
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			return err
		}
		if _, err := conn.Write(request); err != nil {
			return err
		}
		status, err := br.Peek(len("HTTP/1.1 200"))
		if err != nil {
			return err
		}
		if !bytes.HasSuffix(status, []byte(" 200")) {
			rest, _ := br.Peek(br.Buffered())
			return fmt.Errorf("the answer is %q", rest)
		}
		if err := skipMessage(br); err != nil {
			return err
		}
		*took = time.Since(from)
	}
	return nil
}
