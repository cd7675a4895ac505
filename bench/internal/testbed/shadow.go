package testbed

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// A Shadow is a way in which a shadow behaves.
type Shadow struct {
	Name string
	Does string
	Model
	// Machine is true when a shadow takes the machine's processors by doing what it should, or whatever it is sent, so that
	// latencies beside it say more of the machine than of Gnomon.
	Machine bool
	// Harms is true when it takes so much of the machine by being there, whatever it is asked, that whoever else is on the machine
	// suffers. What is copied to it is then measured beside the same shadow that gets nothing.
	Harms bool
	// Large is true when its answers are: of each, what may be compared is kept.
	Large bool
}

// HealthyShadow is the shadow that does nothing wrong.
func HealthyShadow() Shadow {
	return Shadow{Name: "healthy", Does: "answers as production does", Model: Model{Image: HashImage}, Machine: true}
}

// FaultyShadows are those that do. They answer after 5 ms where they answer at all.
func FaultyShadows() []Shadow {
	faulty := func(name, does, fault string) Shadow {
		return Shadow{Name: name, Does: does, Model: Model{Image: FaultyImage, Fault: fault}}
	}
	burning := faulty("burn-cpu", "burns every core", fmt.Sprintf("slow=5ms,burn-cpu=%d", runtime.NumCPU()))
	burning.Machine = true
	eating := faulty("eat-memory", "allocates until it is stopped", fmt.Sprintf("slow=5ms,eat-memory=%d", spareMemory()))
	eating.Harms = true
	large := func(name, does, fault string) Shadow {
		s := faulty(name, does, fault)
		s.Large = true
		return s
	}
	return []Shadow{
		faulty("slow", "answers after a second", "slow=1s"),
		faulty("hang", "accepts and never answers", "hang"),
		faulty("reset", "resets the connection", "reset"),
		faulty("refuse", "closes its port", "refuse=1"),
		faulty("status500", "answers 500", "status500"),
		faulty("garbage", "answers what is no HTTP", "garbage"),
		large("endless", "answers without end", "endless"),
		faulty("drip", "answers one byte a second", "drip=1s"),
		large("huge", "answers 100 MB", "huge=100000000"),
		faulty("dies", "dies after a second, and comes back", "slow=5ms,exit-after=1s"),
		burning,
		eating,
		faulty("flood-log", "floods its log", "slow=5ms,flood-log=1024GiB"),
	}
}

// spareMemory is what a shadow may take that is to take all: a multiple of what its instance type allows, which ends it, but
// on a small machine no more than it can spare, since the rest of it is to live on. It is asked for once, so that a shadow is
// always the same one.
var spareMemory = sync.OnceValue(func() int64 {
	const most, unknown = 16 << 30, 1 << 30
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return unknown
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[0] == "MemAvailable:" {
			if kib, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				return min(most, kib<<10/2)
			}
		}
	}
	return unknown
})
