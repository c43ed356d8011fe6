package graph

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// colour is what something of a drawing is painted with, on light paper and on dark. It has the same contrast on both.
type colour struct{ name, light, dark string }

var (
	ink   = colour{"ink", "#1c2128", "#e6edf3"}
	dim   = colour{"dim", "#57606a", "#9da7b1"} // what explains a name
	paper = colour{"paper", "#ffffff", "#0d1117"}
	box   = colour{"box", "#f6f8fa", "#161b22"} // of a host
	edge  = colour{"edge", "#8c959f", "#6e7681"}
)

// palette has the colours of networks, in the order in which networks get them whose names say nothing of colours. A
// network is known by its name and its dots, not by its colour alone, so the colours come again when all are taken.
var palette = []colour{
	{"blue", "#0b6bcb", "#6cb2f7"}, {"orange", "#b3400b", "#f59a66"}, {"green", "#1d7a46", "#63c98f"},
	{"purple", "#7a3fb5", "#c39bf0"}, {"yellow", "#8a6500", "#e0b840"}, {"teal", "#00727a", "#4fc4cc"},
	{"red", "#c4352c", "#f0837a"}, {"pink", "#b8327f", "#f08cc4"}, {"brown", "#7b5136", "#c49a7c"},
	{"grey", "#6b7580", "#a6b0ba"},
}

// alsoCalled are other names of the palette's colours. Black and white are grey: in their own
// they could not be seen on half of the papers.
var alsoCalled = map[string]string{
	"gray": "grey", "silver": "grey", "black": "grey", "white": "grey", "violet": "purple", "magenta": "pink",
	"rose": "pink", "amber": "yellow", "gold": "yellow", "cyan": "teal", "turquoise": "teal", "navy": "blue",
	"lime": "green", "crimson": "red", "scarlet": "red",
}

// colours returns the colour of each network: the one that its name has for a word, as "red",
// "red2" and "lan-red" have, or else the first one of the palette that no other network has.
func (l Layout) colours() []colour {
	colours, taken := make([]colour, len(l.Networks)), map[string]bool{}
	for i := range l.Networks {
		for _, word := range strings.FieldsFunc(strings.ToLower(l.Networks[i].Name),
			func(r rune) bool { return !unicode.IsLetter(r) }) {
			if name, ok := alsoCalled[word]; ok {
				word = name
			}
			if at := slices.IndexFunc(palette, func(c colour) bool { return c.name == word }); at >= 0 {
				colours[i] = palette[at]
				taken[word] = true
				break
			}
		}
	}
	for i := range colours {
		if colours[i].name != "" {
			continue
		}
		if len(taken) == len(palette) {
			clear(taken)
		}
		at := slices.IndexFunc(palette, func(c colour) bool { return !taken[c.name] })
		colours[i] = palette[at]
		taken[palette[at].name] = true
	}
	return colours
}

// variables returns the declarations of all colours, as value writes one.
func variables(value func(colour) string) string {
	var words []string
	for _, c := range slices.Concat([]colour{ink, dim, paper, box, edge}, palette) {
		words = append(words, "--lab-"+c.name+":"+value(c))
	}
	return strings.Join(words, ";")
}

// Style is the style sheet of drawings in a page. The colours follow the page's color-scheme; a
// page that knows better sets the variables of .lab-graph, --lab-ink and so on.
func Style() string {
	both := func(c colour) string { return "light-dark(" + c.light + "," + c.dark + ")" }
	return ".lab-graph{" + variables(both) + "}\n" + rules()
}

const fonts = `ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace`

// rules are of both schemes: they say which variable paints what.
func rules() string {
	var b strings.Builder
	b.WriteString(`.lab-graph{max-width:100%;height:auto}
.lab-graph text{font:13px ` + fonts + `;fill:var(--lab-ink);white-space:pre;unicode-bidi:isolate}
.lab-graph .name{font-weight:bold}
.lab-graph .alias{fill:var(--lab-dim)}
.lab-graph .paper{fill:var(--lab-paper)}
.lab-graph .host>rect{fill:var(--lab-box);stroke:var(--lab-edge)}
.lab-graph .net circle{stroke:var(--lab-paper)}
`)
	for _, c := range palette {
		fmt.Fprintf(&b, ".lab-graph .%s>rect,.lab-graph .%[1]s>circle{fill:var(--lab-%[1]s)}.lab-graph "+
			".%[1]s>path{stroke:var(--lab-%[1]s)}\n", c.name)
	}
	return b.String()
}
