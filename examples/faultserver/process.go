package main

import (
	"net/http"
	"os"
	"slices"
	"strings"
)

// description is what "describe" and GET /pid answer. What only Linux tells is
// empty elsewhere.
type description struct {
	PID         int         `json:"pid"`
	ParentPID   int         `json:"ppid"`
	UID         int         `json:"uid"`
	Args        []string    `json:"args"`
	Environment []string    `json:"environment"` // names only, sorted
	Directory   string      `json:"directory"`
	Nice        string      `json:"nice"`
	CPUs        string      `json:"cpus"` // processors allowed, as in "0-1,3"
	OOMScoreAdj string      `json:"oom_score_adj"`
	Autogroup   string      `json:"autogroup"`
	Cgroup      string      `json:"cgroup"`
	Grandchild  int64       `json:"grandchild,omitempty"` // process id
	Headers     http.Header `json:"headers"`              // of this request
	Body        string      `json:"body"`                 // of this request
}

func describeProcess() description {
	directory, _ := os.Getwd() // empty when the directory is gone
	return description{
		PID:         os.Getpid(),
		ParentPID:   os.Getppid(),
		UID:         os.Getuid(),
		Args:        os.Args,
		Environment: environmentNames(),
		Directory:   directory,
		Nice:        nice(),
		CPUs:        statusLine("Cpus_allowed_list"),
		OOMScoreAdj: proc("oom_score_adj"),
		Autogroup:   proc("autogroup"),
		Cgroup:      proc("cgroup"),
	}
}

func environmentNames() []string {
	names := []string{}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func proc(name string) string {
	text, err := os.ReadFile("/proc/self/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func statusLine(key string) string {
	for line := range strings.Lines(proc("status")) {
		if name, text, ok := strings.Cut(line, ":"); ok && name == key {
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// nice is field 19 of stat. The second field, the program's name, may hold
// anything, so the count starts behind its closing bracket.
func nice() string {
	stat := proc("stat")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 17 {
		return ""
	}
	return fields[16]
}
