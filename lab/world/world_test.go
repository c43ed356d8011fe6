package world_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/world"
)

// step reads "process: call", or "process run" and "process run &" for a program.
func step(t *testing.T, line int, text string) world.Step {
	t.Helper()
	name, call, isCall := strings.Cut(text, ": ")
	if !isCall {
		words := strings.Fields(text)
		return world.Step{Process: lab.Process{Name: words[0]}, Line: line, Program: true,
			Background: words[len(words)-1] == "&"}
	}
	host, process, other := strings.Cut(name, "/")
	if !other {
		host, process = "", name
	}
	s := syntax.Parse(call)
	if len(s.Mistakes) > 0 {
		t.Fatalf("%s: %v", call, s.Mistakes)
	}
	return world.Step{Process: lab.Process{Host: host, Name: process}, Line: line, Call: s.Call, Want: s.Want,
		Known: true, Makes: s.Makes}
}

// same takes the host alpha for the subject.
func same(p lab.Process) lab.Process {
	p.Host = strings.TrimPrefix(p.Host, "alpha")
	return p
}

// What steps make and end, and what cannot be after them. The text after a step is the problem
// with it.
func TestApply(t *testing.T) {
	for _, steps := range [][][]string{
		{
			{"main: a = socket(tcp)"}, {"main: bind(a, x:80)"}, {"main: close(a)"},
			{"main: listen(a, 5)", `0: socket "a" of process "main" was closed on line 3`},
			{"main: listen(a, 5)"}, // once is enough
			{"main: listen(b, 5)", `0: process "main" has no socket "b"; open: a`},
			{"main: a = socket(tcp)"},
			{"main: a = socket(tcp)", `-2: process "main" has an open socket "a" already, from line 7`},
			{"other: listen(a, 5)", `0: process "other" has no socket "a"; process "main" has one`},
		},
		{
			{"main: a = socket(tcp) = EACCES"}, // which makes none
			{"main: close(a)", `0: process "main" has no socket "a"; open: none`},
		},
		{
			{"main: a = socket(tcp)"}, {"main: close(a)"}, {"main: close(a) = EBADF"},
		},
		{
			{"main: a = socket(tcp)"}, {"main: b = socket(tcp)"}, {"main: fork(child, a)"}, {"child: listen(a, 5)"},
			{"child: listen(b, 5)", `0: process "child" has no socket "b"; process "main" has one`},
			{"main: fork(child)", `0: process "child" exists before this fork: it was forked on line 3`},
			{"child: exit()"},
			{"child: listen(a, 5)", `-1: process "child" has ended: exit() on line 7`},
			{"main: kill(child)"},
			{"main: kill(child)", `0: process "child" has ended already: kill() on line 9`},
			{"main: kill(nobody)", `0: no process "nobody" exists so far; processes: main`},
			{"main: kill(main)", `0: process "main" kills itself, write exit()`},
			{"alpha/main: kill(main)", `0: process "alpha/main" kills itself, write exit()`},
		},
		{
			{"w: s = socket(udp)"}, {"main: sigaction(SIGUSR1, handler)"}, {"w: sigaction(SIGUSR1, handler)"},
			{"w: sigaction(SIGHUP, SIG_IGN)"}, {"main: kill(w, SIGUSR1)"}, {"main: kill(w, SIGHUP)"},
			{"main: kill(w, SIGWINCH)"}, {"main: kill(w, SIGPIPE)"}, {"w: close(s)"},
			{"main: kill(w, SIGUSR2)"}, // whose default action ends it
			{"w: t = socket(udp)", `-1: process "w" has ended: kill(SIGUSR2) on line 10`},
			{"w: sigaction(SIGUSR1, SIG_DFL)"}, {"main: kill(w, SIGUSR1)"},
			{"w: u = socket(udp)", `-1: process "w" has ended: kill(SIGUSR1) on line 13`},
			{"w: sigaction(SIGKILL, handler) = EINVAL"}, {"main: kill(w, SIGKILL)"},
			{"main: kill(w, SIGTERM)", `0: process "w" has ended already: kill(SIGKILL) on line 16`},
		},
		{
			{"w: sigaction(SIGUSR1, handler, SA_RESETHAND|SA_NODEFER)"}, {"main: kill(w, SIGUSR1)"},
			{"w: signals() = SIGUSR1 from main"},
			{"w: signals() = SIGUSR1 from kernel|nobody", `-1: no process "nobody" exists so far; processes: main, w`},
			{"w: sigaction(SIGUSR1, handler, SA_RESETHAND)"}, {"main: kill(w, SIGUSR1)"}, {"main: kill(w, SIGUSR1)"},
			{"w: t = socket(udp)", `-1: process "w" has ended: kill(SIGUSR1) on line 7`},
			{"kernel: u = socket(udp)"},
			{"main: signals() = SIGUSR1 from kernel|other", `-1: behind from, "kernel" is what is not a process of the experiment: give the process of that name another one`},
		},
		{
			{"web run &"}, {"main: kill(web, SIGTERM)"}, {"main: wait(web)"}, // the signal may not have ended it
			{"main: wait(web)", `0: process "web" has ended already: wait() on line 3`},
			{"web: a = socket(tcp)", "-1: process \"web\" has ended: wait() on line 3", `-1: "web" is a program, it makes no calls`},
			{"tool run"}, {"tool: a = socket(tcp)"}, // its name was free again
			{"main: wait(tool)", `0: wait() is for a program in the background, "tool" is a process`},
			{"main run", `-2: "main" is a process, from line 2; give the program another name`},
		},
		{
			{"main: a = socket(tcp)"},
			{"main: connect(a, x:$p)", `1: port $p is not known yet, keep it first: getsockname(a) = any:$p`},
			{"main: connect(a, x:$p)"},
			{"main: bind(a, x:$r+1)", `1: port $r is not known yet, keep it first: getsockname(a) = any:$r`},
			{"main: bind(a, x:$s)"}, {"main: connect(a, x:$s)"}, // the kernel's choice is kept
			{"main: getsockname(a) = x:$q"}, {"other: b = socket(tcp)"}, {"other: connect(b, x:$q)"},
			{`main: u = socket(unix)`}, {`main: connect(u, "@$n")`, `1: name @$n is not known yet, keep it first: getsockname(a) = "@$n"`},
		},
	} {
		w := world.New(same)
		for i, s := range steps {
			var got []string
			for _, p := range w.Apply(step(t, i+1, s[0])) {
				got = append(got, fmt.Sprintf("%d: %s", p.Arg, p.Text))
			}
			var want []string
			for _, text := range s[1:] {
				if text != "" {
					want = append(want, text)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", s[0], diff)
			}
		}
	}
}

// After a step that could not be read, nothing is said to be missing.
func TestDoubt(t *testing.T) {
	w := world.New(same)
	if p := w.Apply(world.Step{Process: lab.Process{Name: "main"}, Mistaken: true, Mentions: []string{"$p"}}); p != nil || !w.InDoubt() {
		t.Errorf("%v, in doubt: %v", p, w.InDoubt())
	}
	for i, s := range []string{"main: bind(a, x:$p)", "main: kill(child)", "main: b = socket(tcp)", "main: b = socket(tcp)"} {
		if p := w.Apply(step(t, i, s)); p != nil {
			t.Errorf("%s: %v", s, p)
		}
	}
	if p := w.Process(lab.Process{Host: "alpha", Name: "main"}); p == nil || p.Forked || p.Program {
		t.Errorf("%+v", p)
	}
}

// Steps of one kind differ in what no world looks at.
func TestKind(t *testing.T) {
	kind := func(text string) string { s := step(t, 1, text); return s.Kind() }
	for _, pair := range []struct {
		a, b string
		same bool
	}{
		{"main: bind(a, x:80)", "main: bind(a, y:81)", true},
		{"main: bind(a, x:80) = EACCES", "main: bind(a, x:80) = EADDRINUSE", true},
		{"main: bind(a, x:80)", "main: bind(b, x:80)", false},
		{"main: bind(a, x:80)", "other: bind(a, x:80)", false},
		{"main: bind(a, x:80)", "main: bind(a, x:$p)", false},
		{"main: a = socket(tcp)", "main: a = socket(tcp) = EACCES", false},
		{"main: close(a)", "main: close(a) = EBADF", false},
		{"main: kill(web, SIGTERM)", "main: kill(web, SIGKILL)", false}, // which ends it
		{"main: kill(web, SIGTERM)", "main: kill(web, SIGHUP)", false},  // either may have a handler
		{"web run", "web run &", false},                                 // it is gone, or goes on
	} {
		if got := kind(pair.a) == kind(pair.b); got != pair.same {
			t.Errorf("%s and %s are of one kind: %v", pair.a, pair.b, got)
		}
	}
}

// Two places overlap when the kernel has to choose between their sockets.
func TestOverlaps(t *testing.T) {
	place := func(addr string, v6only bool, device string) world.Place {
		return world.Place{Addr: netip.MustParseAddrPort(addr), V6Only: v6only, Device: device}
	}
	x := place("192.0.2.1:80", false, "")
	for _, c := range []struct {
		a, b world.Place
		want bool
	}{
		{x, x, true},
		{x, place("192.0.2.1:81", false, ""), false},
		{x, place("192.0.2.2:80", false, ""), false},
		{x, place("0.0.0.0:80", false, ""), true},
		{x, place("[::]:80", false, ""), true},
		{x, place("[::]:80", true, ""), false},
		{x, place("[::ffff:192.0.2.1]:80", false, ""), true},
		{x, place("[::ffff:192.0.2.1]:80", true, ""), true}, // it is bound, and stays IPv4's
		{x, place("[2001:db8::1]:80", false, ""), false},
		{place("0.0.0.0:80", false, ""), place("[2001:db8::1]:80", false, ""), false},
		{place("[fe80::1%eth0]:80", false, ""), place("[fe80::1%eth1]:80", false, ""), true}, // devices keep them apart
		{place("[fe80::1%eth0]:80", false, "eth0"), place("[fe80::1%eth1]:80", false, "eth1"), false},
		{place("0.0.0.0:80", false, "eth0"), place("0.0.0.0:80", false, "eth1"), false},
		{place("0.0.0.0:80", false, "eth0"), place("0.0.0.0:80", false, ""), true},
	} {
		if c.a.Overlaps(c.b) != c.want || c.b.Overlaps(c.a) != c.want {
			t.Errorf("%+v overlaps %+v: %v and %v, want %v", c.a, c.b, c.a.Overlaps(c.b), c.b.Overlaps(c.a), c.want)
		}
	}
}

// Connect to a wildcard goes to the host itself, as topologies/sk-connect-zero-addr.yaml has the kernel say.
func TestDialled(t *testing.T) {
	for _, c := range []struct{ own, to, want string }{
		{"192.0.2.1", "192.0.2.2", "192.0.2.2"},
		{"0.0.0.0", "0.0.0.0", "127.0.0.1"},
		{"192.0.2.1", "0.0.0.0", "192.0.2.1"},
		{"::", "::", "::1"},
		{"2001:db8::1", "::", "::1"},
		{"::ffff:192.0.2.1", "::", "::ffff:127.0.0.1"},
		{"::", "::ffff:0.0.0.0", "::ffff:127.0.0.1"},
		{"::ffff:192.0.2.1", "::ffff:0.0.0.0", "::ffff:192.0.2.1"},
	} {
		if got := world.Dialled(netip.MustParseAddr(c.own), netip.MustParseAddr(c.to)); got.String() != c.want {
			t.Errorf("from %s to %s: %s, want %s", c.own, c.to, got, c.want)
		}
	}
	if got := world.Dialled(netip.Addr{}, netip.IPv4Unspecified()); got.String() != "127.0.0.1" {
		t.Errorf("from no address: %s", got)
	}
}
