package router

import (
	"testing"
	"time"
)

// TestPace has a shadow that sends without end: what was saved up is read in turns, and then so much a second.
func TestPace(t *testing.T) {
	const part = 64 << 10
	var p pace
	now, turn := time.Unix(1, 0), uint64(1)
	drain := func() (read, turns int) {
		for {
			more, soon := p.may(turn, now)
			switch {
			case more:
				p.read(part)
				read += part
			case soon:
				turn++
				turns++
			default:
				return read, turns
			}
		}
	}
	if read, turns := drain(); read != shadowsSaved || turns != shadowsSaved/shadowsPerTurn-1 {
		t.Errorf("at first %d bytes in %d turns more", read, turns)
	}
	total := 0
	for range 1000 {
		turn, now = turn+1, now.Add(stallTime)
		read, _ := drain()
		total += read
	}
	if total < shadowsPerSecond-part || total > shadowsPerSecond+part {
		t.Errorf("%d bytes in a second, want %d", total, shadowsPerSecond)
	}
	now = now.Add(time.Hour)
	if read, _ := drain(); read < shadowsSaved-part || read > shadowsSaved+part {
		t.Errorf("%d bytes after an hour, want %d", read, shadowsSaved)
	}
}
