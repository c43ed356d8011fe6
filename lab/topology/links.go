package topology

import (
	"fmt"
	"iter"
	"slices"
	"strconv"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
)

// linkRef is a link that a step names. Most are right only when the host has it; but what a call that
// takes a link answers without it, ENODEV say, may be the question.
type linkRef struct {
	name  string
	at    int  // where in the step
	asked bool // the kernel is asked whether it exists: no complaint where it may refuse
}

// checkLinks complains about links that the host of a step does not have: a misspelt eth0 would be
// ENODEV in the lab, and look like an answer. The host may have any
// when a program has run, and the kernel makes some itself. A step that expects another
// answer than ok asks about a link that does not exist.
func (d *checker) checkLinks(x *experiment, columns []*host) {
	made := slices.Clone(kernelLinks)
	for s := range x.all() {
		if s.Call.Name == "link_add" && len(s.Mistakes) == 0 {
			made = append(made, string(s.Call.Args[0].(lab.Name)))
		}
	}
	withPeer := slices.DeleteFunc(slices.Clone(columns), func(h *host) bool { return h.peer == nil })
	type ref struct{ host, link string }
	known := map[ref]string{}
	for s := range x.beforePrograms() {
		on := columns
		if s.process.Host == "peer" {
			on = withPeer
		}
		for _, l := range s.links() {
			r := ref{s.process.Host, l.name}
			if slices.Contains(made, l.name) || l.asked && !succeeds(s.Want) {
				continue
			}
			problem, ok := known[r]
			if !ok && !d.spend(x, len(on)) {
				problem = d.problemIn(on, r.host,
					func(h *host) bool { return h.unsure || h.hasLink(l.name) },
					func(h *host, role string) string {
						return fmt.Sprintf("host %q%s has no NIC %s%s", h.Name, role, wording.Quote(l.name), h.linkHint(l.name))
					})
				known[r] = problem
			}
			if problem != "" {
				d.Complain(d.within(s, l.at), "%s: %s", x.scope, problem)
			}
		}
	}
}

// beforePrograms returns the steps of every combination, each once, without those that come
// after a program in some combination.
func (x *experiment) beforePrograms() iter.Seq[placedStep] {
	return func(yield func(placedStep) bool) {
		for _, slot := range x.slots {
			programs := false
			for _, steps := range slot.variants {
				for _, s := range steps {
					if s.step.Run != nil {
						programs = true
						break
					}
					if len(s.Mistakes) == 0 && !yield(s) {
						return
					}
				}
			}
			if programs {
				return
			}
		}
	}
}

// kernelLinks are the links that modules of tunnels make in every new namespace, unless
// net.core.fb_tunnels_only_for_init_net says otherwise.
var kernelLinks = []string{
	"tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0",
}

// links returns the links that a step names, as they are checked: all but a new one's, and those that
// no NIC can have, which the kernel is asked about.
func (s placedStep) links() (all []linkRef) {
	sig, ok := lab.SignatureOf(s.Call.Name)
	if !ok || s.Call.Name == "link_add" {
		return nil
	}
	var option lab.Option
	for i, a := range s.Call.Args {
		at := s.ArgsAt[i]
		switch kind := sig.Kind(i); {
		case kind == lab.KindNIC:
			all = append(all, linkRef{string(a.(lab.Name)), at, true})
		case lab.SpecWords[kind] != nil:
			for _, t := range a.(lab.Spec).Terms() {
				if t.Takes == lab.TakesNIC {
					all = append(all, linkRef{t.Value, at, true})
				}
			}
		case kind == lab.KindSysctl:
			all = append(all, linkRef{lab.Sysctl{Name: string(a.(lab.Name))}.Link(), at, true})
		case kind == lab.KindOption:
			option, _ = lab.OptionOf(a.String())
		default:
			for _, a := range append(lab.ControlArgs(a), a) {
				all = append(all, linkRef{linkIn(a, option), at, kind == lab.KindValue})
			}
		}
	}
	for i, w := range s.Want {
		parts := w.Answer.Parts()
		for _, a := range append(lab.ControlArgs(parts...), parts...) {
			all = append(all, linkRef{linkIn(a, option), s.WantsAt[i], false})
		}
	}
	return slices.DeleteFunc(all, func(l linkRef) bool { return l.name == "" || syntax.NicName.Check(l.name) != "" })
}

// linkIn returns the link that an address, or the value of an option, names. A zone that is a number
// is an index of a link, which no file can know.
func linkIn(a lab.Arg, option lab.Option) string {
	switch a := a.(type) {
	case lab.Addr:
		if _, err := strconv.ParseUint(a.IP.Zone(), 10, 32); err != nil {
			return a.IP.Zone()
		}
	case lab.Membership:
		return a.NIC
	case lab.PacketAddr:
		return a.NIC
	case lab.Name: // of pktinfo()
		return string(a)
	case lab.Text:
		if option.Value == lab.ValueDevice || option.Value == lab.ValueIndex {
			return string(a)
		}
	}
	return ""
}

// succeeds reports whether success is all that is expected, on every kernel.
func succeeds(w lab.Want) bool {
	return !slices.ContainsFunc(w, func(r lab.WantRule) bool { return r.Answer.Outcome != lab.OK })
}
