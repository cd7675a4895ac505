package spare

import (
	"testing"

	"pgregory.net/rapid"
)

// TestList has things given and taken in any order: each is handed out once, and Trim lets go of those that nobody would have missed.
func TestList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l List[int]
		var held []int // what the list must hold, from the bottom on
		next, least := 0, 0
		t.Repeat(map[string]func(*rapid.T){
			"give": func(*rapid.T) {
				next++
				l.Give(next)
				held = append(held, next)
			},
			"take": func(t *rapid.T) {
				v, ok := l.Take()
				if ok != (len(held) > 0) {
					t.Fatalf("one is taken: %t, of %v", ok, held)
				}
				if !ok {
					return
				}
				if v != held[len(held)-1] {
					t.Fatalf("%d is taken of %v", v, held)
				}
				held = held[:len(held)-1]
				least = min(least, len(held))
			},
			"trim": func(t *rapid.T) {
				keep := rapid.IntRange(0, 3).Draw(t, "keep")
				want := max(0, least-keep)
				if n := l.Trim(keep); n != want {
					t.Fatalf("%d are let go of, want %d: never fewer than %d were there, of which %d are to stay", n, want, least, keep)
				}
				held = held[want:]
				least = len(held)
			},
			"": func(t *rapid.T) {
				if l.Len() != len(held) {
					t.Fatalf("%d are there, want %v", l.Len(), held)
				}
			},
		})
	})
}

// TestList_Trim_Memory wants the list itself to get smaller, too.
func TestList_Trim_Memory(t *testing.T) {
	var l List[int]
	for i := range 1000 {
		l.Give(i)
	}
	l.Trim(0)
	l.Trim(2)
	if l.Len() != 2 || cap(l.items) > 8 {
		t.Errorf("%d are left, with room for %d", l.Len(), cap(l.items))
	}
}
