package process

import (
	"testing"
	"time"
)

func TestFamily_CountsWhatHasEndedToo(t *testing.T) {
	f := relate([]proc{
		{pid: 1, parent: 0, ticks: 9000, reaped: 9000, pages: 9000}, // not of the shim
		{pid: 10, parent: 1, ticks: 7, reaped: 100, pages: 7},       // the shim: its own work is not its server's
		{pid: 11, parent: 10, ticks: 20, reaped: 30, pages: 3},
		{pid: 12, parent: 11, ticks: 1, pages: 2},
		{pid: 13, parent: 12, state: 'Z', ticks: 2},
		{pid: 20, parent: 1, ticks: 9000, pages: 9000},
	})
	cpu, bytes := f.use(10)
	if want := 1530 * time.Millisecond; cpu != want || bytes%5 != 0 || bytes == 0 {
		t.Errorf("%s and %d bytes, want %s and five pages", cpu, bytes, want)
	}
	if cpu, bytes := f.use(99); cpu != 0 || bytes != 0 {
		t.Errorf("of no process: %s and %d bytes", cpu, bytes)
	}
}
