package gnomon_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gnomon"
)

func TestMirrors_AreASet(t *testing.T) {
	for _, c := range []struct {
		ids  []gnomon.MirrorID
		want []gnomon.MirrorID
	}{
		{nil, nil},
		{[]gnomon.MirrorID{"m"}, []gnomon.MirrorID{"m"}},
		{[]gnomon.MirrorID{"e/b", "e/a", "e/b"}, []gnomon.MirrorID{"e/a", "e/b"}},
	} {
		m := gnomon.NewMirrors(c.ids...)
		if diff := cmp.Diff(c.want, m.IDs()); diff != "" || m != gnomon.NewMirrors(m.IDs()...) {
			t.Errorf("%v became %q: %s", c.ids, m, diff)
		}
		for _, id := range c.ids {
			if !m.Has(id) || m.Has(id+"x") || m.Has("") {
				t.Errorf("%q has %q: %v", m, id, m.Has(id))
			}
		}
	}
	if (gnomon.Mirrors("")) != gnomon.NewMirrors() {
		t.Error("the zero Mirrors are not none")
	}
}
