package reactor

import (
	"context"
	"testing"

	"pgregory.net/rapid"
)

func TestClass(t *testing.T) {
	for c := range len(memory{}.free) {
		n := sizeOf(c)
		if class(n) != c || c > 0 && class(sizeOf(c-1)+1) != c {
			t.Errorf("class %d has %d bytes, which are of class %d; a byte more than the class below is of class %d", c, n, class(n), class(sizeOf(c-1)+1))
		}
	}
	if got := sizeOf(len(memory{}.free) - 1); got != largest {
		t.Errorf("the largest class has %d bytes, want %d", got, largest)
	}
}

// TestLoop_Take has buffers taken and given in any order: each holds what was asked for and is nobody else's, and those that wait are
// bounded.
func TestLoop_Take(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, used := &Loop{}, map[*byte][]byte{}
		take := func(t *rapid.T) {
			n := rapid.OneOf(rapid.IntRange(0, 200_000), rapid.IntRange(0, largest+1)).Draw(t, "bytes")
			b := l.Take(n)
			if len(b) != 0 || cap(b) < n || n > smallest && n <= largest && cap(b) > n+n/4 {
				t.Fatalf("asked for %d bytes and got %d of %d", n, len(b), cap(b))
			}
			if n == 0 {
				return
			}
			first := &b[:1][0]
			if used[first] != nil {
				t.Fatalf("a buffer of %d bytes is handed out twice", cap(b))
			}
			used[first] = b
		}
		t.Repeat(map[string]func(*rapid.T){
			"take": take,
			"give": func(t *rapid.T) {
				for first, b := range used {
					l.Give(b)
					delete(used, first)
					return
				}
			},
			"trim": func(*rapid.T) { l.trim() },
			"": func(t *rapid.T) {
				kept := 0
				for c := range l.memory.free {
					kept += l.memory.free[c].Len() * sizeOf(c)
				}
				if kept != l.memory.kept || kept > maxKept {
					t.Fatalf("%d bytes are kept, of %d at most, and %d are counted", kept, maxKept, l.memory.kept)
				}
			},
		})
	})
}

// TestLoop_Take_Again wants a buffer that was given back, also for a little less.
func TestLoop_Take_Again(t *testing.T) {
	l := &Loop{}
	b := l.Take(5_000_000)
	l.Give(b)
	if again := l.Take(4_900_000); &again[:1][0] != &b[:1][0] {
		t.Error("a buffer that was given back is not handed out again")
	}
	for _, n := range []int{10, 3000, 100_000} {
		l.Give(l.Take(n))
		if allocated := testing.AllocsPerRun(10, func() { l.Give(l.Take(n)) }); allocated > 0 {
			t.Errorf("%d bytes: %g allocations to take what was given back", n, allocated)
		}
	}
}

// TestLoop_Take_Full wants small buffers to be kept also where large ones take all they may.
func TestLoop_Take_Full(t *testing.T) {
	l := &Loop{}
	var large [][]byte
	for range 10 {
		large = append(large, l.Take(7<<20))
	}
	for _, b := range large {
		l.Give(b)
	}
	l.Give(l.Take(1000))
	if allocated := testing.AllocsPerRun(10, func() { l.Give(l.Take(1000)) }); allocated > 0 {
		t.Errorf("%g allocations to take a small one where %d bytes are kept", allocated, l.memory.kept)
	}
}

// TestLoop_Trim wants what a busy time has left to be let go of, and what is in use to stay.
func TestLoop_Trim(t *testing.T) {
	l := &Loop{}
	trimmed := 0
	l.OnTrim(func() { trimmed++ })
	var busy [][]byte
	for range 100 {
		busy = append(busy, l.Take(100_000), l.Take(1000))
	}
	for _, b := range busy {
		l.Give(b)
	}
	use := func() { l.Give(l.Take(1000)) }
	use()
	l.trim() // it was all needed
	if n := l.memory.free[class(100_000)].Len(); n != 100 {
		t.Errorf("%d buffers are left of 100 that were needed", n)
	}
	use()
	l.trim()
	if n := l.memory.free[class(100_000)].Len(); n != 0 {
		t.Errorf("%d large buffers are left, which nobody needed", n)
	}
	if n := l.memory.free[class(1000)].Len(); n != 1 {
		t.Errorf("%d small buffers are left, one of them is in use", n)
	}
	if trimmed != 2 {
		t.Errorf("who asked was told %d times of 2", trimmed)
	}
}

// TestLoop_Trim_Ready wants as many large buffers of a size in use to stay as would be made ready again.
func TestLoop_Trim_Ready(t *testing.T) {
	const n = 1_000_000
	l, want := &Loop{}, wanted(class(n))
	var busy [][]byte
	for range want + 5 {
		busy = append(busy, l.Take(n))
	}
	for _, b := range busy {
		l.Give(b)
	}
	l.trim()
	l.Give(l.Take(n))
	l.trim()
	if got := l.memory.free[class(n)].Len(); got != want+1 {
		t.Errorf("%d are left, want the one in use and %d more", got, want)
	}
	l.trim()
	l.trim()
	if got := l.memory.kept; got != 0 {
		t.Errorf("%d bytes are kept, and none in use", got)
	}
}

// TestLoop_Take_Ready wants buffers of a size in use to be made ready, but not without end.
func TestLoop_Take_Ready(t *testing.T) {
	g, err := NewGroup(1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- g.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	l := g.Loops()[0]
	// on returns what f does, called on the loop.
	on := func(f func() int) int {
		n := make(chan int)
		l.Post(func() { n <- f() })
		return <-n
	}
	for _, n := range []int{5_000_000, 100_000, 20_000_000} {
		c := class(n)
		want := max(1, readySize/sizeOf(c))
		if n == 20_000_000 {
			want = 0 // they would be more than is made ready of all sizes
		}
		on(func() int { return cap(l.Take(n)) })
		for on(func() int { return l.memory.coming }) > 0 {
		}
		if got := on(func() int { return l.memory.free[c].Len() }); got != want {
			t.Errorf("%d buffers for %d bytes are ready, want %d", got, n, want)
		}
	}
	if kept := on(func() int { return l.memory.kept }); kept > maxReady {
		t.Errorf("%d bytes are ready, %d at most may be", kept, maxReady)
	}
}
