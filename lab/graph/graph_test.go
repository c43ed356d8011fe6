package graph

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// TestColours gives a network the colour that its name says, and no other network that one.
func TestColours(t *testing.T) {
	for names, want := range map[string]string{
		"red blue":               "red blue",
		"lan wan":                "blue orange",
		"lan blue wan":           "orange blue green",
		"net-red red2 Gray rose": "red red grey pink",
		"bluest reddish":         "blue orange", // words that only begin so
		"orange_green":           "orange",
		"a b c d e f g h i j k":  "blue orange green purple yellow teal red pink brown grey blue",
		"grey a b c d e f g h i j k": "grey blue orange green purple yellow teal red pink brown " +
			"blue orange",
	} {
		var l Layout
		for _, name := range strings.Fields(names) {
			l.Networks = append(l.Networks, lab.Network{Name: name})
		}
		var got []string
		for _, c := range l.colours() {
			got = append(got, c.name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", names, got, want)
		}
	}
	for name, of := range alsoCalled {
		if !slices.ContainsFunc(palette, func(c colour) bool { return c.name == of }) {
			t.Errorf("%s is called %s, which the palette has not", name, of)
		}
	}
}

// TestSVGOutsideOfBrowsers has a program draw the picture that knows little of style sheets, once
// with the picture's own and once without: everything has its colour both times.
func TestSVGOutsideOfBrowsers(t *testing.T) {
	rsvg, err := exec.LookPath("rsvg-convert")
	if err != nil {
		message := "rsvg-convert is not installed; on Debian: apt install librsvg2-bin"
		if os.Getenv("LABRUN_NETNS") == "required" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	svg := sample.SVG()
	head, rest, _ := strings.Cut(svg, "<style>")
	_, rest, ok := strings.Cut(rest, "</style>")
	if !ok {
		t.Fatal("no style")
	}
	d := drawing{Layout: sample, colours: sample.colours()}
	d.measure()
	bottom := d.height - margin - 6
	alpha := d.top + boxHeight(&sample.Hosts[0])/2
	for what, text := range map[string]string{"with": svg, "without": head + rest} {
		cmd := exec.Command(rsvg)
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if dir := os.Getenv("LABRUN_SHOTS"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, "graph-"+what+"-style.png"), out, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		picture, err := png.Decode(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []struct {
			what string
			x, y int
			want string
		}{
			{"the paper", 2, 2, paper.light},
			{"the bar of red", d.barX(0) + 5, bottom, "#c4352c"},
			{"the bar of blue", d.barX(1) + 5, bottom, "#0b6bcb"},
			{"the bar of bare", d.barX(2) + 5, bottom, "#b3400b"},
			{"the line from red to alpha", d.barX(3) + barStep/2, d.top + row + 13, "#c4352c"},
			{"the box of alpha", d.width - margin - 8, alpha, box.light},
		} {
			r, g, b, a := picture.At(p.x, p.y).RGBA()
			if got := fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8); got != p.want || a != 0xffff {
				t.Errorf("%s style %s is %s (alpha %x) at %d,%d, want %s", what, p.what, got, a, p.x, p.y, p.want)
			}
		}
		if r, _, _, _ := picture.At(d.left, alpha).RGBA(); r>>8 > 0xd0 { // between two pixels, so not in its full colour
			t.Errorf("%s style the box of alpha has no edge", what)
		}
		if n := inked(picture, d.left+pad, d.top+3, 60, row); n == 0 {
			t.Errorf("%s style alpha has no name", what)
		}
	}
}

// inked counts the pixels of a part of a picture that are as dark as text is.
func inked(picture image.Image, x, y, width, height int) (n int) {
	for i := range width * height {
		if r, g, b, _ := picture.At(x+i%width, y+i/width).RGBA(); r>>8 < 0x50 && g>>8 < 0x50 && b>>8 < 0x50 {
			n++
		}
	}
	return n
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
