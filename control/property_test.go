package control_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"gnomon"
	"gnomon/control"
)

// TestExperiments_KeepToTheirStateTable drives random operations, waits and restarts, and compares what comes of them
// with a small model of what an experiment is allowed to become.
func TestExperiments_KeepToTheirStateTable(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		bubble(t, func(t *testing.T) {
			w := newWorld(t, filepath.Join(dir, fmt.Sprint(n)))
			defer func() { w.stage.stop() }()
			rt.Repeat(map[string]func(*rapid.T){
				"":        w.check,
				"create":  w.create,
				"start":   w.startNow,
				"stop":    w.stop,
				"sample":  w.sample,
				"cap":     w.cap,
				"tune":    w.tune,
				"delete":  w.delete,
				"scale":   w.scale,
				"meddle":  w.meddle,
				"wait":    func(rt *rapid.T) { w.wait(rapid.SampledFrom(spans).Draw(rt, "span")) },
				"restart": func(rt *rapid.T) { w.away(rapid.SampledFrom(spans).Draw(rt, "span")) },
			})
		})
	})
}

// bubble runs f in a bubble of its own and hands on the panic by which rapid ends a failed run.
func bubble(t *testing.T, f func(*testing.T)) {
	var panicked any
	synctest.Test(t, func(t *testing.T) {
		defer func() { panicked = recover() }()
		f(t)
	})
	switch {
	case fmt.Sprintf("%T", panicked) == "rapid.invalidData":
		panic(panicked) // a draw that does not count: rapid tells it from a failure by where it comes from
	case panicked != nil:
		panic(panicked)
	}
}

// spans are all multiples of ten minutes, as are the schedules: since every operation takes five seconds, no check ever
// falls into the moment in which something happens.
var spans = []time.Duration{10 * time.Minute, 40 * time.Minute, 3 * time.Hour, 9 * time.Hour}

const lead = 10 * time.Minute

// A guess is what the model knows of one experiment.
type guess struct {
	status     gnomon.ExperimentStatus
	start, end time.Time
	source     gnomon.VariantName
	shadow     gnomon.VariantName
	bad        bool // its shadow never gets into service
	sampling   int
	tuned      float64 // by its tag, in percent; 0: it has none
	rate       float64
}

// fraction is what should be copied.
func (g *guess) fraction() float64 {
	if g.tuned > 0 {
		return g.tuned / 100
	}
	return float64(g.sampling) / 100
}

// fits reports whether the tag allows for a SamplingPercentage.
func (g *guess) fits(percent int) bool {
	return g.tuned == 0 || math.Ceil(g.tuned) == float64(percent)
}

// A world is a control plane with one endpoint beside the model of it.
type world struct {
	stage      *stage
	guesses    map[string]*guess
	production gnomon.VariantName
	count      int
	names      int
}

func newWorld(t *testing.T, dir string) *world {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, path: filepath.Join(dir, "control.db"), host: newBooks(), router: &paper{}, frozen: &ledger{}, verdicts: &verdicts{}, rules: rules()}
	s.start()
	s.endpoint("e")
	s.model("bad")
	s.config("other", variant("AllTraffic", "n", 1))
	s.host.bad["bad"] = true
	return &world{stage: s, guesses: make(map[string]*guess), production: "AllTraffic", count: 2}
}

// settle lets what an operation set off happen, on both sides.
func (w *world) settle() {
	w.stage.settle()
	w.pass(false)
}

// pass takes the model to the present. Away means that the server was not running meanwhile.
func (w *world) pass(away bool) {
	now := time.Now()
	for _, g := range w.guesses {
		if g.status == gnomon.Running && !now.Before(g.end) {
			g.status = gnomon.Completed
		}
	}
	byStart := func(a, b *guess) int { return a.start.Compare(b.start) }
	for _, g := range slices.SortedFunc(maps.Values(w.guesses), byStart) {
		if g.status == gnomon.Created && (g.bad || g.source != w.production) && !now.Before(g.start.Add(-lead)) && w.running() == nil {
			g.status = gnomon.Cancelled
		}
		if g.status == gnomon.Created && away && !now.Before(g.end) {
			g.status = gnomon.Cancelled
		}
		if g.status == gnomon.Created && !now.Before(g.start) {
			g.status = gnomon.Running
		}
	}
}

// running is the experiment whose shadow is deployed; another one's waits for its end.
func (w *world) running() *guess {
	for _, g := range w.guesses {
		if g.status == gnomon.Running {
			return g
		}
	}
	return nil
}

func (w *world) wait(d time.Duration) {
	for range d / (10 * time.Minute) {
		time.Sleep(10 * time.Minute)
		w.pass(false)
	}
	w.settle()
}

func (w *world) away(d time.Duration) {
	w.stage.restart(d)
	w.pass(true)
	w.settle()
}

// pick draws the name of an experiment that is, or is not, there.
func (w *world) pick(rt *rapid.T) (string, *guess) {
	names := append(slices.Sorted(maps.Keys(w.guesses)), "nobody")
	name := rapid.SampledFrom(names).Draw(rt, "experiment")
	return name, w.guesses[name]
}

// expect checks how an operation on g went, and reports whether it should have been, and was, accepted.
func (w *world) expect(rt *rapid.T, op gnomon.Operation, g *guess, err error) bool {
	switch {
	case g == nil:
		if !errors.Is(err, gnomon.NotFound) {
			rt.Fatalf("%s of nothing: %v", op, err)
		}
		return false
	case !op.Legal(g.status):
		if !errors.Is(err, gnomon.Conflict) {
			rt.Fatalf("%s in %s: %v", op, g.status, err)
		}
		return false
	case err != nil:
		rt.Fatalf("%s in %s: %v", op, g.status, err)
	}
	return true
}

func (w *world) create(rt *rapid.T) {
	g := &guess{status: gnomon.Created, source: w.production, bad: rapid.IntRange(0, 3).Draw(rt, "bad") == 0, sampling: 50}
	g.start = time.Now().Add(rapid.SampledFrom([]time.Duration{0, 20 * time.Minute, 5 * time.Hour}).Draw(rt, "start"))
	g.end = g.start.Add(rapid.SampledFrom([]time.Duration{20 * time.Minute, 4 * time.Hour, 25 * time.Hour}).Draw(rt, "length"))
	w.names++
	name := fmt.Sprintf("x%d", w.names)
	g.shadow = gnomon.VariantName(fmt.Sprintf("s%d", w.names))
	r := w.stage.request(name, "e")
	model := map[bool]string{true: "bad", false: "n"}[g.bad]
	r.Variants, r.Source, r.Shadow = []gnomon.Variant{variant(string(g.shadow), model, 1)}, w.production, g.shadow
	r.Schedule = gnomon.Schedule{Start: g.start, End: g.end}
	taken := false
	for _, o := range w.guesses {
		taken = taken || (!o.status.Final() && gnomon.Schedule{Start: o.start, End: o.end}.Overlaps(r.Schedule))
	}
	_, err := w.stage.experiments.Create(w.stage.ctx, r)
	if taken != errors.Is(err, gnomon.InUse) || (err != nil && !taken) {
		rt.Fatalf("create from %s to %s, taken %v: %v", g.start, g.end, taken, err)
	}
	if err == nil {
		w.guesses[name] = g
	}
	w.settle()
}

func (w *world) startNow(rt *rapid.T) {
	name, g := w.pick(rt)
	if g != nil && g.status == gnomon.Created {
		for _, o := range w.guesses {
			if o != g && !o.status.Final() && o.start.Before(g.end) {
				rt.Skip("another experiment is in the way")
			}
		}
	}
	_, err := w.stage.experiments.Start(w.stage.ctx, gnomon.ExperimentName(name))
	if w.expect(rt, gnomon.StartExperiment, g, err) {
		g.start = time.Now()
	}
	w.settle()
}

func (w *world) stop(rt *rapid.T) {
	name, g := w.pick(rt)
	promote := rapid.Bool().Draw(rt, "promote")
	action := map[bool]gnomon.Action{true: gnomon.Promote, false: gnomon.Remove}[promote]
	shadow := gnomon.VariantName("nobody")
	if g != nil {
		shadow = g.shadow
	}
	if g != nil && g.status == gnomon.Created && promote {
		rt.Skip("a conflict of its own, tested elsewhere")
	}
	_, err := w.stage.experiments.Stop(w.stage.ctx, gnomon.ExperimentName(name), gnomon.Stop{Actions: map[gnomon.VariantName]gnomon.Action{shadow: action}})
	if w.expect(rt, gnomon.StopExperiment, g, err) {
		g.end, g.status = time.Now(), gnomon.Cancelled
		if promote {
			g.status, w.production, w.count = gnomon.Completed, g.shadow, 1
		}
	}
	w.settle()
}

func (w *world) sample(rt *rapid.T) {
	name, g := w.pick(rt)
	percent := rapid.IntRange(1, 100).Draw(rt, "percent")
	u := control.ExperimentUpdate{Name: gnomon.ExperimentName(name), Accept: accept, Shadowing: &control.Shadowing{SamplingPercent: percent}}
	if g != nil {
		u.Shadowing.Source, u.Shadowing.Shadow = g.source, g.shadow
	}
	_, err := w.stage.experiments.Update(w.stage.ctx, u)
	if g != nil && gnomon.UpdateExperiment.Legal(g.status) && !g.fits(percent) {
		if !errors.Is(err, gnomon.Invalid) {
			rt.Fatalf("a SamplingPercentage of %d with the tag %v: %v", percent, g.tuned, err)
		}
		return
	}
	if w.expect(rt, gnomon.UpdateExperiment, g, err) {
		g.sampling = percent
	}
	w.settle()
}

// cap bounds the rate by a tag.
func (w *world) cap(rt *rapid.T) {
	name, g := w.pick(rt)
	rate := rapid.IntRange(1, 3).Draw(rt, "rate")
	err := w.stage.tag(name, gnomon.TagMaxRate, fmt.Sprint(rate))
	if w.tagged(rt, g, g != nil && (!g.status.Final() || g.rate == float64(rate)), err) {
		g.rate = float64(rate)
	}
	w.settle()
}

// tune sets or takes away the tag that says the share to the point.
func (w *world) tune(rt *rapid.T) {
	name, g := w.pick(rt)
	if g != nil && rapid.Bool().Draw(rt, "away") {
		err := w.stage.untag(name, gnomon.TagSampling)
		if w.tagged(rt, g, g.status == gnomon.Created || g.tuned == 0, err) {
			g.tuned = 0
		}
		w.settle()
		return
	}
	share := float64(rapid.IntRange(490, 510).Draw(rt, "tenths")) / 10
	err := w.stage.tag(name, gnomon.TagSampling, fmt.Sprint(share))
	ok := g != nil && (g.tuned == share || g.status == gnomon.Created && math.Ceil(share) == float64(g.sampling))
	if w.tagged(rt, g, ok, err) {
		g.tuned = share
	}
	w.settle()
}

// tagged checks how a change of the tags of g went, and reports whether it was made.
func (w *world) tagged(rt *rapid.T, g *guess, ok bool, err error) bool {
	switch {
	case g == nil && errors.Is(err, gnomon.NotFound), g != nil && !ok && errors.Is(err, gnomon.Invalid):
		return false
	case ok && err == nil:
		return true
	}
	rt.Fatalf("tags of %+v: %v, should be possible: %v", g, err, ok)
	return false
}

func (w *world) delete(rt *rapid.T) {
	name, g := w.pick(rt)
	err := w.stage.experiments.Delete(w.stage.ctx, gnomon.ExperimentName(name))
	if w.expect(rt, gnomon.DeleteExperiment, g, err) {
		delete(w.guesses, name)
	}
	w.settle()
}

func (w *world) scale(rt *rapid.T) {
	n := rapid.IntRange(1, 4).Draw(rt, "count")
	if _, err := w.stage.endpoints.Scale(w.stage.ctx, "e", []control.Scale{{Variant: w.production, Count: &n}}); err != nil {
		rt.Fatalf("scale to %d: %v", n, err)
	}
	w.count = n
	w.settle()
}

// meddle is an owner who forgets that an experiment is on.
func (w *world) meddle(rt *rapid.T) {
	if w.shadow() == "" {
		rt.Skip("nobody minds")
	}
	if err := w.stage.endpoints.Delete(w.stage.ctx, "e"); !errors.Is(err, gnomon.Invalid) {
		rt.Fatalf("delete of an endpoint under test: %v", err)
	}
	if _, err := w.stage.endpoints.Update(w.stage.ctx, control.Change{Name: "e", Config: "other"}); !errors.Is(err, gnomon.Invalid) {
		rt.Fatalf("update of an endpoint under test: %v", err)
	}
}

// shadow is the variant that should be deployed beside production now.
func (w *world) shadow() gnomon.VariantName {
	if g := w.running(); g != nil {
		return g.shadow
	}
	for _, g := range w.guesses {
		if g.status == gnomon.Created && !time.Now().Before(g.start.Add(-lead)) {
			return g.shadow
		}
	}
	return ""
}

// check compares the world with the model of it.
func (w *world) check(rt *rapid.T) {
	running := w.running()
	for name, g := range w.guesses {
		v, err := w.stage.experiments.Get(w.stage.ctx, gnomon.ExperimentName(name))
		if err != nil {
			rt.Fatal(err)
		}
		if v.Experiment.Status != g.status {
			rt.Fatalf("experiment %s is %s (%s), want %s", name, v.Experiment.Status, v.Experiment.Reason, g.status)
		}
		if g.status.Final() && !w.stage.frozen.has(v.Experiment.Mirror()) {
			rt.Fatalf("experiment %s is %s and its numbers are not frozen", name, g.status)
		}
	}
	v, err := w.stage.endpoints.Get(w.stage.ctx, "e")
	if err != nil {
		rt.Fatal(err)
	}
	if v.Endpoint.Status != gnomon.EndpointInService {
		rt.Fatalf("the endpoint is %s (%s)", v.Endpoint.Status, v.Endpoint.FailureReason)
	}
	r := w.stage.router.route("e")
	if len(r.Production) != 1 || r.Production[0].Name != w.production || len(r.Production[0].Instances) != w.count {
		rt.Fatalf("production is %+v, want %s with %d instances", r.Production, w.production, w.count)
	}
	m := w.stage.router.mirror("e")
	if (running != nil) != (m != nil) || len(r.Mirrors) > 1 {
		rt.Fatalf("mirrors %+v while running %+v", r.Mirrors, running)
	}
	if running != nil && (m.Shadow.Name != running.shadow || m.Fraction != running.fraction() || m.MaxRate != running.rate || len(m.Shadow.Instances) != 1) {
		rt.Fatalf("mirror %+v, want %+v", m, running)
	}
	w.checkInstances(rt)
}

// checkInstances wants exactly the instances that should be there.
func (w *world) checkInstances(rt *rapid.T) {
	want := map[gnomon.VariantName]int{w.production: w.count}
	if s := w.shadow(); s != "" {
		want[s] = 1
	}
	got := make(map[gnomon.VariantName]int)
	for _, i := range w.stage.host.Instances() {
		got[i.Variant]++
	}
	if !maps.Equal(got, want) {
		rt.Fatalf("instances %v, want %v", got, want)
	}
}
