package process_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/process"
	"labrun/lab/program"
)

const (
	soon  = 20 * time.Millisecond
	ample = time.Minute
)

// sample has an argument of every kind that a process's calls take.
var sample = map[lab.Kind]lab.Arg{
	lab.KindSock: a, lab.KindAddr: lab.Text("@sample"), lab.KindInt: lab.Int(1), lab.KindLength: lab.Int(9),
	lab.KindText: lab.Text("x"), lab.KindPath: lab.Text("x"), lab.KindDuration: lab.Duration(1),
	lab.KindType:      lab.Word("udp"),
	lab.KindSockFlags: lab.Word("SOCK_CLOEXEC"), lab.KindFlags: lab.Word("MSG_DONTWAIT"), lab.KindHow: lab.Word("SHUT_RD"),
	lab.KindFcntl: lab.Word("F_SETFD"), lab.KindFDFlags: lab.Word("0"), lab.KindUser: lab.Int(0),
	lab.KindNew: lab.New("c"), lab.KindEvents: lab.Word("POLLIN"), lab.KindEpollOp: lab.Word("EPOLL_CTL_ADD"),
	lab.KindEpoll: lab.Word("EPOLLIN"), lab.KindIoctl: lab.Word("SIOCINQ"), lab.KindRequest: lab.Int(1), lab.KindSetting: lab.Int(0), lab.KindFamily: lab.Word("inet"),
	lab.KindSockType: lab.Word("stream|SOCK_CLOEXEC"), lab.KindProtocol: lab.Int(0),
	lab.KindOption: lab.Word("SO_REUSEADDR"), lab.KindMessage: lab.Text("x"), lab.KindPart: lab.Word("MSG_DONTWAIT"),
	lab.KindPending: lab.Pending("r"), lab.KindRoom: lab.Room(16), lab.KindSignal: lab.Word("SIGUSR1"), lab.KindHandled: lab.Word("handler"),
	lab.KindHook: lab.Word("bind4"), lab.KindProgram: lab.Word("deny"),
	lab.KindRestart: lab.Word("SA_RESTART"), lab.KindValue: lab.Int(1), lab.KindDescriptor: lab.Int(-1),
}

// TestEveryCallIsKnown makes each call of the vocabulary that a process makes by
// itself, with as few and with as many arguments as it takes.
func TestEveryCallIsKnown(t *testing.T) {
	l := newLab(t)
	g := newGroup(t)
	for _, s := range lab.Signatures {
		for left := range s.Optional + 1 {
			if s.By != lab.ByProcess {
				continue
			}
			p := mustStartIn(t, g, process.Spec{In: l.Host("alpha").Do, Enter: newFiles(t, l).Enter})
			ask(t, p, call("a", "socket", lab.Word("unix")), "", 0)
			if s.Name == "answer" {
				if err := p.Begin(t.Context(), "r", process.Args{Call: call("", "recv", lab.Sock("a"))}, nil); err != nil {
					t.Error(err)
				}
			}
			c := call("b", s.Name)
			for _, kind := range s.Args[:len(s.Args)-left] {
				c.Args = append(c.Args, sample[kind])
			}
			if _, err := try(t, p, c, "", soon); err != nil {
				t.Error(err)
			}
		}
		if s.Long == nil {
			continue
		}
		c := call("b", s.Name)
		for _, kind := range s.Long {
			c.Args = append(c.Args, sample[kind])
		}
		if _, err := try(t, mustStart(t, g, l.Host("alpha"), "long"), c, "", soon); err != nil {
			t.Error(err)
		}
	}
}

// newFiles returns files for the processes and programs of a lab.
func newFiles(t testing.TB, l *fabric.Lab) *program.Files {
	t.Helper()
	f, err := program.NewFiles(l.Host("alpha").Do)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func mustStartIn(t testing.TB, g *process.Group, s process.Spec) *process.Process {
	t.Helper()
	s.Name = "alpha/main"
	p, err := g.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestMisuse has requests that cannot become a system call.
func TestMisuse(t *testing.T) {
	l := newLab(t)
	p := mustStartIn(t, newGroup(t), process.Spec{In: l.Host("alpha").Do, Enter: newFiles(t, l).Enter})
	bare := mustStart(t, newGroup(t), l.Host("alpha"), "bare")
	u := lab.Sock("u")
	ask(t, p, call("u", "socket", lab.Word("unix")), "", 0)
	ask(t, bare, call("u", "socket", lab.Word("unix")), "", 0)
	for _, c := range []lab.Call{
		call("", "bind", u, lab.Text("/etc/x")),
		call("", "bind", u, lab.Text("a/../../x")),
		call("", "connect", u, lab.Text("..")),
		call("", "unlink", lab.Text("../x")),
		call("", "bind", u, lab.Addr{Name: "x"}), // not resolved
		call("", "bind", u, lab.Word("tcp")),
		call("", "bind"),
		call("", "close", u, u),
		call("", "close", lab.Sock("never")),
		call("", "who", u, lab.Sock("never")),
		call("", "sendmsg", u, lab.Sock("never")),
		call("f", "fd", lab.Int(0)), // is open
		call("", "fly", u),
		call("", "exit"),
		call("s", "socket", lab.Word("tcp"), lab.Word("SOCK_FAST")),
		call("", "recv", u, lab.Int(1<<20)),
	} {
		if got, err := try(t, p, c, "", 0); err == nil {
			t.Errorf("%s = %s, want an error", c, got)
		}
	}
	path := lab.Text("x")
	for _, c := range []lab.Call{call("", "bind", u, path), call("", "connect", u, path), call("", "unlink", path)} {
		if got, err := try(t, bare, c, "", 0); err == nil {
			t.Errorf("without files: %s = %s, want an error", c, got)
		}
	}
}

// TestSocketTypes makes a socket of each type, binds it and looks at it. What the
// machine lacks says so and is left.
func TestSocketTypes(t *testing.T) {
	l := newLab(t)
	g := newGroup(t)
	// EACCES: no group may have a socket of ping unless the host says so (net.ipv4.ping_group_range).
	lacks := []string{"EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EAFNOSUPPORT", "EACCES"}
	p := mustStart(t, g, l.Host("alpha"), "main")
	for _, word := range lab.SocketTypes {
		got := ask(t, p, call("a", "socket", lab.Word(word), lab.Word("SOCK_NONBLOCK|SOCK_CLOEXEC")), "", 0)
		if slices.Contains(lacks, got) {
			t.Logf("no %s here: %s", word, got)
			continue
		}
		if got != "ok" {
			t.Errorf("socket(%s) = %s", word, got)
			continue
		}
		owned, err := p.Owns(t.Context(), "a")
		if err != nil || owned.Protocol != word {
			t.Errorf("socket(%s) is %+v, %v", word, owned, err)
		}
		addr, want := "", ""
		switch {
		case len(word) > 3 && word[:4] == "unix":
			want = `"@sample"`
			got = ask(t, p, call("", "bind", a, lab.Text("@sample")), "", 0)
		case word[:3] == "raw" && word != "raw":
			addr, want = "[::1]:0", "[::1]:58" // inet_num is the protocol
		case word == "raw":
			addr, want = "127.0.0.1:0", "127.0.0.1:1"
		case word[len(word)-1] == '6':
			addr, want = "[::1]:7000", "[::1]:7000"
		default:
			addr, want = "127.0.0.1:7000", "127.0.0.1:7000"
		}
		if addr != "" {
			got = ask(t, p, call("", "bind", a), addr, 0)
		}
		if name := ask(t, p, call("", "getsockname", a), "", 0); got != "ok" || name != want {
			t.Errorf("%s: bind = %s, getsockname = %s, want ok, %s", word, got, name, want)
		}
		ask(t, p, call("", "close", a), "", 0)
	}
}

// TestAddressBytes has lengths and families that are not the address's own.
func TestAddressBytes(t *testing.T) {
	l := newLab(t)
	p := mustStart(t, newGroup(t), l.Host("alpha"), "main")
	family := func(f string) lab.Addr { return lab.Addr{Name: "any", Family: f} }
	for _, e := range []struct {
		kind, addr string
		arg        lab.Addr
		length     int // -2: none
		want       string
	}{
		{"tcp", "192.0.2.1:80", lab.Addr{Name: "x"}, 3, "EINVAL"},
		{"tcp", "192.0.2.1:80", lab.Addr{Name: "x"}, 0, "EINVAL"},
		{"tcp", "192.0.2.1:80", lab.Addr{Name: "x"}, 15, "EINVAL"},
		{"tcp", "192.0.2.1:80", lab.Addr{Name: "x"}, -1, "EINVAL"},
		{"tcp", "192.0.2.1:80", lab.Addr{Name: "x"}, 129, "EINVAL"}, // move_addr_to_kernel
		{"tcp", "192.0.2.1:80", lab.Addr{Name: "x"}, 1 << 30, "EINVAL"},
		{"tcp", "192.0.2.1:80", lab.Addr{Name: "x"}, 16, "ok"},
		{"tcp", "192.0.2.1:80", lab.Addr{Name: "x"}, 128, "ok"},
		{"tcp", "192.0.2.1:80", lab.Addr{Name: "x", Family: "AF_INET6"}, -2, "EAFNOSUPPORT"},
		{"tcp", "192.0.2.1:80", lab.Addr{Name: "x", Family: "AF_UNSPEC"}, -2, "EAFNOSUPPORT"},
		{"tcp", "192.0.2.1:80", lab.Addr{Name: "x", Family: "AF_INET"}, -2, "ok"},
		{"tcp", "0.0.0.0:80", family("AF_UNSPEC"), -2, "ok"}, // __inet_bind takes it for any
		{"tcp", "0.0.0.0:80", family("AF_UNIX"), -2, "EAFNOSUPPORT"},
		{"tcp", "", lab.Unspec, -2, "ok"},
		{"tcp6", "[::]:80", lab.Addr{Name: "any6"}, 23, "EINVAL"},
		{"tcp6", "[::]:80", lab.Addr{Name: "any6"}, 24, "ok"}, // SIN6_LEN_RFC2133
		{"tcp6", "[::]:80", lab.Addr{Name: "any6", Family: "AF_INET"}, -2, "EAFNOSUPPORT"},
		{"tcp6", "192.0.2.1:80", lab.Addr{Name: "x"}, -2, "EINVAL"}, // a sockaddr_in is too short
		{"tcp6", "192.0.2.1:80", lab.Addr{Name: "x"}, 28, "EAFNOSUPPORT"},
		{"unix", "192.0.2.1:80", lab.Addr{Name: "x"}, -2, "EINVAL"},
	} {
		c := call("", "bind", a, e.arg)
		if e.length != -2 {
			c.Args = append(c.Args, lab.Int(e.length))
		}
		ask(t, p, call("a", "socket", lab.Word(e.kind)), "", 0)
		if got := ask(t, p, c, e.addr, 0); got != e.want {
			t.Errorf("%s: %s %s = %s, want %s", e.kind, c, e.addr, got, e.want)
		}
		ask(t, p, call("", "close", a), "", 0)
	}
	expect(t, []expected{
		{p, call("a", "socket", lab.Word("udp")), "", 0, "ok"},
		{p, call("", "connect", a, lab.Addr{Name: "x"}, lab.Int(3)), "192.0.2.2:53", 0, "EINVAL"},
		{p, call("", "connect", a, lab.Addr{Name: "x", Family: "AF_INET6"}), "192.0.2.2:53", 0, "EAFNOSUPPORT"},
		{p, call("", "connect", a), "192.0.2.2:53", 0, "ok"},
		{p, call("", "connect", a, lab.Unspec), "", 0, "ok"},
		{p, call("", "getpeername", a), "", 0, "ENOTCONN"},
		{p, call("", "sendto", a, lab.Text("x"), lab.Addr{Name: "x", Family: "AF_UNIX"}), "192.0.2.2:53", 0, "EAFNOSUPPORT"},
	})
}

// TestZone has link-local addresses, whose scope is a NIC.
func TestZone(t *testing.T) {
	l := newLab(t)
	p := mustStart(t, newGroup(t), l.Host("alpha"), "main")
	ask(t, p, call("a", "socket", lab.Word("udp6")), "", 0)
	for _, name := range []string{"SO_REUSEADDR", "IPV6_FREEBIND"} {
		ask(t, p, call("", "setsockopt", a, lab.Word(name), lab.Int(1)), "", 0)
	}
	expect(t, []expected{
		{p, call("", "bind", a), "[fe80::1]:80", 0, "EINVAL"},
		{p, call("", "bind", a), "[fe80::1%eth0]:80", 0, "ok"},
		{p, call("", "getsockname", a), "", 0, "[fe80::1%eth0]:80"},
	})
	if got, err := try(t, p, call("", "bind", a), "[fe80::1%eth7]:80", 0); err == nil {
		t.Errorf("bind with a scope that is no NIC = %s, want an error", got)
	}
}

func TestUnix(t *testing.T) {
	l := newLab(t)
	files := newFiles(t, l)
	g := newGroup(t)
	p := mustStartIn(t, g, process.Spec{In: l.Host("alpha").Do, Enter: files.Enter})
	q := mustStartIn(t, g, process.Spec{In: l.Host("alpha").Do, Enter: files.Enter})
	elsewhere := mustStart(t, g, l.Host("beta"), "main")
	long := lab.Text(make([]byte, 200))
	expect(t, []expected{
		{p, call("a", "socket", lab.Word("unix")), "", 0, "ok"},
		{p, call("", "getsockname", a), "", 0, `""`},
		{p, call("", "bind", a, lab.Text("name")), "", 0, "ok"},
		{p, call("", "getsockname", a), "", 0, `"name"`},
		{p, call("", "bind", a, lab.Text("other")), "", 0, "EINVAL"},
		{p, call("", "listen", a, lab.Int(1)), "", 0, "ok"},
		{q, call("b", "socket", lab.Word("unix")), "", 0, "ok"},
		{q, call("", "bind", b, lab.Text("name")), "", 0, "EADDRINUSE"},
		{q, call("", "bind", b, lab.Text("no/name")), "", 0, "ENOENT"},
		{q, call("", "bind", b, lab.Text("name"), lab.Int(1)), "", 0, "EINVAL"},
		{q, call("", "bind", b, "@"+long), "", 0, "EINVAL"},
		{q, call("", "connect", b, lab.Text("nobody")), "", 0, "ENOENT"},
		{q, call("", "connect", b, lab.Text("name")), "", ample, "ok"},
		{q, call("", "getpeername", b), "", 0, `"name"`},
		{p, call("c", "accept", a), "", ample, "ok"},
		{p, call("", "close", a), "", 0, "ok"},
		{q, call("d", "socket", lab.Word("unix")), "", 0, "ok"},
		{q, call("", "connect", lab.Sock("d"), lab.Text("name")), "", ample, "ECONNREFUSED"},
		{q, call("", "bind", lab.Sock("d"), lab.Text("name")), "", 0, "EADDRINUSE"}, // the file is still there
		{q, call("", "unlink", lab.Text("name")), "", 0, "ok"},
		{q, call("", "unlink", lab.Text("name")), "", 0, "ENOENT"},
		{q, call("", "bind", lab.Sock("d"), lab.Text("name")), "", 0, "ok"},

		{p, call("e", "socket", lab.Word("unix-dgram")), "", 0, "ok"},
		{p, call("", "bind", lab.Sock("e"), lab.Text("@abstract")), "", 0, "ok"},
		{p, call("", "getsockname", lab.Sock("e")), "", 0, `"@abstract"`},
		{q, call("f", "socket", lab.Word("unix-dgram")), "", 0, "ok"},
		{q, call("", "sendto", lab.Sock("f"), lab.Text("hi"), lab.Text("@abstract")), "", ample, "2"},
		{p, call("", "recvfrom", lab.Sock("e")), "", ample, `"hi"`},
		{elsewhere, call("f", "socket", lab.Word("unix-dgram")), "", 0, "ok"},
		// another namespace
		{elsewhere, call("", "connect", lab.Sock("f"), lab.Text("@abstract")), "", ample, "ECONNREFUSED"},
		{q, call("", "bind", lab.Sock("f"), lab.Text("")), "", 0, "ok"},
	})
	if got := ask(t, q, call("", "getsockname", lab.Sock("f")), "", 0); len(got) != len(`"@00000"`) || got[:2] != `"@` {
		t.Errorf("after autobind getsockname = %s", got)
	}
}

// TestNoSocket uses descriptors that are closed, were never open, or are a file's.
func TestNoSocket(t *testing.T) {
	l := newLab(t)
	p := mustStart(t, newGroup(t), l.Host("alpha"), "main")
	expect(t, []expected{
		{p, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "close", a), "", 0, "ok"},
		{p, call("b", "fd", lab.Int(999)), "", 0, "ok"},
		{p, call("c", "file"), "", 0, "ok"},
	})
	calls := []lab.Call{
		call("", "listen", a, lab.Int(1)), call("", "accept", a), call("", "send", a, lab.Text("x")), call("", "recv", a),
		call("", "shutdown", a, lab.Word("SHUT_RD")), call("", "getsockname", a), call("", "getpeername", a),
		call("", "setsockopt", a, lab.Word("SO_REUSEADDR"), lab.Int(1)), call("", "getsockopt", a, lab.Word("SO_REUSEADDR")),
		call("", "connect", a, lab.Text("@x")), call("", "bind", a, lab.Text("@x")), call("", "recvmsg", a),
		call("", "sendmsg", a, c),
	}
	for _, e := range []struct {
		sock lab.Sock
		want string
	}{{a, "EBADF"}, {b, "EBADF"}, {c, "ENOTSOCK"}} {
		for _, c := range calls {
			c.Args = append([]lab.Arg{e.sock}, c.Args[1:]...)
			if got := ask(t, p, c, "", ample); got != e.want {
				t.Errorf("%s = %s, want %s", c, got, e.want)
			}
		}
	}
	expect(t, []expected{
		{p, call("d", "dup", a), "", 0, "EBADF"},
		{p, call("", "fcntl", b, lab.Word("F_SETFD"), lab.Word("FD_CLOEXEC")), "", 0, "EBADF"},
		{p, call("", "fchown", a, lab.Int(0)), "", 0, "EBADF"},
		{p, call("", "close", a), "", 0, "EBADF"},
		{p, call("", "close", b), "", 0, "EBADF"},
		{p, call("", "close", c), "", 0, "ok"},
	})
}

// TestOverwrite gives a name to a second socket: the first one stays open.
func TestOverwrite(t *testing.T) {
	l := newLab(t)
	p := mustStart(t, newGroup(t), l.Host("alpha"), "main")
	expect(t, []expected{
		{p, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "bind", a), "192.0.2.1:80", 0, "ok"},
		{p, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "bind", a), "192.0.2.1:80", 0, "EADDRINUSE"},
	})
	owned, err := p.Owned(t.Context(), []uint16{80})
	at := netip.MustParseAddrPort("192.0.2.1:80")
	if err != nil || len(owned) != 1 || owned[0].Name != "a'" || owned[0].Local != at {
		t.Errorf("owned %v, %v", owned, err)
	}
}
