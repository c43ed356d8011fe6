package plan

import (
	"fmt"
	"slices"
	"strings"

	"labrun/lab"
)

// Script returns the plan as a script for sh(1) that builds the lab with named
// namespaces, and takes it down again when its argument is "down".
func (p Plan) Script() string {
	var b strings.Builder
	fmt.Fprintf(&b, `#!/bin/sh
# The lab %+q as ip(8) commands: the namespace of that name is its fabric,
# and each host is one whose name has a dot and the host's name after it.
# It needs root. "sh -s down" instead of "sh" removes the lab again.
if [ "${1-}" = down ]; then
`, p.Name)
	for _, o := range p.Ops {
		if o, ok := o.(AddNamespace); ok {
			fmt.Fprintf(&b, "\t%s\n", lab.Command("ip", "netns", "del", o.NS))
		}
	}
	b.WriteString("\texit\nfi\nset -eu\n")
	if slices.ContainsFunc(p.Ops, func(o Op) bool { _, ok := o.(Stock); return ok }) {
		b.WriteString(stockFunctions())
	}
	for _, o := range p.Ops {
		if _, ok := o.(AddNamespace); ok {
			b.WriteString("\n")
		}
		fmt.Fprintln(&b, o)
	}
	return b.String()
}
