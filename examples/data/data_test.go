package data

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The counts are those that the source publishes for its test part.
func TestDigitsHoldsTheWholeSource(t *testing.T) {
	split, err := Digits()
	if err != nil {
		t.Fatal(err)
	}
	counts := make([]int, 10)
	for _, e := range append(split.Train[:len(split.Train):len(split.Train)], split.Held...) {
		counts[e.Digit]++
	}
	if diff := cmp.Diff([]int{178, 182, 177, 183, 181, 182, 181, 179, 174, 180}, counts); diff != "" {
		t.Errorf("examples per digit (-want +got):\n%s", diff)
	}
	if len(split.Train) != 1198 || len(split.Held) != 599 {
		t.Errorf("cut into %d and %d examples, want 1198 and 599", len(split.Train), len(split.Held))
	}
}

func TestReadmeNamesTheSumOfTheFile(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(digits))
	if want := hex.EncodeToString(sum[:]); !strings.Contains(string(readme), want) {
		t.Errorf("README.md does not name the file's SHA-256 %s", want)
	}
}

func TestParseRefusesDamage(t *testing.T) {
	good := strings.Repeat("1,", Pixels)
	header := strings.Repeat("p,", Pixels) + "digit\n"
	for name, text := range map[string]string{
		"empty":            "",
		"a field missing":  header + good + "\n",
		"not a number":     header + strings.Repeat("x,", Pixels) + "3\n",
		"ink above 16":     header + strings.Repeat("17,", Pixels) + "3\n",
		"digit out of 0-9": header + good + "10\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parse(text); err == nil {
				t.Error("parse gave no error")
			}
		})
	}
}
