package main

import (
	"image"
	"image/color"
	"math"
	"strings"
	"unicode"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"gnomon/report"
)

// The picture, in points of 1/72 inch. It has twice as many pixels each way.
const (
	wide, high = 900, 700
	dpi        = 144
	head       = 62 // what stands above the plots
	margin     = 18
	gap        = 22 // between plots
)

// picture draws the plots in two columns, below what they are of.
func picture(c report.Comparison) image.Image {
	img := vgimg.NewWith(vgimg.UseWH(wide, high), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(color.White))
	all := draw.Crop(draw.New(img), margin, -margin, margin, -margin)
	title(all, c)
	const columns = 2
	figures := c.Figures()
	rows := (len(figures) + columns - 1) / columns
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: gap, PadY: gap}
	below := draw.Crop(all, 0, 0, 0, -head)
	for i, f := range figures {
		figure(tiles.At(below, i%columns, i/columns), f)
	}
	return img.Image()
}

// title writes what the picture is of.
func title(c draw.Canvas, of report.Comparison) {
	big, small := text(17, ink), text(10.5, quiet)
	big.Font.Weight = xfont.WeightBold
	line := func(s draw.TextStyle, y vg.Length, t string) {
		c.FillText(s, vg.Point{X: c.Min.X, Y: c.Max.Y - y}, fit(s, t, c.Size().X))
	}
	line(big, 0, of.Headline())
	line(small, 24, of.Scope())
	line(small, 38, "Bounds hold at every look. Quantiles and their bounds are description, no part of the verdict.")
}

// fit cuts off what has no room, and leaves out what cannot be seen.
func fit(s draw.TextStyle, t string, room vg.Length) string {
	const longest = 300 // no line has room for so many
	r := []rune(strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, t[:min(len(t), 4*longest)]))
	r = r[:min(len(r), longest)]
	if s.Width(string(r)) <= room {
		return string(r)
	}
	for len(r) > 0 && s.Width(string(r)+"…") > room {
		r = r[:len(r)-1]
	}
	return string(r) + "…"
}

// figure draws a figure with its name, its legend and its axes.
func figure(c draw.Canvas, f report.Figure) {
	const name, legend = 16, 20
	style := text(11.5, ink)
	style.Font.Weight = xfont.WeightBold
	c.FillText(style, vg.Point{X: c.Min.X, Y: c.Max.Y}, fit(style, f.Title, c.Size().X))
	if f.Empty != "" {
		c.FillText(text(10.5, quiet), vg.Point{X: c.Min.X, Y: c.Max.Y - name}, f.Empty)
		return
	}
	names(draw.Crop(c, 0, 0, 0, -name), f)
	p := plot.New()
	axis(&p.X, f.X)
	axis(&p.Y, f.Y)
	p.X.Label.Text, p.X.Label.Position = f.X.Label, draw.PosRight
	p.Add(figurePlotter{f})
	p.Draw(draw.Crop(c, 0, 0, 0, -name-legend))
}

func axis(a *plot.Axis, from report.Axis) {
	a.Min, a.Max = from.Min, from.Max
	if from.Log {
		a.Scale = plot.LogScale{}
	}
	var ticks plot.ConstantTicks
	for _, t := range from.Ticks {
		ticks = append(ticks, plot.Tick{Value: t.At, Label: t.Label})
	}
	a.Tick.Marker = ticks
	a.Tick.Length, a.LineStyle.Width, a.Padding = 0, 0, 4
	for _, s := range []*draw.TextStyle{&a.Label.TextStyle, &a.Tick.Label} {
		s.Font, s.Color = text(9, ink).Font, ink
	}
}

// names draws the legend from the left to the right.
func names(c draw.Canvas, f report.Figure) {
	const sample, room = 18, 14
	s := text(9, ink)
	at, y := c.Min.X, c.Max.Y-8
	for _, n := range legend(f) {
		if n.area {
			c.FillPolygon(fill(n.role), []vg.Point{{X: at, Y: y - 4}, {X: at + sample, Y: y - 4}, {X: at + sample, Y: y + 4}, {X: at, Y: y + 4}})
		} else {
			c.StrokeLine2(stroke(n.role, false), at, y, at+sample, y)
		}
		c.FillText(s, vg.Point{X: at + sample + 4, Y: y + 5}, n.name)
		at += sample + 4 + s.Width(n.name) + room
	}
}

type named struct {
	role report.Role
	name string
	area bool
}

func legend(f report.Figure) (all []named) {
	for _, a := range f.Areas {
		all = append(all, named{a.Role, a.Name, true})
	}
	for _, l := range f.Lines {
		all = append(all, named{l.Role, l.Name, false})
	}
	for _, r := range f.Rules {
		all = append(all, named{r.Role, r.Name, false})
	}
	shown := all[:0]
	for _, n := range all {
		if n.name != "" {
			shown = append(shown, n)
		}
	}
	return shown
}

// A figurePlotter draws what is between a figure's axes.
type figurePlotter struct{ report.Figure }

// Plot draws onto a canvas of plot's.
func (f figurePlotter) Plot(c draw.Canvas, _ *plot.Plot) {
	x := func(v float64) vg.Length { return c.X(near(f.X.Place(v))) }
	y := func(v float64) vg.Length { return c.Y(near(f.Y.Place(v))) }
	points := func(all []report.XY) []vg.Point {
		to := make([]vg.Point, len(all))
		for i, v := range all {
			to[i] = vg.Point{X: x(v.X), Y: y(v.Y)}
		}
		return to
	}
	grid := stroke(report.Grid, false)
	for _, t := range f.X.Ticks {
		c.StrokeLine2(grid, x(t.At), c.Min.Y, x(t.At), c.Max.Y)
	}
	for _, t := range f.Y.Ticks {
		c.StrokeLine2(grid, c.Min.X, y(t.At), c.Max.X, y(t.At))
	}
	for _, a := range f.Areas {
		round := points(a.Lower)
		upper := points(a.Upper)
		for i := len(upper) - 1; i >= 0; i-- {
			round = append(round, upper[i])
		}
		c.FillPolygon(fill(a.Role), c.ClipPolygonXY(round))
	}
	for _, r := range f.Rules {
		line := []vg.Point{{X: c.Min.X, Y: y(r.At)}, {X: c.Max.X, Y: y(r.At)}}
		if r.Vertical {
			line = []vg.Point{{X: x(r.At), Y: c.Min.Y}, {X: x(r.At), Y: c.Max.Y}}
		}
		c.StrokeLines(stroke(r.Role, false), c.ClipLinesXY(line)...)
	}
	for _, l := range f.Lines {
		at := points(l.Points)
		for i := range at {
			at[i].Y += beside(l)
		}
		c.StrokeLines(stroke(l.Role, l.Bound), c.ClipLinesXY(at)...)
	}
}

// near keeps what is far outside of a figure, where it is not seen, at a distance that can be drawn in no time.
func near(place float64) float64 {
	if math.IsNaN(place) {
		return -1
	}
	return max(-1, min(2, place))
}

// beside is how far above its place a line is drawn: bounds of the two variants would be on each other.
func beside(l report.Curve) vg.Length {
	switch {
	case !l.Bound:
		return 0
	case l.Role == report.Production:
		return 2.5
	}
	return -2.5
}

var (
	ink   = color.NRGBA{0x1d, 0x1d, 0x1f, 0xff}
	quiet = color.NRGBA{0x5f, 0x63, 0x68, 0xff}
)

// colours are the page's in the light.
var colours = map[report.Role]color.NRGBA{
	report.Production: {0x00, 0x60, 0xa8, 0xff},
	report.Shadow:     {0xb8, 0x5c, 0x00, 0xff},
	report.Effect:     {0x00, 0x60, 0xa8, 0xff},
	report.Margin:     {0xb3, 0x26, 0x1e, 0xff},
	report.Zero:       {0x77, 0x77, 0x77, 0xff},
	report.Decided:    {0x77, 0x77, 0x77, 0xff},
	report.Grid:       {0xdd, 0xdd, 0xdd, 0xff},
}

var dashes = map[report.Role][]vg.Length{
	report.Shadow: {5, 2.5}, report.Margin: {6, 3}, report.Decided: {1.5, 2.5},
}

func fill(r report.Role) color.Color {
	c := colours[r]
	c.A = 0x33
	return c
}

// stroke is how a line is drawn, or a bar that bounds it.
func stroke(r report.Role, bound bool) draw.LineStyle {
	c := colours[r]
	if bound {
		c.A = 0x59
		return draw.LineStyle{Color: c, Width: 4}
	}
	s := draw.LineStyle{Color: c, Width: 1.5, Dashes: dashes[r]}
	if r == report.Grid || r == report.Zero {
		s.Width = 0.6
	}
	return s
}

// text is a style whose place is the upper left corner.
func text(size vg.Length, c color.Color) draw.TextStyle {
	return draw.TextStyle{
		Color: c, Font: font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size),
		YAlign: draw.YTop, Handler: plot.DefaultTextHandler,
	}
}
