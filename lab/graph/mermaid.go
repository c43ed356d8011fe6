package graph

import (
	"fmt"
	"strings"
)

// Mermaid writes the layout as a flowchart of Mermaid, which Markdown pages show.
func (l Layout) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	cables := l.cables()
	for i := range l.Networks {
		n := &l.Networks[i]
		if _, ok := cables[i]; ok {
			continue
		}
		fmt.Fprintf(&b, "  n%d([%s])\n", i, mermaidText(n.Name, subnets(n)))
	}
	for h := range l.Hosts {
		fmt.Fprintf(&b, "  subgraph h%d[%s]\n", h,
			mermaidText(append([]string{l.Hosts[h].Name}, l.Hosts[h].Settings()...)...))
		for i := range l.Hosts[h].NICs {
			n := &l.Hosts[h].NICs[i]
			fmt.Fprintf(&b, "    h%dn%d[%s]\n", h, i, mermaidText(append([]string{n.Name}, addresses(n)...)...))
		}
		b.WriteString("  end\n")
	}
	for h := range l.Hosts {
		for i := range l.Hosts[h].NICs {
			at := l.network(&l.Hosts[h].NICs[i])
			switch c, ok := cables[at]; {
			case at < 0:
			case !ok:
				fmt.Fprintf(&b, "  n%d --- h%dn%d\n", at, h, i)
			case c[0] == end{h, i}:
				n := &l.Networks[at]
				fmt.Fprintf(&b, "  h%dn%d ---|%s| h%dn%d\n", h, i, mermaidText(n.Name, subnets(n)), c[1].host, c[1].nic)
			}
		}
	}
	return b.String()
}

// mermaidText quotes lines of a label. Mermaid has no escapes but its own entities,
// "#" and a number, and takes what is left for HTML.
func mermaidText(lines ...string) string {
	var b strings.Builder
	for i, s := range lines {
		if i > 0 && s != "" {
			b.WriteString("<br/>")
		}
		for _, r := range s {
			if strings.ContainsRune("\"#&<>`\\;", r) {
				fmt.Fprintf(&b, "#%d;", r)
			} else {
				b.WriteRune(r)
			}
		}
	}
	return `"` + b.String() + `"`
}
