package capture

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
)

// small has two hosts on red, one of which is on blue, and nobody on green.
func small() *lab.Layout {
	address := func(p, alias string) lab.Address { return lab.Address{Prefix: netip.MustParsePrefix(p), Alias: alias} }
	return &lab.Layout{
		Name:     "small",
		Networks: []lab.Network{{Name: "red"}, {Name: "blue"}, {Name: "green"}},
		Hosts: []lab.Host{
			{Name: "alpha", NICs: []lab.NIC{
				{Name: "eth0", Network: "red", Addresses: []lab.Address{address("192.0.2.10/24", "x"),
					address("2001:db8::a/64", "x6")}},
				{Name: "eth1", Network: "blue", Addresses: []lab.Address{address("198.51.100.1/28", "")}},
			}},
			{Name: "beta", NICs: []lab.NIC{{Name: "eth0", Network: "red",
				Addresses: []lab.Address{address("192.0.2.11/24", "x")}}}},
		},
	}
}

func subject(hosts ...string) Subject {
	return Subject{
		Layout: small(), Experiment: "e", Axes: []lab.Axis{{Name: "a", Values: []string{"x:80", "any"}}},
		Host: "alpha", Hosts: hosts,
	}
}

func mustOpen(t *testing.T, dir string) *Folder {
	t.Helper()
	f, err := OpenFolder(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.Section = Section{Hardware: "x86_64", OS: "Linux 6.1", Application: "labrun v1"}
	return f
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// TestCell reads back what was written.
func TestCell(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "pcap")
	f := mustOpen(t, dir)
	s := subject("alpha", "beta")
	s.Run = 2
	c, err := f.Cell(s)
	if err != nil {
		t.Fatal(err)
	}
	c.Write([]lab.Packet{
		{Host: "beta", Link: "eth0", NIC: true, Time: noon, Data: []byte("abcde"), Length: 5},
		{Host: "alpha", Link: "lo", Time: noon.Add(1), Data: []byte("self"), Length: 4000},
		{Host: "alpha", Link: "eth0", NIC: true, Time: noon.Add(2), Data: []byte("abcdefgh"), Length: 8},
		{Host: "alpha", Link: "eth0", Time: noon.Add(3), Data: []byte("dummy"),
			Length: 5}, // a step took the NIC's name
		{Host: "alpha", Link: "eth0", Time: noon.Add(4), Data: []byte("dummy2"), Length: 6},
	})
	files, err := c.Close(map[string]int{"beta": 3})
	if err != nil {
		t.Fatal(err)
	}
	cell := filepath.Join(dir, "e,a=x%3A80@alpha", "run-2")
	if diff := cmp.Diff([]string{cell + "/red.pcapng", cell + "/blue.pcapng", cell + "/lo.pcapng"}, files); diff != "" {
		t.Fatal(diff)
	}
	const (
		section = `section, comment "topology small, experiment e[a=x:80], host alpha, run 2", hardware "x86_64", os "Linux 6.1", application "labrun v1"`
		names   = `names, ipv4 c000020a616c7068612e7800, ipv6 20010db800000000000000000000000a616c7068612e783600, ` +
			`ipv4 c6336401616c70686100, ipv4 c000020b626574612e7800`
	)
	for i, want := range [][]string{{
		section,
		`interface of type 1, name "alpha/eth0", description "192.0.2.10/24 (x), 2001:db8::a/64 (x6)", ipv4 c000020affffff00, ` +
			`ipv6 20010db800000000000000000000000a40, digits 09`,
		`interface of type 1, name "beta/eth0", description "192.0.2.11/24 (x)", ipv4 c000020bffffff00, digits 09`,
		names,
		`packet of 1 at 12:00:00.000000000, 5 bytes: "abcde"`,
		`packet of 0 at 12:00:00.000000002, 8 bytes: "abcdefgh"`,
		`statistics of 0, received 1, dropped 0`,
		`statistics of 1, comment "the kernel counts what it dropped for all links of a host together", received 1, dropped 3`,
	}, {
		section,
		`interface of type 1, name "alpha/eth1", description "198.51.100.1/28", ipv4 c6336401fffffff0, digits 09`,
		names,
		`statistics of 0, received 0, dropped 0`,
	}, {
		section,
		`interface of type 1, name "alpha/lo", description "what never leaves alpha", digits 09`,
		`interface of type 1, name "beta/lo", description "what never leaves beta", digits 09`,
		names,
		`packet of 0 at 12:00:00.000000001, 4000 bytes: "self"`,
		`interface of type 1, name "alpha/eth0", description "made by the experiment", digits 09`,
		`packet of 2 at 12:00:00.000000003, 5 bytes: "dummy"`,
		`packet of 2 at 12:00:00.000000004, 6 bytes: "dummy2"`,
		`statistics of 0, received 1, dropped 0`,
		`statistics of 1, comment "the kernel counts what it dropped for all links of a host together", received 0, dropped 3`,
		`statistics of 2, received 2, dropped 0`,
	}} {
		if diff := cmp.Diff(want, read(t, files[i])); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", files[i], diff)
		}
	}
	if diff := cmp.Diff(Loss{Packets: 3, Cells: 1, First: cell}, f.Loss()); diff != "" {
		t.Error(diff)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// TestCutShort reads files of a cell that has not ended, as after kill -9: what is
// there are whole blocks.
func TestCutShort(t *testing.T) {
	dir := t.TempDir()
	f := mustOpen(t, dir)
	defer f.Close()
	c, err := f.Cell(subject("alpha"))
	if err != nil {
		t.Fatal(err)
	}
	red := filepath.Join(dir, "e,a=x%3A80@alpha", "red.pcapng")
	if got := read(t, red); len(got) != 3 {
		t.Errorf("before the first packet: %q", got)
	}
	many := make([]lab.Packet, 100)
	for i := range many {
		many[i] = lab.Packet{Host: "alpha", Link: "eth0", NIC: true, Time: noon, Data: make([]byte, 1501), Length: 1501}
	}
	c.Write(many)
	if got := len(read(t, red)); got <= 3 || got >= 103 {
		t.Errorf("%d blocks, and 64 KiB are written at once", got)
	}
	if _, err := c.Close(nil); err != nil {
		t.Fatal(err)
	}
	if got := len(read(t, red)); got != 104 {
		t.Errorf("%d blocks at the end", got)
	}
}
