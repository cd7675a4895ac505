package gnomon_test

import (
	"errors"
	"fmt"
	"testing"

	"gnomon"
)

func TestError_IsItsCode(t *testing.T) {
	err := fmt.Errorf("describe: %w", gnomon.Errorf(gnomon.NotFound, "no %q", "x"))
	if !errors.Is(err, gnomon.NotFound) || errors.Is(err, gnomon.InUse) {
		t.Errorf("errors.Is does not follow the code of %v", err)
	}
	if e, ok := errors.AsType[*gnomon.Error](err); !ok || e.Message != `no "x"` {
		t.Errorf("the message is lost in %v", err)
	}
}
