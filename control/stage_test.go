package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gnomon"
	"gnomon/control"
	"gnomon/store"
)

// A stage is the whole control plane over a real store, with a host that keeps books instead of running anything. It
// must be used inside a synctest bubble.
type stage struct {
	t           *testing.T
	ctx         context.Context
	stop        func()
	path        string
	rules       control.Rules
	host        *books
	router      *paper
	frozen      *ledger
	verdicts    *verdicts
	models      control.Models
	configs     control.EndpointConfigs
	endpoints   control.Endpoints
	experiments control.Experiments
	tags        control.Tags
	ready       func() bool
	ill         atomic.Bool // the store refuses everything
}

const role = "arn:aws:iam::000000000000:role/gnomon"

func newStage(t *testing.T) *stage {
	s := &stage{
		t: t, path: filepath.Join(t.TempDir(), "control.db"), host: newBooks(), router: &paper{}, frozen: &ledger{}, verdicts: &verdicts{}, rules: rules(),
	}
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

func rules() control.Rules {
	return control.Rules{
		Partition: gnomon.Partition{Name: "aws", Region: "us-east-1", Account: "000000000000"},
		Roles:     []gnomon.Role{{ARN: role, Powers: gnomon.Powers()}, {ARN: role + "-reader", Powers: []gnomon.Power{gnomon.ReadArtifacts, gnomon.PullImages}}},
		Quotas:    map[gnomon.InstanceType]int{"ml.c5.large": 2},
		StartLead: 10 * time.Minute,
	}
}

// start opens the store and runs the reconcilers.
func (s *stage) start() {
	ctx, cancel := context.WithCancel(s.t.Context())
	db, err := store.Open(ctx, s.path)
	if err != nil {
		s.t.Fatal(err)
	}
	p := &control.Plane{
		Store: moody{witness{s.t, db, s.router}, &s.ill}, Rules: s.rules, Artifacts: there{}, Images: there{}, Captures: captures{}, Volumes: volumes{}, Verdicts: s.verdicts, Log: slog.New(slog.DiscardHandler),
		Endpoints: control.NewQueue(), Experiments: control.NewQueue(),
	}
	er := control.NewEndpointReconciler(p, s.host, s.router)
	xr := control.NewExperimentReconciler(p, s.frozen)
	s.host.onChange(er.Changed)
	var running sync.WaitGroup
	running.Go(func() {
		if err := er.Run(ctx); err != nil {
			s.t.Error(err)
		}
	})
	running.Go(func() {
		if err := xr.Run(ctx); err != nil {
			s.t.Error(err)
		}
	})
	s.ctx = ctx
	s.models, s.configs, s.endpoints = control.Models{Plane: p}, control.EndpointConfigs{Plane: p}, control.Endpoints{Plane: p}
	s.experiments, s.tags, s.ready = control.Experiments{Plane: p}, control.Tags{Plane: p}, er.Ready
	s.stop = func() {
		cancel()
		running.Wait()
		s.host.settle()
		db.Close()
		s.stop = func() {}
	}
}

// restart ends the control plane and its instances, and starts it again after a time.
func (s *stage) restart(away time.Duration) {
	s.stop()
	s.host.lose()
	time.Sleep(away)
	s.start()
}

func (s *stage) model(name string) {
	s.t.Helper()
	_, err := s.models.Create(s.ctx, gnomon.Model{Name: gnomon.ModelName(name), Role: role, Container: gnomon.Container{Image: name}}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
}

func variant(name, model string, count int) gnomon.Variant {
	return gnomon.Variant{Name: gnomon.VariantName(name), Model: gnomon.ModelName(model), InstanceType: "ml.m5.large", Count: count, Weight: 1}
}

// endpoint makes models m and n and an endpoint that serves m.
func (s *stage) endpoint(name string) {
	s.t.Helper()
	s.model("m")
	s.model("n")
	s.config("c", variant("AllTraffic", "m", 2))
	if _, err := s.endpoints.Create(s.ctx, control.Change{Name: gnomon.EndpointName(name), Config: "c"}); err != nil {
		s.t.Fatal(err)
	}
	s.settle()
	s.wantEndpoint(name, gnomon.EndpointInService)
}

func (s *stage) config(name string, production ...gnomon.Variant) {
	s.t.Helper()
	_, err := s.configs.Create(s.ctx, gnomon.EndpointConfig{Name: gnomon.EndpointConfigName(name), Spec: gnomon.EndpointSpec{Production: production}}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) request(name, endpoint string) control.NewExperiment {
	return control.NewExperiment{
		Name: gnomon.ExperimentName(name), Role: role, Endpoint: gnomon.EndpointName(endpoint),
		Variants: []gnomon.Variant{variant("AllTraffic", "m", 2), variant("shadow", "n", 1)},
		Source:   "AllTraffic", Shadow: "shadow", SamplingPercent: 50,
	}
}

// settle lets everything happen that happens within a moment.
func (s *stage) settle() { time.Sleep(5 * time.Second) }

func (s *stage) wantEndpoint(name string, want gnomon.EndpointStatus) *gnomon.Endpoint {
	s.t.Helper()
	v, err := s.endpoints.Get(s.ctx, gnomon.EndpointName(name))
	if err != nil {
		s.t.Fatal(err)
	}
	if v.Endpoint.Status != want {
		s.t.Fatalf("endpoint %s is %s (%s), want %s", name, v.Endpoint.Status, v.Endpoint.FailureReason, want)
	}
	return v.Endpoint
}

func (s *stage) wantExperiment(name string, want gnomon.ExperimentStatus) *gnomon.Experiment {
	s.t.Helper()
	v, err := s.experiments.Get(s.ctx, gnomon.ExperimentName(name))
	if err != nil {
		s.t.Fatal(err)
	}
	if v.Experiment.Status != want {
		s.t.Fatalf("experiment %s is %s (%s), want %s", name, v.Experiment.Status, v.Experiment.Reason, want)
	}
	return v.Experiment
}

// accept stands in for the wire's face, which alone reads the accepted request.
func accept(j json.RawMessage) (json.RawMessage, error) { return j, nil }

// moody is a store that refuses everything while it is ill.
type moody struct {
	control.Store
	ill *atomic.Bool
}

func (m moody) Do(ctx context.Context, f func(*gnomon.Tx) error) error {
	if m.ill.Load() {
		return errors.New("database or disk is full")
	}
	return m.Store.Do(ctx, f)
}

// there are artifacts that always are.
type there struct{}

func (there) Check(context.Context, gnomon.Artifact) error { return nil }

func (captures) Trouble(string) error { return nil }

func (captures) Check(_, _ string) error { return nil }

// captures go anywhere.
type captures struct{}

// volumes are encrypted by every key but one.
type volumes struct{}

// verdicts are what was found of shadows, by the ID of the experiment.
type verdicts struct{ found sync.Map }

func (v *verdicts) Worse(id gnomon.MirrorID) string {
	why, _ := v.found.Load(id)
	text, _ := why.(string)
	return text
}

func (v *verdicts) Forget(id gnomon.MirrorID) { v.found.Delete(id) }

func (volumes) CheckKey(name string) error {
	if name == "unknown" {
		return errors.New("there is no such key")
	}
	return nil
}

// CheckImage knows every image but one.
func (there) CheckImage(name string) error {
	if name == "unknown" {
		return errors.New("nothing runs it")
	}
	return nil
}

// books is a host that brings every instance into service a second after it was asked for, unless its image is named
// in bad, and counts how often each was started.
type books struct {
	mu        sync.Mutex
	instances map[gnomon.InstanceID]*gnomon.Instance
	starts    map[gnomon.InstanceID]int
	bad       map[string]bool
	changed   func(string)
	pending   sync.WaitGroup
}

func newBooks() *books {
	return &books{instances: make(map[gnomon.InstanceID]*gnomon.Instance), starts: make(map[gnomon.InstanceID]int), bad: make(map[string]bool)}
}

func (b *books) onChange(f func(string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = f
}

func (b *books) settle() { b.pending.Wait() }

// lose is a crash of everything that runs.
func (b *books) lose() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.instances)
}

func (b *books) Ensure(_ context.Context, f gnomon.Fleet) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for n := range f.Count {
		id := gnomon.InstanceID{Fleet: f.ID, Ordinal: n}
		if i, ok := b.instances[id]; ok {
			i.Class = f.Class
			continue
		}
		i := &gnomon.Instance{ID: id, EndpointID: f.EndpointID, Variant: f.Variant, Class: f.Class, State: gnomon.InstanceStarting}
		b.instances[id] = i
		b.starts[id]++
		bad := b.bad[f.Container.Image]
		b.later(f.EndpointID, func() {
			i.State, i.Address = gnomon.InstanceInService, "127.0.0.1:1"
			if bad {
				i.State, i.Failure = gnomon.InstanceFailed, &gnomon.Failure{Kind: gnomon.FailedPing}
			}
		})
	}
	return nil
}

func (b *books) Stop(_ context.Context, id gnomon.InstanceID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, ok := b.instances[id]
	if !ok || i.State == gnomon.InstanceStopping {
		return nil
	}
	i.State = gnomon.InstanceStopping
	b.later(i.EndpointID, func() { delete(b.instances, id) })
	return nil
}

func (b *books) later(endpointID string, f func()) {
	b.pending.Go(func() {
		time.Sleep(time.Second)
		b.mu.Lock()
		f()
		changed := b.changed
		b.mu.Unlock()
		changed(endpointID)
	})
}

func (b *books) Instances() []gnomon.Instance {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []gnomon.Instance
	for _, i := range b.instances {
		all = append(all, *i)
	}
	return all
}

// running returns how often each running instance of a variant was started.
func (b *books) running(v gnomon.VariantName) map[gnomon.InstanceID]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make(map[gnomon.InstanceID]int)
	for id, i := range b.instances {
		if i.Variant == v {
			all[id] = b.starts[id]
		}
	}
	return all
}

// paper is a router that only keeps what is published.
type paper struct {
	mu     sync.Mutex
	routes gnomon.Routes
}

func (p *paper) Publish(r gnomon.Routes) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.routes = r
}

func (p *paper) InFlight(gnomon.InstanceID) int { return 0 }

func (p *paper) route(name string) *gnomon.EndpointRoute {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.routes.Endpoints {
		if string(e.Name) == name {
			return &e
		}
	}
	return nil
}

// mirror returns the one mirror of the endpoint's route; nil: it has none.
func (p *paper) mirror(name string) *gnomon.MirrorRoute {
	r := p.route(name)
	if r == nil || len(r.Mirrors) != 1 {
		return nil
	}
	return &r.Mirrors[0]
}

// ledger notes what was frozen.
type ledger struct {
	mu     sync.Mutex
	frozen []gnomon.MirrorID
}

func (l *ledger) has(id gnomon.MirrorID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.frozen, id)
}

func (l *ledger) Freeze(_ context.Context, id gnomon.MirrorID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = append(l.frozen, id)
	return nil
}
