package e2e

import "testing"

func TestServer_EndsWithoutOrphans(t *testing.T) {
	s := newServer(t, "")
	s.kill()
	s.start()
}
