package topology

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/syntax"
)

// FuzzParse: whatever the text, there is a topology without loose ends, or
// complaints that each have a place inside the file.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, small := range []string{
		"name: a\nnetworks: {r: 10.0.0.0/8}\nhosts: {h: {nics: {e: {network: r, as: x}}}}\nexperiments: {x: {steps: [exit()]}}\n",
		"name: a\nnetworks: &n {r: {subnet6: 'fd00::/64'}}\nhosts: {h: &h {nics: {e: {network: r, address: [{address: 'fd00::1', as: x}]}}}, p: *h}\n",
		"hosts: {a: &a [*a]}\nname: !x |\n  y\n",
		"a: {b: [c, 'd', \"\\x41\"]}\n? e\n: >-\n  f\n",
	} {
		f.Add([]byte(small))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		top, err := parse("f", text)
		if err != nil {
			ds, ok := err.(Diagnostics)
			if !ok || len(ds) == 0 {
				t.Fatalf("%T", err)
			}
			checkPlaces(t, ds)
			return
		}
		again, err := parse("f", text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(describe(top), describe(again)); diff != "" {
			t.Error(diff)
		}
		checkEnds(t, top)
	})
}

// FuzzInclude: the same of a file that a topology includes, and that of the topology.
func FuzzInclude(f *testing.F) {
	for _, text := range []string{
		"experiments: {one: {steps: [a = socket(tcp), 'bind(a, x:80)', 'connect(a, peer.x:80)']}}\n",
		"include: [f, g, h/g]\nprobes: &p {one: {steps: [bnid(a)]}}\nexperiments: *p\nclaims: {c: d}\n",
		"include: h/../g\nname: g\nhosts: {a: {}}\n",
		"doc: |\n  a\nexperiments:\n\tx:",
	} {
		f.Add([]byte(text))
	}
	own := []byte("name: n\nnetworks: {red: 10.0.0.0/8}\n" + twoHosts +
		"include: g\nclaims: {c: d}\nexperiments: {own: {claim: c, steps: [exit()]}}\n")
	f.Fuzz(func(t *testing.T, text []byte) {
		read := inMemory(map[string]string{"f": string(own), "g": string(text), "h/g": string(text)})
		top, err := Load(Source{File: "f", Text: own, read: read})
		if err != nil {
			checkPlaces(t, err.(Diagnostics))
			return
		}
		checkEnds(t, top)
		again, err := Load(Source{File: "f", Text: []byte(top.Source), Included: top.Included})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(describe(top), describe(again)); diff != "" {
			t.Error(diff)
		}
	})
}

func checkPlaces(t *testing.T, ds Diagnostics) {
	t.Helper()
	for i, d := range ds {
		s := d.Source
		if d.Pos.Line < 1 || d.Pos.Line > len(s.Lines) || d.Pos.Col < 1 || d.Pos.Col > 1+len(s.Line(d.Pos.Line)) {
			t.Errorf("%s is outside of the file", d)
		}
		if i > 0 && (ds[i-1].Source.Order > s.Order || ds[i-1].Source == s && ds[i-1].Pos.Compare(d.Pos) > 0) {
			t.Errorf("%s is out of order", d)
		}
		if d.Msg == "" || strings.ContainsFunc(d.Msg, unicode.IsControl) {
			t.Errorf("message %q", d.Msg)
		}
	}
	if strings.ContainsFunc(ds.Pretty(false), func(r rune) bool {
		return unicode.IsControl(r) && r != '\t' &&
			r != '\n'
	}) {
		t.Errorf("control characters in %q", ds.Pretty(false))
	}
}

// checkEnds checks that everything that a topology names is there.
func checkEnds(t *testing.T, top *lab.Topology) {
	t.Helper()
	for _, h := range top.Hosts {
		for _, n := range h.NICs {
			if top.Network(n.Network) == nil {
				t.Errorf("host %q, nic %q: %+v", h.Name, n.Name, n)
			}
			for _, a := range n.Addresses {
				if !a.Prefix.IsValid() {
					t.Errorf("host %q, nic %q: no address", h.Name, n.Name)
				}
			}
		}
	}
	for _, x := range top.Experiments {
		for s := range x.Steps() {
			if s.Run == nil {
				checkPrinted(t, s)
			}
			for _, h := range top.Hosts {
				if x.RunsOn(h.Name) {
					checkStep(t, top, *s, h.Name)
				}
			}
		}
		for _, c := range x.Combos {
			x.StepsOf(c) // no variant that is needed is missing
			if name := x.CellName(c); strings.ContainsAny(name, " \n") && len(x.Axes) == 0 {
				t.Errorf("cell %q", name)
			}
		}
	}
}

func checkStep(t *testing.T, top *lab.Topology, s lab.Step, subject string) {
	t.Helper()
	if top.HostOf(s.Process.Host, subject) == "" {
		t.Errorf("step %s on %q: no host for %q", s.Pos, subject, s.Process)
	}
	args := append([]lab.Arg{}, s.Call.Args...)
	for _, w := range s.Want {
		args = append(args, w.Answer.Value)
	}
	for _, a := range args {
		if a, ok := a.(lab.Addr); ok {
			if _, err := top.Resolve(a, top.HostOf(s.Process.Host, subject), subject); err != nil {
				t.Errorf("step %s on %q: %v", s.Pos, subject, err)
			}
		}
	}
}

// checkPrinted checks that a step that is printed reads as the same step.
func checkPrinted(t *testing.T, s *lab.Step) {
	t.Helper()
	text := s.Call.String() + " = " + s.Want.String()
	call, want, err := syntax.ParseStep(text)
	if err != nil || call.String()+" = "+want.String() != text {
		t.Errorf("%s reads as %s = %s, %v", text, call, want, err)
	}
}
