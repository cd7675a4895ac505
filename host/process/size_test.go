package process_test

import (
	"encoding/json"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"gnomon"
	"gnomon/host"
	"gnomon/host/hosttest"
	"gnomon/host/process"
)

// Types of one and of two processors.
const (
	oneCPU  = gnomon.InstanceType("ml.c8g.medium")
	twoCPUs = gnomon.InstanceType("ml.m5.large")
)

// tries is how often a measurement may be repeated: other programs have their share of the machine as well.
const tries = 12

func busy(t *testing.T, i gnomon.Instance, d time.Duration) hosttest.Work {
	t.Helper()
	var w hosttest.Work
	if err := json.Unmarshal([]byte(hosttest.Call(t, i, "/work?threads=2&for="+d.String())), &w); err != nil {
		t.Error(err)
	}
	return w
}

// pair runs two instances over the same driver, and returns them in service.
func pair(t *testing.T, cgroup string, a, b gnomon.Fleet) (*hosttest.Running, gnomon.Instance, gnomon.Instance) {
	t.Helper()
	if runtime.NumCPU() < 2 {
		t.Skip("needs two processors")
	}
	o := options(t.TempDir(), hosttest.Objects(t, nil))
	o.Cgroup = cgroup
	h := hosttest.Start(t, open(t, o), host.Options{PingInterval: time.Second})
	h.MustEnsure(a)
	h.MustEnsure(b)
	all := h.Await("two in service", func(all []gnomon.Instance) bool {
		return len(all) == 2 && all[0].State == gnomon.InstanceInService && all[1].State == gnomon.InstanceInService
	})
	if all[0].ID.Fleet == a.ID {
		return h, all[0], all[1]
	}
	return h, all[1], all[0]
}

var means = map[string]string{"groups": "", "no groups": "off"}

func TestSize_IsACeilingOnProcessors(t *testing.T) {
	for name, cgroup := range means {
		t.Run(name, func(t *testing.T) {
			small := hosttest.Target{Image: image, Type: oneCPU}.Fleet(hosttest.Well)
			large := hosttest.Target{Image: image, Type: twoCPUs}.Fleet(hosttest.Well)
			_, one, two := pair(t, cgroup, small, large)
			const d = 400 * time.Millisecond
			for n := 1; ; n++ {
				a, b := busy(t, one, d), busy(t, two, d)
				if a.CPU > d+d/4 {
					t.Fatalf("one processor, and yet %s of it in %s", a.CPU, d)
				}
				ratio := float64(b.Rounds) / float64(a.Rounds)
				if ratio > 1.5 {
					t.Logf("try %d: two processors did %.2f times the work of one", n, ratio)
					return
				}
				if n == tries {
					skipIfCrowded(t)
					t.Fatalf("two processors did only %.2f times the work of one", ratio)
				}
			}
		})
	}
}

func TestClass_ShadowYieldsToProduction(t *testing.T) {
	for name, cgroup := range means {
		t.Run(name, func(t *testing.T) {
			prod := hosttest.Target{Image: image}.Fleet(hosttest.Well)
			shadow := prod
			shadow.ID, shadow.Class = "shadow", gnomon.Shadow
			h, p, s := pair(t, cgroup, prod, shadow)
			split(t, p, s, func(ratio float64) bool { return ratio > 8 }, "a shadow beside production")

			if why := fixedClass(); why != "" {
				t.Skip(why)
			}
			shadow.Class = gnomon.Production
			h.MustEnsure(shadow)
			h.Await("promotion", func(all []gnomon.Instance) bool { return all[0].Class == all[1].Class })
			split(t, p, s, func(ratio float64) bool { return ratio < 2 }, "a promoted shadow beside production")
		})
	}
}

// split lets both work at once until production's share is as it should be.
func split(t *testing.T, p, s gnomon.Instance, ok func(float64) bool, what string) {
	t.Helper()
	for n := 1; ; n++ {
		var a, b hosttest.Work
		var both sync.WaitGroup
		both.Go(func() { a = busy(t, p, 300*time.Millisecond) })
		both.Go(func() { b = busy(t, s, 300*time.Millisecond) })
		both.Wait()
		ratio := float64(a.CPU) / float64(max(b.CPU, time.Microsecond))
		if ok(ratio) {
			t.Logf("try %d: %s: %s to %s of processor time, %.1f : 1", n, what, a.CPU, b.CPU, ratio)
			return
		}
		if n == tries {
			skipIfCrowded(t)
			t.Fatalf("%s: %s to %s of processor time, %.1f : 1", what, a.CPU, b.CPU, ratio)
		}
	}
}

// skipIfCrowded skips the test if not even the test itself, which nothing limits, gets two processors.
func skipIfCrowded(t *testing.T) {
	t.Helper()
	const d = 500 * time.Millisecond
	if w := hosttest.Busy(2, d); w.CPU < 2*d*4/5 {
		t.Skipf("the machine is too busy with other things to tell: of two processors, there was %s in %s", w.CPU, d)
	}
}

func TestSize_LimitsMemory(t *testing.T) {
	o := options(t.TempDir(), hosttest.Objects(t, nil))
	o.Cgroup = "off"
	o.Images = []process.Image{{Name: "limits", Command: []string{"sh", "-c", "ulimit -d; ulimit -Hd; ulimit -d 1; ulimit -d unlimited || echo kept"}}}
	h := hosttest.Start(t, open(t, o), host.Options{StartupTimeout: time.Second})
	f := hosttest.Target{Image: "limits", Type: oneCPU}.Fleet(hosttest.Well)
	h.MustEnsure(f)
	i := h.AwaitOne(gnomon.InstanceFailed)
	if got, want := h.Log(i.ID), "2097152\n"; !strings.HasPrefix(got, want) || !strings.Contains(got, "kept") {
		t.Errorf("limit of data in KiB of a process on 2 GiB: %q, want %q", got, want)
	}
}

func TestSize_StrictRefusesWhatIsLargerThanTheMachine(t *testing.T) {
	o := options(t.TempDir(), hosttest.Objects(t, nil))
	o.Strict = true
	h := hosttest.Start(t, open(t, o), host.Options{})
	h.MustEnsure(hosttest.Target{Image: image, Type: "ml.m7i.48xlarge"}.Fleet(hosttest.Well))
	i := h.AwaitOne(gnomon.InstanceFailed)
	if i.Failure == nil || i.Failure.Kind != gnomon.FailedCapacity || !strings.Contains(i.Failure.Detail, "strict") {
		t.Errorf("failure %+v, want one of capacity", i.Failure)
	}
}
