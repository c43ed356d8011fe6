package topology

import (
	"slices"

	"labrun/lab"
)

// check is the last pass. It comes when all experiments are read, since what a step names may be made
// by another one, and looks at probes first: an answer may depend on one that stands before it.
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

// checkExperiment checks all that an experiment says. The columns that it runs in are hosts, and a
// name in a step may mean another address in each; but hosts alike for its steps are checked as one.
func (d *checker) checkExperiment(x *experiment) {
	d.Source = x.source
	d.checkAxesPlaced(x)
	d.warnIdleRules(x)
	d.checkClaimSays(x)
	if d.hosts == nil || len(x.slots) == 0 {
		return
	}
	columns := d.order
	if x.Hosts != nil {
		columns = nil
		for _, name := range x.Hosts {
			columns = append(columns, d.hosts[name])
		}
	}
	d.checkNames(x, columns)
	// What a step names can be checked by itself. Which sockets and links there are by then cannot, when
	// steps before it are missing.
	if x.broken || x.axesUnsure {
		return
	}
	d.checkLinks(x, columns)
	classes := d.classes(x, columns)
	d.checkFlows(x, classes)
}

// checkNames complains about aliases that a host does not have, and about a
// peer that a subject does not have. What is known of a name is kept: a thousand combinations name
// the same three addresses, in up to 4096 columns.
func (d *checker) checkNames(x *experiment, columns []*host) {
	type ref struct {
		host, name string
		mapped     bool
	}
	known := map[ref]string{}
	// Of any, lo and their like every host has its own.
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
	checkSpec := func(s placedStep, at int, spec lab.Spec) {
		for _, t := range spec.Terms() {
			if a := t.Addr(); a.Name != "" {
				check(s, at, a)
			}
			if host, _, ok := t.NIC(); ok && host != "" && host != "subject" {
				check(s, at, lab.Addr{Host: host})
			}
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
			for to := range lab.AddrsIn(a) {
				if to.Name != "" {
					check(s, s.ArgsAt[i], to)
					_, whole := a.(lab.Addr)
					d.warnOfSelf(x, s, s.ArgsAt[i], to, whole && s.Call.Dials())
				}
			}
			if spec, ok := a.(lab.Spec); ok {
				checkSpec(s, s.ArgsAt[i], spec)
			}
			if name, ok := a.(lab.Name); ok && s.Call.Name == "sysctl" {
				d.warnOfSysctl(d.within(s, s.ArgsAt[i]), x.scope, string(name))
			}
		}
		for i, w := range s.Want {
			for a := range lab.AddrsIn(w.Answer.Parts()...) {
				if a.Name != "" {
					check(s, s.WantsAt[i], a)
					d.warnOfSelf(x, s, s.WantsAt[i], a, s.Call.Name == "getpeername")
				}
			}
			for _, part := range w.Answer.Parts() {
				if spec, ok := part.(lab.Spec); ok {
					checkSpec(s, s.WantsAt[i], spec)
				}
			}
			if f := w.Has; f != nil && f.Kind == "sysctl" {
				d.warnOfSysctl(d.within(s, s.WantsAt[i]), x.scope, f.Name)
			}
			if f := w.Has; f != nil && f.Kind == "probe" && !d.probesLost && !slices.Contains(d.probes, f.Name) {
				d.Complain(d.within(s, s.WantsAt[i]), "%s: %s", x.scope, noProbe(f.Name, d.probes))
			}
		}
	}
}

// checkClaimSays complains about an experiment with a claim whose last step
// expects nothing: the last step is the one that puts the claim to the test. Steps with mistakes may
// have no answer at all.
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
			d.Wrong(last.node,
				"%s: the last step of an experiment with a claim must expect an answer, or a pass would say nothing", x.scope)
			return
		}
	}
}
