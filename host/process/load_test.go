package process_test

import (
	"testing"
	"time"

	"gnomon"
	"gnomon/host"
	"gnomon/host/hosttest"
)

func TestMeasure_TellsWhatAnInstanceUses(t *testing.T) {
	for name, cgroup := range means {
		t.Run(name, func(t *testing.T) {
			o := options(t.TempDir(), hosttest.Objects(t, nil))
			o.Cgroup = cgroup
			d := open(t, o)
			h := hosttest.Start(t, d, host.Options{PingInterval: time.Minute})
			h.MustEnsure(hosttest.Target{Image: image, Type: twoCPUs}.Fleet(hosttest.Well))
			i := h.AwaitOne(gnomon.InstanceInService)
			gone := gnomon.InstanceID{Fleet: "gone"}
			load := func() host.Load {
				t.Helper()
				loads, err := d.Measure(t.Context(), []gnomon.InstanceID{i.ID, gone})
				if err != nil {
					t.Fatal(err)
				}
				if len(loads) != 1 {
					t.Fatalf("loads %v, want that of %s only", loads, i.ID)
				}
				return loads[i.ID]
			}
			before := load()
			worked := busy(t, i, 300*time.Millisecond).CPU
			used := load().CPU - before.CPU
			if used < worked-100*time.Millisecond || used > worked+300*time.Millisecond {
				t.Errorf("%s of processors measured, %s worked", used, worked)
			}
			// A small server has some MB of 8 GiB, and a log of a line.
			if before.Memory < 0.02 || before.Memory > 20 || before.Disk <= 0 || before.Disk > 1 {
				t.Errorf("memory %g %%, disk %g %%", before.Memory, before.Disk)
			}
		})
	}
}
