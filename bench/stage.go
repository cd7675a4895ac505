package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"gnomon/bench/internal/testbed"
)

// A stage is all that answers: two servers of Gnomon, since one that checks signatures checks all of them, nginx in front of
// models of its own, and a model for those who ask it directly.
type stage struct {
	bed       *testbed.Bed
	open      *testbed.Gnomon
	signed    *testbed.Gnomon
	patient   *testbed.Gnomon // lets a burst wait for the shadow
	nginx     *testbed.Nginx  // nil: there is none
	model     string          // its address
	endpoints map[string]target
}

func newStage(ctx context.Context, bed *testbed.Bed, nginxPath string) (*stage, error) {
	s := &stage{bed: bed, endpoints: make(map[string]target)}
	var err error
	if s.open, err = bed.StartGnomon(ctx, testbed.Settings{}); err != nil {
		return nil, err
	}
	if s.signed, err = bed.StartGnomon(ctx, testbed.Settings{Signed: true}); err != nil {
		return nil, err
	}
	if s.patient, err = bed.StartGnomon(ctx, testbed.Settings{MirrorQueue: 2 * burst}); err != nil {
		return nil, err
	}
	if s.model, err = bed.StartModel(ctx); err != nil {
		return nil, err
	}
	program, err := testbed.FindNginx(nginxPath)
	if err != nil {
		fmt.Fprintf(os.Stderr, "nginx is missing, so its rows are left out and most ceilings cannot be judged (%v).\n"+
			"Debian and Ubuntu have it in nginx-light; -nginx says where it is.\n", err)
		return s, nil
	}
	return s, s.startNginx(ctx, program)
}

// The servers of nginx.
const (
	plainServer = iota
	mirrorServer
	emptyServer
)

func (s *stage) startNginx(ctx context.Context, program string) error {
	var models [3]string // of production, and two shadows
	for i, args := range [][]string{nil, nil, {"-answer", "empty"}} {
		var err error
		if models[i], err = s.bed.StartModel(ctx, args...); err != nil {
			return err
		}
	}
	var err error
	s.nginx, err = s.bed.StartNginx(ctx, program, []testbed.NginxServer{
		plainServer:  {Production: models[0]},
		mirrorServer: {Production: models[0], Shadow: models[1]},
		emptyServer:  {Production: models[0], Shadow: models[2]},
	})
	return err
}

// servers are what is measured.
func (s *stage) servers() []*testbed.Process {
	all := []*testbed.Process{s.open.Process, s.signed.Process, s.patient.Process}
	if s.nginx != nil {
		all = append(all, s.nginx.Process)
	}
	return all
}

// rows are those of the scenarios whose target there is.
func (s *stage) rows(ctx context.Context, scenarios []scenario) ([]*row, error) {
	var rows []*row
	for _, x := range scenarios {
		if x.way == nginx && s.nginx == nil {
			continue
		}
		t, err := s.target(ctx, x)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x, err)
		}
		rows = append(rows, &row{scenario: x, target: t})
	}
	return rows, nil
}

func (s *stage) target(ctx context.Context, x scenario) (target, error) {
	switch x.way {
	case direct:
		return s.direct(ctx, x)
	case nginx:
		server := plainServer
		if x.sampling > 0 {
			server = mirrorServer
		}
		if x.empty {
			server = emptyServer
		}
		return outside(s.nginx.Addresses[server], x, s.nginx.Process), nil
	}
	return s.endpoint(ctx, x)
}

// direct is a model that is asked itself. If there are copies, it and the shadow run as they do in an experiment, and another
// caller, for whom nobody waits, asks the shadow as much: the same work without a router, and nothing of it in production's way.
func (s *stage) direct(ctx context.Context, x scenario) (target, error) {
	if x.sampling == 0 {
		return outside(s.model, x, nil), nil
	}
	model := testbed.Model{Image: testbed.StaticImage}
	production, err := s.open.ModelOf(func() error { return s.open.CreateEndpoint(ctx, "e-direct", model, 1) })
	if err != nil {
		return target{}, err
	}
	shadow, err := s.open.ModelOf(func() error {
		return s.open.Begin(ctx, testbed.Experiment{Name: "e-direct-shadow", Endpoint: "e-direct", Shadow: model})
	})
	t := outside(production, x, nil)
	t.alongside = func(ctx context.Context, rate float64) (func() error, error) {
		return s.bed.StartCaller(ctx, shadow, testbed.Invocation(shadow, "/invocations", body(x.body)), rate, x.callers)
	}
	return t, err
}

// outside is a target that is not Gnomon.
func outside(address string, x scenario, p *testbed.Process) target {
	return target{address: address, process: p, request: func() ([]byte, error) {
		return testbed.Invocation(address, "/invocations", body(x.body)), nil
	}}
}

// endpoint is the one that scenarios share which differ only in how they ask.
func (s *stage) endpoint(ctx context.Context, x scenario) (target, error) {
	server := s.open
	switch {
	case x.signed:
		server = s.signed
	case x.inBursts():
		server = s.patient
	}
	image := testbed.StaticImage
	switch {
	case x.empty:
		image = testbed.EmptyImage
	case x.spaced:
		image = testbed.SpacedImage
	}
	name := x.endpoint()
	t, ok := s.endpoints[name]
	if !ok {
		if err := server.CreateEndpoint(ctx, name, testbed.Model{Image: testbed.StaticImage}, max(1, x.variants)); err != nil {
			return t, err
		}
		t = target{address: server.Address, process: server.Process}
		if x.variants == 0 {
			e := testbed.Experiment{Name: name + "-shadow", Endpoint: name, Shadow: testbed.Model{Image: image}, Percent: x.sampling, Captured: x.captured}
			if err := server.Begin(ctx, e); err != nil {
				return t, err
			}
			t.account = func() (counting, error) { return count(ctx, server, e) }
		}
		s.endpoints[name] = t
	}
	t.request = func() ([]byte, error) { return server.Invocation(name, body(x.body)) }
	return t, nil
}

func count(ctx context.Context, server *testbed.Gnomon, x testbed.Experiment) (counting, error) {
	a, err := server.Settled(ctx, x.Name)
	if err == nil && x.Captured {
		err = server.Captured(ctx)
	}
	return counting{requests: a.Requests(), sampled: a.Requests() - a["sampled_out"], copied: a["mirrored"]}, err
}

// body is JSON of n bytes, or up to nine fewer.
func body(n int) []byte {
	const begin, number, end = `{"instances":[`, "0.123456,", "0]}"
	return []byte(begin + strings.Repeat(number, (n-len(begin)-len(end))/len(number)) + end)
}
