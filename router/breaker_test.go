package router

import (
	"testing"
	"time"
)

// TestBreaker_AProbeThatFailsLate has copies that were under way close the breaker while its probe is out: what becomes of the
// probe is one fault then, and no reason to open it again.
func TestBreaker_AProbeThatFailsLate(t *testing.T) {
	b := breaker{faultsToOpen: 2, pause: time.Second, next: time.Second}
	now := time.Unix(0, 0)
	for range 2 {
		b.result(false, false, now)
	}
	if ok, _ := b.allow(now); ok {
		t.Fatal("it is not open")
	}
	now = now.Add(time.Second)
	if ok, probe := b.allow(now); !ok || !probe {
		t.Fatalf("no probe: %v, %v", ok, probe)
	}
	b.result(true, false, now)
	b.result(false, true, now)
	if ok, probe := b.allow(now); !ok || probe {
		t.Errorf("the probe has opened it again: %v, %v", ok, probe)
	}
	if b.result(false, false, now); b.state(now) == BreakerClosed {
		t.Error("two faults in a row do not open it")
	}
}
