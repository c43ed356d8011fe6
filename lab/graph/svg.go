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

// SVG draws the layout as an <svg> element that can stand alone. Every colour and font is an
// attribute too, as the light scheme has it: many programs that show pictures read little of a
// style sheet, or nothing.
func (l Layout) SVG() string {
	vars := func(dark bool) string {
		return variables(func(c colour) string {
			if dark {
				return c.dark
			}
			return c.light
		})
	}
	return l.element("<style>\n.lab-graph{" + vars(false) + "}\n@media (prefers-color-scheme:dark){.lab-graph{" +
		vars(true) + "}}\n" + rules() + "</style>\n")
}

// Element draws the layout as an <svg> element for a page that has Style among its
// own.
func (l Layout) Element() string { return l.element("") }

func (l Layout) element(style string) string {
	d := drawing{Layout: l, colours: l.colours()}
	d.measure()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="lab-graph" role="img" aria-label="%s" `+
		`viewBox="0 0 %d %d" width="%d" height="%d" fill="%s" font-family="%s" font-size="13" xml:space="preserve">`+"\n",
		escape(l.summary()), d.width, d.height, d.width, d.height, ink.light, strings.ReplaceAll(fonts, `"`, ""))
	b.WriteString(style)
	fmt.Fprintf(&b, `<rect class="paper" width="%d" height="%d" fill="%s"/>`+"\n", d.width, d.height, paper.light)
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
	colours       []colour // of the networks
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
	c := d.colours[i]
	fmt.Fprintf(b, `<g class="net %s"><title>network %s</title><rect x="%d" y="%d" width="%d" height="%d" rx="4" `+
		`fill="%s"/>`, c.name, escape(strings.TrimSpace(n.Name+" "+subnets(n))), d.barX(i), y, barWidth,
		d.height-margin-y, c.light)
	fmt.Fprintf(b, `<text x="%d" y="%d"><tspan class="name" font-weight="bold">%s</tspan>  %s</text></g>`+"\n",
		d.barX(i)+barWidth+8, y+14, escape(n.Name), escape(subnets(n)))
}

// host draws a box with its NICs, and returns where it ends.
func (d *drawing) host(b *strings.Builder, h *lab.Host, y int) int {
	end := y + boxHeight(h)
	fmt.Fprintf(b, `<g class="host"><title>host %s</title><rect x="%d" y="%d" width="%d" height="%d" rx="6" `+
		`fill="%s" stroke="%s" stroke-width="1.5"/>`,
		escape(h.Name), d.left, y, d.width-margin-d.left, end-y, box.light, edge.light)
	fmt.Fprintf(b, `<text class="name" font-weight="bold" x="%d" y="%d">%s</text>`, d.left+pad, y+18, escape(h.Name))
	base := y + row + 18 // of the text of the next line
	for _, s := range h.Settings() {
		fmt.Fprintf(b, `<text class="alias" fill="%s" x="%d" y="%d">%s</text>`, dim.light, d.left+pad, base, escape(s))
		base += row
	}
	for i := range h.NICs {
		n := &h.NICs[i]
		d.wire(b, d.network(n), base-5)
		fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`, d.left+pad, base, escape(n.Name))
		for j, word := range addresses(n) {
			word, alias, named := strings.Cut(word, " (")
			if named {
				alias = fmt.Sprintf(` <tspan class="alias" fill="%s">(%s</tspan>`, dim.light, escape(alias))
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
	x, c := d.barX(at)+barWidth/2, d.colours[at]
	fmt.Fprintf(b, `<g class="net %s"><path d="M%d %dH%d" stroke="%s" stroke-width="2.5"/><circle cx="%d" cy="%d" r="6" `+
		`fill="%s" stroke="%s" stroke-width="2"/></g>`, c.name, x, y, d.left, c.light, x, y, c.light, paper.light)
}

// escape makes a text safe within elements and attributes alike: names come from a file that may
// be a stranger's, and the drawing is part of a page.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace
