package testbed

import (
	"regexp"
	"testing"
)

func TestMachine(t *testing.T) {
	said := Machine()
	if !regexp.MustCompile(`(?s)^20.* processors, .*load average .*\nA system call takes .*s, a megabyte of memory at its first use .*s, in huge pages .*s\.$`).MatchString(said) {
		t.Errorf("it says %q", said)
	}
	t.Log(said)
}
