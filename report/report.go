// Package report has the faces of what is known of an experiment: text for a terminal, and a page for a browser.
//
// Start at [Comparison], which is what a server answers. [Comparison.Figures] are its plots as data: the page draws them as
// SVG, others may draw them as they like. The package adds nothing to what it is given and decides nothing. It must not know
// of servers, files or processes.
package report

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"gnomon"
	"gnomon/meter"
	"gnomon/verdict"
)

// QuantileLevel is the probability that a bound of a variant's quantiles, as they are shown, is ever wrong. Whoever makes the
// bounds sees to it.
const QuantileLevel = 0.05

// A Comparison is what /gnomon/v1/experiments/{name}/comparison answers: the experiment's state and its numbers.
type Comparison struct {
	Name            gnomon.ExperimentName   `json:"name"`
	Endpoint        gnomon.EndpointName     `json:"endpoint"`
	Status          gnomon.ExperimentStatus `json:"status"`
	StatusReason    string                  `json:"status_reason,omitempty"`
	Outcome         gnomon.Outcome          `json:"outcome,omitempty"`   // once it has ended
	SamplingPercent int                     `json:"sampling_percentage"` // as the API has it
	SampledPercent  float64                 `json:"sampled_percentage"`  // what it is to the point, where a tag says it
	MaxRate         float64                 `json:"max_rate,omitzero"`   // copies per second; absent: no cap
	StartTime       time.Time               `json:"start_time"`
	EndTime         time.Time               `json:"end_time"`
	Warnings        []string                `json:"warnings,omitempty"`
	Verdict         verdict.Judged          `json:"verdict"`
	Evidence        verdict.Report          `json:"evidence"` // that the verdict rests on
	meter.Comparison
}

// WriteText writes the comparison as text for a terminal. The error is w's.
func (c Comparison) WriteText(w io.Writer) error {
	if err := c.writeHead(w); err != nil {
		return err
	}
	if err := verdict.WriteText(w, c.Verdict, c.Evidence); err != nil {
		return err
	}
	return meter.WriteText(w, c.Comparison)
}

func (c Comparison) writeHead(w io.Writer) error {
	_, err := fmt.Fprintf(w, "Inference experiment %s on endpoint %s: %s\nfrom %s to %s, %s\n",
		c.Name, c.Endpoint, c.state(), c.StartTime.Format(time.RFC3339), c.EndTime.Format(time.RFC3339), c.copied())
	if err == nil && c.StatusReason != "" {
		_, err = fmt.Fprintf(w, "reason: %s\n", printable(c.StatusReason))
	}
	for _, warning := range c.Warnings {
		if err == nil {
			_, err = fmt.Fprintf(w, "warning: %s\n", printable(warning))
		}
	}
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	return err
}

// printable returns a text that people may have written without what a terminal would take for orders.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// Headline is what is known in a sentence.
func (c Comparison) Headline() string {
	said, yet := strings.ToLower(c.Verdict.Overall.Said()), ""
	if c.Verdict.Overall == verdict.Undecided {
		yet = " yet"
	}
	return fmt.Sprintf("Inference experiment %s: the shadow is %s%s", c.Name, said, yet)
}

// Scope says of what, and of when.
func (c Comparison) Scope() string {
	pairs := fmt.Sprintf("%s requests of the sample", meter.Group(c.Evidence.Pairs))
	if c.Evidence.Pairs > 0 {
		pairs += fmt.Sprintf(", %s to %s", stamp(c.Evidence.From), stamp(c.Evidence.To))
	}
	return fmt.Sprintf("Endpoint %s, production %s, shadow %s: %s", c.Endpoint, c.Variants.Production, c.Variants.Shadow, pairs)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// state is the status, with the outcome once there is one.
func (c Comparison) state() string {
	if c.Outcome != "" {
		return string(c.Status) + ", " + string(c.Outcome)
	}
	return string(c.Status)
}

// copied says how much is copied, and what bounds it besides the sample.
func (c Comparison) copied() string {
	if c.MaxRate == 0 {
		return fmt.Sprintf("%g %% of the requests copied", c.SampledPercent)
	}
	return fmt.Sprintf("%g %% of the requests copied, at most %g per second", c.SampledPercent, c.MaxRate)
}
