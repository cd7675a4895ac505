package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"gnomon/report"
)

// A reportCommand asks a running server for the numbers of an experiment.
type reportCommand struct {
	configFlags
	Name   string `arg:"" help:"Name of the inference experiment."`
	Format string `help:"text; json; html: one page that needs nothing else; png: the plots as one picture." enum:"text,json,html,png" default:"text"`
	Output string `short:"o" placeholder:"FILE" help:"Write to this file instead of the standard output."`
	URL    string `help:"Where the server is; default: where the one over the data directory says."`
}

// Run writes the report.
func (r *reportCommand) Run(ctx context.Context) error {
	if r.Output == "" && r.Format == "png" && isTerminal(os.Stdout) {
		return errors.New("a picture is nothing for a terminal: give it a file by --output FILE, or redirect the output")
	}
	body, err := r.ask(ctx, r.URL, "/gnomon/v1/experiments/"+url.PathEscape(r.Name)+"/comparison")
	if err != nil {
		return fmt.Errorf("ask for the report: %w", err)
	}
	defer body.Close()
	answer, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("ask for the report: %w", err)
	}
	var whole bytes.Buffer // half a report is none, and leaves alone what was there before
	if err := writeReport(ctx, &whole, answer, r.Format); err != nil {
		return err
	}
	if r.Output == "" {
		_, err = whole.WriteTo(os.Stdout)
		return err
	}
	return os.WriteFile(r.Output, whole.Bytes(), 0o666)
}

// writeReport writes what /gnomon/v1/experiments/{name}/comparison answers.
func writeReport(ctx context.Context, w io.Writer, answer []byte, format string) error {
	switch format {
	case "json":
		_, err := w.Write(append(answer, '\n'))
		return err
	case "png":
		return plot(ctx, w, answer)
	}
	var c report.Comparison
	if err := json.Unmarshal(answer, &c); err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	if format == "html" {
		return c.WritePage(w)
	}
	return c.WriteText(w)
}

// plot has the plots drawn by the program beside this one: what that brings along, fonts above all, has no place in the
// server.
func plot(ctx context.Context, w io.Writer, answer []byte) error {
	path, err := beside("gnomon-plot", "\"make build\" in a checkout builds it")
	if err != nil {
		return err
	}
	var complaint bytes.Buffer
	c := exec.CommandContext(ctx, path)
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(answer), w, &complaint
	c.WaitDelay = 10 * time.Second
	if err := c.Run(); err != nil {
		return fmt.Errorf("draw the plots: %w: %s", err, bytes.TrimSpace(complaint.Bytes()))
	}
	return nil
}

// beside returns where a program is that belongs to this one. How to have it is said if it is not there.
func beside(name, how string) (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	path := filepath.Join(filepath.Dir(exe), name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s is not beside gnomon (%s): %s", name, path, how)
	}
	return path, nil
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
