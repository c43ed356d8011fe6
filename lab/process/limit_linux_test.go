package process_test

import (
	"testing"

	"labrun/lab"
)

// TestNonblocking has answers that a limit must not turn into "blocked".
func TestNonblocking(t *testing.T) {
	l := newLab(t)
	p, q := mustStart(t, newGroup(t), l.Host("alpha"), "main"), mustStart(t, newGroup(t), l.Host("beta"), "main")
	nonblock := lab.Word("SOCK_NONBLOCK")
	expect(t, []expected{
		{q, call("a", "socket", lab.Word("tcp"), nonblock), "", 0, "ok"},
		{q, call("", "bind", a), "192.0.2.2:80", 0, "ok"},
		{q, call("", "listen", a, lab.Int(5)), "", 0, "ok"},
		{q, call("c", "accept", a), "", 0, "EAGAIN"},
		{p, call("a", "socket", lab.Word("tcp"), nonblock), "", 0, "ok"},
		{p, call("", "connect", a), "192.0.2.99:80", 0, "EINPROGRESS"}, // nobody is there
		{p, call("", "connect", a), "192.0.2.99:80", 0, "EALREADY"},
		{p, call("b", "socket", lab.Word("tcp"), nonblock), "", 0, "ok"},
		{p, call("", "connect", b), "192.0.2.2:80", 0, "EINPROGRESS"},
		{q, call("", "who", a), "", ample, "a"},
		{q, call("c", "accept", a, nonblock), "", 0, "ok"},
		{p, call("", "connect", b), "192.0.2.2:80", 0, "ok"},
		{q, call("", "recv", c), "", 0, "EAGAIN"},
		{p, call("d", "dup", b), "", 0, "ok"},
		{p, call("", "recv", lab.Sock("d")), "", 0, "EAGAIN"}, // the flag is the open socket's
		{p, call("u", "socket", lab.Word("udp")), "", 0, "ok"},
		{p, call("", "recv", lab.Sock("u"), lab.Int(9), lab.Word("MSG_DONTWAIT")), "", 0, "EAGAIN"},
		{p, call("", "recv", lab.Sock("u")), "", soon, "blocked"},
	})
}

func TestFlags(t *testing.T) {
	l := newLab(t)
	p := mustStart(t, newGroup(t), l.Host("alpha"), "main")
	flags := func(words string) lab.Word { return lab.Word(words) }
	expect(t, []expected{
		{p, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "bind", a), "127.0.0.1:80", 0, "ok"},
		{p, call("", "listen", a, lab.Int(5)), "", 0, "ok"},
		{p, call("b", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "connect", b), "127.0.0.1:80", ample, "ok"},
		{p, call("c", "accept", a), "", ample, "ok"},
		{p, call("", "send", b, lab.Text("hello"), flags("MSG_DONTWAIT|MSG_OOB")), "", 0, "5"},
		{p, call("", "recv", c, lab.Int(9), flags("MSG_PEEK")), "", ample, `"hell"`},
		{p, call("", "recv", c, lab.Int(9), flags("MSG_OOB")), "", ample, `"o"`},
		{p, call("", "recv", c, lab.Int(0)), "", 0, `""`},
		{p, call("", "recv", c, lab.Int(9), flags("MSG_WAITALL")), "", ample, `"hell"`}, // up to the urgent mark
		{p, call("", "send", b, lab.Text("part")), "", 0, "4"},
		{p, call("", "recv", c, lab.Int(9), flags("MSG_PEEK")), "", ample, `"part"`},
		{p, call("", "recv", c, lab.Int(9), flags("MSG_WAITALL")), "", soon, "blocked"},
		{p, call("", "send", b, lab.Text("later")), "", 0, "5"},
		{p, call("", "recv", c, lab.Int(4), flags("MSG_WAITALL")), "", ample, `"late"`},
		{p, call("", "setsockopt", c, lab.Word("SO_RCVLOWAT"), lab.Int(5)), "", 0, "ok"},
		{p, call("", "recv", c), "", soon, "blocked"},
		{p, call("u", "socket", lab.Word("udp")), "", 0, "ok"},
		{p, call("", "bind", lab.Sock("u")), "127.0.0.1:53", 0, "ok"},
		{p, call("", "sendto", lab.Sock("u"), lab.Text("hello"), lab.Addr{Name: "lo"}, flags("MSG_DONTWAIT")),
			"127.0.0.1:53", 0, "5"},
		// Flags are not the length of the address: as a length, this one is none that the kernel takes.
		{p, call("v", "socket", lab.Word("udp")), "", 0, "ok"},
		{p, call("", "sendto", lab.Sock("v"), lab.Text("more"), lab.Addr{Name: "lo"}, flags("MSG_MORE")),
			"127.0.0.1:53", 0, "4"},
		{p, call("", "recvfrom", lab.Sock("u"), lab.Int(2), flags("MSG_TRUNC|MSG_PEEK")), "", ample, `"he"`},
		{p, call("", "recvfrom", lab.Sock("u"), lab.Int(2)), "", ample, `"he"`},
		{p, call("", "recvfrom", lab.Sock("u")), "", soon, "blocked"},
	})
}

// TestWho asks which of several sockets got something.
func TestWho(t *testing.T) {
	l := newLab(t)
	p, q := mustStart(t, newGroup(t), l.Host("alpha"), "main"), mustStart(t, newGroup(t), l.Host("beta"), "main")
	expect(t, []expected{
		{p, call("a", "socket", lab.Word("udp")), "", 0, "ok"},
		{p, call("", "bind", a), "192.0.2.1:53", 0, "ok"},
		{p, call("b", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "bind", b), "192.0.2.1:80", 0, "ok"},
		{p, call("", "listen", b, lab.Int(5)), "", 0, "ok"},
		{p, call("c", "socket", lab.Word("tcp")), "", 0, "ok"}, // poll says that it has hung up
		{p, call("", "who", a, b, c), "", soon, "blocked"},
		{q, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
		{q, call("", "connect", a), "192.0.2.1:80", ample, "ok"},
		{p, call("", "who", c, a, b), "", ample, "b"},
		{q, call("b", "socket", lab.Word("udp")), "", 0, "ok"},
		{q, call("", "sendto", b, lab.Text("x")), "192.0.2.1:53", 0, "1"},
		{p, call("", "who", a), "", ample, "a"},
		{p, call("", "who", b, a), "", ample, "b a"},
		{p, call("", "close", c), "", 0, "ok"},
		{p, call("", "who", a, c), "", ample, "EBADF"},
		{p, call("n", "fd", lab.Int(999)), "", 0, "ok"},
		{p, call("", "who", lab.Sock("n")), "", ample, "EBADF"},
	})
}

// TestMultipath has a limit on calls of a socket that is several inside.
func TestMultipath(t *testing.T) {
	l := newLab(t)
	p := mustStart(t, newGroup(t), l.Host("alpha"), "main")
	if got := ask(t, p, call("a", "socket", lab.Word("mptcp")), "", 0); got != "ok" {
		t.Skipf("socket(mptcp) = %s", got)
	}
	expect(t, []expected{
		{p, call("", "bind", a), "127.0.0.1:80", 0, "ok"},
		{p, call("", "listen", a, lab.Int(5)), "", 0, "ok"},
		{p, call("c", "accept", a), "", soon, "blocked"},
		{p, call("b", "socket", lab.Word("mptcp")), "", 0, "ok"},
		{p, call("", "connect", b), "127.0.0.1:80", ample, "ok"},
		{p, call("c", "accept", a), "", ample, "ok"},
		{p, call("", "recv", c), "", soon, "blocked"},
		{p, call("d", "socket", lab.Word("mptcp")), "", 0, "ok"},
		{p, call("", "accept", lab.Sock("d")), "", ample, "EINVAL"},               // does not listen
		{p, call("", "connect", lab.Sock("d")), "192.0.2.99:80", soon, "blocked"}, // nobody is there
	})
}
