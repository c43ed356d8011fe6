package fabric

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/plan"
)

// sameByTable compares what the tables of /proc/net tell of a host's sockets with what sock_diag told of them, but for what
// they have no column for. A bound socket that does not listen is in none of them.
func sameByTable(t *testing.T, h *Host, told []lab.Socket) {
	t.Helper()
	names := []string{"tcp", "tcp6", "udp", "udp6"}
	got, err := h.socketsByTable(names)
	must(t, err)
	for _, all := range [][]lab.Socket{told, got} {
		slices.SortFunc(all, func(a, b lab.Socket) int {
			if a.Protocol != b.Protocol {
				return strings.Compare(a.Protocol, b.Protocol)
			}
			return compare(a, b)
		})
	}
	same := gocmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	without := cmpopts.IgnoreFields(lab.Socket{}, "V6Only", "Options", "Device", "Full")
	if diff := gocmp.Diff(told, got, same, without); diff != "" {
		t.Errorf("sockets of host %s by sock_diag (-) and by /proc/net (+):\n%s", h.Name(), diff)
	}
}

// TestAbilities: Linux has all of them, with the privilege that a lab takes.
func TestAbilities(t *testing.T) {
	needNetNS(t)
	can, err := AbilitiesOf()
	must(t, err)
	if want := (Abilities{Parameters: true, SockDiag: true, Closed: true, queues: true}); can != want {
		t.Errorf("got %+v, want %+v", can, want)
	}
	// What is asked of a kernel without sock_diag shows here that the tables have TIME_WAIT, and no other host's sockets.
	var tables Abilities
	must(t, onThread(func() error {
		ns, err := newNamespace("tables")
		must(t, err)
		defer ns.Close()
		r, err := openRTNL()
		must(t, err)
		defer r.close()
		return tables.tryTables(r)
	}))
	if want := (Abilities{Closed: true}); tables != want {
		t.Errorf("by the tables: %+v, want %+v", tables, want)
	}
}

// TestKnown: a kind of message that no kernel has is told from one whose words are not supported.
func TestKnown(t *testing.T) {
	needNetNS(t)
	must(t, mustUp(t, plan.New(dual(1))).Host("h0").withRTNL(func(r *rtnl) error {
		for _, kind := range []int{unix.RTM_NEWROUTE, unix.RTM_DELROUTE, unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH, unix.RTM_GETNEIGH} {
			if err := r.known(kind, unix.EOPNOTSUPP); err != unix.EOPNOTSUPP {
				t.Errorf("message %d: %v, want %v", kind, err, unix.EOPNOTSUPP)
			}
		}
		const none = 0x7ffc // beyond RTM_MAX
		if err := r.known(none, r.send(message(none, unix.NLM_F_ACK, inet()))); err != ErrNoMessage {
			t.Errorf("message %d: %v, want %v", none, err, ErrNoMessage)
		}
		if err := r.known(unix.RTM_NEWROUTE, unix.ENETUNREACH); err != unix.ENETUNREACH {
			t.Errorf("another error: %v", err)
		}
		return nil
	}))
}

// TestUnixTable: the table of unix(7) tells the same as sock_diag does.
func TestUnixTable(t *testing.T) {
	needNetNS(t)
	h := mustUp(t, plan.New(dual(1))).Host("h0")
	dir := t.TempDir()
	bound := func(kind int, name string, listens bool) int {
		fd := mustSocket(t, h, unix.AF_UNIX, kind)
		t.Cleanup(func() { unix.Close(fd) })
		must(t, unix.Bind(fd, &unix.SockaddrUnix{Name: name}))
		if listens {
			must(t, unix.Listen(fd, 5))
		}
		return fd
	}
	bound(unix.SOCK_STREAM, filepath.Join(dir, "with a space"), true)
	bound(unix.SOCK_STREAM, "@idle", false)
	bound(unix.SOCK_SEQPACKET, "@packets", true)
	bound(unix.SOCK_DGRAM, filepath.Join(dir, "datagrams"), false)
	client := bound(unix.SOCK_STREAM, "@client", false)
	must(t, unix.Connect(client, &unix.SockaddrUnix{Name: filepath.Join(dir, "with a space")}))
	dgram := bound(unix.SOCK_DGRAM, "@sender", false)
	must(t, unix.Connect(dgram, &unix.SockaddrUnix{Name: filepath.Join(dir, "datagrams")}))
	nameless := mustSocket(t, h, unix.AF_UNIX, unix.SOCK_STREAM)
	defer unix.Close(nameless)

	want, err := h.UnixSockets()
	must(t, err)
	got, err := h.unixByTable()
	must(t, err)
	without := cmpopts.IgnoreFields(lab.UnixSocket{}, "File", "Dev", "UID", "PeerNamed")
	if diff := gocmp.Diff(want, got, without); diff != "" {
		t.Errorf("by sock_diag (-) and by /proc/net (+):\n%s", diff)
	}
	if len(got) < 6 {
		t.Errorf("%d sockets, want the 6 that have names: %+v", len(got), got)
	}
}

// TestOpenIn: where the tables hold the sockets of all hosts, those are a host's that a process in it has open.
func TestOpenIn(t *testing.T) {
	needNetNS(t)
	before := abilities
	t.Cleanup(func() { abilities = before })
	l := mustUp(t, plan.New(dual(2)))
	x, _, _ := addresses(0)
	fd := mustListen(t, l.Host("h0"), netip.AddrPortFrom(x, 80))
	defer unix.Close(fd)
	abilities = func() (Abilities, error) { return Abilities{Parameters: true, everywhere: true}, nil }
	// This process is in no host, so none of its sockets is a host's.
	if got, err := l.Host("h0").socketsByTable([]string{"tcp"}); len(got) != 0 || err != nil {
		t.Errorf("in no host: %v, %v", got, err)
	}
	own, err := newHostHere(t)
	must(t, err)
	open, err := own.openIn()
	must(t, err)
	if _, ok := open[inode(t, fd)]; !ok {
		t.Errorf("a socket of this process is not among those of the processes in its namespace: %v", open)
	}
}

// newHostHere returns this process's own namespace as if it were a host, to look at.
func newHostHere(t *testing.T) (*Host, error) {
	file, err := os.Open("/proc/self/ns/net")
	if err == nil {
		t.Cleanup(func() { file.Close() })
	}
	return &Host{name: "here", file: file}, err
}

// TestParseTable: lines of the kernel's as they are on x86, and what is wrong with others.
func TestParseTable(t *testing.T) {
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	word := func(b ...byte) string { return fmt.Sprintf("%08X", binary.NativeEndian.Uint32(b)) }
	lo, none := word(127, 0, 0, 1), word(0, 0, 0, 0)
	text := head +
		"   0: " + lo + ":0016 " + none + ":0000 0A 00000000:00000000 00:00000000 00000000     0        0 17254 1 0000000000000000 100 0 0 10 0\n" +
		"   1: " + lo + ":0016 " + lo + ":9C40 06 00000000:00000000 03:000017A5 00000000     0        0 0 3 0000000000000000\n" +
		"   2: " + lo + ":9C41 " + lo + ":0017 02 00000001:00000000 01:00000064 00000000  1000        0 17255 2 0000000000000000\n" +
		// gVisor's line of a socket that has no port yet, and of one that is bound.
		"   3: 00000000:0000 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0        7 1 0x0000000000000000 0 0 0 0 -1\n" +
		"   4: " + lo + ":0018 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0        8 1 0x0000000000000000 0 0 0 0 -1\n"
	at := netip.MustParseAddrPort
	nobody := at("0.0.0.0:0")
	want := []lab.Socket{
		{Protocol: "tcp", State: "LISTEN", Local: at("127.0.0.1:22"), Remote: nobody, Inode: 17254},
		{Protocol: "tcp", State: "TIME_WAIT", Local: at("127.0.0.1:22"), Remote: at("127.0.0.1:40000"), Timer: "timewait"},
		{Protocol: "tcp", State: "SYN_SENT", Local: at("127.0.0.1:40001"), Remote: at("127.0.0.1:23"), Timer: "on", UID: 1000, Inode: 17255},
		{Protocol: "tcp", State: "BOUND", Local: at("127.0.0.1:24"), Remote: nobody, Inode: 8},
	}
	got, err := parseTable("tcp", text)
	must(t, err)
	if diff := gocmp.Diff(want, got, gocmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	six := head + "  0: " + word(0x20, 0x01, 0x0d, 0xb8) + none + none + word(0, 0, 0, 1) + ":0050 " + strings.Repeat("0", 32) +
		":0000 07 00000000:00000000 00:00000000 00000000     0        0 9 2 0000000000000000 0\n"
	got, err = parseTable("udp6", six)
	must(t, err)
	if len(got) != 1 || got[0].Local != at("[2001:db8::1]:80") || got[0].State != "UNCONN" {
		t.Errorf("got %+v, want UNCONN at [2001:db8::1]:80", got)
	}
	for line, want := range map[string]string{
		"0: 0100007F:0016 00000000:0000 0A":                      "line 2: 4 fields, want 10 or more",
		"0: 01007F:0016 00000000:0000 0A 0:0 00:0 0 0 0 1":       `"01007F:0016" is not an address`,
		"0: 0100007F:10016 00000000:0000 0A 0:0 00:0 0 0 0 1":    `"0100007F:10016" is not an address`,
		"0: 0100007F:0016 00000000:0000 XX 0:0 00:0 0 0 0 1":     `parsing "XX"`,
		"0: 0100007F:0016 00000000:0000 0A 0:0 00:0 0 -1 0 1":    `parsing "-1"`,
		"0: 0100007F:0016 00000000:0000 0A 0:0 00:0 0 0 0 inode": `parsing "inode"`,
	} {
		if _, err := parseTable("tcp", head+line+"\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
	for line, want := range map[string]string{
		"0: 2 0 0":            "line 2: 4 fields, want 7 or more",
		"0: 2 0 X 1 1 5 @a":   `parsing "X"`,
		"0: 2 0 0 1 1 X name": `parsing "X"`,
	} {
		if _, err := parseUnixTable("Num\n" + line + "\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}
