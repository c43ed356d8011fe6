package session

import (
	"slices"
	"testing"
)

// TestComplete offers what may stand there: calls, sockets of the process, words, addresses of the host, answers.
func TestComplete(t *testing.T) {
	s := newSession(t)
	lines := []string{"a = socket(tcp)", "peer/web: w = socket(udp)", "socketpair(unix, l, r)", "fork(child)",
		"c = accept(a) = ?", "mistake("}
	top, err := s.Load(lines[:1])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line string
		at   int
		has  []string
		not  string
	}{
		{"", 0, []string{"bind(", "b = socket(", "close(", "peer/web: ", "child: "}, "main: "},
		{"bi", 0, []string{"bind("}, "close("},
		{"soc", 0, []string{"b = socket(", "socketpair(", "sockets("}, "bind("},
		{"d = ", 4, []string{"socket(", "accept("}, "bind("},
		{"bind(", 5, []string{"a, ", "c, ", "l, ", "r, "}, "w, "},
		{"child: bind(", 12, []string{"a, ", "l, "}, "w, "},
		{"peer/web: bind(", 15, []string{"w, "}, "a, "},
		{"bind(a, ", 8, []string{"x:", "peer.x:", "any:", "lo6:"}, "subject.x:"},
		{"peer/web: connect(w, ", 21, []string{"x:", "subject.x:"}, "peer.x:"},
		{"setsockopt(a, SO_REUSEA", 14, []string{"SO_REUSEADDR, "}, "SO_REUSEPORT, "},
		{"setsockopt(a, SO_REUSEADDR, ", 28, []string{"1)"}, ""},
		{"d = socket(t", 11, []string{"tcp)", "tcp6)"}, "udp)"},
		{"send(a, \"(\", MSG_DONTWAIT|MSG_N", 26, []string{"MSG_NOSIGNAL)"}, "MSG_PEEK)"},
		{"bind(a, x:80)", 13, []string{" = "}, ""},
		{"bind(a, x:80) = EADDR", 16, []string{"EADDRINUSE", "EADDRNOTAVAIL"}, "ok"},
		{"bind(a, x:80) = ", 16, []string{"ok", "blocked", "?"}, ""},
		{"nonsense(a", 10, nil, "a, "},
		{"close(a, ", 9, nil, "a)"},
	} {
		at, offers := s.Complete(&top.Layout, lines, c.line)
		if at != c.at {
			t.Errorf("%q: the word begins at %d, want %d", c.line, at, c.at)
		}
		for _, want := range c.has {
			if !slices.Contains(offers, want) {
				t.Errorf("%q: %q is not offered: %q", c.line, want, offers)
			}
		}
		if c.not != "" && slices.Contains(offers, c.not) {
			t.Errorf("%q: %q is offered", c.line, c.not)
		}
	}
}

// FuzzComplete: whatever is typed, the word that is completed is within the line.
func FuzzComplete(f *testing.F) {
	s, err := New("try", hostsSource, "alpha")
	if err != nil {
		f.Fatal(err)
	}
	top, err := s.Load([]string{"a = socket(tcp)"})
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range []string{"", "a = socket(", "peer/web: bind(w, x:8", "send(a, \"\\", "b = accept(a) = E", "{main: bind(a, x:80)}", "=(=)", "é: ("} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if at, _ := s.Complete(&top.Layout, []string{line}, line); at < 0 || at > len(line) {
			t.Errorf("%q: the word begins at %d", line, at)
		}
	})
}
