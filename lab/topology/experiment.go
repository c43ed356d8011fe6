package topology

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// experiment is an experiment or a probe of the file while it is read. Its axes, rules and slots
// are those of the lab.Experiment with their places, and with what is written there before it is
// filled in. Three marks say which of them had mistakes: an unknown axis or rule in a step is no
// mistake of the step then, and steps that lack others are not followed.
type experiment struct {
	lab.Experiment
	source *yamlpos.Source
	scope  yamlpos.Scope
	axes   []axis
	wants  map[string]*wantSet // by name, "" is ${want}
	slots  []slot
	used   map[string]bool // the named answers that steps have

	axesUnsure  bool // an axis had a mistake
	rulesUnsure bool // so did a rule
	broken      bool // so did a slot: it may lack steps
}

// complete reports whether all of the experiment could be read. Else what seems to be missing, or
// without any use, may be where the mistake is.
func (x *experiment) complete() bool {
	return !x.axesUnsure && !x.rulesUnsure && !x.broken && len(x.slots) > 0
}

// placedStep is a step as it was parsed, and where it stands. The same Step, with the same offsets,
// stands in all combinations and repetitions that fill in the same text, and in each has another
// node: complaints about it are by the node.
type placedStep struct {
	*syntax.Step
	node    *yaml.Node
	process lab.Process
	with    string // the combination that it is of, for messages
	step    lab.Step

	repeated bool // it stands in repeat
}

// experiments are what the third pass hands on.
type experiments struct {
	claims      []lab.Claim
	probes      []*experiment
	experiments []*experiment
	probesLost  bool // any probe may be there
}

// experimentReader is the third pass: the sections claims, probes and experiments to slots of
// steps, each with all that it may be. Half a million combinations have a few hundred different
// steps, so a step is read once for each combination of the axes that it depends on, and its text
// is parsed once wherever it stands.
type experimentReader struct {
	complaints
	*layout
	experiments
	claimed    map[string]lab.Pos // nil when no file has such a section
	probed     map[string]lab.Pos
	rows       map[string]lab.Pos      // the experiments
	parsed     map[string]*syntax.Step // by their text
	claimsLost bool                    // any claim may be there
}

// checkHost complains when there is no host of that name, and reports whether there is one. Where the
// hosts could not be read it says nothing.
func (d *experimentReader) checkHost(pos lab.Pos, s yamlpos.Scope, name string) bool {
	if d.hosts != nil && d.hosts[name] == nil {
		d.Complain(pos, "%s: no host %s%s", s, wording.Quote(name), wording.Hint(name, "hosts", d.hostNames()))
	}
	return d.hosts[name] != nil
}

// process reads the name of a process: web, peer/web, alpha/web. A name of its own host needs no
// declaration: processes are there from their first call on.
func (d *experimentReader) process(pos lab.Pos, s yamlpos.Scope, text string) (lab.Process, bool) {
	host, name, slash := strings.Cut(text, "/")
	if !slash {
		host, name = "", text
	}
	if slash && host == "subject" {
		host, slash = "", false
	}
	before, after, dotted := strings.Cut(text, ".")
	problem := ""
	switch {
	case strings.Contains(text, "("):
		problem = wording.Quote(text) + ` is not a process; quote a step that has ": " in it`
		if line := d.Source.Line(pos.Line); pos.Col <= len(line) {
			if step := strings.TrimSpace(string(line[pos.Col-1:])); len(syntax.Parse(step).Mistakes) == 0 {
				problem += ": " + wording.YAML(step)
			}
		}
	case strings.Contains(text, " "):
		problem = wording.Quote(text) + " is not a process; a process is one word, of another host HOST/NAME"
	case dotted && (d.hosts[before] != nil || before == "peer"):
		problem = fmt.Sprintf("%s is not a process; a process of another host is written with a slash: %s/%s",
			wording.Quote(text), before, wording.Clip(after))
	case slices.Contains(stepKeys, name):
		problem = fmt.Sprintf("%q cannot name a process, it is a reserved word", name)
	case name == "peer" && !slash:
		problem = "a process of the peer is written peer/NAME"
	case slash && name == "":
		problem = wording.Quote(text) + " lacks the name of a process: " + wording.Clip(text) + "web"
	}
	if problem != "" {
		d.Complain(pos, "%s: %s", s, problem)
		return lab.Process{}, false
	}
	if !slash && d.hosts[name] != nil {
		d.Warn(pos, "%s: %s is a process of the subject here; one of host %s is written %s/NAME", s, wording.Quote(name),
			wording.Quote(name), name)
	}
	ok := d.checkName(pos, syntax.ProcessName, name)
	if slash && host != "peer" {
		ok = d.checkHost(pos, s, host) && ok
	}
	return lab.Process{Host: host, Name: name}, ok
}

// within returns the place in the file of an offset of a step.
func (c complaints) within(s placedStep, offset int) lab.Pos {
	return c.Source.Within(s.node, s.Text, offset)
}

// whole returns the items of a list of steps, without those that a comma cut
// off the step before: [bind(w, x:80)] is the two items "bind(w" and "x:80)",
// and one complaint about it is enough.
func whole(n *yaml.Node) []*yaml.Node {
	var items []*yaml.Node
	open := false
	for _, c := range n.Content {
		c = yamlpos.Deref(c)
		rest := open
		if n.Style&yaml.FlowStyle != 0 && c.Kind == yaml.ScalarNode && c.Style == 0 {
			opens, closes := strings.LastIndexByte(c.Value, '('), strings.LastIndexByte(c.Value, ')')
			open = opens > closes || open && closes < 0
		} else {
			open = false
		}
		if !rest {
			items = append(items, c)
		}
	}
	return items
}

// axis is an axis of an experiment while it is read.
type axis struct {
	lab.Axis
	pos    lab.Pos
	values []value // what those of the Axis stand for
	placed bool    // a step is another one, or left out, for another value
}

// value is what ${axis} stands for: a text, or steps. An empty text leaves out the step that consists
// of it, which no steps at all do too.
type value struct {
	text  string
	steps []*yaml.Node // nil for a text
	node  *yaml.Node
	named lab.Pos // of its name, zero where it is its own
}

// demand is what a rule asks of one axis.
type demand struct {
	axis   int
	values []bool // by index: this value will do
}

// wantSet is the rules of one named answer, in the order in which they are tried.
type wantSet struct {
	pos   lab.Pos
	flow  bool // it is written in brackets
	rules []wantRule
}

// wantRule gives the answer of the combinations that it matches. The answer stays a text until it
// is filled into a step: what it means depends on the call before it.
type wantRule struct {
	matcher
	answer string
	on     string  // its condition on the kernel, as a step writes it: "on linux < 6.2"
	pos    lab.Pos // of the answer
	start  lab.Pos // of the rule
	used   bool    // a step has an answer from it
}

// slot is a slot of the steps while it is read: the variants that lab.Slot has, with their places.
type slot struct {
	lab.Slot
	variants [][]placedStep
}

// with names a combination of some axes.
func (x *experiment) with(axes, values []int) string {
	var words []string
	for _, a := range axes {
		words = append(words, x.Axes[a].Name+"="+x.Axes[a].Values[values[a]])
	}
	return strings.Join(words, ", ")
}

// matcher is what a rule demands of a combination: for some axes, which values
// will do. An empty one matches all.
type matcher []demand
