package front

import (
	"strings"
	"testing"
)

func TestNewID_IsAUUID(t *testing.T) {
	var a, b [36]byte
	newID(&a)
	newID(&b)
	if a == b || a[14] != '4' || !strings.ContainsRune("89ab", rune(a[19])) {
		t.Errorf("%s, %s", a, b)
	}
}
