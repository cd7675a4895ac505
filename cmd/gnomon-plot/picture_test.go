package main

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"strings"
	"testing"
)

// drawn returns the picture of a comparison as JSON.
func drawn(t testing.TB, comparison string) *image.RGBA {
	t.Helper()
	var b bytes.Buffer
	if err := run(strings.NewReader(comparison), &b); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	of := image.NewRGBA(img.Bounds())
	draw.Draw(of, of.Bounds(), img, img.Bounds().Min, draw.Src)
	return of
}

// count counts the pixels of a colour in a part of the picture.
func count(img *image.RGBA, of color.NRGBA, in image.Rectangle) (n int) {
	want := color.RGBA(of) // it is opaque
	for y := in.Min.Y; y < in.Max.Y; y++ {
		for x := in.Min.X; x < in.Max.X; x++ {
			if img.RGBAAt(x, y) == want {
				n++
			}
		}
	}
	return n
}

func TestPicture(t *testing.T) {
	b, err := os.ReadFile("testdata/comparison.json")
	if err != nil {
		t.Fatal(err)
	}
	img := drawn(t, string(b))
	r := img.Bounds()
	if r.Dx() != 2*wide || r.Dy() != 2*high {
		t.Errorf("the picture is %v", r)
	}
	middle := r.Min.Add(r.Size().Div(2))
	left, right := image.Rect(r.Min.X, r.Min.Y, middle.X, r.Max.Y), image.Rect(middle.X, r.Min.Y, r.Max.X, r.Max.Y)
	upper, lower := image.Rect(r.Min.X, r.Min.Y, r.Max.X, middle.Y), image.Rect(r.Min.X, middle.Y, r.Max.X, r.Max.Y)
	for _, c := range []struct {
		what string
		of   color.NRGBA
		in   image.Rectangle
		most int // 0: there is some
	}{
		{"found, of latency", colours["effect"], upper.Intersect(left), 0},
		{"found, of errors", colours["effect"], upper.Intersect(right), 0},
		{"found, of answers", colours["effect"], lower.Intersect(left), 0},
		{"production's latencies", colours["production"], lower.Intersect(right), 0},
		{"the shadow's", colours["shadow"], lower.Intersect(right), 0},
		{"the margin", colours["margin"], upper.Intersect(left), 0},
		{"the shadow's latencies elsewhere", colours["shadow"], upper, 1},
	} {
		if n := count(img, c.of, c.in); c.most == 0 && n < 100 || c.most > 0 && n >= c.most {
			t.Errorf("%s: %d pixels", c.what, n)
		}
	}
}

func TestPicture_OfNothing(t *testing.T) {
	img := drawn(t, `{}`)
	if n := count(img, colours["effect"], img.Bounds()); n > 0 {
		t.Errorf("%d pixels of lines of nothing", n)
	}
	if n := count(img, ink, img.Bounds()); n < 1000 {
		t.Errorf("%d pixels of text", n)
	}
}

func TestPicture_TextHasRoom(t *testing.T) {
	s := text(10, ink)
	for _, long := range []string{strings.Repeat("W", 5000), strings.Repeat("\n\x00\u202e", 5000), strings.Repeat("é", 701), "\xff\xfe"} {
		got := fit(s, long, 200)
		if s.Width(got) > 200 || strings.ContainsAny(got, "\n\x00\u202e") {
			t.Errorf("%q", got)
		}
	}
	if got := fit(s, "short", 200); got != "short" {
		t.Errorf("%q", got)
	}
}

type brokenWriter struct{}

var errDiskFull = errors.New("disk full")

func (brokenWriter) Write([]byte) (int, error) { return 0, errDiskFull }

func TestRun_SaysWhatIsWrong(t *testing.T) {
	if err := run(strings.NewReader("<html>"), new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "--format json") {
		t.Errorf("not JSON: %v", err)
	}
	if err := run(strings.NewReader("{}"), brokenWriter{}); !errors.Is(err, errDiskFull) {
		t.Errorf("a broken writer: %v", err)
	}
}

// FuzzPicture draws whatever a server might answer.
func FuzzPicture(f *testing.F) {
	f.Add([]byte(`{"name":"x","evidence":{"latency":{"margin":1e300,"course":[{"values":-1,"lower":-1e308,"upper":1e308}]}}}`))
	f.Add([]byte(`{"distributions":{"production":{"points":[{"us":-1,"share":7},{"us":1e308,"share":-1e308}],"bands":[{"quantile":9,"lower_us":1e308}]}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		run(bytes.NewReader(b), new(bytes.Buffer)) // whatever it says: it comes back
	})
}
