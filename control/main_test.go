package control_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets a property be checked fewer times than rapid would, unless it is told how often: each time is a story
// of days over a real database.
func TestMain(m *testing.M) {
	flag.Parse()
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "rapid.checks" })
	if !told {
		flag.Set("rapid.checks", "20")
	}
	os.Exit(m.Run())
}
