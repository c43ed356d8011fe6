package local

import (
	"context"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/plan"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/sys"
	"labrun/lab/topology"
)

// splitting is a kernel whose networks have so many NICs on a bridge at most.
type splitting struct {
	*Kernel
	ports int
	trees *atomic.Int32 // the plans in which a network is more than one bridge
}

func (s splitting) Answer(ctx context.Context, r kernel.Request, each func(int, kernel.Answer)) {
	q := *r.Question
	q.Plan = q.Plan.Split(s.ports)
	for _, o := range q.Plan.Ops {
		if o, ok := o.(plan.SetMaster); ok && o.NS == q.Plan.Name {
			s.trees.Add(1)
			break
		}
	}
	r.Question = &q
	s.Kernel.Answer(ctx, r, each)
}

// A network answers the same whether it is one bridge or a tree of them, at the extreme with one NIC on each:
// unicast, broadcast and multicast between hosts, what a NIC hears, neighbours that come and go, and
// links that go down.
func TestBridgesChangeNoAnswer(t *testing.T) {
	needNetNS(t)
	version, err := sys.KernelVersion()
	if err != nil {
		t.Fatal(err)
	}
	for _, lesson := range []string{
		"dual-nic", "devices", "multicast", "nonlocal", "strong-host", "second-nic", "multihomed-udp", "nat",
		"virtual-address", "addresses-come-and-go",
	} {
		t.Run(lesson, func(t *testing.T) {
			if testing.Short() && lesson != "dual-nic" {
				t.Skip("-short: the other lessons do it in the same way")
			}
			file := filepath.Join("..", "..", "..", "topologies", lesson+".yaml")
			top, err := topology.Load(topology.Source{File: file})
			if err != nil {
				t.Fatal(err)
			}
			var trees atomic.Int32
			answers := func(ports int) (string, []string) {
				k, err := New(nil)
				if err != nil {
					t.Fatal(err)
				}
				defer k.Close()
				m, err := run.Run(t.Context(), splitting{k, ports, &trees}, version, []*lab.Topology{top}, run.Options{Jobs: 2})
				if err != nil {
					t.Fatal(err)
				}
				lines := outcomes(m[0])
				for i := range m[0].Cells {
					lines = append(lines, strings.Join(m[0].Cells[i].Answers(), " "))
				}
				return result.DigestOf(m), lines
			}
			const one = 1 << 20
			whole, want := answers(one)
			if trees.Load() > 0 {
				t.Fatal("a network of few NICs is a tree")
			}
			split, got := answers(1)
			if diff := cmp.Diff(want, got); diff != "" || whole != split {
				t.Errorf("one bridge %s (-), one for each NIC %s (+):\n%s", whole, split, diff)
			}
			if trees.Load() == 0 {
				t.Error("no network is a tree")
			}
		})
	}
}
