// Command gnomon-plot reads what is known of an experiment, as /gnomon/v1/experiments/{name}/comparison answers it, from its
// standard input, and writes its plots as one PNG to its standard output. "gnomon report --format png" runs it: it is a
// program of its own for what it brings along, fonts above all.
package main

import (
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"os"

	"gnomon/report"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gnomon-plot:", err)
		os.Exit(1)
	}
}

// most is the longest comparison that is read, in bytes. The longest that a server makes has some hundred thousand.
const most = 64 << 20

func run(in io.Reader, out io.Writer) error {
	b, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return fmt.Errorf("read the comparison: %w", err)
	}
	if len(b) > most {
		return fmt.Errorf("read the comparison: it is longer than %d MiB", most>>20)
	}
	var c report.Comparison
	if err := json.Unmarshal(b, &c); err != nil {
		return fmt.Errorf("read the comparison: %w; want what \"gnomon report NAME --format json\" writes", err)
	}
	if err := png.Encode(out, picture(c)); err != nil {
		return fmt.Errorf("write the picture: %w", err)
	}
	return nil
}
