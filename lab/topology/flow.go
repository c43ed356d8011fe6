package topology

import (
	"fmt"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/world"
)

// flow follows the steps of an experiment in one class of columns.
type flow struct {
	*checker
	x     *experiment
	world *world.World
	mine  []lab.Pos        // places complained about
	told  map[lab.Pos]bool // places that another class complained about
}

func (d *checker) checkFlows(x *experiment, classes []class) {
	unused := map[lab.Process]int{} // in how many classes of how many combinations
	told := map[lab.Pos]bool{}
	flows := x.flows()
	var steps []placedStep // of one at a time: all of an experiment with many axes would be fifty megabytes
	for _, c := range classes {
		for _, combo := range flows {
			f := &flow{checker: d, x: x, world: world.New(c.canonical), told: told}
			steps = x.appendSteps(steps[:0], combo)
			for _, s := range steps {
				copied := f.world.Copied()
				if d.Full() || d.spend(x, 1) || !f.step(s) || d.spend(x, f.world.Copied()-copied) {
					return
				}
			}
			f.checkUsers(unused)
			for _, pos := range f.mine {
				told[pos] = true
			}
		}
	}
	d.warnOfChoices(x)
	for _, u := range x.Users {
		if n := unused[u.Process]; n > 0 && n == len(classes)*len(flows) {
			d.Complain(u.Pos, "%s: process %q makes no call", x.scope, u.Process)
		}
	}
}

// warnOfChoices warns of a port that a bind leaves to the kernel by a name which no other step
// has: a misspelt $p would bind another port than the one that was meant, without a word.
func (d *checker) warnOfChoices(x *experiment) {
	steps := map[string]map[string]bool{} // the texts that have a name
	at := map[string]lab.Pos{}
	for s := range x.all() {
		for _, v := range variableSyntax().FindAllString(s.Text, -1) {
			if steps[v] == nil {
				steps[v] = map[string]bool{}
			}
			steps[v][s.Text] = true
			if s.Call.Name == "bind" {
				at[v] = d.within(s, strings.Index(s.Text, v))
			}
		}
	}
	for v, pos := range at {
		if len(steps[v]) == 1 {
			d.Warn(pos, "%s: no other step has %s, the port that the kernel chooses here; a port that does not matter is 0",
				x.scope, v)
		}
	}
}

// flows returns the combinations, of those with like steps the first: most differ in
// addresses and options alone, which this check does not look at.
func (x *experiment) flows() []lab.Combo {
	if len(x.Combos) == 1 {
		return x.Combos
	}
	kinds := map[string]byte{}
	of := make([][]byte, len(x.slots)) // of every variant of a slot
	for i, slot := range x.slots {
		for _, steps := range slot.variants {
			var b strings.Builder
			for _, s := range steps {
				w := s.inWorld()
				b.WriteString(w.Kind())
			}
			if _, ok := kinds[b.String()]; !ok && len(kinds) < 255 {
				kinds[b.String()] = byte(len(kinds))
			}
			k, ok := kinds[b.String()]
			if !ok {
				k = 255 // too many kinds to tell apart: one stands for the rest
			}
			of[i] = append(of[i], k)
		}
	}
	seen := map[string]bool{}
	shape := lab.ShapeOf(x.Axes)
	key := make([]byte, len(x.slots))
	var all []lab.Combo
	values := make([]int, len(x.Axes))
	for _, c := range x.Combos {
		shape.ValuesInto(values, c)
		for i, slot := range x.slots {
			key[i] = of[i][slot.VariantOf.At(shape.Index(slot.Axes, values))]
		}
		if seen[string(key)] {
			continue
		}
		seen[string(key)] = true
		all = append(all, c)
	}
	return all
}

// appendSteps appends the steps of a combination.
func (x *experiment) appendSteps(steps []placedStep, c lab.Combo) []placedStep {
	shape := lab.ShapeOf(x.Axes)
	values := shape.Values(c)
	for i := range x.slots {
		steps = append(steps, x.slots[i].at(shape, values)...)
	}
	return steps
}

// inWorld returns the step as a world follows it.
func (s placedStep) inWorld() world.Step {
	w := world.Step{
		Process: s.process, Line: s.node.Line, Call: s.Call, Want: s.Want, Repeated: s.repeated, Program: s.step.Run != nil,
		Mistaken: len(s.Mistakes) > 0, Known: s.Known, Makes: s.Makes, Foreign: s.Foreign,
		Pending: s.step.Pending, Held: s.step.Held,
	}
	if w.Program {
		w.Background, w.FDs = s.step.Run.Background, s.step.Run.FDs
	}
	if w.Mistaken {
		w.Mentions = variableSyntax().FindAllString(s.Text, -1)
	}
	return w
}

// step checks a step and carries it out. It returns false when the rest of the experiment cannot
// be checked.
func (f *flow) step(s placedStep) bool {
	problems := f.world.Apply(s.inWorld())
	if f.world.Len() > maxProcesses {
		f.complain(s, s.CallAt, fmt.Sprintf("more than %d processes, the limit", maxProcesses))
		return false
	}
	for _, p := range problems {
		switch p.Arg {
		case world.OfStep:
			f.complain(s, 0, p.Text)
		case world.OfCall:
			f.complain(s, s.CallAt, p.Text)
		default:
			f.complain(s, s.ArgsAt[p.Arg], p.Text)
		}
	}
	return true
}

func (f *flow) complain(s placedStep, at int, text string) {
	pos := f.within(s, at)
	if f.told[pos] || slices.Contains(f.mine, pos) {
		return
	}
	scope := f.x.scope
	if s.with != "" {
		scope = scope.With(s.with)
	}
	f.checker.Complain(pos, "%s: %s", scope, text)
	f.mine = append(f.mine, pos)
}

// checkUsers checks the processes that run as somebody else, and counts those
// that make no call in this class.
func (f *flow) checkUsers(unused map[lab.Process]int) {
	given := map[lab.Process]int{}
	for _, u := range f.x.Users {
		key := f.world.Same(u.Process)
		p, ran := f.world.Process(u.Process), f.world.Ran(u.Process)
		switch line := given[key]; {
		case line > 0:
			f.checker.Complain(u.Pos, "%s: process %q is the same as the one on line %d", f.x.scope, u.Process, line)
		case p == nil && !f.world.InDoubt() && !ran:
			unused[u.Process]++
		case len(u.Capabilities) > 0 && (ran || p != nil && p.Program):
			f.checker.Complain(u.Pos, "%s: %q is a program, it keeps no capabilities", f.x.scope, u.Process)
		case p != nil && p.Forked:
			f.checker.Complain(u.Pos, "%s: process %q is forked on line %d, and a child runs as its parent", f.x.scope,
				u.Process,
				p.First)
		}
		given[key] = u.Pos.Line
	}
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
