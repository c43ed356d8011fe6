package plan

import (
	"flag"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func nic(name, network string, addresses ...string) lab.NIC {
	n := lab.NIC{Name: name, Network: network}
	for _, a := range addresses {
		n.Addresses = append(n.Addresses, lab.Address{Prefix: netip.MustParsePrefix(a)})
	}
	return n
}

// binds is an experiment that names these ports.
func binds(ports ...uint16) lab.Experiment {
	var steps []lab.Step
	for _, p := range ports {
		a := lab.Addr{Name: "any", Port: lab.Port{Number: p}}
		steps = append(steps, lab.Step{Call: lab.Call{Name: "bind", Args: []lab.Arg{lab.Sock("a"), a}}})
	}
	return lab.Experiment{Combos: []lab.Combo{0}, Slots: []lab.Slot{{Variants: [][]lab.Step{steps}}}}
}

// dualNIC is two hosts that share two networks, and a third that is on one.
func dualNIC() *lab.Layout {
	return &lab.Layout{
		Name:     "dual-nic",
		Networks: []lab.Network{{Name: "red"}, {Name: "blue"}},
		Hosts: []lab.Host{
			{Name: "alpha", NICs: []lab.NIC{nic("eth0", "red", "192.0.2.10/24"),
				nic("eth1", "blue", "198.51.100.1/24", "2001:db8:b::1/64")}},
			{Name: "beta", NICs: []lab.NIC{nic("eth0", "red", "192.0.2.1/24"),
				nic("eth1", "blue", "198.51.100.2/24", "2001:db8:b::2/64")}},
			{Name: "gamma", NICs: []lab.NIC{nic("eth0", "red", "192.0.2.2/24")}},
		},
	}
}

func hostile() *lab.Layout {
	return &lab.Layout{
		Name:     "a b\n$(touch x); '",
		Networks: []lab.Network{{Name: "`id`"}},
		Hosts:    []lab.Host{{Name: "-n *", NICs: []lab.NIC{nic("~", "`id`", "192.0.2.1/24")}}},
	}
}

// cabled is two hosts that share a network, a cable, and one of them has a loop.
func cabled() *lab.Layout {
	return &lab.Layout{
		Name:     "cabled",
		Networks: []lab.Network{{Name: "red"}, {Name: "l1", Link: true}, {Name: "loop", Link: true}},
		Hosts: []lab.Host{
			{Name: "alpha", NICs: []lab.NIC{nic("eth0", "l1", "192.0.2.10/24", "2001:db8::1/64"), nic("eth1", "red")}},
			{Name: "beta", NICs: []lab.NIC{nic("eth0", "red"), nic("eth1", "l1", "192.0.2.1/24"), nic("eth2", "loop"),
				nic("eth3", "loop")}},
		},
	}
}

func TestScript(t *testing.T) {
	for name, p := range map[string]Plan{
		"dual-nic": New(dualNIC()),
		"subset":   New(dualNIC(), "gamma"),
		"hostile":  New(hostile()),
		"cabled":   New(cabled()),
		"nothing":  {Name: "nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			golden := filepath.Join("testdata", name+".sh")
			if *update {
				if err := os.WriteFile(golden, []byte(p.Script()), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), p.Script()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The script that sh reads says exactly what the plan says, whatever the names
// are: with printf in the place of ip, every op comes back word by word.
func TestScriptIsShellSafe(t *testing.T) {
	for _, topology := range []*lab.Layout{dualNIC(), hostile()} {
		p := New(topology)
		const ip = `ip() { printf '<%s>' "$@"; echo; }` + "\n"
		out, err := exec.Command("sh", "-c", ip+p.Script()).Output()
		if err != nil {
			t.Fatal(err)
		}
		var want strings.Builder
		for _, o := range p.Ops {
			words, err := exec.Command("sh", "-c", ip+stockFunctions()+o.String()).Output()
			if err != nil {
				t.Fatal(err)
			}
			want.Write(words)
		}
		if diff := cmp.Diff(want.String(), string(out)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if h := topology.Hosts[0].Name; !strings.Contains(string(out), "<"+topology.Name+"."+h+">") {
			t.Errorf("the script does not keep the name of host %q whole:\n%s", h, out)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"":              "''",
		"eth0":          "eth0",
		"2001:db8::/64": "2001:db8::/64",
		"a b":           "'a b'",
		"it's":          `'it'\''s'`,
		"$x":            "'$x'",
		"~":             "'~'",
		"é":             "'é'",
	} {
		if got := lab.Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}
