package graph

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"labrun/lab"
)

// Measures of the drawing, in pixels. Text is set in a monospace font, so that
// its width is known; charWidth has room for fonts that are wider than others.
const (
	margin    = 12
	row       = 20 // a line of text
	charWidth = 8.0
	barWidth  = 10
	barStep   = 26
	pad       = 10 // within a host's box
	gap       = 16 // between boxes
	reach     = 24 // from the last bar to the boxes
)

// palette has a light and a dark colour for each of the first networks, then they
// come again: a bar is known by its name and its dots, not by its colour alone.
var palette = [][2]string{
	{"#0b6bcb", "#6cb2f7"}, {"#b3400b", "#f59a66"}, {"#1d7a46", "#63c98f"},
	{"#7a3fb5", "#c39bf0"}, {"#8a6500", "#e0b840"}, {"#00727a", "#4fc4cc"},
}

// SVG draws the layout as an <svg> element that can stand alone.
func (l Layout) SVG() string { return l.element("<style>\n" + Style() + "</style>\n") }

// Element draws the layout as an <svg> element for a page that has Style among its
// own.
func (l Layout) Element() string { return l.element("") }

func (l Layout) element(style string) string {
	d := drawing{Layout: l}
	d.measure()
	var b strings.Builder
	fmt.Fprintf(&b,
		`<svg xmlns="http://www.w3.org/2000/svg" class="lab-graph" role="img" aria-label="%s" viewBox="0 0 %d %d" width="%d" height="%d">`+"\n",
		escape(l.summary()), d.width, d.height, d.width, d.height)
	b.WriteString(style)
	for i := range l.Networks {
		d.bar(&b, i)
	}
	y := d.top
	for i := range l.Hosts {
		y = d.host(&b, &l.Hosts[i], y) + gap
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// summary is what a screen reader says in the picture's place.
func (l Layout) summary() string {
	var hosts []string
	for _, h := range l.Hosts {
		var nics []string
		for i := range h.NICs {
			n := &h.NICs[i]
			nics = append(nics, strings.TrimSpace(n.Name+" on "+n.Network+" "+strings.Join(addresses(n), ", ")))
		}
		hosts = append(hosts, "host "+h.Name+": "+strings.Join(append(nics, h.Settings()...), "; "))
	}
	return "Topology " + l.Name + ". " + strings.Join(hosts, ". ") + "."
}

// drawing is a layout with its measures.
type drawing struct {
	Layout
	width, height int
	top           int // where the first box begins
	left          int // of the boxes
	nameWidth     int // of the longest NIC's name
}

// measure finds the size of the whole before anything is drawn, since bars are as long as the
// picture and stand in it first. Texts cannot be measured without a font: see charWidth.
func (d *drawing) measure() {
	d.left = margin + max(0, (len(d.Networks)-1)*barStep+barWidth) + reach
	d.top = margin + len(d.Networks)*row + gap
	y, widest := d.top, 0
	for i := range d.Networks {
		n := &d.Networks[i]
		widest = max(widest, d.barX(i)+barWidth+8+textWidth(n.Name+"  "+subnets(n)))
	}
	for h := range d.Hosts {
		for i := range d.Hosts[h].NICs {
			d.nameWidth = max(d.nameWidth, textWidth(d.Hosts[h].NICs[i].Name+" "))
		}
	}
	for h := range d.Hosts {
		for _, line := range append(d.Hosts[h].Settings(), d.Hosts[h].Name) {
			widest = max(widest, d.left+2*pad+textWidth(line))
		}
		for i := range d.Hosts[h].NICs {
			for _, a := range addresses(&d.Hosts[h].NICs[i]) {
				widest = max(widest, d.left+2*pad+d.nameWidth+textWidth(a))
			}
		}
		y += boxHeight(&d.Hosts[h]) + gap
	}
	d.width, d.height = widest+margin, y-gap+margin
	if len(d.Hosts) == 0 {
		d.height = d.top
	}
}

func textWidth(s string) int { return int(float64(utf8.RuneCountInString(s)) * charWidth) }

// lines is how many lines a NIC takes: one for each address, at least one.
func lines(n *lab.NIC) int { return max(1, len(addresses(n))) }

// boxHeight has to agree with host, which draws line by line: a box that is too low would be drawn
// over by the next.
func boxHeight(h *lab.Host) int {
	height := row + pad + len(h.Settings())*row
	for i := range h.NICs {
		height += lines(&h.NICs[i]) * row
	}
	return height
}

func (d *drawing) barX(i int) int { return margin + i*barStep }

// bar draws a network: its name on top, beside it the names of those to the right.
func (d *drawing) bar(b *strings.Builder, i int) {
	n := &d.Networks[i]
	y := margin + i*row
	fmt.Fprintf(b, `<g class="net net%d"><title>network %s</title><rect x="%d" y="%d" width="%d" height="%d" rx="4"/>`,
		i%len(palette), escape(strings.TrimSpace(n.Name+" "+subnets(n))), d.barX(i), y, barWidth, d.height-margin-y)
	fmt.Fprintf(b, `<text x="%d" y="%d"><tspan class="name">%s</tspan>  %s</text></g>`+"\n",
		d.barX(i)+barWidth+8, y+14, escape(n.Name), escape(subnets(n)))
}

// host draws a box with its NICs, and returns where it ends.
func (d *drawing) host(b *strings.Builder, h *lab.Host, y int) int {
	end := y + boxHeight(h)
	fmt.Fprintf(b, `<g class="host"><title>host %s</title><rect x="%d" y="%d" width="%d" height="%d" rx="6"/>`,
		escape(h.Name), d.left, y, d.width-margin-d.left, end-y)
	fmt.Fprintf(b, `<text class="name" x="%d" y="%d">%s</text>`, d.left+pad, y+18, escape(h.Name))
	base := y + row + 18 // of the text of the next line
	for _, s := range h.Settings() {
		fmt.Fprintf(b, `<text class="alias" x="%d" y="%d">%s</text>`, d.left+pad, base, escape(s))
		base += row
	}
	for i := range h.NICs {
		n := &h.NICs[i]
		d.wire(b, d.network(n), base-5)
		fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`, d.left+pad, base, escape(n.Name))
		for j, word := range addresses(n) {
			word, alias, named := strings.Cut(word, " (")
			if named {
				alias = fmt.Sprintf(` <tspan class="alias">(%s</tspan>`, escape(alias))
			}
			fmt.Fprintf(b, `<text x="%d" y="%d">%s%s</text>`, d.left+pad+d.nameWidth, base+j*row, escape(word), alias)
		}
		base += lines(n) * row
	}
	b.WriteString("</g>\n")
	return end
}

// wire draws the line from a network's bar to a box, with a dot on the bar: a line
// crosses the bars of other networks without one.
func (d *drawing) wire(b *strings.Builder, at, y int) {
	if at < 0 {
		return
	}
	x := d.barX(at) + barWidth/2
	fmt.Fprintf(b, `<g class="net net%d"><path d="M%d %dH%d"/><circle cx="%d" cy="%d" r="6"/></g>`, at%len(palette), x,
		y, d.left, x, y)
}

// Style is the style sheet of drawings. The colours follow the reader's scheme, light
// or dark; a page that knows better sets the variables of .lab-graph, --lab-ink and
// so on.
func Style() string {
	var b strings.Builder
	b.WriteString(".lab-graph{--lab-ink:#1c2128;--lab-dim:#57606a;--lab-paper:#fff;--lab-box:#f6f8fa;--lab-edge:#8c959f")
	for i, c := range palette {
		fmt.Fprintf(&b, ";--lab-net%d:%s", i, c[0])
	}
	b.WriteString("}\n@media (prefers-color-scheme:dark){.lab-graph{--lab-ink:#e6edf3;--lab-dim:#9da7b1;--lab-paper:#0d1117;--lab-box:#161b22;--lab-edge:#6e7681")
	for i, c := range palette {
		fmt.Fprintf(&b, ";--lab-net%d:%s", i, c[1])
	}
	b.WriteString("}}\n")
	b.WriteString(`.lab-graph{background:var(--lab-paper);max-width:100%;height:auto}
.lab-graph text{font:13px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;fill:var(--lab-ink);white-space:pre;unicode-bidi:isolate}
.lab-graph .name{font-weight:bold}
.lab-graph .alias{fill:var(--lab-dim)}
.lab-graph .host>rect{fill:var(--lab-box);stroke:var(--lab-edge);stroke-width:1.5}
.lab-graph .net path{stroke-width:2.5;fill:none}
.lab-graph .net circle{stroke:var(--lab-paper);stroke-width:2}
`)
	for i := range palette {
		fmt.Fprintf(&b, ".lab-graph .net%d>rect,.lab-graph .net%[1]d>circle{fill:var(--lab-net%[1]d)}.lab-graph "+
			".net%[1]d>path{stroke:var(--lab-net%[1]d)}\n", i)
	}
	return b.String()
}

// escape makes a text safe within elements and attributes alike: names come from a file that may
// be a stranger's, and the drawing is part of a page.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace
