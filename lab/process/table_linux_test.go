package process

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

// TestTables holds the numbers here and the names in the vocabulary together.
func TestTables(t *testing.T) {
	for _, o := range lab.Options {
		if _, ok := lab.OptionLevels[o.Level]; !ok {
			t.Errorf("option %s has no number", o.Name)
		}
	}
	for _, w := range lab.SocketTypes {
		if _, ok := socketTypes[w]; !ok {
			t.Errorf("socket type %s has no numbers", w)
		}
	}
	words(t, "how", lab.ShutdownHows, numbers[lab.KindHow])
	words(t, "socket flag", lab.SocketFlags, numbers[lab.KindSockFlags])
	words(t, "message flag", lab.MessageFlags, numbers[lab.KindFlags])
	words(t, "fcntl command", lab.FcntlCommands, numbers[lab.KindFcntl])
	words(t, "descriptor flag", lab.DescriptorFlags, numbers[lab.KindFDFlags])
	words(t, "signal", lab.Signals, sys.Signals)
	words(t, "family", lab.Families, families)
}

func words[N any](t *testing.T, what string, names []string, numbers map[string]N) {
	t.Helper()
	for _, w := range names {
		if _, ok := numbers[w]; !ok {
			t.Errorf("%s %s has no number", what, w)
		}
	}
	if len(names) != len(numbers) {
		t.Errorf("%d words of kind %q have numbers, the vocabulary has %d", len(numbers), what, len(names))
	}
}

// TestCapabilities holds the places in the vocabulary to the kernel's numbers.
func TestCapabilities(t *testing.T) {
	got, err := capabilities([]string{
		"CAP_CHOWN", "CAP_NET_BIND_SERVICE", "CAP_SYS_ADMIN", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
	})
	want := []uintptr{
		unix.CAP_CHOWN, unix.CAP_NET_BIND_SERVICE, unix.CAP_SYS_ADMIN, unix.CAP_BPF, unix.CAP_CHECKPOINT_RESTORE,
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if len(lab.Capabilities) != unix.CAP_LAST_CAP+1 {
		t.Errorf("%d capabilities, want %d", len(lab.Capabilities), unix.CAP_LAST_CAP+1)
	}
	if _, err := capabilities([]string{"CAP_FLY"}); err == nil {
		t.Error("CAP_FLY is known")
	}
}

// The numbers of options and levels are those that the headers have, as far as package unix knows them.
func TestOptionNumbers(t *testing.T) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "golang.org/x/sys/unix").Output()
	if err != nil {
		t.Skipf("go list: %v", err)
	}
	known := map[string]int64{}
	for _, arch := range []string{"", "_amd64", "_arm64", "_riscv64", "_loong64", "_s390x"} {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "zerrors_linux"+arch+".go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^\s+([A-Z0-9_]+)\s+= (-?(?:0x)?[0-9a-f]+)$`).FindAllSubmatch(text, -1) {
			n, err := strconv.ParseInt(string(m[2]), 0, 64)
			if err != nil {
				continue // too large for an option
			}
			name := string(m[1])
			if had, ok := known[name]; ok && had != n && strings.HasPrefix(name, "SO_") {
				t.Errorf("%s is %d on one architecture and %d on another", name, had, n)
			}
			known[name] = n
		}
	}
	compared := 0
	for _, o := range lab.Options {
		if n, ok := known[o.Name]; ok {
			compared++
			if int(n) != o.Number {
				t.Errorf("%s is %d, want %d", o.Name, o.Number, n)
			}
		}
	}
	for name, number := range lab.OptionLevels {
		if n, ok := known[name]; ok && int(n) != number {
			t.Errorf("%s is %d, want %d", name, number, n)
		}
	}
	if compared < 180 {
		t.Errorf("only %d of %d options are known", compared, len(lab.Options))
	}
	t.Logf("%d of %d options compared", compared, len(lab.Options))
}

// TestTakes has an option that no kernel knows.
func TestTakes(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, level := range []int{unix.SOL_SOCKET, unix.IPPROTO_IP, unix.IPPROTO_IPV6, unix.IPPROTO_TCP} {
		if takes(fd, option{level, 9999}) {
			t.Errorf("option 9999 of level %d is known", level)
		}
	}
}

// TestCallsHaveRows holds the calls of the vocabulary to those that a process makes.
func TestCallsHaveRows(t *testing.T) {
	for _, s := range lab.Signatures {
		if _, ok := calls[s.Name]; s.By == lab.ByProcess && !ok {
			t.Errorf("no row for %s", s.Name)
		}
	}
}

// TestControlsHaveRows holds the control messages of the vocabulary to those that a process knows, and
// what they hold to what they take: all but descriptors come back as they went.
func TestControlsHaveRows(t *testing.T) {
	args := map[lab.Kind]value{
		lab.KindBare: {netip.MustParseAddr("2001:db8::1")}, lab.KindNIC: {lab.Name("")}, lab.KindInt: {lab.Int(7)},
		lab.KindAddr: {address{IP: netip.MustParseAddrPort("[2001:db8::1]:80")}}, lab.KindUser: {lab.Int(1000)}, lab.KindErrno: {lab.Word("ECONNREFUSED")}, lab.KindSock: {lab.Sock("a")},
	}
	a := &agent{socks: handles{"a": {fd: 7}}}
	for _, s := range lab.Controls {
		kind, ok := controlKinds[s.Name]
		if !ok {
			t.Errorf("no row for %s", s.Name)
			continue
		}
		var want []value
		for _, k := range s.Args {
			want = append(want, args[k])
		}
		b, err := kind.bytes(a, want, true)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		switch s.Name {
		case "origdst":
			want[0].of = netip.MustParseAddrPort("[2001:db8::1]:80")
		case "rights":
			want[0].of = lab.Int(1)
		case "segment":
			continue // two bytes go and four come
		}
		if got, err := kind.args(b); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v comes back as %v, %v", s.Name, want, got, err)
		}
	}
}

// TestOptionsHaveKinds holds the kinds of options' values to those that a process knows.
func TestOptionsHaveKinds(t *testing.T) {
	for _, o := range lab.Options {
		if kind := optionKinds[o.Value]; (kind.bytes == nil) == (kind.set == nil) {
			t.Errorf("%s: nothing, or two things, set %s", o.Name, o.Value)
		}
	}
}

// TestValuesKeepTheirTypes sends one value of every type to and fro.
func TestValuesKeepTheirTypes(t *testing.T) {
	values := []any{
		lab.Sock("a"), lab.Socks{"a", "b"}, lab.Int(-1), lab.Text("\x00\xff\"}"), lab.Text(""),
		lab.New("b"), lab.PacketAddr{NIC: "eth0", Protocol: 0x800},
		lab.NetlinkAddr{Port: lab.OwnPort, Groups: 1}, lab.Texts{"one", "two"}, lab.Word("A|B"), lab.Duration(5), lab.Name("eth0"), netip.MustParseAddr("fe80::1%eth0"),
		control{Name: "pktinfo", Args: []value{{netip.MustParseAddr("192.0.2.1")}, {lab.Name("eth0")}}},
		lab.Bytes("\x00\xff"), lab.Linger{On: 1, Seconds: 2}, lab.Range{Low: 1, High: 2}, lab.Selector{Op: "mod", N: 2},
		lab.Membership{Group: netip.MustParseAddr("233.252.0.1"), NIC: "eth0"},
		address{IP: netip.MustParseAddrPort("[fe80::1%eth0]:80"), Family: "AF_UNIX"}, address{Family: "AF_UNSPEC"},
		netip.MustParseAddrPort("192.0.2.1:80"), forkArgs{Name: "child", Socks: []string{"a"}},
		ownedArgs{Ports: []uint16{80}, Unix: true}, ownedSockets{{Name: "a", Inode: 7, Options: []string{"SO_REUSEADDR"}}},
		cellsArgs{Combos: []lab.Combo{1, 2}, Fresh: Table{Sockets: 1}, Stop: true},
		cellsReply{IDs: []byte{1, 0, 0, 0}, Traces: [][]uint16{{98}}, Why: Full},
		lab.Pending("r"), lab.Pointer("nil"), lab.Room(-1), lab.Signallers{Names: "p|q", Users: "1000"},
		request{Call: "close", Args: []value{{lab.Sock("a")}}},
		replies{{Outcome: lab.OK, Value: value{lab.Int(1)}}, {Broken: "x"}},
	}
	missing := maps.Clone(types)
	for _, v := range values {
		delete(missing, reflect.TypeOf(v).Name())
		b, err := json.Marshal(reply{Value: value{v}})
		var got reply
		if err == nil {
			err = json.Unmarshal(b, &got)
		}
		if err != nil || !reflect.DeepEqual(got.Value.of, v) {
			t.Errorf("%#v comes back as %#v, %v", v, got.Value.of, err)
		}
	}
	for name := range missing {
		t.Errorf("no value of type %s", name)
	}
	for _, wrong := range []string{`{"Fly":1}`, `{}`, `5`, `{"Int":"x"}`} {
		if err := new(value).UnmarshalJSON([]byte(wrong)); err == nil {
			t.Errorf("%s is a value", wrong)
		}
	}
}

// TestArrived: segments have arrived when as many were received as were sent, and none of them a second time.
func TestArrived(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	defer func(d time.Duration) { arrivalTime = d }(arrivalTime)
	a, s := &agent{snmp: int(f.Fd())}, &compiledBatch{}
	say := func(in, out, again int) {
		t.Helper()
		text := fmt.Sprintf("Ip: InReceives\nIp: 7\nTcp: RtoMin InSegs OutSegs RetransSegs OutRsts\nTcp: 200 %d %d %d 0\nUdp: InSegs\nUdp: 9\n",
			in, out, again)
		if _, err := f.WriteAt([]byte(text), 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		in, out, again int
		want           bool
	}{
		{0, 0, 0, true}, {3, 3, 0, true}, {3, 4, 0, false}, {4, 4, 0, true}, {5, 5, 1, false}, {6, 6, 1, true},
	} {
		if arrivalTime = time.Hour; c.in != c.out {
			arrivalTime = 0
		}
		say(c.in, c.out, c.again)
		if got := s.arrived(a); got != c.want || s.broken != "" {
			t.Errorf("%d received, %d sent, %d again: %t %s, want %t", c.in, c.out, c.again, got, s.broken, c.want)
		}
	}
	arrivalTime = time.Hour
	say(6, 7, 1)
	time.AfterFunc(20*time.Millisecond, func() { say(7, 7, 1) })
	if !s.arrived(a) {
		t.Error("it did not wait for a segment that was under way")
	}
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if s.arrived(a); s.broken == "" {
		t.Error("a file without counts is not noticed")
	}
}

// BenchmarkDo is the cost of calls inside a process, over the same calls bare.
func BenchmarkDo(b *testing.B) {
	a := &agent{socks: map[string]handle{}, proc: -1, table: -1, snmp: -1}
	loopback := netip.MustParseAddrPort("127.0.0.1:0")
	requests := []request{
		{Call: "socket", Makes: "a", Args: []value{{lab.Word("tcp")}}},
		{Call: "bind", Args: []value{{lab.Sock("a")}, {address{IP: loopback}}}},
		{Call: "listen", Args: []value{{lab.Sock("a")}, {lab.Int(5)}}},
		{Call: "close", Args: []value{{lab.Sock("a")}}},
	}
	var bare, own time.Duration
	for b.Loop() {
		began := time.Now()
		fd, _ := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
		_ = unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback.Addr().As4()})
		_ = unix.Listen(fd, 5)
		_ = unix.Close(fd)
		bare += time.Since(began)
		began = time.Now()
		for i := range requests {
			if r := do(a, &requests[i]); r.Outcome != lab.OK {
				b.Fatal(requests[i], r)
			}
		}
		own += time.Since(began)
	}
	b.ReportMetric(float64(own)/float64(bare), "x-bare")
	b.ReportMetric(float64(own.Nanoseconds())/float64(b.N), "ns/own")
	b.ReportMetric(0, "ns/op") // both together, which says nothing
}

// BenchmarkSockstat is the cost of a reset inside a process that has nothing.
func BenchmarkSockstat(b *testing.B) {
	a := &agent{socks: map[string]handle{}, proc: -1, table: -1, snmp: -1}
	for b.Loop() {
		if r := reset(a, nil); r.Outcome != lab.OK {
			b.Fatal(r)
		}
	}
}
