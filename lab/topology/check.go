package topology

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// checker is the last pass: it looks at what depends on the subject of an experiment, for
// every column, and hands on nothing.
type checker struct {
	complaints
	*layout
	probes     []string // that answers may depend on
	probesLost bool     // any one may be there
	checks     int      // steps checked so far
}

func check(c complaints, l *layout, all experiments) {
	d := &checker{complaints: c, layout: l, probesLost: all.probesLost}
	for _, x := range all.probes {
		d.checkExperiment(x)
		d.probes = append(d.probes, x.Name) // for those behind it
	}
	for _, x := range all.experiments {
		d.checkExperiment(x)
	}
}

// checkExperiment checks all that an experiment says.
func (d *checker) checkExperiment(x *experiment) {
	d.Source = x.source
	d.checkAxesPlaced(x)
	d.warnIdleRules(x)
	d.checkClaimSays(x)
	if d.hostsLost || len(x.slots) == 0 {
		return
	}
	columns := d.order
	if len(x.Hosts) > 0 || x.unsure {
		columns = nil
		for _, name := range x.Hosts {
			columns = append(columns, d.hosts[name])
		}
	}
	d.checkNames(x, columns)
	if x.broken || x.axesUnsure {
		return // steps are missing
	}
	d.checkLinks(x, columns)
	classes := d.classes(x, columns)
	d.checkFlows(x, classes)
}

// all returns the steps of every combination, each once.
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

// spend counts work, and reports whether there was too much of it.
func (d *checker) spend(x *experiment, n int) bool {
	before := d.checks
	d.checks += n
	if before <= maxChecks && d.checks > maxChecks {
		d.Complain(x.Pos, "%s: steps times hosts are too many to check by now, the limit is %d; give experiments fewer hosts", x.scope, maxChecks)
	}
	return d.checks > maxChecks
}

// checkNames complains about aliases that a host does not have, and about a
// peer that a subject does not have.
func (d *checker) checkNames(x *experiment, columns []*host) {
	type ref struct {
		host, name string
		mapped     bool
	}
	known := map[ref]string{}
	check := func(s placedStep, at int, a lab.Addr) {
		if lab.WellKnown(a.Name) {
			return
		}
		r := ref{a.Host, a.Name, a.Mapped}
		switch a.Host {
		case "": // a plain alias is one of the caller's own host
			r.host = s.process.Host
		case "subject":
			r.host = ""
		}
		problem, ok := known[r]
		if !ok && !d.spend(x, len(columns)) {
			problem = d.nameProblem(columns, r.host, r.name, r.mapped)
			known[r] = problem
		}
		if problem != "" {
			d.Complain(d.within(s, at), "%s: %s", x.scope, problem)
		}
	}
	for s := range x.all() {
		if d.Full() {
			return
		}
		if s.process.Host == "peer" {
			check(s, s.CallAt, lab.Addr{Host: "peer"})
		}
		for i, a := range s.Call.Args {
			if a, ok := a.(lab.Addr); ok && a.Name != "" {
				check(s, s.ArgsAt[i], a)
				d.warnOfSelf(x, s, s.ArgsAt[i], a, s.Call.Name == "connect" || s.Call.Name == "sendto")
			}
			if name, ok := a.(lab.Name); ok && s.Call.Name == "sysctl" {
				d.warnOfSysctl(d.within(s, s.ArgsAt[i]), x.scope, string(name))
			}
		}
		for i, w := range s.Want {
			if a, ok := w.Answer.Value.(lab.Addr); ok && a.Name != "" {
				check(s, s.WantsAt[i], a)
				d.warnOfSelf(x, s, s.WantsAt[i], a, s.Call.Name == "getpeername")
			}
			if f := w.Has; f != nil && f.Kind == "sysctl" {
				d.warnOfSysctl(d.within(s, s.WantsAt[i]), x.scope, f.Name)
			}
			if f := w.Has; f != nil && f.Kind == "probe" && !d.probesLost && !slices.Contains(d.probes, f.Name) {
				d.Complain(d.within(s, s.WantsAt[i]), "%s: no probe %s%s", x.scope, wording.Quote(f.Name), wording.Hint(f.Name, "probes", d.probes))
			}
		}
	}
}

// checkClaimSays complains about an experiment with a claim whose last step
// expects nothing. Steps with mistakes may have no answer at all.
func (d *checker) checkClaimSays(x *experiment) {
	if x.Claim.Name == "" || len(x.slots) == 0 {
		return
	}
	for _, steps := range x.slots[len(x.slots)-1].variants {
		if len(steps) == 0 {
			continue
		}
		last := steps[len(steps)-1]
		if len(last.Want) > 0 && last.Want[0].Answer.Outcome == lab.Unasked {
			d.Complain(yamlpos.PosOf(last.node), "%s: the last step of an experiment with a claim must expect an answer, or a pass would say nothing", x.scope)
			return
		}
	}
}

// nameProblem says what is wrong with at.name in the columns, the first of
// them as an example; at "" is the subject.
func (d *checker) nameProblem(columns []*host, at, name string, mapped bool) string {
	if at != "" && at != "peer" && d.hosts[at] == nil {
		return fmt.Sprintf("no host %s%s", wording.Quote(at), d.hostHint(at, name))
	}
	return d.problemIn(columns, at, func(h *host) bool { return h.names(name, mapped) },
		func(h *host, role string) string { return d.aliasProblem(h, role, name, mapped) })
}

// problemIn says what is wrong with the host of that name, which may stand for a host of each
// column: with the first that is not fine, as an example.
func (d *checker) problemIn(columns []*host, name string, fine func(*host) bool, say func(h *host, role string) string) string {
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

// names reports whether name stands for an address of the host, IPv4 if it is
// to be mapped, or may do so once its mistakes are gone.
func (h *host) names(name string, mapped bool) bool {
	a, ok := h.aliases[name]
	return name == "" || h.unsure || ok && !(mapped && a.addr.Is6())
}

// hostHint ends a complaint about a host that there is not, of an address host.name.
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

// aliasHint ends a complaint about an address that a host does not have.
func (d *checker) aliasHint(h *host, name string) string {
	meant := ""
	if words := syntax.WellKnown[name]; words != "" {
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

func (d *checker) aliasProblem(h *host, role, name string, mapped bool) string {
	if h.names(name, mapped) {
		return ""
	}
	if a, ok := h.aliases[name]; ok {
		return fmt.Sprintf("mapped() takes an IPv4 address, %s of host %q%s is %s", name, h.Name, role, a.addr)
	}
	return fmt.Sprintf("host %q%s has no address named %s%s", h.Name, role, wording.Quote(name), d.aliasHint(h, name))
}

// class is columns whose hosts stand in the same relation to the hosts that
// the steps name, so that a check of one is a check of all.
type class struct {
	subject string // its name when the steps name it, else ""
	peer    string // the same for the peer
}

func (d *checker) classes(x *experiment, columns []*host) []class {
	named := map[string]bool{}
	for s := range x.all() {
		named[s.process.Host] = true
	}
	for _, u := range x.Users {
		named[u.Process.Host] = true
	}
	delete(named, "")
	delete(named, "peer")
	var list []class
	seen := map[class]bool{}
	for _, h := range columns {
		c := class{peer: "peer"}
		if named[h.Name] {
			c.subject = h.Name
		}
		if h.peer != nil && named[h.peer.Name] {
			c.peer = h.peer.Name
		}
		if !seen[c] {
			seen[c] = true
			list = append(list, c)
		}
	}
	return list
}

// canonical turns the names that a process has in a class into one.
func (c class) canonical(p lab.Process) lab.Process {
	switch {
	case p.Host == "peer":
		p.Host = c.peer
	case p.Host != "" && p.Host == c.subject:
		p.Host = ""
	}
	return p
}

var variableSyntax = once.Regexp(`@?\$[A-Za-z0-9_]+`)
