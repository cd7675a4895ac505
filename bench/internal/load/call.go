package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"gnomon/bench/internal/wire"
)

// call takes turns until there are none.
func (c *caller) call(ctx context.Context, p Plan, begin time.Time, next func() (turn, bool)) []Sample {
	var samples []Sample
	for t, ok := next(); ok && ctx.Err() == nil; t, ok = next() {
		r := p.Requests[t.at%len(p.Requests)]
		err := c.exchange(r.Wire, t.due.Add(p.Limit))
		s := Sample{Due: t.due.Sub(begin), Took: time.Since(t.due), Err: err}
		s.Wrong = err == nil && r.Want != nil && !bytes.Equal(c.body.Bytes(), r.Want)
		samples = append(samples, s)
	}
	return samples
}

// A caller keeps one connection, and makes a new one after a failure.
type caller struct {
	address string
	conn    net.Conn
	br      *bufio.Reader
	line    []byte
	body    bytes.Buffer // of the last answer
}

func (c *caller) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

var errTooLate = errors.New("no connection was free before the time was over")

// exchange sends a request and reads its answer, which must be 200.
func (c *caller) exchange(request []byte, deadline time.Time) error {
	err := c.try(request, deadline)
	if err != nil {
		c.close()
	}
	return err
}

func (c *caller) try(request []byte, deadline time.Time) error {
	if !time.Now().Before(deadline) {
		return errTooLate
	}
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.address, time.Until(deadline))
		if err != nil {
			return err
		}
		c.conn, c.br = conn, bufio.NewReader(conn)
	}
	if err := c.conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	c.body.Reset()
	answer, err := wire.Read(c.br, c.line, &c.body)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // an end between two messages is one too early here
		}
		return err
	}
	c.line = answer.First
	if !bytes.HasPrefix(answer.First, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("the answer is %q: %.300q", answer.First, c.body.Bytes())
	}
	return nil
}
