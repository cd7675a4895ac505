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
			"grow": func(t *rapid.T) {
				n := rapid.IntRange(1, largest+1).Draw(t, "bytes")
				for first, b := range used {
					if n <= len(b) {
						return
					}
					delete(used, first)
					b = append(b, byte(len(used)))
					grown := l.Grow(b, max(n, len(b)))
					if cap(grown) < n || len(grown) != len(b) || grown[len(b)-1] != byte(len(used)) {
						t.Fatalf("%d bytes became %d of %d, for %d", len(b), len(grown), cap(grown), n)
					}
					used[&grown[:1][0]] = grown
					return
				}
			},
			"": func(t *rapid.T) {
				var ofSmall, ofLarge int
				for c := range l.memory.free {
					if n := l.memory.free[c].Len() * sizeOf(c); sizeOf(c) > small {
						ofLarge += n
					} else {
						ofSmall += n
					}
				}
				if ofSmall != l.memory.small || ofLarge != l.memory.large || ofSmall > maxSmall || ofLarge > maxLarge {
					t.Fatalf("%d and %d bytes are kept, of %d and %d at most, and %d and %d are counted", ofSmall, ofLarge, maxSmall, maxLarge, l.memory.small, l.memory.large)
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

// TestLoop_Take_Full wants buffers to be kept where those of the other kind take all they may.
func TestLoop_Take_Full(t *testing.T) {
	for _, tc := range []struct{ many, one int }{{7 << 20, 1000}, {60_000, 7 << 20}} {
		l := &Loop{}
		var all [][]byte
		for n := 0; n < 2*maxLarge; n += tc.many {
			all = append(all, l.Take(tc.many))
		}
		for _, b := range all {
			l.Give(b)
		}
		l.Give(l.Take(tc.one))
		if allocated := testing.AllocsPerRun(10, func() { l.Give(l.Take(tc.one)) }); allocated > 0 {
			t.Errorf("%g allocations to take %d bytes where as many are kept of %d bytes as may be", allocated, tc.one, tc.many)
		}
	}
}

// TestLoop_Grow wants a buffer that grows to leave the sizes it passes through as they are.
func TestLoop_Grow(t *testing.T) {
	orders := make(chan order, 100)
	l := &Loop{orders: orders}
	b := l.Take(1)
	for n := 2 << 10; n <= 8<<20; n *= 2 {
		b = l.Grow(append(b, 'x'), n)
	}
	if len(orders) > 0 || len(b) != 13 {
		t.Errorf("%d buffers are ordered for one that grew to %d bytes", len(orders), len(b))
	}
	if l.Give(b); l.memory.small != 127<<10 || l.memory.large != 16<<20-128<<10 {
		t.Errorf("%d and %d bytes wait for their next use, want all that it had", l.memory.small, l.memory.large)
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
	if got := l.memory.large; got != 0 {
		t.Errorf("%d bytes are kept, and none in use", got)
	}
}

// TestLoop_Trim_Bound wants no more to stay of all sizes in use together than is made ready of them.
func TestLoop_Trim_Bound(t *testing.T) {
	l := &Loop{}
	use := func() {
		var all [][]byte
		for n := 128 << 10; n <= 4<<20; n *= 2 {
			all = append(all, l.Take(n))
		}
		for _, b := range all {
			l.Give(b)
		}
	}
	for range 5 { // as if they had been made ready
		for n := 128 << 10; n <= 4<<20; n *= 2 {
			for range wanted(class(n)) {
				l.Give(uncleared(n))
			}
		}
	}
	l.trim()
	for range 2 {
		use()
		l.trim()
	}
	if got := l.memory.large; got < 8<<20 || got > maxReady+8<<20 {
		t.Errorf("%d bytes are left of many sizes in use", got)
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
	if kept := on(func() int { return l.memory.large }); kept > maxReady {
		t.Errorf("%d bytes are ready, %d at most may be", kept, maxReady)
	}
}
