package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The rows, as they are called in the table.
const (
	nginxPlain    = "nginx"
	gnomonPlain   = "gnomon, experiment at 0 %"
	nginxMirror   = "nginx, mirror"
	gnomonMirror  = "gnomon, experiment at 100 %"
	gnomonSigned  = "gnomon, experiment at 0 %, signatures checked"
	nginxMirror0  = "nginx, mirror, shadow answers without a body"
	gnomonMirror0 = "gnomon, experiment at 100 %, shadow answers without a body"
)

var rowOrder = []string{nginxPlain, gnomonPlain, nginxMirror, gnomonMirror, gnomonSigned, nginxMirror0, gnomonMirror0}

// An account is what the proxy itself says of a row's requests.
type account struct {
	requests int64
	done     int64 // copied; or left out of the sample, if that is empty
}

// A row is one way from the callers to the models, with what was measured of it, one element per round.
type row struct {
	name    string
	address string
	path    string
	sign    *client                 // who signs the requests; nil: nobody
	process *process                // whose processor time counts
	account func() (account, error) // nil: nobody accounts

	spoilt int // measurements that were done again

	cpu []time.Duration // per request
	p50 []time.Duration // as load says
	p99 []time.Duration
}

func sortRows(rows []*row) []*row {
	slices.SortFunc(rows, func(a, b *row) int { return slices.Index(rowOrder, a.name) - slices.Index(rowOrder, b.name) })
	return rows
}

// warmUp is how long a row runs before it is measured.
const warmUp = 200 * time.Millisecond

// maxSpoilt is how many measurements of a row may be thrown away before the benchmark gives up.
const maxSpoilt = 5

// measure adds one round. Every request must be answered with 200. A round without all of its copies would look cheap,
// and is done again: on a busy machine a shadow, which comes last there, may not keep up.
func (r *row) measure(ctx context.Context, o options) error {
	for {
		whole, err := r.try(ctx, o)
		if err != nil || whole {
			return err
		}
		if r.spoilt++; r.spoilt > maxSpoilt {
			return fmt.Errorf("the shadow could not take all copies in %d rounds: the machine is too busy for %d requests/s", r.spoilt, o.rate)
		}
	}
}

// try adds one round and reports true, or reports false and adds none if copies are missing.
func (r *row) try(ctx context.Context, o options) (bool, error) {
	request, err := r.request()
	if err != nil {
		return false, err
	}
	if _, err := load(ctx, o, r.address, request, o.requests(warmUp)+1); err != nil {
		return false, err
	}
	begin, err := r.read()
	if err != nil {
		return false, err
	}
	n := o.requests(o.duration)
	latencies, err := load(ctx, o, r.address, request, n)
	if err != nil {
		return false, err
	}
	end, err := r.read()
	if err != nil {
		return false, err
	}
	if got := end.requests - begin.requests; r.account != nil && got != int64(n) {
		return false, fmt.Errorf("%d requests were sent, and %d accounted for", n, got)
	}
	if end.done-begin.done != end.requests-begin.requests {
		return false, nil
	}
	slices.Sort(latencies)
	r.cpu = append(r.cpu, (end.cpu-begin.cpu)/time.Duration(n))
	r.p50 = append(r.p50, latencies[n/2])
	r.p99 = append(r.p99, latencies[n*99/100])
	return true, nil
}

// A reading is where a row's counters stand.
type reading struct {
	account
	cpu time.Duration
}

// read waits for copies under way, so that what they take is counted with the requests they are of. What asking takes
// is counted too; it is nothing beside thousands of requests.
func (r *row) read() (reading, error) {
	var now reading
	var err error
	if r.account != nil {
		if now.account, err = r.account(); err != nil {
			return now, err
		}
	}
	now.cpu, err = r.process.cpu()
	return now, err
}

// request is the row's request as it goes over the wire. A signature in it is good for five minutes.
func (r *row) request() ([]byte, error) {
	headers := fmt.Sprintf("Host: %s\r\nContent-Type: application/json\r\nAccept: application/json\r\nUser-Agent: bench\r\n", r.address)
	if r.sign != nil {
		signed, err := r.sign.sign("POST", r.path, "application/json", requestBody)
		if err != nil {
			return nil, err
		}
		for _, name := range []string{"X-Amz-Date", "Authorization"} {
			headers += name + ": " + signed.Header.Get(name) + "\r\n"
		}
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", r.path, headers, len(requestBody), requestBody), nil
}

// requestBody is JSON of 2.8 KB.
var requestBody = []byte(`{"instances":[` + strings.Repeat("0.123456,", 310) + `0]}`)
