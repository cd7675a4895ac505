package replay_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gnomon/replay"
)

// run is n requests, spaced by a second, in the order of their answers: some are slow.
func run(n int) iter.Seq2[replay.Request, error] {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var all []replay.Request
	for i := range n {
		all = append(all, replay.Request{
			Began: begin.Add(time.Duration(i) * time.Second), Body: fmt.Append(nil, i), Answered: true, Answer: fmt.Append(nil, i), Latency: time.Millisecond,
		})
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range all {
		j := min(n-1, i+random.IntN(10))
		all[i], all[j] = all[j], all[i]
	}
	return func(yield func(replay.Request, error) bool) {
		for _, q := range all {
			if !yield(q, nil) {
				return
			}
		}
	}
}

// target notes when it was sent what, and answers after a while with what it was sent.
type target struct {
	mu    sync.Mutex
	begin time.Time
	seen  []string
	takes time.Duration
	most  int
	now   int
}

func (s *target) send(ctx context.Context, q replay.Request) replay.Answer {
	s.mu.Lock()
	s.seen = append(s.seen, fmt.Sprintf("%s@%v", q.Body, time.Since(s.begin)))
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	time.Sleep(s.takes)
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	return replay.Answer{Status: 200, Body: q.Body}
}

func TestRun_Spacing(t *testing.T) {
	for name, tc := range map[string]struct {
		opts replay.Options
		want string
	}{
		"as it was":         {replay.Options{}, "0@0s 1@1s 2@2s 3@3s"},
		"ten times":         {replay.Options{Speed: 10}, "0@0s 1@100ms 2@200ms 3@300ms"},
		"half as fast":      {replay.Options{Speed: 0.5}, "0@0s 1@2s 2@4s 3@6s"},
		"at a rate":         {replay.Options{Rate: 4}, "0@0s 1@250ms 2@500ms 3@750ms"},
		"from the third on": {replay.Options{Skip: 2}, "2@0s 3@1s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &target{begin: time.Now(), takes: 5 * time.Second}
				tc.opts.Send = s.send
				r, err := replay.Run(t.Context(), run(4), tc.opts)
				if err != nil || strings.Join(s.seen, " ") != tc.want || r.Late != 0 {
					t.Errorf("%q, %d late, %v", s.seen, r.Late, err)
				}
				if r.Same != len(s.seen) || r.Differ != 0 || r.Good() != len(s.seen) || slices.Max(r.Latency) != 5*time.Second {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

// TestRun_IsOpen has a target that is slower than requests come: their latency counts from when they were due.
func TestRun_IsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &target{begin: time.Now(), takes: 4 * time.Second}
		r, err := replay.Run(t.Context(), run(40), replay.Options{InFlight: 2, Send: s.send})
		if err != nil || s.most != 2 || r.Sent != 40 || r.Late < 30 {
			t.Errorf("%d at a time, %+v, %v", s.most, r, err)
		}
		if last := slices.Max(r.Latency); last < 40*time.Second {
			t.Errorf("the longest took %v", last)
		}
	})
}

// TestRun_Resumes ends a run in the middle, and goes on where it was.
func TestRun_Resumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &target{begin: time.Now(), takes: 1500 * time.Millisecond}
		ctx, cancel := context.WithTimeout(t.Context(), 10500*time.Millisecond)
		defer cancel()
		done := 0
		opts := replay.Options{Send: s.send, Progress: func(n int) { done = n }}
		r, err := replay.Run(ctx, run(30), opts)
		if !errors.Is(err, context.DeadlineExceeded) || done != r.Sent || r.Sent != 11 {
			t.Fatalf("%d done, %d sent, %v", done, r.Sent, err)
		}
		opts.Skip = done
		if r, err = replay.Run(t.Context(), run(30), opts); err != nil || r.Sent != 19 || done != 30 {
			t.Errorf("%d done, %d sent, %v", done, r.Sent, err)
		}
		var bodies []string
		for _, seen := range s.seen {
			body, _, _ := strings.Cut(seen, "@")
			bodies = append(bodies, body)
		}
		for i := range 30 {
			if i >= len(bodies) || bodies[i] != fmt.Sprint(i) {
				t.Fatalf("sent were %q", bodies)
			}
		}
	})
}

func TestRun_Reports(t *testing.T) {
	refused := errors.New("connection refused")
	n := 0
	r, err := replay.Run(t.Context(), run(10), replay.Options{Speed: 1e9, InFlight: 1, Send: func(_ context.Context, q replay.Request) replay.Answer {
		n++
		switch {
		case n <= 2:
			return replay.Answer{Err: refused}
		case n <= 5:
			return replay.Answer{Status: 424}
		case n == 6:
			return replay.Answer{Status: 200, Body: []byte("something else")}
		}
		return replay.Answer{Status: 200, Body: q.Body}
	}})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	r.WriteText(&text)
	for _, want := range []string{"10 requests in ", ", 5 answered with 2xx, 2 not answered, 3 with 424\n", "such as: connection refused", "4 of 5 answers are those", "p50 1ms  p95 1ms  p99 1ms"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("there is no %q in:\n%s", want, &text)
		}
	}
}

func TestRun_EndsWithAnError(t *testing.T) {
	broken := errors.New("cannot be read")
	_, err := replay.Run(t.Context(), func(yield func(replay.Request, error) bool) { yield(replay.Request{}, broken) }, replay.Options{})
	if err != broken {
		t.Errorf("got %v", err)
	}
}
