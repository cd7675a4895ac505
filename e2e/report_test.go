package e2e

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// wantPage wants a page that is well-formed, asks for nothing, and has plots.
func wantPage(t *testing.T, page []byte, parts ...string) {
	t.Helper()
	counts := make(map[string]int)
	d := xml.NewDecoder(bytes.NewReader(page))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the page is not well-formed: %v\n%s", err, page)
		}
		if e, ok := token.(xml.StartElement); ok {
			counts[e.Name.Local]++
			for _, a := range e.Attr {
				if a.Name.Local == "src" || a.Name.Local == "href" {
					t.Errorf("the page refers to %s", a.Value)
				}
			}
		}
	}
	if counts["script"] > 0 || counts["figure"] < 4 || counts["polyline"] == 0 {
		t.Errorf("the page has %v", counts)
	}
	for _, part := range append(parts, "<!DOCTYPE html>", "The shadow is", production, shadow, "mirrored") {
		if !bytes.Contains(page, []byte(part)) {
			t.Errorf("the page does not say %q", part)
		}
	}
}

// wantPicture wants a PNG that something has been drawn on.
func wantPicture(t *testing.T, b []byte) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("no picture: %v", err)
	}
	colours := make(map[color.Color]int)
	bounds := img.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y += 2 {
		for x := bounds.Min.X; x < bounds.Max.X; x += 2 {
			colours[img.At(x, y)]++
		}
	}
	if bounds.Dx() < 1000 || bounds.Dy() < 600 || len(colours) < 20 {
		t.Errorf("a picture of %v in %d colours", bounds, len(colours))
	}
}

// wantNoPictureOnTerminal runs the report with a terminal for its output.
func (c client) wantNoPictureOnTerminal(name string) {
	c.t.Helper()
	host, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		c.t.Logf("there is no terminal to be had: %v", err)
		return
	}
	defer host.Close()
	number, err := unix.IoctlGetInt(int(host.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(host.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	defer terminal.Close()
	var complaint bytes.Buffer
	r := exec.Command(filepath.Join(bin, "gnomon"), "report", "--data-dir", c.s.data(), "--format", "png", name)
	r.Stdout, r.Stderr = terminal, &complaint
	if err := r.Run(); err == nil || !strings.Contains(complaint.String(), "--output") {
		c.t.Errorf("a picture for a terminal: %v, %q", err, complaint.String())
	}
}
