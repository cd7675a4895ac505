package verdict

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"gnomon/compare"
)

// Said returns how a verdict is written for people.
func (v Verdict) Said() string { return cmp.Or(said[v], string(v)) }

var said = map[Verdict]string{
	Better: "better", NoWorse: "no worse", Worse: "WORSE", Undecided: "undecided", NotJudged: "not judged",
}

// shownPaths is how many paths at which answers differ are written.
const shownPaths = 8

// WriteText writes the verdicts as text for a terminal, with what they rest on. The error is w's.
func WriteText(w io.Writer, j Judged, r Report) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "The shadow is %s.\n", strings.Replace(j.Overall.Said(), "undecided", "undecided yet", 1))
	for _, why := range r.Why {
		fmt.Fprintf(b, "  %s\n", why)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(b, "  warning: %s\n", warning)
	}
	writePaths(b, r.Answers.Differences)
	fmt.Fprintln(b)
	return b.Flush()
}

func writePaths(w io.Writer, s *compare.Summary) {
	if s == nil {
		return
	}
	paths := s.Paths()
	if len(paths) == 0 {
		return
	}
	fmt.Fprintln(w, "  Answers differ at")
	for _, p := range paths[:min(len(paths), shownPaths)] {
		fmt.Fprintf(w, "    %-30s %d answers", cmp.Or(p.Path, "the whole answer"), p.Answers)
		if len(p.Examples) > 0 {
			e := p.Examples[0]
			fmt.Fprintf(w, ", such as %s and %s", cmp.Or(e.Production, "nothing"), cmp.Or(e.Shadow, "nothing"))
		}
		fmt.Fprintln(w)
	}
	if n := len(paths) - shownPaths; n > 0 {
		fmt.Fprintf(w, "    and %d more places\n", n)
	}
}
