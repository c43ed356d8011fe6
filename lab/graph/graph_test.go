package graph

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
)

var update = flag.Bool("update", false, "write the golden files")

func address(prefix, alias string) lab.Address {
	return lab.Address{Prefix: netip.MustParsePrefix(prefix), Alias: alias}
}

// sample has what a drawing has to cope with: two families, several addresses,
// a NIC without any, a cable, and one whose other end is not in the drawing, and a name made of
// what every format means something by.
var sample = Layout{
	Name: "sample",
	Networks: []lab.Network{
		{Name: "red", Subnet: netip.MustParsePrefix("192.0.2.0/24")},
		{Name: "blue", Subnet: netip.MustParsePrefix("198.51.100.0/24"),
			Subnet6: netip.MustParsePrefix("2001:db8:b::/64")},
		{Name: "bare"},
		{Name: "l1", Link: true, Subnet: netip.MustParsePrefix("203.0.113.0/25"),
			More: []netip.Prefix{netip.MustParsePrefix("203.0.113.128/25")}},
		{Name: "loose", Link: true},
	},
	Hosts: []lab.Host{
		{Name: "alpha", NICs: []lab.NIC{
			{Name: "eth0", Network: "red", Addresses: []lab.Address{address("192.0.2.10/24", "x"),
				address("192.0.2.11/24", "")}},
			{Name: "blue0", Network: "blue", Addresses: []lab.Address{address("198.51.100.1/24", "y"),
				address("2001:db8:b::1/64", "y6")}},
		}},
		{Name: "beta", NICs: []lab.NIC{
			{Name: `<&"{|}\#;` + "`", Network: "bare"},
			{Name: "eth1", Network: "red", Addresses: []lab.Address{address("192.0.2.1/24", "x")}},
		}},
		{Name: "alone"},
		{Name: "gamma", Sysctls: []lab.Sysctl{{Name: "net.ipv4.ip_forward", Value: "1"},
			{Name: "net.ipv4.tcp_rmem", Value: "4096 8192 <16384>"}}, NICs: []lab.NIC{
			{Name: "to_delta", Network: "l1", Addresses: []lab.Address{address("203.0.113.1/25", "x")}},
			{Name: "eth1", Network: "loose"},
		}},
		{Name: "delta", NICs: []lab.NIC{{Name: "to_gamma", Network: "l1"}}},
	},
}

func TestGolden(t *testing.T) {
	for name, got := range map[string]string{
		"sample.txt": sample.Text(), "sample.mmd": sample.Mermaid(), "sample.dot": sample.DOT(),
		"sample.svg": sample.SVG(),
		"empty.txt":  Layout{Name: "empty"}.Text(), "empty.svg": Layout{Name: "empty"}.SVG(),
	} {
		file := "testdata/" + name
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-) and now (+):\n%s", file, diff)
		}
	}
}

// TestSVG holds the picture to what a browser wants of it, and to its own edges.
func TestSVG(t *testing.T) {
	for _, l := range []Layout{sample, {Name: "empty"}, many(30, 4), many(1, 1)} {
		var width, height float64
		names := map[string]bool{}
		d := xml.NewDecoder(strings.NewReader(l.SVG()))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", l.Name, err)
			}
			switch x := token.(type) {
			case xml.CharData:
				names[strings.TrimSpace(string(x))] = true
			case xml.StartElement:
				at := map[string]float64{}
				for _, a := range x.Attr {
					var n float64
					if _, err := fmt.Sscan(a.Value, &n); err == nil {
						at[a.Name.Local] = n
					}
				}
				if x.Name.Local == "svg" {
					width, height = at["width"], at["height"]
				}
				if at["x"] < 0 || at["y"] < 0 || x.Name.Local == "rect" &&
					(at["x"]+at["width"] > width || at["y"]+at["height"] > height || at["height"] <= 0) {
					t.Errorf("%s: %s %v is outside of %v x %v", l.Name, x.Name.Local, at, width, height)
				}
			}
		}
		for _, h := range l.Hosts {
			for _, n := range h.NICs {
				if !names[n.Name] {
					t.Errorf("%s: NIC %q of %s is not in the picture", l.Name, n.Name, h.Name)
				}
			}
		}
	}
}

// many is a layout of so many hosts, each on every network.
func many(hosts, networks int) Layout {
	l := Layout{Name: fmt.Sprintf("many%d", hosts)}
	for i := range networks {
		l.Networks = append(l.Networks, lab.Network{Name: fmt.Sprintf("net%d", i),
			Subnet: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i)}), 16)})
	}
	for h := range hosts {
		host := lab.Host{Name: fmt.Sprintf("host%d", h)}
		for i := range networks {
			host.NICs = append(host.NICs, lab.NIC{
				Name: fmt.Sprintf("eth%d", i), Network: fmt.Sprintf("net%d", i),
				Addresses: []lab.Address{{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0,
					byte(h + 1)}), 16), Alias: fmt.Sprintf("x%d", i)}},
			})
		}
		l.Hosts = append(l.Hosts, host)
	}
	return l
}

// TestDOT has Graphviz read what is written for it.
func TestDOT(t *testing.T) {
	dot, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("dot is not installed; on Debian: apt install graphviz")
	}
	cmd := exec.Command(dot, "-Tplain")
	cmd.Stdin = strings.NewReader(sample.DOT())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, want := strings.Count(string(out), "\nedge "), 6; got != want {
		t.Errorf("%d edges, want %d:\n%s", got, want, out)
	}
}
