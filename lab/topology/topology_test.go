package topology

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden reads the files in testdata: those in ok are printed as they were
// understood and give no warning, those in warn give warnings, those in err complaints.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			text := mustRead(t, file)
			top, err := parse(filepath.Base(file), text)
			bad := filepath.Base(filepath.Dir(file)) == "err"
			if (err != nil) != bad {
				t.Fatalf("err = %v", err)
			}
			var found Diagnostics
			if bad {
				found = err.(Diagnostics)
			} else {
				found = Warnings(top)
			}
			got := ""
			for _, d := range found {
				got += d.String() + "\n"
			}
			if filepath.Base(filepath.Dir(file)) == "ok" {
				got += describe(top)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".out"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(mustRead(t, golden)), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
		})
	}
}

// parse reads a text without a file.
func parse(file string, text []byte) (*lab.Topology, error) {
	return Load(Source{File: file, Text: append([]byte{}, text...)})
}

func mustRead(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// describe prints a topology, all of it.
func describe(top *lab.Topology) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("topology %s, file %s, doc %q", top.Name, top.File, top.Doc)
	for _, c := range top.Claims {
		line("%s claim %q: %s", c.Pos, c.Name, c.Text)
	}
	if l := top.Lesson; !l.IsZero() {
		line("question %q, found %q, level %s, see %q", l.Question, l.Found, l.Level, l.See)
	}
	for _, n := range top.Networks {
		line("%s network %s: %s %s", n.Pos, n.Name, n.Subnet, n.Subnet6)
		if n.Link || len(n.More) > 0 {
			line("%s   cable %t, more subnets %s", n.Pos, n.Link, n.More)
		}
	}
	for _, h := range top.Hosts {
		line("%s host %s", h.Pos, h.Name)
		for _, p := range h.Sysctls {
			line("%s   sysctl %s", p.Pos, p)
		}
		for _, n := range h.NICs {
			line("%s   nic %s on %s", n.Pos, n.Name, n.Network)
			for _, a := range n.Addresses {
				line("%s     %s %s", a.Pos, a.Prefix, a.Alias)
			}
		}
	}
	for _, x := range append(slices.Clone(top.Probes), top.Experiments...) {
		type fields lab.ClaimRef // with When, which its String leaves out
		line("%s experiment %s, doc %q, hosts %q, claim %+v", x.Pos, x.Name, x.Doc, x.Hosts, fields(x.Claim))
		for _, u := range x.Users {
			line("%s   process %s: user %d %v", u.Pos, u.Process, u.User, u.Capabilities)
		}
		for _, c := range x.Combos {
			if len(x.Axes) > 0 {
				line("  cell %s", x.CellName(c))
			}
			for _, s := range x.StepsOf(c) {
				more := ""
				if s.Until != 0 {
					more += fmt.Sprintf(", until %s", s.Until)
				}
				if r := s.Run; r != nil {
					more += fmt.Sprintf(", words %q, background %t", r.Argv, r.Background)
				}
				line("%s   %s: %s = %s, limit %s%s", s.Pos, s.Process, s.Call, s.Want,
					s.LimitFor(s.Want.On(lab.Kernel{})), more)
			}
		}
	}
	return b.String()
}

// TestAutomatic gives addresses to many hosts: in the order of the file, past
// those that are taken, each once, and the same ones every time.
func TestAutomatic(t *testing.T) {
	var b strings.Builder
	b.WriteString("name: n\nnetworks:\n  red: {subnet: 10.0.0.0/21, subnet6: '2001:db8::/64'}\nhosts:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "  h%d: {nics: {eth0: {network: red, as: x}}}\n", i)
	}
	b.WriteString("  taken: {nics: {eth0: {network: red, address: [10.0.0.2, '2001:db8::1']}}}\n")
	parse := func() *lab.Topology {
		top, err := parse("f", []byte(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		return top
	}
	top := parse()
	for host, want := range map[int]string{0: "10.0.0.1/21 2001:db8::2/64", 1: "10.0.0.3/21 2001:db8::3/64",
		253: "10.0.0.255/21 2001:db8::ff/64", 999: "10.0.3.233/21 2001:db8::3e9/64"} {
		a := top.Hosts[host].NICs[0].Addresses
		if got := fmt.Sprint(a[0].Prefix, " ", a[1].Prefix); got != want {
			t.Errorf("host %d has %s, want %s", host, got, want)
		}
	}
	seen := map[string]bool{}
	for _, h := range top.Hosts {
		for _, a := range h.NICs[0].Addresses {
			if ip := a.Prefix.Addr().String(); seen[ip] {
				t.Errorf("%s is there twice", ip)
			} else {
				seen[ip] = true
			}
		}
	}
	if diff := cmp.Diff(describe(top), describe(parse())); diff != "" {
		t.Error(diff)
	}
}
