package topology

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// readExperiments reads those sections of all files: claims first and probes next, since experiments
// name them whichever file they are in.
func readExperiments(c complaints, f files, l *layout) experiments {
	d := &experimentReader{complaints: c, layout: l, claimsLost: f.lost, experiments: experiments{probesLost: f.lost},
		probed: map[string]lab.Pos{}, rows: map[string]lab.Pos{}, parsed: map[string]*syntax.Step{}}
	f.each(c, "claims", d.decodeClaims)
	f.each(c, "probes", d.decodeProbes)
	f.each(c, "experiments", d.decodeExperiments)
	return d.experiments
}

// declare records e's name, or complains that another file declares it. Within a file Entries has
// seen to that.
func (d *experimentReader) declare(noun string, known map[string]lab.Pos, e yamlpos.Entry) bool {
	if at, ok := known[e.Key]; ok {
		d.Complain(e.Pos, "%s %s exists already, in %s:%d", noun, wording.Quote(e.Key), cmp.Or(at.File, d.File), at.Line)
		return false
	}
	known[e.Key] = d.Source.At(e.Pos)
	return true
}

// decodeClaims reads a file's sentences. What an experiment says for or against one counts by its
// name, so no two files may have the same.
func (d *experimentReader) decodeClaims(e yamlpos.Entry) {
	list, _ := d.Entries(e.Value, yamlpos.Scope{Inner: "claims"}, "from names to sentences")
	if n := len(d.claimed) + len(list); n > maxClaims {
		d.Complain(list[maxClaims-len(d.claimed)].Pos, "the file has %d claims, the limit is %d", n, maxClaims)
		return
	}
	if d.claimed == nil {
		d.claimed = map[string]lab.Pos{}
	}
	for _, c := range list {
		if !d.checkName(c.Pos, syntax.ClaimName, c.Key) || !d.declare("claim", d.claimed, c) {
			continue
		}
		if text, ok := d.Text(c.Value, "claim "+wording.Quote(c.Key)); ok {
			d.claims = append(d.claims, lab.Claim{Name: c.Key, Text: text, Pos: d.Source.At(c.Pos)})
		}
	}
}

// decodeExperiments reads a file's experiments, in the order in which they become rows.
func (d *experimentReader) decodeExperiments(e yamlpos.Entry) {
	list, ok := d.Entries(e.Value, yamlpos.Scope{Inner: "experiments"}, "from names to experiments")
	if !ok {
		return
	}
	list = d.Outdented(list, "experiment", experimentKeys...)
	if n := len(d.rows) + len(list); n > maxExperiments {
		d.Complain(list[maxExperiments-len(d.rows)].Pos, "the file has %d experiments, the limit is %d", n, maxExperiments)
		return
	}
	for _, e := range list {
		if d.Full() {
			return
		}
		if !d.declare("experiment", d.rows, e) {
			continue
		}
		x := d.newExperiment("experiment", e)
		d.decodeExperiment(x, e)
		d.experiments.experiments = append(d.experiments.experiments, x)
	}
}

// newExperiment returns an experiment of which only the name is known. It is kept even when nothing
// else of it can be read: conditions may name it.
func (d *experimentReader) newExperiment(noun string, e yamlpos.Entry) *experiment {
	d.checkName(e.Pos, syntax.ExperimentName, e.Key)
	x := &experiment{source: d.Source, scope: yamlpos.Scope{Inner: noun + " " + wording.Quote(e.Key)}}
	x.Name, x.Pos = e.Key, d.Source.At(e.Pos)
	return x
}

// decodeProbes reads the questions that conditions "on probe NAME" refer to. A probe is an
// experiment with one answer for the whole machine: it is asked in the first host alone, before
// all others, and has no axes, since a condition could not say which of its cells is meant.
func (d *experimentReader) decodeProbes(e yamlpos.Entry) {
	list, ok := d.Entries(e.Value, yamlpos.Scope{Inner: "probes"}, "from names to {doc, processes, steps}")
	if !ok {
		d.probesLost = true
		return
	}
	for _, e := range list {
		if !d.declare("probe", d.probed, e) {
			continue
		}
		x := d.newExperiment("probe", e)
		if len(d.order) > 0 {
			x.Hosts = []string{d.order[0].Name}
		}
		keys, ok := d.Fields(e.Value, x.scope, "doc", "processes", "steps")
		if ok {
			d.decodeBody(x, e, keys)
		}
		d.experiments.probes = append(d.experiments.probes, x)
	}
}

// decodeExperiment reads what experiments have and probes have not: a claim, and hosts to run in.
func (d *experimentReader) decodeExperiment(x *experiment, e yamlpos.Entry) {
	keys, ok := d.Fields(e.Value, x.scope, experimentKeys...)
	if !ok {
		return
	}
	if k, ok := keys["claim"]; ok {
		d.decodeClaimRef(x, k)
	}
	if k, ok := keys["when"]; ok {
		x.Claim.When, _ = d.Text(k.Value, x.scope.String()+", when")
		if _, ok := keys["claim"]; !ok {
			d.Complain(k.Pos, "%s: \"when\" needs \"claim\"", x.scope)
		}
	}
	if k, ok := keys["hosts"]; ok {
		d.decodeColumns(x, k.Value)
	}
	d.decodeNeeds(x, keys)
	d.decodeBody(x, e, keys)
}

// decodeBody reads what experiments and probes have alike: what they do. Its parts depend on each
// other in this order, whatever that in the file is: rules are about axes, which combinations run
// is a matter of rules, and steps are filled in for those that do.
func (d *experimentReader) decodeBody(x *experiment, e yamlpos.Entry, keys map[string]yamlpos.Entry) {
	before := d.Made
	if k, ok := keys["doc"]; ok {
		x.Doc = d.doc(k)
	}
	if k, ok := keys["processes"]; ok {
		d.decodeUsers(x, k.Value)
	}
	if k, ok := keys["axes"]; ok {
		d.decodeAxes(x, k.Value)
	}
	rules := d.Made
	skip, only := d.decodePrune(x, keys["skip"]), d.decodePrune(x, keys["only"])
	x.rulesUnsure = d.Made > rules
	d.combine(x, skip, only, e.Pos)
	rules = d.Made
	if k, ok := keys["want"]; ok {
		d.decodeWants(x, k)
	}
	x.rulesUnsure = x.rulesUnsure || d.Made > rules
	if !x.rulesUnsure {
		d.warnAlike(x)
	}
	k, ok := keys["steps"]
	if !ok {
		if d.Made == before {
			d.Complain(x.Pos, "key \"steps\" is missing in %s", x.scope)
		}
		return
	}
	x.used = map[string]bool{}
	d.decodeSteps(x, k.Value)
	for name, set := range x.wants {
		if !x.used[name] && !x.broken && !x.rulesUnsure {
			d.Complain(set.pos, "%s: no step has the answer ${%s}", x.scope, strings.TrimSuffix("want."+name, "."))
		}
	}
}

// decodeNeeds reads linux and needs: of which kernels the experiment is, and what these have to have.
func (d *experimentReader) decodeNeeds(x *experiment, keys map[string]yamlpos.Entry) {
	for _, key := range []string{"linux", "needs"} {
		k, ok := keys[key]
		if !ok {
			continue
		}
		for _, item := range yamlpos.List(k.Value) {
			if d.Full() {
				return
			}
			text, ok := d.Text(item, x.scope.String()+", "+key)
			if key == "linux" {
				text = "linux " + text
			}
			rule, mistakes := syntax.ParseCondition(text)
			switch {
			case !ok:
			case len(mistakes) > 0:
				d.Wrong(item, "%s, %s: %s", x.scope, key, mistakes[0].Msg)
			case key == "needs" && rule.Has == nil:
				d.Wrong(item, "%s, needs: versions of the kernel are written linux: \">= 6.1\"", x.scope)
			case rule.Has != nil && rule.Has.Kind == "probe" && !d.hasProbe(rule.Has.Name):
				d.Wrong(item, "%s, needs: %s", x.scope, noProbe(rule.Has.Name, d.probeNames()))
			default:
				rule.Line = yamlpos.PosOf(item).Line
				x.Needs = append(x.Needs, rule)
			}
		}
	}
}

// hasProbe reports whether the file has a probe of that name, or may have it: those of all files are read by now.
func (d *experimentReader) hasProbe(name string) bool {
	_, ok := d.probed[name]
	return ok || d.probesLost
}

// probeNames returns the names of the probes in the order of the file.
func (d *experimentReader) probeNames() []string {
	var names []string
	for _, p := range d.probes {
		names = append(names, p.Name)
	}
	return names
}

// noProbe says that no probe has that name, and which there are. A run would say that the kernel lacks it.
func noProbe(name string, probes []string) string {
	return "no probe " + wording.Quote(name) + wording.Hint(name, "probes", probes)
}

// decodeClaimRef reads a claim's name, or "not" and a claim's name. In a file without claims a name
// needs no sentence behind it: reports count by the name.
func (d *experimentReader) decodeClaimRef(x *experiment, e yamlpos.Entry) {
	name, ok := d.Text(e.Value, x.scope.String()+", claim")
	if !ok {
		return
	}
	if rest, ok := strings.CutPrefix(name, "not "); ok {
		name, x.Claim.Against = strings.TrimSpace(rest), true
	}
	if !d.checkName(yamlpos.PosOf(e.Value), syntax.ClaimName, name) {
		return
	}
	x.Claim.Name = name
	if _, ok := d.claimed[name]; !ok && d.claimed != nil && !d.claimsLost {
		d.Wrong(e.Value, "%s: no claim %s%s", x.scope, wording.Quote(name),
			wording.Hint(name, "claims", slices.Sorted(maps.Keys(d.claimed))))
	}
}

// decodeColumns reads the hosts that an experiment runs on. They are not nil from then on, even when
// none of them is known: nil are all hosts of the file.
func (d *experimentReader) decodeColumns(x *experiment, n *yaml.Node) {
	x.Hosts = []string{}
	items := yamlpos.List(n)
	if len(items) == 0 {
		d.Wrong(n, "%s: hosts is empty; leave the key out for every host", x.scope)
	}
	lines := map[string]int{}
	for _, item := range items {
		name, ok := d.Text(item, x.scope.String()+", hosts")
		if !ok || !d.checkHost(yamlpos.PosOf(item), x.scope, name) {
			continue
		}
		if line, ok := lines[name]; ok {
			d.Wrong(item, "%s: host %q is named twice, first on line %d", x.scope, name, line)
			continue
		}
		lines[name] = item.Line
		x.Hosts = append(x.Hosts, name)
	}
}

// decodeUsers reads processes, the users that they run as. A process that is not listed runs as
// root of its host and has all capabilities there, so that it may bind port 80 or change a link.
func (d *experimentReader) decodeUsers(x *experiment, n *yaml.Node) {
	list, _ := d.Entries(n, x.scope.In("key", "processes"), "from processes to {user: NUMBER}")
	for _, e := range list {
		before := d.Made
		p, ok := d.process(e.Pos, x.scope, e.Key)
		s := x.scope.In("process", e.Key)
		keys, _ := d.Fields(e.Value, s, "user", "capabilities")
		k, given := keys["user"]
		if !given && d.Made == before {
			d.Complain(e.Pos, "key \"user\" is missing in %s", s)
		}
		if !ok || !given {
			continue
		}
		user, ok := d.number(k.Value, s.String()+", user", 0, syntax.MaxUser)
		if !ok {
			continue
		}
		u := lab.ProcessUser{Process: p, User: uint32(user), Pos: d.Source.At(e.Pos)}
		if k, ok := keys["capabilities"]; ok {
			u.Capabilities = d.capabilities(s, k.Value)
		}
		x.Users = append(x.Users, u)
	}
}

// capabilities reads the names of capabilities(7) that a process keeps. A user other than 0 has none
// after setresuid(2), so an experiment about CAP_NET_BIND_SERVICE names it.
func (d *experimentReader) capabilities(s yamlpos.Scope, n *yaml.Node) []string {
	var names []string
	for _, item := range yamlpos.List(n) {
		name, ok := d.Text(item, s.String()+", capabilities")
		if ok && !slices.Contains(lab.Capabilities, name) {
			d.Wrong(item, "%s: unknown capability %s%s", s, wording.Quote(name), wording.Hint(name, "allowed", lab.Capabilities))
			continue
		}
		names = append(names, name)
	}
	return names
}
