package api

import (
	"errors"
	"testing"

	"gnomon"
)

func FuzzReadToken(f *testing.F) {
	f.Add(writeToken(gnomon.Cursor{Key: "1", Name: "n"}, "list"))
	f.Add("")
	f.Add("e30")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := readToken(s, "list")
		if err != nil {
			if !errors.Is(err, gnomon.Invalid) {
				t.Errorf("got %v, want an error that is Invalid", err)
			}
			return
		}
		again, err := readToken(writeToken(c, "list"), "list")
		if err != nil || again != c {
			t.Errorf("got %v and %v, want %v again", again, err, c)
		}
	})
}
