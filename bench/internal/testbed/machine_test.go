package testbed

import (
	"regexp"
	"testing"
)

func TestMachine(t *testing.T) {
	said := Machine()
	if !regexp.MustCompile(`(?s)^20.* processors, .*load average .*\nA system call takes .*s, a page fault .*s, and .*s at most\.$`).MatchString(said) {
		t.Errorf("it says %q", said)
	}
	t.Log(said)
}
