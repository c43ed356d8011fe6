package graph

import (
	"fmt"
	"strings"
)

// DOT writes the layout in the language of Graphviz.
func (l Layout) DOT() string {
	var b strings.Builder
	fmt.Fprintf(&b, "graph %s {\n", dotText(l.Name))
	b.WriteString("  graph [rankdir=LR, ranksep=1]\n  node [fontname=\"monospace\", fontsize=11]\n")
	cables := l.cables()
	for i := range l.Networks {
		n := &l.Networks[i]
		if _, ok := cables[i]; ok {
			continue
		}
		fmt.Fprintf(&b, "  n%d [shape=box, style=\"filled,rounded\", fillcolor=lightgrey, label=%s]\n", i,
			dotText(strings.TrimSpace(n.Name+"\n"+subnets(n))))
	}
	for h := range l.Hosts {
		fields := []string{recordText(strings.Join(append([]string{l.Hosts[h].Name}, l.Hosts[h].Settings()...), "\n"))}
		for i := range l.Hosts[h].NICs {
			n := &l.Hosts[h].NICs[i]
			fields = append(fields, fmt.Sprintf("<n%d>%s", i,
				recordText(strings.Join(append([]string{n.Name}, addresses(n)...), "\n"))))
		}
		fmt.Fprintf(&b, "  h%d [shape=record, label=\"%s\"]\n", h, strings.Join(fields, "|"))
	}
	for h := range l.Hosts {
		for i := range l.Hosts[h].NICs {
			at := l.network(&l.Hosts[h].NICs[i])
			switch c, ok := cables[at]; {
			case at < 0:
			case !ok:
				fmt.Fprintf(&b, "  n%d -- h%d:n%d\n", at, h, i)
			case c[0] == end{h, i}:
				n := &l.Networks[at]
				fmt.Fprintf(&b, "  h%d:n%d -- h%d:n%d [label=%s]\n", h, i, c[1].host, c[1].nic,
					dotText(n.Name+"\n"+subnets(n)))
			}
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// dotText quotes a string: within quotes only the quote and the backslash mean
// something.
func dotText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// recordText escapes a field of a record's label, where braces, bars and angles
// mean something as well. Lines are set to the left.
func recordText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "{", `\{`, "}", `\}`, "|", `\|`, "<", `\<`, ">", `\>`, " ", `\ `,
		"\n", `\l`).Replace(s) + `\l`
}
