package verdict

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gnomon"
)

// A keeper hands on what it is told, and keeps the pairs by slot.
type keeper struct {
	gnomon.PairRecorder
	slots map[int64][]gnomon.Pair
	order []int64
}

func (k *keeper) End(begun int64, p *gnomon.Pair) {
	kept := *p
	for _, s := range []*gnomon.Side{&kept.Production, &kept.Shadow, &kept.Repeat} {
		s.Body = bytes.Clone(s.Body)
	}
	if len(k.order) == 0 || k.order[len(k.order)-1] != begun {
		k.order = append(k.order, begun)
	}
	k.slots[begun] = append(k.slots[begun], kept)
	k.PairRecorder.End(begun, p)
}

// TestRehearsal_IsATrial plays the same to a trial and to a rehearsal, with some of everything.
func TestRehearsal_IsATrial(t *testing.T) {
	for name, floor := range map[string]float64{"answers of production": 0, "answers of production asked once more": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				of := trialOf
				of.Judging.NoiseFloor = floor
				well := answering(10*time.Millisecond, same)
				p := play{of: of, production: failing(0.01, well), shadow: failing(0.02, sometimes(0.03, answering(30*time.Millisecond, odd), well)),
					bucket: func(r *rand.Rand) gnomon.Bucket {
						return []gnomon.Bucket{gnomon.BucketMirrored, gnomon.BucketQueueFull}[max(0, r.IntN(500)-498)]
					}, rand: rand.New(rand.NewPCG(9, 10))}
				if floor > 0 {
					p.repeat = sometimes(0.03, answering(10*time.Millisecond, odd), well)
				}
				b := books{}
				v := running(t, Options{Store: b})
				k := &keeper{PairRecorder: v.Pairs(of), slots: make(map[int64][]gnomon.Pair)}
				r := NewRehearsal(of, least)
				for range 200 {
					for range 100 {
						time.Sleep(10 * time.Millisecond)
						p.one(k)
					}
					synctest.Wait()
					b.flush(t, v)
				}
				time.Sleep(5 * time.Second)
				for _, i := range slices.Sorted(slices.Values(k.order)) {
					r.Slot(i, k.slots[i])
				}
				wantAlike(t, report(t, v, of, Guards{}), r.Report())
				if got := r.Judged(); got != r.Report().Verdict || got.Overall == Undecided {
					t.Errorf("judged %+v, reported %+v", got, r.Report().Verdict)
				}
			})
		})
	}
}
