package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/topology"
)

// topic is a page of the reference.
type topic struct {
	use, short string
	also       []string // what else it goes by
	write      func(*page)
}

// allTopics are the pages of the reference. They are printed from the tables that the schema is made from, or
// from the schema itself, so nothing that is in code is missing in them.
func allTopics() []topic {
	return []topic{
		{"calls", "the calls that a step may make, and the words of their arguments", nil, callsPage},
		{"options", "the socket options of setsockopt() and getsockopt()", nil, optionsPage},
		{"answers", "what a step may expect", nil, answersPage},
		{"addresses", "what may stand for an address", nil, addressesPage},
		{"steps", "what a step may be, and the keys beside it", nil, stepsPage},
		{"axes", "experiments with many combinations, and the rules of their answers", nil, axesPage},
		{"programs", "real programs in a host", nil, programsPage},
		{"hosts", "networks, hosts and NICs, and the words of ip(8)", []string{"links"}, hostsPage},
		{"file", "the keys of a file and of an experiment", nil, filePage},
		{"shards", "a run that several machines share, and one that was cut short", nil, shardsPage},
		{"reference", "commands, statuses, formats, red cells, and the language in sentences", nil, referencePage},
	}
}

// topics are "labrun help calls" and so on: cobra's commands without anything to run. helpOf writes their pages, when
// one is read: to write all of them takes more than all else that labrun does before a command begins.
func topics() []*cobra.Command {
	var all []*cobra.Command
	for _, t := range allTopics() {
		all = append(all, &cobra.Command{Use: t.use, Aliases: t.also, Short: t.short})
	}
	return all
}

// topicText returns the page of a topic.
func topicText(use string) string {
	var p page
	for _, t := range allTopics() {
		if t.use == use {
			t.write(&p)
		}
	}
	return strings.TrimRight(p.String(), "\n") + "\n"
}

// page is a text of at most 80 columns, and the same in the language of man(7).
type page struct {
	strings.Builder
	man strings.Builder
}

// pageWidth and termWidth are those of manual pages: a term, and what it means beside or below it.
const pageWidth, termWidth = 80, 24

// wrap writes words, with so many blanks before each line but the first.
func (p *page) wrap(text string, indent, column int) {
	for i, word := range strings.Fields(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+length > pageWidth:
			p.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			p.WriteString(" ")
			column++
		}
		p.WriteString(word)
		column += length
	}
	p.WriteString("\n")
}

func (p *page) text(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.wrap(text, 0, 0)
	p.WriteString("\n")
	p.man.WriteString(".PP\n" + roffFill(text))
}

// heading is a sentence above a list.
func (p *page) heading(format string, args ...any) {
	p.gap()
	p.text(format, args...)
}

// gap writes an empty line, unless there is one.
func (p *page) gap() {
	if p.Len() > 0 && !strings.HasSuffix(p.String(), "\n\n") {
		p.WriteString("\n")
	}
}

// entry writes a term and what it means; a long term has a line of its own.
func (p *page) entry(term, text string) {
	switch {
	case term == "": // an example of the entry before it
		fmt.Fprintf(&p.man, ".br\n%s", roffFill(text))
	default:
		fmt.Fprintf(&p.man, ".TP\n\\fB%s\\fR\n%s", roff(term), roffFill(text))
	}
	const indent = 4
	column := indent + termWidth
	p.WriteString(strings.Repeat(" ", indent) + term)
	if length := utf8.RuneCountInString(term); length < termWidth {
		p.WriteString(strings.Repeat(" ", termWidth-length))
	} else {
		p.WriteString("\n" + strings.Repeat(" ", column))
	}
	if text == "" {
		s := strings.TrimRight(p.String(), " \n")
		p.Reset()
		p.WriteString(s + "\n")
		return
	}
	p.wrap(text, column, column)
}

// code writes lines of a file.
func (p *page) code(lines string) {
	p.man.WriteString(".PP\n.RS 4\n.nf\n")
	for line := range strings.Lines(lines) {
		p.WriteString("    " + line)
		p.man.WriteString(roff(line))
	}
	p.man.WriteString(".fi\n.RE\n")
}

func callsPage(p *page) {
	p.text(`A step is "NAME = CALL" where the call makes a socket, else "CALL", and " = ANSWER" behind it where it is not ` +
		`to succeed. It is made by the process main, and as "PROCESS: CALL" by another one. An example of each call:`)
	for _, s := range lab.Signatures {
		examples := syntax.CallExamples(s)
		p.entry(examples[len(examples)-1], s.Doc)
	}
	p.heading("The words of arguments, and of answers of the same kind; | joins flags and events:")
	var seen []lab.Kind
	for _, s := range lab.Signatures {
		for _, k := range slices.Concat(s.Args, s.Long) {
			if words := syntax.WordsOf(k); words != nil && !slices.Contains(seen, k) {
				seen = append(seen, k)
				p.entry(string(k), strings.Join(words, ", "))
			}
		}
	}
	p.heading("The control messages that sendmsg() takes and recvmsg() answers behind \"with\":")
	for _, c := range lab.Controls {
		p.entry(syntax.MadeBy(c, syntax.KindExamples(c.Args)), c.Doc)
	}
	p.heading("See also: labrun help options, answers, addresses, steps, and hosts for the words of ip(8).")
}

func optionsPage(p *page) {
	p.text("setsockopt(a, NAME, VALUE) sets a socket option and getsockopt(a, NAME) = VALUE reads it. Any other is " +
		"LEVEL:NUMBER, SOL_TCP:5, with a number or bytes(01 00 00 00). Their values, with an example of each:")
	var seen []lab.ValueKind
	for _, o := range lab.Options {
		if !slices.Contains(seen, o.Value) {
			seen = append(seen, o.Value)
			p.entry(syntax.ValueExamples[o.Value], string(o.Value))
		}
	}
	p.heading("The options:")
	for _, o := range lab.Options {
		p.entry(o.Name, string(o.Value)+"; "+o.Doc)
	}
}

func (p *page) forms(forms []lab.Form) {
	for _, f := range forms {
		p.entry(f.Form, f.Doc)
		p.entry("", f.Example)
	}
}

func answersPage(p *page) {
	p.text(`What a step expects stands behind its "=". Each form, and a step that has it:`)
	p.forms(lab.AnswerForms)
	p.heading("Where rules over axes give the answer, labrun help axes, \"-\" leaves the step out.")
	p.heading("States of sockets(), in netstat(8)'s words:")
	p.entry("states", strings.Join(lab.StateNames, ", "))
	p.heading("Operators of versions:")
	p.entry("OP", strings.Join(lab.VersionOps, ", "))
}

func addressesPage(p *page) {
	p.text("Where a call takes an address, or answers one. Each form, and a step that has it:")
	p.forms(lab.AddressForms)
}

// at follows keys of the schema, and what it refers to.
func (s schemaPart) at(keys ...string) schemaPart {
	for _, key := range keys {
		next, ok := s.node[key].(map[string]any)
		if !ok {
			panic("the schema has no " + strings.Join(keys, ".")) // a mistake in this program
		}
		s = schemaPart{s.root, next}.target()
	}
	return s
}

// schemaPart is a part of the schema of topologies.
type schemaPart struct{ root, node map[string]any }

func topologySchema() schemaPart {
	var root map[string]any
	if err := json.Unmarshal(topology.Schema(), &root); err != nil {
		panic(err) // the schema is labrun's own
	}
	return schemaPart{root, root}
}

// target is what a reference leads to. A description beside it counts before that of the target.
func (s schemaPart) target() schemaPart {
	name, ok := s.node["$ref"].(string)
	if !ok {
		return s
	}
	found := maps.Clone(s.root["$defs"].(map[string]any)[strings.TrimPrefix(name, "#/$defs/")].(map[string]any))
	if doc, ok := s.node["description"]; ok {
		found["description"] = doc
	}
	return schemaPart{s.root, found}
}

// keys writes the keys of a mapping, with what the schema says of each.
func (p *page) keys(s schemaPart) {
	properties := s.node["properties"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		doc, _ := s.at("properties", key).node["description"].(string)
		p.entry(key+":", doc)
	}
}

func stepsPage(p *page) {
	s := topologySchema()
	p.text("Steps are a list. Each is a call, or a process and its calls, or a program (labrun help programs):")
	p.code(`steps:
  - a = socket(tcp)
  - peer/web: [w = socket(tcp), "bind(w, x:80)", "listen(w, 5)"]
  - connect(a, peer.x:80)
  - {peer/web: b = accept(w), limit: 100ms}
`)
	p.heading("A text has a call on each line, without quotes, and reads lines of strace as they are:")
	p.code(`steps: |
  a = socket(tcp)
  peer/web: w = socket(tcp)
  bind(a, x:80)        # a comment
`)
	p.heading("Beside a process and its calls:")
	p.keys(s.at("$defs", "calls"))
	p.heading("See also: labrun help calls, options, answers and addresses.")
}

func axesPage(p *page) {
	s := topologySchema()
	experiment := s.at("properties", "experiments", "additionalProperties")
	p.text("An experiment with axes runs once for every combination of their values, and rules say the answers:")
	p.code(`two-binders:
  axes:
    first: [x, any]                                   # texts
    option: {none: "", reuse: "setsockopt(_, SO_REUSEADDR, 1)"}
    state:                                            # steps
      bound: ["bind(a, ${first}:80)"]
      listening: ["bind(a, ${first}:80)", "listen(a, 5)"]
  skip: [{first: any, state: listening}]
  want:
    - {option: reuse, state: not listening, answer: ok}
    - {else: EADDRINUSE}
  steps:
    - a = socket(tcp)
    - ${option(a)}
    - ${state}
    - b = socket(tcp)
    - ${option(b)}
    - bind(b, any:80) = ${want}
`)
	p.heading("${NAME} stands for a value, and ${NAME(a)} for one with _ in the place of a socket.")
	for _, key := range []string{"axes", "skip", "only", "want"} {
		p.entry(key+":", experiment.at("properties", key).node["description"].(string))
	}
	p.heading("A rule: %s", s.at("$defs", "rules", "items").node["description"])
	p.keys(s.at("$defs", "rules", "items"))
	p.entry("AXIS:", s.at("$defs", "match").node["description"].(string))
}

func programsPage(p *page) {
	p.text("A step may be a real program, which sees the machine's files and leaves none:")
	p.code(`steps:
  - run: python3 -m http.server 80
    as: peer/web
    background: true
    until: sockets(any:80) = LISTEN
  - {run: "curl -s http://peer.x/", stdout: /Directory listing/, exit: 0}
  - peer/other: ["kill(web, SIGTERM)", wait(web) = 143]
`)
	p.heading("Its keys:")
	p.keys(topologySchema().at("$defs", "program"))
}

func hostsPage(p *page) {
	s := topologySchema()
	p.text("Networks and the hosts on them:")
	p.code(`networks:
  red:  192.0.2.0/24
  blue: {subnet: 198.51.100.0/24, subnet6: 2001:db8:b::/64}
hosts:
  alpha:
    nics:
      eth0: {network: red, as: x}
      eth1: {network: blue, address: 198.51.100.7/24, as: y}
      vlan5: {type: vlan id 5 link eth0, address: 203.0.113.1/24, as: v}
    routes: default via beta.x
  beta: {nics: {eth0: {network: red, as: x}}}
`)
	p.heading("Keys of a network: SUBNET alone, or")
	for _, form := range s.at("properties", "networks", "additionalProperties").node["anyOf"].([]any) {
		if part := (schemaPart{s.root, form.(map[string]any)}); part.node["properties"] != nil {
			p.keys(part)
		}
	}
	host := s.at("properties", "hosts", "additionalProperties")
	p.heading("Keys of a host:")
	p.keys(host)
	p.heading("Keys of a NIC:")
	p.keys(host.at("properties", "nics", "additionalProperties"))
	p.heading("The words of ip(8) that hosts and steps are described with, and what follows each:")
	for _, k := range specKinds {
		p.heading("%s, %s:", k.kind, k.where)
		for _, w := range lab.SpecWords[k.kind] {
			if kind, ok := lab.LinkKindOf(w); ok && k.kind == lab.KindLink {
				p.entry(strings.Join(append([]string{w}, kind.Words...), " "), "kernel module "+kind.Module)
			} else {
				p.entry(w, string(lab.TakesOf(w)))
			}
		}
	}
}

// specKinds are the kinds of words of ip(8), and where they stand.
var specKinds = []struct {
	kind  lab.Kind
	where string
}{
	{lab.KindRoute, "route_add(), route_del() and routes: of a host, ip-route(8)"},
	{lab.KindRule, "rule_add(), rule_del() and rules: of a host, ip-rule(8)"},
	{lab.KindNeighbour, "neigh_add(), neigh_del(), neigh() and neighbours: of a host, ip-neighbour(8)"},
	{lab.KindTarget, "route(), ip route get of ip-route(8)"},
	{lab.KindWay, "the answer of route()"},
	{lab.KindKnown, "the answer of neigh()"},
	{lab.KindEcho, "ping(), ping(8)"},
	{lab.KindNetem, "netem: of a NIC, tc-netem(8), kernel module " + lab.NetemModule},
	{lab.KindLink, "link_add() and type: of a NIC, ip-link(8)"},
}

func filePage(p *page) {
	s := topologySchema()
	p.text("A file is YAML. \"labrun schema topology\" is its JSON Schema, \"labrun fmt\" writes it in one form. " +
		"Its keys:")
	p.keys(s)
	p.heading("Keys of an experiment:")
	p.keys(s.at("properties", "experiments", "additionalProperties"))
	p.heading("Keys of a probe:")
	p.keys(s.at("properties", "probes", "additionalProperties"))
	p.heading("Keys of a process under processes:")
	p.keys(s.at("$defs", "processes", "additionalProperties"))
	p.heading("See also: labrun help hosts, steps, axes.")
}
