package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// A result is what was measured of one contender, one element per round.
type result struct {
	cpu []time.Duration // of the proxy, per request
	p50 []time.Duration // from when a request was due to the end of its answer
	p99 []time.Duration
}

// warmUp is how long a contender runs before it is measured.
const warmUp = 300 * time.Millisecond

func measure(ctx context.Context, o options, c contender, r *result) error {
	if _, err := load(ctx, o, c, warmUp); err != nil {
		return err
	}
	before, err := c.process.cpu()
	if err != nil {
		return err
	}
	latencies, err := load(ctx, o, c, o.duration)
	if err != nil {
		return err
	}
	after, err := c.process.cpu()
	if err != nil {
		return err
	}
	slices.Sort(latencies)
	n := len(latencies)
	r.cpu = append(r.cpu, (after-before)/time.Duration(n))
	r.p50 = append(r.p50, latencies[n/2])
	r.p99 = append(r.p99, latencies[n*99/100])
	return nil
}

// load sends requests at the rate, each when it is due whatever became of those before it: a caller that is late sends
// at once, and its latency counts from when it was due. It returns the latencies.
func load(ctx context.Context, o options, c contender, d time.Duration) ([]time.Duration, error) {
	var (
		mu       sync.Mutex
		all      []time.Duration
		failures error
		calling  sync.WaitGroup
	)
	begin, interval := time.Now(), time.Second*time.Duration(o.callers)/time.Duration(o.rate)
	for i := range o.callers {
		calling.Go(func() {
			mine, err := call(ctx, c, begin.Add(interval*time.Duration(i)/time.Duration(o.callers)), begin.Add(d), interval)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
			failures = errors.Join(failures, err)
		})
	}
	calling.Wait()
	if failures == nil && len(all) == 0 {
		failures = errors.New("no request was made")
	}
	return all, failures
}

// call is one caller on one connection.
func call(ctx context.Context, c contender, due, end time.Time, interval time.Duration) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", c.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept: application/json\r\n"+
		"User-Agent: bench\r\nContent-Length: %d\r\n\r\n%s", c.path, c.address, len(requestBody), requestBody)
	br := bufio.NewReader(conn)
	var latencies []time.Duration
	for ; due.Before(end) && ctx.Err() == nil; due = due.Add(interval) {
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		status, err := br.Peek(len("HTTP/1.1 200"))
		if err != nil {
			return nil, err
		}
		if !bytes.HasSuffix(status, []byte(" 200")) {
			return nil, fmt.Errorf("the answer begins with %q", status)
		}
		if err := skipMessage(br); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(due))
	}
	return latencies, ctx.Err()
}
