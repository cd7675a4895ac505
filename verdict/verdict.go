// Package verdict says whether a shadow may take production's place, from what became of every request that both were asked.
//
// Start at [Verdicts.Pairs], whose recorder takes pairs on the hot path. A pair's way is: slot (slot.go), sums over the pairs that
// began within 100 ms of each other; state (fold.go), what all slots so far come to, folded one after the other in the order of
// time, and saved; [Report] (report.go), what a person is told. Answers that are not the same bytes are compared beside the hot
// path (answers.go), and their slot waits for them. [Verdicts.Unsaved] folds: whoever saves the counts of the same requests calls
// it, so that both are saved together. A [Rehearsal] is a trial without all this: slots in, verdicts out.
//
// A verdict does not depend on when, or how often, anybody looks. It is decided slot by slot, with one confidence sequence for
// each of latency, errors and answers ([stats.Sequence]), and what has been decided stays decided.
//
// The package knows nothing of routes, SQL, or what is done about a verdict.
package verdict

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"gnomon"
	"gnomon/compare"
	"gnomon/internal/budget"
)

// A Store has what was saved of trials.
type Store interface {
	// Evidence returns the state last saved of a trial; nil: none was.
	Evidence(ctx context.Context, id gnomon.MirrorID) ([]byte, error)
}

// Evidence is the state of a trial, to be saved in place of the one before; no state is to be removed. It has no name of its own, so that whoever saves it
// need not know this package.
type Evidence = struct {
	Mirror gnomon.MirrorID
	State  []byte
}

// Options are what [Verdicts] need, and their limits. A limit of zero means the default.
type Options struct {
	Store Store
	Log   *slog.Logger

	LeastTime time.Duration // from the first pair to the last, before which nothing is decided; 1 min
	Memory    int64         // bytes of answers that wait to be compared; 32 MiB
	Answer    int           // bytes of an answer that is compared; 1 MiB

	// Worse is told of a trial whose shadow has been found to be worse: once for each process, after that was saved. Nil:
	// nobody is.
	Worse func(gnomon.Mirror)
}

// The parameters of verdicts, which docs/statistics.md explains.
const (
	slotTime   = 100 * time.Millisecond
	sealAfter  = 2 * time.Second  // of a slot's end; nothing begins in it then
	longestLeg = 15 * time.Minute // a slot that is older waits for nobody
	patience   = 20               // so many times the least time has to last what is found no worse
	leastSlots = 300              // with values in them, before which nothing is decided
	leastTime  = time.Minute      // likewise, unless Options say otherwise
)

// Verdicts are those of all trials.
type Verdicts struct {
	opts   Options
	memory *budget.Budget
	work   chan item // answers that wait to be compared

	mu        sync.Mutex
	trials    map[gnomon.MirrorID]*trial
	forgotten map[gnomon.MirrorID]bool // whose states are to be removed
}

// maxWaiting is how many pairs of answers wait to be compared.
const maxWaiting = 4096

// New returns verdicts on nothing. What is recorded is kept from then on; answers are compared while Run runs.
func New(opts Options) *Verdicts {
	opts.LeastTime = cmp.Or(opts.LeastTime, leastTime)
	opts.Memory = cmp.Or(opts.Memory, 32<<20)
	return &Verdicts{
		opts: opts, memory: budget.New(opts.Memory), work: make(chan item, maxWaiting),
		trials: make(map[gnomon.MirrorID]*trial), forgotten: make(map[gnomon.MirrorID]bool),
	}
}

// Pairs returns the recorder of a trial. It may be asked for the same trial again; what the recorders are told adds up. Of what
// the trial says only Fraction and Revision may have changed. With another Revision the trial begins anew, and what earlier
// recorders are told from then on counts for nothing.
func (v *Verdicts) Pairs(of gnomon.Trial) gnomon.PairRecorder {
	v.mu.Lock()
	defer v.mu.Unlock()
	t := v.trial(of.ID)
	if t.answers.compare == nil {
		t.answers.compare = compare.New(of.Answers).Within(compare.Limits{Bytes: v.opts.Answer})
	}
	of.Judging = of.Judging.WithDefaults()
	before := t.of.Revision
	if t.state != nil {
		before = t.state.Revision
	}
	t.known, t.of = true, of
	switch {
	case before != "" && of.Revision != "" && before != of.Revision:
		t.anew()
	case before == "" && t.state != nil:
		t.state.Revision = of.Revision
	}
	r := &recorder{trial: t, generation: t.generation.Load(), work: v, repeats: of.Judging.NoiseFloor > 0, answers: of.Answers.Kind != gnomon.AnswersOff}
	t.recorders.Add(1)
	runtime.AddCleanup(r, func(t *trial) { t.recorders.Add(-1) }, t)
	return r
}

// trial returns the trial of that ID, in memory from now on. The caller holds mu.
func (v *Verdicts) trial(id gnomon.MirrorID) *trial {
	t := v.trials[id]
	if t == nil {
		t = &trial{id: id, open: make(map[int64]*slot), answers: answers{summary: new(compare.Summary)}}
		v.trials[id] = t
	}
	t.used = time.Now()
	return t
}

// Run compares answers until ctx ends, and then what waits. Nothing may be recorded after that.
func (v *Verdicts) Run(ctx context.Context) error {
	for {
		select {
		case i := <-v.work:
			v.compare(i)
		case <-ctx.Done():
			v.finish()
			return nil
		}
	}
}

// finish compares what waits.
func (v *Verdicts) finish() {
	for {
		select {
		case i := <-v.work:
			v.compare(i)
		default:
			return
		}
	}
}

// Load reads what was saved of trials that are new in memory. Until then what is recorded of them waits.
func (v *Verdicts) Load(ctx context.Context) error {
	var errs []error
	for _, t := range v.unloaded() {
		b, err := v.opts.Store.Evidence(ctx, t.id)
		if err != nil {
			errs = append(errs, fmt.Errorf("evidence of %s: %w", t.id, err))
			continue
		}
		before := &saved{State: newState()}
		if len(b) > 0 {
			if before, err = decode(b); err != nil {
				// What cannot be read is of no use, and to begin anew is better than to judge nothing at all.
				v.opts.Log.Error("the evidence of a trial is damaged, and is begun anew", "trial", t.id, "error", err)
				before = &saved{State: newState()}
			}
		}
		v.mu.Lock()
		if t.state == nil { // else somebody was quicker
			t.resume(before)
		}
		v.mu.Unlock()
	}
	return errors.Join(errs...)
}

func (v *Verdicts) unloaded() []*trial {
	v.mu.Lock()
	defer v.mu.Unlock()
	var all []*trial
	for _, t := range v.trials {
		if t.state == nil {
			all = append(all, t)
		}
	}
	return all
}

// Forget drops what is known of a trial, with its examples of answers, and has it removed from the store when that is saved to next.
// What its recorders are told from then on counts for nothing.
func (v *Verdicts) Forget(id gnomon.MirrorID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if t := v.trials[id]; t != nil {
		t.generation.Add(1)
		delete(v.trials, id)
	}
	v.forgotten[id] = true
}

// Unsaved folds what can be folded, and returns the state of each trial that has changed or is forgotten. Once that is saved, the caller calls
// saved. It must not be called again before.
func (v *Verdicts) Unsaved() (all []Evidence, saved func()) {
	now := time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	var noted []*trial
	gone := slices.Collect(maps.Keys(v.forgotten))
	for _, id := range gone {
		all = append(all, Evidence{Mirror: id})
	}
	for _, t := range v.trials {
		if t.state == nil || !t.known && !t.changed {
			continue
		}
		t.fold(now, v.opts.LeastTime)
		if !t.changed {
			continue
		}
		b, err := t.encode()
		if err != nil {
			v.opts.Log.Error("the evidence of a trial cannot be saved", "trial", t.id, "error", err)
			continue
		}
		t.saving = t.version
		all, noted = append(all, Evidence{t.id, b}), append(noted, t)
	}
	return all, func() { v.noteSaved(noted, gone, now) }
}

func (v *Verdicts) noteSaved(noted []*trial, gone []gnomon.MirrorID, now time.Time) {
	v.mu.Lock()
	for _, id := range gone {
		delete(v.forgotten, id)
	}
	for _, t := range noted {
		t.changed = t.version != t.saving
	}
	told := v.toTell()
	v.forget(now)
	v.mu.Unlock()
	for _, of := range told {
		v.opts.Worse(of)
	}
}

// Look takes in what instances lack: a shadow that has to wait for processors is slower through no fault of its model.
func (v *Verdicts) Look(c gnomon.Census) {
	var waited time.Duration
	for _, u := range c.Used {
		waited += u.Waited
	}
	if len(c.Used) == 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, t := range v.trials {
		if t.known && t.state != nil && t.of.Endpoint == c.Series.Endpoint && t.recorders.Load() > 0 {
			t.look(c.Series.Variant, waited)
		}
	}
}

// Worse says in what the shadow of a trial was found to be worse; empty: it was not, as far as is known in memory.
func (v *Verdicts) Worse(id gnomon.MirrorID) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if t := v.trials[id]; t != nil && t.known && t.state != nil {
		return t.state.why(t.of.Judging)
	}
	return ""
}

// toTell returns the trials whose shadow was found to be worse, and of which nobody has been told. The caller holds mu.
func (v *Verdicts) toTell() []gnomon.Mirror {
	if v.opts.Worse == nil {
		return nil
	}
	var all []gnomon.Mirror
	for _, t := range v.trials {
		if t.known && !t.told && t.state != nil && t.state.why(t.of.Judging) != "" {
			t.told = true
			all = append(all, t.of.Mirror)
		}
	}
	slices.SortFunc(all, func(a, b gnomon.Mirror) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// forgetAfter is how long a trial stays in memory after its last pair or report.
const forgetAfter = time.Hour

// forget drops trials that are saved and of which nothing was heard for long. The caller holds mu.
func (v *Verdicts) forget(now time.Time) {
	for id, t := range v.trials {
		if !t.changed && t.recorders.Load() == 0 && now.Sub(t.used) > forgetAfter && t.idle() {
			delete(v.trials, id)
		}
	}
}
