package topology

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// experiment is an experiment of the file while it is read.
type experiment struct {
	lab.Experiment
	source *yamlpos.Source
	scope  yamlpos.Scope
	axes   []axis
	wants  map[string]*wantSet // by name, "" is ${want}
	slots  []slot
	unsure bool // the columns are not known

	axesUnsure  bool            // an axis had a mistake
	rulesUnsure bool            // so did a rule
	broken      bool            // so did a slot: it may lack steps
	used        map[string]bool // the named answers that steps have
}

// placedStep is a step as it was parsed, and where it stands.
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
// steps, each with all that it may be.
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

// checkHost complains when there is no host of that name.
func (d *experimentReader) checkHost(pos lab.Pos, s yamlpos.Scope, name string) bool {
	if d.hosts != nil && d.hosts[name] == nil {
		d.Complain(pos, "%s: no host %s%s", s, wording.Quote(name), wording.Hint(name, "hosts", d.hostNames()))
	}
	return d.hosts[name] != nil
}

// process reads the name of a process: web, peer/web, alpha/web.
func (d *experimentReader) process(pos lab.Pos, s yamlpos.Scope, text string) (lab.Process, bool) {
	host, name, slash := strings.Cut(text, "/")
	if !slash {
		host, name = "", text
	}
	if slash && host == "subject" {
		host, slash = "", false
	}
	if strings.ContainsAny(text, "( ") {
		how := "quote a step that has \": \" in it"
		if line := d.Source.Line(pos.Line); pos.Col <= len(line) {
			if step := strings.TrimSpace(string(line[pos.Col-1:])); len(syntax.Parse(step).Mistakes) == 0 {
				how = "quote a step that has \": \" in it: " + wording.YAML(step)
			}
		}
		if !strings.Contains(text, "(") {
			how = "a process is one word, of another host HOST/NAME"
		}
		d.Complain(pos, "%s: %s is not a process; %s", s, wording.Quote(text), how)
		return lab.Process{}, false
	}
	if h, name, dotted := strings.Cut(text, "."); dotted && (d.hosts[h] != nil || h == "peer") {
		d.Complain(pos, "%s: %s is not a process; a process of another host is written with a slash: %s", s,
			wording.Quote(text), h+"/"+wording.Clip(name))
		return lab.Process{}, false
	}
	if !slash && d.hosts[name] != nil {
		d.Warn(pos, "%s: %s is a process of the subject here; one of host %s is written %s/NAME", s, wording.Quote(name),
			wording.Quote(name), name)
	}
	if slices.Contains(stepKeys, name) {
		d.Complain(pos, "%s: %q cannot name a process, it is a reserved word", s, name)
		return lab.Process{}, false
	}
	if name == "peer" && !slash {
		d.Complain(pos, "%s: a process of the peer is written peer/NAME", s)
		return lab.Process{}, false
	}
	if slash && name == "" {
		d.Complain(pos, "%s: %s lacks the name of a process: %s", s, wording.Quote(text), wording.Clip(text)+"web")
		return lab.Process{}, false
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
	name   string
	pos    lab.Pos
	values []value
	placed bool // a step is another one, or left out, for another value
}

// value is what ${axis} stands for: a text, or steps.
type value struct {
	name  string
	text  string
	steps []*yaml.Node // nil for a text
	node  *yaml.Node   // of a text
}

type demand struct {
	axis   int
	values []bool // by index: this value will do
}

// wantSet is the rules of one named answer.
type wantSet struct {
	pos   lab.Pos
	rules []wantRule
}

// wantRule gives the answer of the combinations that it matches.
type wantRule struct {
	matcher
	answer string
	on     string  // its condition on the kernel, as a step writes it: "on linux < 6.2"
	pos    lab.Pos // of the answer
	start  lab.Pos // of the rule
	used   bool    // a step has an answer from it
}

// slot is a slot of the steps while it is read.
type slot struct {
	lab.Slot
	variants [][]placedStep
}

// with names a combination of some axes.
func (x *experiment) with(axes, values []int) string {
	var words []string
	for _, a := range axes {
		words = append(words, x.axes[a].name+"="+x.axes[a].values[values[a]].name)
	}
	return strings.Join(words, ", ")
}

// matcher is what a rule demands of a combination: for some axes, which values
// will do.
type matcher []demand
