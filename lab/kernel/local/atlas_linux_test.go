package local

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/topology"
)

// TestAtlas: the atlas is half a million cells that go in batches, and a thin sample of them is answered so by a process
// for itself as call by call, each cell in a lab of its own. Nothing of it is expected, so nothing else would notice.
func TestAtlas(t *testing.T) {
	files, err := filepath.Glob("../../../topologies/atlas/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cells := 0
	for _, file := range files {
		top, err := topology.Load(topology.Source{File: file})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range topology.Warnings(top) {
			t.Error(d)
		}
		cells += top.CountCells()
		for i := range top.Experiments {
			e := &top.Experiments[i]
			q, err := question.Of(top, e, append(e.Hosts, "alpha")[0])
			if err != nil {
				t.Fatal(err)
			}
			if q.Batch == nil {
				t.Errorf("%s: %s: no batch", file, e.Name)
			}
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			needNetNS(t)
			// A prime is in step with no axis.
			const every = 1009
			for n := range top.Experiments {
				e := &top.Experiments[n]
				var thin []lab.Combo
				for i := 0; i < len(e.Combos); i += every {
					thin = append(thin, e.Combos[i])
				}
				e.Combos = thin
			}
			k, err := New(nil)
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			answers := func(o run.Options) [][]string {
				m, err := run.Run(t.Context(), k, running, []*lab.Topology{top}, o)
				if err != nil {
					t.Fatal(err)
				}
				var all [][]string
				for i := range m[0].Cells {
					c := &m[0].Cells[i]
					all = append(all, append([]string{m[0].NameOf(c), c.Verdict.String(), c.Reason()}, c.Answers()...))
				}
				return all
			}
			o := inBatches
			together := answers(o)
			o.Apart = true
			if diff := cmp.Diff(together, answers(o)); diff != "" {
				t.Errorf("in batches (-), apart (+):\n%s", diff)
			}
		})
	}
	if cells < 500_000 {
		t.Errorf("%d cells in %v, want half a million", cells, files)
	}
}

// TestAtlasLeft: what atlas/left.yaml calls a state is one. Its cells have no time to look, so each state is looked at here
// once for either end of the connection and for either family. A FIN that is not acknowledged at once would be after 40 ms
// (TCP_ATO_MIN), so that is not waited for.
func TestAtlasLeft(t *testing.T) {
	needNetNS(t)
	const file, before = "../../../topologies/atlas/left.yaml", "      - b = socket(tcp) = ${want.b4}\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	look := strings.Replace(string(text), before, "      - {main: \"sockets(any:80) = ?\", limit: 5ms}\n"+before, 1)
	top, err := topology.Load(topology.Source{File: file, Text: []byte(look)})
	if err != nil {
		t.Fatal(err)
	}
	e := &top.Experiments[0]
	e.Combos = slices.DeleteFunc(e.Combos, func(c lab.Combo) bool {
		name := e.CellName(c)
		return !strings.Contains(name, "[first=x,first-options=none,") && !strings.Contains(name, "[first=any6,first-options=none,") ||
			!strings.Contains(name, ",first-user=root,") ||
			!strings.HasSuffix(name, ",second=any,second-options=none,second-user=root]")
	})
	m := mustRun(t, running, top, run.Options{})
	seen := map[string]int{}
	for i := range m.Cells {
		c := &m.Cells[i]
		_, state, _ := strings.Cut(m.NameOf(c), "state=")
		state, _, _ = strings.Cut(state, ",")
		state, _, _ = strings.Cut(state, "-")
		seen[state]++
		if !slices.Contains(c.Answers(), state) || c.Verdict != result.Pass {
			t.Errorf("%s: %s %s %v", m.NameOf(c), c.Verdict, c.Reason(), c.Answers())
		}
	}
	if len(seen) != 7 {
		t.Errorf("the states are %v, want seven", seen)
	}

	// In a batch no time passes. To bind, the small sockets of FIN_WAIT2 and of TIME_WAIT are the same, and what still is a
	// whole socket in FIN_WAIT1 is not: it has an owner.
	if top, err = topology.Load(topology.Source{File: file, Text: text}); err != nil {
		t.Fatal(err)
	}
	e = &top.Experiments[0]
	e.Combos = slices.DeleteFunc(e.Combos, func(c lab.Combo) bool {
		name := e.CellName(c)
		return !strings.Contains(name, "first-options=reuseport,") ||
			!strings.HasSuffix(name, "WAIT2,second=any,second-options=reuseport,second-user=other]") &&
				!strings.HasSuffix(name, "TIME_WAIT,second=any,second-options=reuseport,second-user=other]")
	})
	m = mustRun(t, running, top, inBatches)
	bind := map[string]string{}
	for i := range m.Cells {
		c := &m.Cells[i]
		name, answers := m.NameOf(c), c.Answers()
		at := len(answers) - 2 // before listen, and p's reset
		if strings.Contains(name, "FIN_WAIT2") {
			at -= 2
		}
		if c.Verdict != result.Pass {
			continue // user 1000 does not exist here
		}
		key := strings.Replace(name, "=FIN_WAIT2,", "=TIME_WAIT,", 1)
		if was, ok := bind[key]; ok && was != answers[at] {
			t.Errorf("%s: %s, and in the other state %s", name, answers[at], was)
		}
		bind[key] = answers[at]
	}
}
