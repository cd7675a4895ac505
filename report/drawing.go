package report

import (
	"strconv"
	"strings"
)

// A drawing is a figure in the units of an SVG: pixels, as long as nobody scales it. The plot itself is at Left, Top and has
// its own coordinates from there, outside of which nothing of it is seen.
type drawing struct {
	Title          string
	Empty          string
	Wide, High     int
	Left, Top      int
	PlotW, PlotH   int
	XLabel         string
	XTicks, YTicks []drawnTick
	Areas, Lines   []drawnShape
	Rules          []drawnRule
	Legend         []drawnName
}

type drawnTick struct {
	At    string
	Label string
}

type drawnShape struct {
	Style  style
	Bound  bool
	Points string
}

type drawnRule struct {
	Style          style
	X1, Y1, X2, Y2 string
}

type drawnName struct {
	Style   style
	Area    bool
	X, Text int
	Name    string
}

// A style is how a role is drawn where no style sheet is allowed to say it. Class is what a style sheet knows it by.
type style struct {
	Class  string
	Colour string
	Width  string
	Dash   string
}

// styles tell roles apart by more than their colours, which are those that most colour-blind people can tell apart.
var styles = map[Role]style{
	Production: {"production", "#0060a8", "2", ""},
	Shadow:     {"shadow", "#b85c00", "2", "6 3"},
	Effect:     {"effect", "#0060a8", "2", ""},
	Margin:     {"margin", "#b3261e", "1.5", "7 4"},
	Zero:       {"zero", "#777777", "1", ""},
	Decided:    {"decided", "#777777", "1.5", "2 3"},
	Grid:       {"grid", "#dddddd", "1", ""},
}

// draw places a figure in a drawing.
func draw(f Figure) drawing {
	d := drawing{Title: f.Title, Empty: f.Empty, Wide: 480, High: 280, Left: 56, Top: 30, XLabel: f.X.Label}
	d.PlotW, d.PlotH = d.Wide-d.Left-14, d.High-d.Top-42
	if f.Empty != "" {
		d.High = 48
		return d
	}
	x := func(v float64) string { return pixel(f.X.Place(v) * float64(d.PlotW)) }
	y := func(v, down float64) string { return pixel((1-f.Y.Place(v))*float64(d.PlotH) + down) }
	points := func(all []XY, down float64) string {
		var b strings.Builder
		for _, p := range all {
			b.WriteString(x(p.X) + "," + y(p.Y, down) + " ")
		}
		return strings.TrimSuffix(b.String(), " ")
	}
	for _, t := range f.X.Ticks {
		d.XTicks = append(d.XTicks, drawnTick{x(t.At), t.Label})
	}
	for _, t := range f.Y.Ticks {
		d.YTicks = append(d.YTicks, drawnTick{y(t.At, 0), t.Label})
	}
	for _, a := range f.Areas {
		round := a.Lower
		for i := len(a.Upper) - 1; i >= 0; i-- {
			round = append(round[:len(round):len(round)], a.Upper[i])
		}
		d.Areas = append(d.Areas, drawnShape{Style: styles[a.Role], Points: points(round, 0)})
		d.name(styles[a.Role], true, a.Name)
	}
	for _, l := range f.Lines {
		s := styles[l.Role]
		if l.Bound {
			s.Class, s.Width, s.Dash = s.Class+" bound", boundWidth, ""
		}
		d.Lines = append(d.Lines, drawnShape{s, l.Bound, points(l.Points, beside(l))})
		d.name(s, false, l.Name)
	}
	for _, r := range f.Rules {
		rule := drawnRule{styles[r.Role], "0", y(r.At, 0), strconv.Itoa(d.PlotW), y(r.At, 0)}
		if r.Vertical {
			rule = drawnRule{styles[r.Role], x(r.At), "0", x(r.At), strconv.Itoa(d.PlotH)}
		}
		d.Rules = append(d.Rules, rule)
		d.name(styles[r.Role], false, r.Name)
	}
	return d
}

// Bounds are bars. Those of the two variants would be on each other.
const boundWidth, boundBeside = "5", 3

// beside is how far below its place a line is drawn.
func beside(l Curve) float64 {
	switch {
	case !l.Bound:
		return 0
	case l.Role == Production:
		return -boundBeside
	}
	return boundBeside
}

// name adds to the legend, which stands above the plot.
func (d *drawing) name(s style, area bool, name string) {
	if name == "" {
		return
	}
	const sample, letter, room = 22, 7, 16
	at := d.Left
	if n := len(d.Legend); n > 0 {
		before := d.Legend[n-1]
		at = before.Text + len(before.Name)*letter + room
	}
	d.Legend = append(d.Legend, drawnName{s, area, at, at + sample + 5, name})
}

// pixel is a coordinate. What is far outside is drawn a little less far outside, so that no renderer stumbles over it.
func pixel(v float64) string {
	return strconv.FormatFloat(max(-1e5, min(1e5, v)), 'f', 1, 64)
}
