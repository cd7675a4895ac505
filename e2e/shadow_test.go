package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

// badShadows are the buckets in which the copies end that a shadow with a fault gets. Once it has failed many in a row,
// it gets no more for a while and they are shadow_not_ready. What never ends is too large, too late or cut off, by the machine, and
// so is a surplus seen before the next copy is sent, or taken for its answer.
var badShadows = []struct {
	fault   string
	buckets []string
}{
	{"none", []string{"mirrored"}},
	{"slow=100ms", []string{"mirrored"}},
	{"surplus", []string{"mirrored", "shadow_timeout"}},
	{"flood-log=64MiB", []string{"mirrored"}},
	{"eat-memory=64MiB", []string{"mirrored"}},
	{"hang", []string{"shadow_timeout"}},
	{"drip=1s", []string{"shadow_timeout"}},
	{"reset", []string{"shadow_unreachable"}},
	{"refuse=1", []string{"shadow_unreachable"}},
	{"truncate", []string{"shadow_unreachable"}},
	{"status500", []string{"shadow_error"}},
	{"garbage", []string{"shadow_error"}},
	{"endless", []string{"shadow_error", "shadow_timeout", "shadow_unreachable"}},
	{"huge=64MiB", []string{"shadow_error", "shadow_timeout", "shadow_unreachable"}},
}

// TestShadow_CannotHurtProduction has one shadow after the other that misbehaves beside the same production process.
func TestShadow_CannotHurtProduction(t *testing.T) {
	t.Parallel()
	const timeout = 3 * time.Second
	c := newServer(t, "limits: {shadow_timeout: 3s}\nstop_grace: 1s\n").client()
	c.faultyModel("good", "none")
	c.serving("e", "good")
	production := c.s.processesWith("FAULT=none")
	for n, bad := range badShadows {
		t.Run(bad.fault, func(t *testing.T) {
			c := c.in(t)
			name := fmt.Sprintf("x%d", n)
			c.faultyModel(name, bad.fault)
			c.begin(c.testing(name, "e", name))
			for range 20 {
				sent := time.Now()
				c.wantEchoes("e", 1)
				if took := time.Since(sent); took > timeout {
					t.Errorf("production took %s", took)
				}
			}
			a := c.settled(name).Accounting
			ended := int64(0)
			for _, bucket := range bad.buckets {
				ended += a[bucket]
			}
			if a["requests"] != 20 || ended == 0 || ended+a["shadow_not_ready"] != 20 {
				t.Errorf("accounting: %v, want 20 in %v, some of them in shadow_not_ready", a, bad.buckets)
			}
			c.stop(name, types.ModelVariantActionRemove, types.InferenceExperimentStatusCancelled)
		})
	}
	c.s.eventually("only production is left", func() error {
		if left := c.s.processesWith("FAULT=none"); !slices.Equal(left, production) {
			return fmt.Errorf("processes %v, want %v", left, production)
		}
		return nil
	})
}

// A priority is what decides which of two processes gets a processor, and which is killed when memory runs out.
type priority struct {
	Nice, Weight, Idle, OOMScore string
}

// priorityOf reads a process's priority. Weights are those of its control group, in whichever version there is.
func priorityOf(t *testing.T, pid int) priority {
	t.Helper()
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(b))
	}
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	p := priority{Nice: stat(t, strconv.Itoa(pid))[16], OOMScore: read(filepath.Join(proc, "oom_score_adj"))}
	for line := range strings.Lines(read(filepath.Join(proc, "cgroup"))) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 || f[1] != "" && !slices.Contains(strings.Split(f[1], ","), "cpu") {
			continue
		}
		dir := filepath.Join("/sys/fs/cgroup", f[1], f[2])
		p.Weight += read(filepath.Join(dir, "cpu.weight")) + read(filepath.Join(dir, "cpu.shares"))
		p.Idle += read(filepath.Join(dir, "cpu.idle"))
	}
	return p
}

// yields reports whether a process of this priority gives way to one of the other.
func (p priority) yields(to priority) bool {
	number := func(s string) int {
		n, _ := strconv.Atoi(s) // what is not there is 0 on both sides
		return n
	}
	return number(p.OOMScore) > number(to.OOMScore) &&
		(number(p.Nice) > number(to.Nice) || number(p.Idle) > number(to.Idle) || number(p.Weight) < number(to.Weight))
}

// TestServer_ComesBeforeItsModels looks at the niceness of all threads, those that have come since the start too.
func TestServer_ComesBeforeItsModels(t *testing.T) {
	t.Parallel()
	own := stat(t, strconv.Itoa(os.Getpid()))[16]
	if own != "0" || os.Getuid() != 0 {
		t.Skipf("it takes root to have a lower niceness, and 0 to begin with; this is %s", own)
	}
	for config, want := range map[string]string{"": "-10", "nice: 0\n": "0", "nice: -3\n": "-3"} {
		t.Run(config, func(t *testing.T) {
			t.Parallel()
			c := newServer(t, config).client()
			c.faultyModel("m", "describe")
			c.serving("e", "m")
			model := c.process("e").PID
			tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*", c.s.cmd.Process.Pid))
			if err != nil || len(tasks) < 2 {
				t.Fatalf("threads %v, %v", tasks, err)
			}
			for _, task := range tasks {
				if nice := stat(t, filepath.Join(strconv.Itoa(c.s.cmd.Process.Pid), "task", filepath.Base(task)))[16]; nice != want {
					t.Errorf("a thread of the server has niceness %s, want %s", nice, want)
				}
			}
			for _, pid := range []string{strconv.Itoa(model), stat(t, strconv.Itoa(model))[1]} { // the model, and its shim
				if nice := stat(t, pid)[16]; nice != "0" {
					t.Errorf("process %s has niceness %s, want 0", pid, nice)
				}
			}
		})
	}
}

func TestShadow_YieldsUntilItIsPromoted(t *testing.T) {
	t.Parallel()
	c := newServer(t, "").client()
	c.faultyModel("old", "describe,exit-after=1h")
	c.faultyModel("new", "describe")
	c.serving("e", "old")
	old := priorityOf(t, c.process("e").PID)
	c.begin(c.testing("x", "e", "new"))
	pids := c.s.processesWith("FAULT=describe")
	if len(pids) != 1 {
		t.Fatalf("processes %v run the shadow, want one", pids)
	}
	pid, err := strconv.Atoi(pids[0])
	if err != nil {
		t.Fatal(err)
	}
	before := priorityOf(t, pid)
	if !before.yields(old) {
		t.Errorf("the shadow has priority %+v, production %+v", before, old)
	}
	c.stop("x", types.ModelVariantActionPromote, types.InferenceExperimentStatusCompleted)
	c.s.eventually("the promoted variant has production's priority", func() error {
		if p := priorityOf(t, c.process("e").PID); p != old {
			return fmt.Errorf("it has %+v, want %+v", p, old)
		}
		return nil
	})
	if now := c.process("e").PID; now != pid {
		t.Errorf("process %d answers; the shadow was %d", now, pid)
	}
}

// TestInstanceType_IsACeiling gives a model that could use two processors one, and two. It does not run beside other
// tests. On a machine that is busy with other things neither gets what it may have, so there is a minute to see two.
// The work takes one processor some 1.5 s, in which what a window may rightly hold beyond its length (a period of the quota,
// a slice on each processor, the clock's hundredths; some 50 ms) is little.
func TestInstanceType_IsACeiling(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("this machine has one processor; two sizes of instances need two")
	}
	c := newServer(t, "").client()
	c.faults("work=6000", "work=6001")
	for fault, size := range map[string]types.ProductionVariantInstanceType{"work=6000": "ml.c8g.medium", "work=6001": "ml.m5.large"} {
		v := patient(named(fault))
		v.InstanceType = size
		c.config(named(fault), v)
		c.endpoint(named(fault), named(fault))
	}
	var one, two []float64
	c.s.eventually("a model on two processors uses both", func() error {
		one, two = append(one, c.processors("work=6000")), append(two, c.processors("work=6001"))
		if most := slices.Max(two); most < 1.5 || len(two) < 3 {
			return fmt.Errorf("it has used up to %.2f processors", most)
		}
		return nil
	})
	if most := slices.Max(one); most > 1.2 {
		t.Errorf("a model on one processor has used %.2f", most)
	}
	t.Logf("processors used on 1 vCPU %.2f, on 2 vCPU %.2f", one, two)
}

// processors returns how many processors a model with the fault work used on average while it answered a request.
func (c client) processors(fault string) float64 {
	c.t.Helper()
	pids := c.s.processesWith("FAULT=" + fault)
	if len(pids) != 1 {
		c.t.Fatalf("processes %v have the fault %s", pids, fault)
	}
	before := processorTime(c.t, pids[0])
	out, err := c.send(named(fault), "")
	if err != nil {
		c.t.Fatal(err)
	}
	var answer struct {
		Elapsed float64 `json:"elapsed_ms"`
	}
	if err := json.Unmarshal(out.Body, &answer); err != nil {
		c.t.Fatal(err)
	}
	used := processorTime(c.t, pids[0]) - before
	return float64(used.Milliseconds()) / answer.Elapsed
}

// stat returns the fields of a process's state from the third on: the second, its name, may hold anything.
func stat(t *testing.T, pid string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 20 {
		t.Fatalf("process %s has the state %q", pid, b)
	}
	return fields
}

// processorTime returns how long a process has run on processors.
func processorTime(t *testing.T, pid string) time.Duration {
	t.Helper()
	ticks := 0
	for _, field := range stat(t, pid)[11:13] { // in user mode and in the kernel, in hundredths of a second
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
