// Command calibration shows by simulation what verdicts are worth: how often they are wrong, how soon they are right, and what
// other tests make of the same data. It judges by the code that judges live trials ([verdict.Rehearsal]), at each slot of 100 ms.
// It fails when a verdict is wrong more often than is promised, 5 %, beyond chance.
//
// Start at run. A family (family.go) is a way in which latencies, failures and answers come about; a scenario (stream.go) what
// the shadow does beside production. alarms.go has the tables of false verdicts, power.go that of how many pairs it takes,
// blind.go that of what tests of averages do not see. Seeds are fixed: the same flags give the same numbers on any machine.
//
// Usage:
//
//	go run ./bench/calibration [-quick] [-families 'normal,slow spells'] [-tables false,power,blind] [-streams 4000]
//	    [-looks 5000] [-pairs 4] [-least-time 1m]
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

type options struct {
	families []family
	tables   string
	plan     plan
	few      int // streams where no small rates are looked for
}

// What is run with -quick.
const (
	quickStreams = 60
	quickLooks   = 1200
)

func main() {
	var o options
	names := flag.String("families", "", "families by name, separated by commas; empty: all")
	quick := flag.Bool("quick", false, "short and few streams, about a minute")
	flag.StringVar(&o.tables, "tables", "false,power,blind", "tables, separated by commas")
	flag.IntVar(&o.plan.streams, "streams", 4000, "streams of each rate; a twentieth as many for power and blind")
	flag.IntVar(&o.plan.looks, "looks", 5000, "slots of a stream, each of which is a look")
	flag.IntVar(&o.plan.pairs, "pairs", 4, "pairs of a slot: 4 are 40 requests a second")
	flag.DurationVar(&o.plan.leastTime, "least-time", 0, "before which nothing is decided; 0: what is shipped")
	flag.Parse()
	if *quick {
		o.plan.streams, o.plan.looks = quickStreams, quickLooks
	}
	o.few = max(10, o.plan.streams/20)
	all, unknown := chosen(*names)
	o.families = all
	if err := o.check(unknown); err != nil {
		fmt.Fprintln(os.Stderr, "calibration:", err)
		os.Exit(2)
	}
	if err := run(o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "calibration:", err)
		os.Exit(1)
	}
}

func (o *options) check(unknown string) error {
	p := o.plan
	switch {
	case unknown != "":
		return fmt.Errorf("there is no family %q; there are %s", unknown, namesOf(append(slices.Clip(families), busyHours)))
	case p.streams < 1 || p.streams > 1e6 || p.looks < 1 || p.looks > 1e6 || p.pairs < 1 || p.pairs > 1000 || p.leastTime < 0:
		return errors.New("streams and looks go from 1 to a million, pairs from 1 to 1,000, and the least time is 0 or more")
	case flag.NArg() > 0:
		return errors.New("there are no arguments beside flags")
	}
	for name := range strings.SplitSeq(o.tables, ",") {
		if name != "false" && name != "power" && name != "blind" {
			return fmt.Errorf("there is no table %q; there are false, power and blind", name)
		}
	}
	return nil
}

func namesOf(all []family) string {
	var names []string
	for _, f := range all {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// errTooOften is all that is said at the end: the tables have said which.
var errTooOften = errors.New("verdicts are wrong more often than is promised")

func run(o options, out, progress io.Writer) error {
	b := &book{options: o, out: out, progress: progress, began: time.Now()}
	b.head()
	for name := range strings.SplitSeq(o.tables, ",") {
		switch name {
		case "false":
			b.falseVerdicts()
		case "power":
			b.power()
		case "blind":
			b.blind()
		}
	}
	return b.judge()
}

// A book is what is printed.
type book struct {
	options
	out, progress io.Writer
	began         time.Time
	tooOften      []string
}

func (b *book) head() {
	p := b.plan
	least := "1m0s, as shipped"
	if p.leastTime > 0 {
		least = p.leastTime.String()
	}
	fmt.Fprintf(b.out, "%d streams of %d slots of 100 ms with %d pairs each: %v at %d requests/s. Least time %s.\n",
		p.streams, p.looks, p.pairs, time.Duration(p.looks)*100*time.Millisecond, 10*p.pairs, least)
	fmt.Fprintf(b.out, "Rates in %%, with 95 %% intervals for the chance of the simulation. Families, in units of the logarithm of latency:\n\n")
	for _, f := range b.families {
		fmt.Fprintf(b.out, "  %-12s %s.\n", f.name, f.says)
	}
}

// judged are the families of which verdicts promise something.
func (b *book) judged() []family {
	return slices.DeleteFunc(slices.Clone(b.families), func(f family) bool { return f.unjudged })
}

// doing tells of progress.
func (b *book) doing(s *scenario, f family) {
	fmt.Fprintf(b.progress, "%7.0fs  %s: %s\n", time.Since(b.began).Seconds(), s.name, f.name)
}

// promise notes a share that is above what is promised, and returns how it is shown.
func (b *book) promise(s share, what string, f family) string {
	if f.unjudged {
		return s.String() + " *"
	}
	if s.above() {
		b.tooOften = append(b.tooOften, fmt.Sprintf("%s: %s: %v %%", f.name, what, s))
		return s.String() + " !"
	}
	return s.String()
}

// table writes rows of cells.
func (b *book) table(title string, head []string, rows [][]string) {
	fmt.Fprintf(b.out, "\n%s\n\n", title)
	w := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
}

func (b *book) judge() error {
	fmt.Fprintln(b.out)
	if len(b.tooOften) == 0 {
		fmt.Fprintf(b.out, "No verdict is wrong more often than in %g %%, beyond chance.\n", 100*promised)
		return nil
	}
	fmt.Fprintf(b.out, "Wrong more often than in %g %%, beyond chance:\n", 100*promised)
	for _, what := range b.tooOften {
		fmt.Fprintf(b.out, "  %s\n", what)
	}
	return errTooOften
}
