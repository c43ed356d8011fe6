package report

import (
	"cmp"
	"fmt"
	"html"
	"strings"
	"unicode/utf8"

	"labrun/lab"
)

// What a drawing has room for; the table below it has all.
const (
	mostDrawn = 12 // hosts
	mostBars  = 12 // networks
)

// The measures of a drawing, in pixels. Its letters are all of one width.
const (
	letter   = 7.3 // of 12 px
	lineHigh = 16.0
	nicGap   = 10.0
	hostGap  = 26.0
	barHigh  = 26.0
	barGap   = 16.0
	hues     = 6 // that networks have in the style sheet
)

// drawing of a layout as SVG: hosts are boxes with NICs in them, networks are bars
// below, and a line goes from each NIC down to its network.
type layoutDrawing struct {
	lines, boxes strings.Builder
	bars         map[string]int // networks, from the top
	width, deep  float64        // of the hosts
}

// drawLayout returns the layout as an SVG element, and how many hosts and networks
// it has no room for.
func drawLayout(l *lab.Layout, id string) (svg markup, left int) {
	if len(l.Hosts) == 0 && len(l.Networks) == 0 {
		return "", 0
	}
	hosts, networks := l.Hosts[:min(len(l.Hosts), mostDrawn)], l.Networks[:min(len(l.Networks), mostBars)]
	left = len(l.Hosts) - len(hosts) + len(l.Networks) - len(networks)
	d := &layoutDrawing{bars: map[string]int{}, width: 12}
	for i, n := range networks {
		d.bars[n.Name] = i
	}
	for i := range hosts {
		d.deep = max(d.deep, hostHigh(&hosts[i]))
	}
	for i := range hosts {
		d.host(&hosts[i])
	}
	d.width += 12 - hostGap
	for _, n := range networks {
		d.width = max(d.width, 48+letter*float64(utf8.RuneCountInString(networkText(&n))))
	}
	for i := range networks {
		d.network(i, &networks[i])
	}
	high := d.barTop(len(networks)) - barGap + 12
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="lab" role="img" aria-labelledby="%s" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f">`, id, d.width, high, d.width, high)
	fmt.Fprintf(&b, `<title id="%s">%s</title>`, id, html.EscapeString(describeLayout(l)))
	b.WriteString(d.lines.String() + d.boxes.String() + "</svg>")
	return markup(b.String()), left // every text of it is escaped
}

// describeLayout says in a sentence what a drawing shows.
func describeLayout(l *lab.Layout) string {
	var hosts []string
	for _, h := range l.Hosts {
		var on []string
		for _, n := range h.NICs {
			on = append(on, n.Name+" on "+n.Network)
		}
		hosts = append(hosts, h.Name+" ("+cmp.Or(some(on, len(on)), "no NIC")+")")
	}
	return fmt.Sprintf("%d networks and %d hosts: %s", len(l.Networks), len(l.Hosts), some(hosts, len(hosts)))
}

func nicLines(n *lab.NIC) []string {
	var lines []string
	for _, a := range n.Addresses {
		lines = append(lines, strings.TrimSpace(a.Alias+" "+a.Prefix.String()))
	}
	return lines
}

func nicWide(n *lab.NIC) float64 {
	letters := utf8.RuneCountInString(n.Name)
	for _, s := range nicLines(n) {
		letters = max(letters, utf8.RuneCountInString(s))
	}
	return 20 + letter*float64(letters)
}

func hostWide(h *lab.Host) float64 {
	wide := nicGap
	for i := range h.NICs {
		wide += nicWide(&h.NICs[i]) + nicGap
	}
	return max(wide, 90, 24+letter*1.15*float64(utf8.RuneCountInString(h.Name)))
}

func hostHigh(h *lab.Host) float64 {
	lines := 0
	for i := range h.NICs {
		lines = max(lines, 1+len(h.NICs[i].Addresses))
	}
	return 34 + lineHigh*float64(lines) + 22
}

// barTop is where a network's bar begins.
func (d *layoutDrawing) barTop(i int) float64 { return 12 + d.deep + 30 + float64(i)*(barHigh+barGap) }

func (d *layoutDrawing) host(h *lab.Host) {
	wide, x := hostWide(h), d.width
	fmt.Fprintf(&d.boxes, `<rect class="host" x="%.1f" y="12" width="%.1f" height="%.1f" rx="8"/>`, x, wide, d.deep)
	svgText(&d.boxes, "name", x+12, 33, h.Name)
	at := x + nicGap
	for i := range h.NICs {
		d.nic(&h.NICs[i], at)
		at += nicWide(&h.NICs[i]) + nicGap
	}
	d.width += wide + hostGap
}

// nic draws a NIC at the bottom of its host, and the line to its network. Lines lie
// under the bars, so that those of other networks are crossed behind.
func (d *layoutDrawing) nic(n *lab.NIC, x float64) {
	wide, top, bottom := nicWide(n), 44.0, 12+d.deep-8
	class := "nic"
	if bar, ok := d.bars[n.Network]; ok {
		class = fmt.Sprintf("nic n%d", bar%hues)
		middle := x + wide/2
		fmt.Fprintf(&d.lines, `<path class="wire n%d" d="M%.1f %.1fV%.1f"/>`, bar%hues, middle, bottom, d.barTop(bar))
		fmt.Fprintf(&d.boxes, `<circle class="plug n%d" cx="%.1f" cy="%.1f" r="4"/>`, bar%hues, middle, d.barTop(bar))
	}
	fmt.Fprintf(&d.boxes, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="5"/>`, class, x, top, wide, bottom-top)
	svgText(&d.boxes, "port", x+10, top+16, n.Name)
	for i, a := range n.Addresses {
		y := top + 16 + lineHigh*float64(i+1)
		if a.Alias != "" {
			svgText(&d.boxes, "alias", x+10, y, a.Alias)
			svgText(&d.boxes, "addr", x+10+letter*float64(utf8.RuneCountInString(a.Alias)+1), y, a.Prefix.String())
		} else {
			svgText(&d.boxes, "addr", x+10, y, a.Prefix.String())
		}
	}
}

func networkText(n *lab.Network) string {
	s := n.Name
	if n.Subnet.IsValid() {
		s += " " + n.Subnet.String()
	}
	if n.Subnet6.IsValid() {
		s += " " + n.Subnet6.String()
	}
	return s
}

func (d *layoutDrawing) network(i int, n *lab.Network) {
	y := d.barTop(i)
	// The rect under it hides the lines that pass behind.
	fmt.Fprintf(&d.lines, `<rect class="under" x="12" y="%.1f" width="%.1f" height="%.1f" rx="6"/>`, y, d.width-24, barHigh)
	fmt.Fprintf(&d.lines, `<rect class="bar n%d" x="12" y="%.1f" width="%.1f" height="%.1f" rx="6"/>`, i%hues, y, d.width-24, barHigh)
	svgText(&d.boxes, "name", 24, y+17.5, n.Name)
	rest := strings.TrimPrefix(networkText(n), n.Name)
	svgText(&d.boxes, "addr", 24+letter*(1.15*float64(utf8.RuneCountInString(n.Name))+1), y+17.5, strings.TrimSpace(rest))
}

func svgText(b *strings.Builder, class string, x, y float64, s string) {
	fmt.Fprintf(b, `<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, html.EscapeString(s))
}
