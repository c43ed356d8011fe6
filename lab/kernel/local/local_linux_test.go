package local

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/capture"
	"labrun/lab/fabric"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/world"
)

func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	Main()
	// Somebody who is not root gets namespaces for the tests in a user namespace.
	if errors.Is(fabric.Probe(), fs.ErrPermission) {
		if status, err := fabric.ReexecInUserNS(false); err == nil {
			os.Exit(status)
		}
	}
	os.Exit(m.Run())
}

func needNetNS(t *testing.T) {
	t.Helper()
	switch err := fabric.Probe(); {
	case err == nil:
	case os.Getenv("LABRUN_NETNS") == "required":
		t.Fatalf("LABRUN_NETNS=required: %v", err)
	default:
		t.Skipf("no network namespaces here (%v); type: sudo go test ./lab/kernel/local", err)
	}
}

// TestStates picks the sockets at an address as netstat's reader would.
func TestStates(t *testing.T) {
	at := func(protocol, state, local string) lab.Socket {
		return lab.Socket{Protocol: protocol, State: state, Local: netip.MustParseAddrPort(local)}
	}
	socks := []lab.Socket{
		at("tcp", "TIME_WAIT", "192.0.2.1:80"), at("tcp", "LISTEN", "0.0.0.0:80"), at("tcp", "BOUND", "192.0.2.1:80"),
		at("tcp6", "LISTEN", "[::]:80"), at("tcp6", "ESTABLISHED", "[::ffff:192.0.2.1]:80"), at("udp", "UNCONN", "192.0.2.1:80"),
		at("tcp", "LISTEN", "192.0.2.1:81"), at("tcp6", "ESTABLISHED", "[fe80::1%eth0]:80"),
	}
	for addr, want := range map[string]string{
		"0.0.0.0:80": "BOUND LISTEN LISTEN ESTABLISHED ESTABLISHED TIME_WAIT UNCONN",
		"[::]:80":    "LISTEN ESTABLISHED ESTABLISHED", "192.0.2.1:80": "BOUND ESTABLISHED TIME_WAIT UNCONN", "[::ffff:192.0.2.1]:80": "ESTABLISHED",
		"[fe80::1]:80": "ESTABLISHED", "192.0.2.1:81": "LISTEN", "192.0.2.1:82": "none", "192.0.2.2:80": "none",
	} {
		if got := states(socks, netip.MustParseAddrPort(addr)).String(); got != want {
			t.Errorf("at %s: %s, want %s", addr, got, want)
		}
	}
}

// trial is a topology of alpha and beta on red, with one experiment.
func trial(steps ...lab.Step) *lab.Topology {
	host := func(name, cidr string) lab.Host {
		return lab.Host{Name: name, NICs: []lab.NIC{{Name: "eth0", Network: "red", Addresses: []lab.Address{
			{Prefix: netip.MustParsePrefix(cidr), Alias: "x"},
		}}}}
	}
	for i := range steps {
		steps[i].Process = lab.Process{Name: "main"}
		steps[i].Pos.Line = i + 1
		if len(steps[i].Want) == 0 {
			steps[i].Want = lab.Want{{Answer: lab.Answer{Outcome: lab.OK}}}
		}
	}
	return &lab.Topology{
		Layout: lab.Layout{
			Name:     "trial",
			Networks: []lab.Network{{Name: "red", Subnet: netip.MustParsePrefix("192.0.2.0/24")}},
			Hosts:    []lab.Host{host("alpha", "192.0.2.1/24"), host("beta", "192.0.2.2/24")},
		},
		Experiments: []lab.Experiment{{Name: "e", Combos: []lab.Combo{0}, Slots: []lab.Slot{{Variants: [][]lab.Step{steps}}}}},
	}
}

var (
	socket  = lab.Step{Call: lab.Call{Makes: "a", Name: "socket", Args: []lab.Arg{lab.Word("tcp")}}}
	foreign = lab.Call{Name: "bind", Args: []lab.Arg{lab.Sock("a"), lab.Addr{IP: netip.MustParseAddr("203.0.113.1"), Port: lab.Port{Number: 80}}}}
)

// TestByKernel has an answer that depends on the kernel that is said to run.
func TestByKernel(t *testing.T) {
	needNetNS(t)
	step := lab.Step{Call: foreign, Want: lab.Want{
		{Answer: lab.Answer{Outcome: lab.Failed, Errno: "EADDRNOTAVAIL"}, On: []lab.VersionBound{{Op: "<", Version: lab.KernelVersion{6, 2}}}},
		{Answer: lab.Answer{Outcome: lab.OK}},
	}}
	for kernel, want := range map[lab.KernelVersion]result.Verdict{{6, 1, 9}: result.Pass, {6, 2, 0}: result.Fail} {
		for _, c := range mustRun(t, kernel, trial(socket, step), run.Options{Jobs: 2}).Cells {
			if c.Verdict != want {
				t.Errorf("on %s: %+v, want %s", kernel, c, want)
			}
		}
	}
}

// mustRun runs one topology.
func mustRun(t testing.TB, version lab.KernelVersion, top *lab.Topology, o run.Options) result.Matrix {
	t.Helper()
	return mustCapture(t, version, top, o, nil)
}

// mustCapture runs one topology, with the packets in a folder.
func mustCapture(t testing.TB, version lab.KernelVersion, top *lab.Topology, o run.Options, folder *capture.Folder) result.Matrix {
	t.Helper()
	k, err := New(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	o.Apart = folder != nil
	m, err := run.Run(t.Context(), k, version, []*lab.Topology{top}, o)
	if err != nil {
		t.Fatal(err)
	}
	return m[0]
}

// TestOldKernelHolders shows bound sockets where sock_diag does not.
func TestOldKernelHolders(t *testing.T) {
	needNetNS(t)
	x := lab.Addr{Name: "x", Port: lab.Port{Number: 80}}
	bind := func(sock string, want lab.Answer) lab.Step {
		return lab.Step{Call: lab.Call{Name: "bind", Args: []lab.Arg{lab.Sock(sock), x}}, Want: lab.Want{{Answer: want}}}
	}
	second := lab.Step{Call: lab.Call{Makes: "b", Name: "socket", Args: []lab.Arg{lab.Word("tcp")}}}
	ok := lab.Answer{Outcome: lab.OK}
	top := trial(socket, bind("a", ok), second, bind("b", ok))
	c := mustRun(t, lab.KernelVersion{6, 1, 0}, top, run.Options{Hosts: []string{"alpha"}}).Cells[0]
	if c.Verdict != result.Fail {
		t.Fatalf("%+v", c)
	}
	want := []result.SocketInfo{{Host: "alpha", Protocol: "tcp", State: "BOUND", Local: "x:80", Owners: []string{"main (a)"}}}
	if diff := cmp.Diff(want, c.Seen().Sockets); diff != "" {
		t.Error(diff)
	}
}

// TestConcerns picks the sockets that explain why a bind was refused.
func TestConcerns(t *testing.T) {
	at := func(protocol, local string, v6only bool) lab.Socket {
		return lab.Socket{Protocol: protocol, State: "LISTEN", Local: netip.MustParseAddrPort(local), V6Only: v6only, Inode: 7}
	}
	for _, c := range []struct {
		asked string // a TCP bind of this address
		sock  lab.Socket
		want  bool
	}{
		{"192.0.2.1:80", at("tcp", "192.0.2.1:80", false), true},
		{"192.0.2.1:80", at("tcp", "0.0.0.0:80", false), true},
		{"192.0.2.1:80", at("tcp6", "[::]:80", false), true},
		{"192.0.2.1:80", at("tcp6", "[::ffff:192.0.2.1]:80", false), true},
		{"192.0.2.1:80", at("tcp6", "[::]:80", true), false},
		{"192.0.2.1:80", at("tcp", "192.0.2.2:80", false), false},
		{"192.0.2.1:80", at("tcp", "192.0.2.1:81", false), false},
		{"192.0.2.1:80", at("udp", "192.0.2.1:80", false), false},
		{"192.0.2.1:80", at("tcp6", "[2001:db8::1]:80", false), false},
		{"[::]:80", at("tcp", "192.0.2.1:80", false), true},
		{"[2001:db8::1]:80", at("tcp6", "[::]:80", true), true},
		{"[2001:db8::1]:80", at("tcp", "0.0.0.0:80", false), false},
		{"0.0.0.0:80", at("tcp", "192.0.2.1:80", false), true},
	} {
		q := sought{protocol: "tcp", self: 8, Place: world.Place{Addr: netip.MustParseAddrPort(c.asked)}}
		if got := q.concerns(c.sock); got != c.want {
			t.Errorf("bind %s, %s %s v6only=%v: %v, want %v", c.asked, c.sock.Protocol, c.sock.Local, c.sock.V6Only, got, c.want)
		}
		if q.self = 7; q.concerns(c.sock) {
			t.Errorf("%s explains itself", c.sock.Local)
		}
	}
}
