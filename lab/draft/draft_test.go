package draft_test

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"labrun/lab"
	"labrun/lab/draft"
	"labrun/lab/syntax"
	"labrun/lab/topology"
)

// load reads a text, and fails where labrun fmt would change it.
func load(t *testing.T, text string) *lab.Topology {
	t.Helper()
	source := topology.Source{File: "draft.yaml", Text: []byte(text)}
	top, err := topology.Load(source)
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, text)
	}
	_, formatted, err := topology.Format(source)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(formatted), text); diff != "" {
		t.Errorf("not in the form of labrun fmt (-fmt +draft):\n%s", diff)
	}
	return top
}

// experiment returns one of a topology as a draft, false for one that a draft cannot say.
func experiment(e *lab.Experiment) (draft.Experiment, bool) {
	d := draft.Experiment{Name: e.Name, Doc: e.Doc, Hosts: e.Hosts, Users: e.Users}
	if len(e.Axes) > 0 || len(e.Needs) > 0 || e.Claim.Name != "" {
		return d, false
	}
	for s := range e.Steps() {
		if s.Run != nil || s.Held {
			return d, false
		}
		d.Lines = append(d.Lines, draft.Line{Step: *s})
	}
	return d, true
}

// What the lessons say is written, read again and still the same: hosts with all that they can have, and steps.
func TestLessonsComeBack(t *testing.T) {
	files, err := filepath.Glob("../../topologies/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no lessons: %v", err)
	}
	asked := 0
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			top, err := topology.Load(topology.Source{File: file})
			if err != nil {
				t.Fatal(err)
			}
			f := draft.File{Doc: top.Doc, Layout: top.Layout}
			var want []lab.Experiment
			for i := range top.Experiments {
				if d, ok := experiment(&top.Experiments[i]); ok {
					f.Experiments = append(f.Experiments, d)
					want = append(want, top.Experiments[i])
				}
			}
			asked += len(want)
			if len(want) == 0 { // a topology has one at least
				f.Experiments = []draft.Experiment{{Name: "none", Lines: []draft.Line{step("a = socket(tcp)")}}}
			}
			again := load(t, f.Text())
			layout := cmp.Options{cmpopts.IgnoreTypes(lab.Pos{}), cmpopts.IgnoreFields(lab.Layout{}, "File"),
				cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{})}
			if diff := cmp.Diff(top.Layout, again.Layout, layout); diff != "" {
				t.Errorf("another layout (-lesson +draft):\n%s", diff)
			}
			for i := range want {
				if diff := cmp.Diff(stepsOf(&want[i]), stepsOf(&again.Experiments[i])); diff != "" {
					t.Errorf("%s has other steps (-lesson +draft):\n%s", want[i].Name, diff)
				}
				if got := again.Experiments[i].Doc; got != want[i].Doc {
					t.Errorf("%s: doc %q, want %q", want[i].Name, got, want[i].Doc)
				}
			}
		})
	}
	if asked < 100 {
		t.Errorf("only %d experiments could be said", asked)
	}
}

func stepsOf(e *lab.Experiment) (all []string) {
	for s := range e.Steps() {
		all = append(all, draft.StepText(s))
	}
	return all
}

func step(text string) draft.Line {
	call, want, err := syntax.ParseStep(text)
	if err != nil {
		panic(err)
	}
	return draft.Line{Step: lab.Step{Process: lab.Process{Name: "main"}, Call: call, Want: want}}
}

func TestText(t *testing.T) {
	peer := step("w = socket(tcp)")
	peer.Step.Process = lab.Process{Host: "peer", Name: "web"}
	peer.Comment = "the peer serves"
	sent := step(`send(a, "${HOME} # \x00")`)
	background := step("connect(a, peer.x:80)")
	background.Step.Pending = "r"
	answer := step("answer(r) = ECONNREFUSED")
	answer.Step.Limit = 1e9
	accepted := step("s = accept(w)")
	accepted.Step.Process, accepted.Step.Pending = peer.Step.Process, "s"
	f := draft.File{
		About: "Two lines\n\nand a comment.", Doc: strings.TrimSpace(strings.Repeat("word: ", 30)),
		Layout: draft.DualNIC("on"),
	}
	e := draft.Experiment{Name: "e", Doc: "no", Hosts: []string{"alpha"}}
	e.Users = []lab.ProcessUser{
		{Process: lab.Process{Name: "main"}, User: 1000, Capabilities: []string{"CAP_NET_RAW"}}}
	e.Lines = []draft.Line{peer, step("a = socket(tcp)"), sent, background, accepted, answer,
		{Comment: "a line\nand another"}, step("bind(a, x:80) = EADDRINUSE [ok on linux < 6.2]")}
	f.Experiments = []draft.Experiment{e}
	text := f.Text()
	load(t, text)
	want := `# Two lines
#
# and a comment.

name: "on"
doc: >-
  word: word: word: word: word: word: word: word: word: word: word: word: word: word: word: word: word: word: word:
  word: word: word: word: word: word: word: word: word: word: word:

networks:
  red: {subnet: 192.0.2.0/24, subnet6: 2001:db8:a::/64}
  blue: {subnet: 198.51.100.0/24, subnet6: 2001:db8:b::/64}

hosts:
  alpha:
    nics:
      eth0: {network: red, address: [{address: 192.0.2.10/24, as: x}, {address: 2001:db8:a::10/64, as: x6}]}
      eth1: {network: blue, address: [{address: 198.51.100.10/24, as: y}, {address: 2001:db8:b::10/64, as: y6}]}
  beta:
    nics:
      eth0: {network: red, address: [{address: 192.0.2.20/24, as: x}, {address: 2001:db8:a::20/64, as: x6}]}
      eth1: {network: blue, address: [{address: 198.51.100.20/24, as: y}, {address: 2001:db8:b::20/64, as: y6}]}

experiments:

  e:
    doc: "no"
    hosts: [alpha]
    processes:
      main: {user: 1000, capabilities: [CAP_NET_RAW]}
    steps: |
      # the peer serves
      peer/web: w = socket(tcp)
      a = socket(tcp)
      send(a, "$\x7bHOME} # \x00")
      {main: "connect(a, peer.x:80)", background: true, as: r}
      {peer/web: "s = accept(w)", background: true}
      {main: "answer(r) = ECONNREFUSED", limit: 1s}
      # a line
      # and another
      bind(a, x:80) = EADDRINUSE [ok on linux < 6.2]
`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
