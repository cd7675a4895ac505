package process

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gnomon"
)

func TestLocateGroups(t *testing.T) {
	const v1 = `25 20 0:22 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
26 20 0:23 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
27 20 0:24 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`
	const v2 = "30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	for name, tc := range map[string]struct {
		own, mounts string
		want        groups
	}{
		"version 1, at the root": {
			"4:memory:/\n1:cpu,cpuacct:/\n0::/\n", v1,
			groups{cpu: "/sys/fs/cgroup/cpu,cpuacct", memory: "/sys/fs/cgroup/memory"},
		},
		"version 1, someone else's group": {
			"4:memory:/user.slice\n1:cpu,cpuacct:/\n0::/\n", v1, groups{cpu: "/sys/fs/cgroup/cpu,cpuacct"},
		},
		"version 1, in a container that sees its own path": {
			"1:cpu:/docker/abc\n", "25 20 0:22 /docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
			groups{cpu: "/sys/fs/cgroup/cpu"},
		},
		"version 1, mounted elsewhere": {
			"1:cpu:/docker/abc\n", "25 20 0:22 /docker/other /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", groups{},
		},
		"version 2, in a container": {
			"0::/\n", v2, groups{cpu: "/sys/fs/cgroup", memory: "/sys/fs/cgroup", unified: true},
		},
		"version 2, not delegated": {"0::/user.slice/session-1.scope\n", v2, groups{unified: true}},
		"none":                     {"", "22 1 0:20 / /proc rw - proc proc rw\n", groups{}},
		"garbage":                  {"x\n::\n", "\n- -\na - b\n", groups{}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, locateGroups(tc.own, tc.mounts), cmp.AllowUnexported(groups{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// fakeFolder is a folder with the named control files.
func fakeFolder(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestGroup_WritesLimitsAndWeights(t *testing.T) {
	for name, tc := range map[string]struct {
		unified bool
		files   []string
		want    map[string]string // after a production instance became a shadow and production again
		shadow  map[string]string
	}{
		"version 1": {
			false,
			[]string{"cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.shares", "cpu.idle", "memory.limit_in_bytes"},
			map[string]string{"cpu.cfs_period_us": "20000", "cpu.cfs_quota_us": "40000", "cpu.shares": "2048", "cpu.idle": "0", "memory.limit_in_bytes": "4096"},
			map[string]string{"cpu.idle": "1"},
		},
		"version 1 before idle groups": {
			false,
			[]string{"cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.shares", "memory.limit_in_bytes"},
			map[string]string{"cpu.cfs_period_us": "20000", "cpu.cfs_quota_us": "40000", "cpu.shares": "2048", "memory.limit_in_bytes": "4096"},
			map[string]string{"cpu.shares": "2"},
		},
		"version 2": {
			true,
			[]string{"cpu.max", "cpu.weight", "cpu.idle", "memory.max", "memory.swap.max"},
			map[string]string{"cpu.max": "40000 20000", "cpu.weight": "200", "cpu.idle": "0", "memory.max": "4096", "memory.swap.max": "0"},
			map[string]string{"cpu.idle": "1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := fakeFolder(t, tc.files...)
			g := group{CPU: dir, Memory: dir, Unified: tc.unified, VCPU: 2}
			check := func(want map[string]string) {
				t.Helper()
				for f, v := range want {
					if got, err := os.ReadFile(filepath.Join(dir, f)); err != nil || string(got) != v {
						t.Errorf("%s is %q (%v), want %q", f, got, err, v)
					}
				}
			}
			truncate := func() {
				for _, f := range tc.files {
					os.Truncate(filepath.Join(dir, f), 0)
				}
			}
			if err := g.limit(size{vcpu: 2, memory: 4096}); err != nil {
				t.Fatal(err)
			}
			if err := g.weigh(gnomon.Production); err != nil {
				t.Fatal(err)
			}
			check(tc.want)
			truncate()
			if err := g.weigh(gnomon.Shadow); err != nil {
				t.Fatal(err)
			}
			check(tc.shadow)
			truncate()
			if err := g.weigh(gnomon.Production); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestGroups_OfNothingDoNothing(t *testing.T) {
	g, err := groups{}.make("x", size{vcpu: 1, memory: 1}, gnomon.Shadow)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.join(); err != nil {
		t.Error(err)
	}
	if err := g.remove(); err != nil {
		t.Error(err)
	}
}

func TestGroups_LeaveNoneBehind(t *testing.T) {
	g := findGroups("")
	if g.cpu == "" {
		t.Skip("no control group may be made here")
	}
	one, err := g.make("gnomon-test-"+gnomon.NewID(), size{vcpu: 1}, gnomon.Shadow)
	if err != nil {
		t.Fatal(err)
	}
	if err := clearGroup(one.CPU); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(one.CPU); err == nil {
		t.Error("the group is still there")
	}
}
