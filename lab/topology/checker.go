package topology

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"labrun/lab/syntax"
	"labrun/lab/wording"
)

// checker is the last pass: it looks at what depends on the subject of an experiment, for
// every column, and hands on nothing. A lab could find all of it out, as EBADF or as an address
// that is not there; but only in the cells that run, and as an answer of the kernel's.
type checker struct {
	complaints
	*layout
	probes     []string // that answers may depend on
	probesLost bool     // any one may be there
	checks     int      // steps checked so far
}

// all returns the steps of every combination, each once. Those of one combination may be apart.
func (x *experiment) all() iter.Seq[placedStep] {
	return func(yield func(placedStep) bool) {
		for _, slot := range x.slots {
			for _, steps := range slot.variants {
				for _, s := range steps {
					if !yield(s) {
						return
					}
				}
			}
		}
	}
}

// spend counts work, and reports whether there was too much of it. A file of 4 MB may have ten
// thousand experiments in 4096 hosts, whose steps times columns no limit of its own bounds.
func (d *checker) spend(x *experiment, n int) bool {
	before := d.checks
	d.checks += n
	if before <= maxChecks && d.checks > maxChecks {
		d.Complain(x.Pos, "%s: steps times hosts are too many to check by now, the limit is %d; give experiments fewer hosts",
			x.scope, maxChecks)
	}
	return d.checks > maxChecks
}

// nameProblem says what is wrong with at.name in the columns, the first of
// them as an example; at "" is the subject. A host that is named is the same one in every column.
func (d *checker) nameProblem(columns []*host, at, name string, mapped bool) string {
	if at != "" && at != "peer" && d.hosts[at] == nil {
		return fmt.Sprintf("no host %s%s", wording.Quote(at), d.hostHint(at, name))
	}
	return d.problemIn(columns, at, func(h *host) bool { return h.names(name, mapped) },
		func(h *host, role string) string { return d.aliasProblem(h, role, name, mapped) })
}

// problemIn says what is wrong with the host of that name, which may stand for a host of each
// column: with the first that is not fine, as an example, and for how many others that is so. A
// complaint for each of a hundred hosts would be a hundred about one word.
func (d *checker) problemIn(columns []*host, name string, fine func(*host) bool, say func(h *host,
	role string) string) string {
	if name != "" && name != "peer" {
		if h := d.hosts[name]; h != nil && !fine(h) {
			return say(h, "")
		}
		return ""
	}
	first, more := "", 0
	for _, subject := range columns {
		h, role := subject, ""
		if name != "" {
			h = subject.peer
		}
		switch {
		case h == nil && d.peersUnsure, h != nil && fine(h):
		case first != "":
			more++
		case h == nil:
			first = fmt.Sprintf("host %q has no peer, no other host shares a network with it", subject.Name)
		default:
			if name != "" {
				role = ", the peer of " + wording.Quote(subject.Name) + ","
			}
			first = say(h, role)
		}
	}
	if more > 0 {
		first += fmt.Sprintf(" (and so for %s)", wording.Count(more, "other host"))
	}
	return first
}

// hostHint ends a complaint about a host that does not exist, of an address host.name. It may be the
// two words in the wrong order, or the name of a machine outside: www.example.org.
func (d *checker) hostHint(found, name string) string {
	if d.hosts[name] != nil {
		return fmt.Sprintf(", did you mean %q?", name+"."+found)
	}
	ending := wording.Hint(found, "hosts", d.hostNames())
	hasAlias := func(h *host) bool { _, ok := h.aliases[name]; return ok }
	if !slices.ContainsFunc(d.order, hasAlias) {
		ending += "; a lab knows the names of its file alone"
	}
	return ending
}

// aliasHint ends a complaint about an address that a host does not have: it is called otherwise here,
// is the name of a host or of a NIC, or is misspelt.
func (d *checker) aliasHint(h *host, name string) string {
	meant := ""
	if words := syntax.WellKnown(name); words != "" {
		meant = words
	} else if other := d.hosts[name]; other != nil && len(other.Aliases()) > 0 {
		meant = name + "." + other.Aliases()[0]
	}
	for _, n := range h.nics {
		if n.Name != name || meant != "" {
			continue
		}
		if n.alias == "" {
			return fmt.Sprintf("; that is a NIC, name its address: %s: {network: %s, as: x}", name, n.Network)
		}
		meant = n.alias
	}
	if meant != "" {
		return fmt.Sprintf(", did you mean %q? names: %s", meant, strings.Join(h.Aliases(), ", "))
	}
	return wording.Hint(name, "names", h.Aliases())
}

// aliasProblem says why a host does not have an address, "" when it does. The role says how the host
// comes into it when a step does not name it: as the peer of a column's subject.
func (d *checker) aliasProblem(h *host, role, name string, mapped bool) string {
	if h.names(name, mapped) {
		return ""
	}
	if a, ok := h.aliases[name]; ok {
		return fmt.Sprintf("mapped() takes an IPv4 address, %s of host %q%s is %s", name, h.Name, role, a.addr)
	}
	return fmt.Sprintf("host %q%s has no address named %s%s", h.Name, role, wording.Quote(name), d.aliasHint(h, name))
}
