package local

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
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
		if mustAsk(t, top).Batch == nil {
			t.Errorf("%s: no batch", file)
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			needNetNS(t)
			// A prime is in step with no axis.
			const every = 1009
			e := &top.Experiments[0]
			var thin []lab.Combo
			for i := 0; i < len(e.Combos); i += every {
				thin = append(thin, e.Combos[i])
			}
			e.Combos = thin
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
