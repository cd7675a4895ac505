package router_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"gnomon"
	"gnomon/router"

	"github.com/google/go-cmp/cmp"
)

func TestMirror_BodiesHaveAMemoryBudget(t *testing.T) {
	shadow, entered, release := stuck(t)
	s := newSystem(t, router.Options{MirrorMemory: 100 << 10})
	s.Publish(mirrored(routes(model(t, echo)), 1, shadow))
	m := s.counts.mirror("m")
	s.invoke(t, strings.Repeat("x", 60<<10))
	<-entered
	s.invoke(t, strings.Repeat("x", 60<<10))
	release()
	m.wait(t)
	if diff := cmp.Diff(map[gnomon.Bucket]int64{gnomon.BucketQueueFull: 1, gnomon.BucketMirrored: 1}, m.tally()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	eventually(t, "the memory is given back", func() bool { return s.Stats().MirrorMemory == 0 })
}

func TestMirror_CopiesThatWaitHoldNoAnswers(t *testing.T) {
	const n, size = 64, 1 << 20
	shadow, _, _ := stuck(t)
	s := newSystem(t, router.Options{MirrorGrace: time.Millisecond})
	large := strings.Repeat("x", size)
	production := model(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		io.WriteString(w, large)
	})
	s.Publish(mirrored(routes(production), 1, shadow))
	before := heap()
	for range n {
		if got := s.invoke(t, "x"); len(got.body) != size {
			t.Fatalf("got %d, %d bytes", got.status, len(got.body))
		}
	}
	if after := heap(); after > before+n*size/4 {
		t.Errorf("%d copies of 1 byte hold %d MiB", n, (after-before)>>20)
	}
}

// TestMirror_LeavesNothingBehind has many large requests and answers wait for a shadow. What they needed is let go of when it is not
// needed any more.
func TestMirror_LeavesNothingBehind(t *testing.T) {
	const waiting, size = 300, 60_000 // bytes
	shadow, entered, release := stuck(t)
	j := &jury{}
	s := newSystem(t, router.Options{Judge: j})
	s.Publish(judged(mirrored(routes(model(t, echo)), 1, shadow), gnomon.Judging{}))
	held := func() int64 {
		for range 2 {
			s.loops.Trim()
			s.invoke(t, "x") // on the one loop, behind it
		}
		return int64(heap())
	}
	body := strings.Repeat("x", size)
	s.invoke(t, body)
	<-entered
	before := held()
	for range waiting {
		s.invoke(t, body)
	}
	if grown := held() - before; grown < 2*waiting*size {
		t.Fatalf("only %d bytes more are held while %d requests wait: this would not see what is left behind", grown, waiting)
	}
	release()
	s.counts.mirror("m").wait(t)
	j.mu.Lock()
	j.pairs = nil
	j.mu.Unlock()
	if grown := held() - before; grown > waiting*size/10 {
		t.Errorf("%d bytes more are held than before %d requests waited", grown, waiting)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // the pools' second chance
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
