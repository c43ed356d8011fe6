package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"labrun/lab"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/topology"
	"labrun/lab/why"
)

// reasons are what lessons were explained by: of each function of the kernel the lessons in whose cells it stands,
// and the lesson that it says has it.
type reasons struct {
	in   map[string][]string
	says map[string]string
}

// check finds the reason of every errno that a lesson's cells contain. The world alone has to have it: the sockets
// that a sentence names are looked for in the list that the kernel gave then, which the world knows nothing of.
func (all *reasons) check(t *testing.T, lesson string, r *result.Report) {
	t.Helper()
	for i := range r.Matrices {
		m := &r.Matrices[i]
		top, err := topology.Load(sourceOf(*m))
		if err != nil {
			t.Fatal(err)
		}
		for j := range m.Cells {
			c := &m.Cells[j]
			q, err := question.Of(top, top.Experiment(m.Rows[c.Row].Name), m.HostOf(c))
			if err != nil {
				t.Fatal(err)
			}
			steps := q.StepsOf(c.Combo)
			for at, reason := range why.Each(q, c.Combo, c.Answers(), nil) {
				got, _, _ := strings.Cut(c.Answers()[at], " ")
				got = strings.Trim(got, "{,}") // of together
				call := steps[at].Call.String() + " = " + got
				switch errno, isErrno := errnoOf(got); {
				case reason.Sentence == "" && isErrno:
					t.Errorf("%s on %s: %s: no reason for %s", m.NameOf(c), m.ColumnOf(c), call, errno)
					continue
				case reason.Sentence == "":
					continue
				}
				all.in[reason.Function] = append(all.in[reason.Function], lesson)
				all.says[reason.Function] = reason.Lesson
				var seen []result.SocketInfo
				if note := c.Note.Of(at); note.Sockets != nil && (asksForPort(steps[at].Call.Name, got)) {
					seen = note.Sockets
					contradicted(t, m.NameOf(c)+": "+call, reason, seen)
				}
				if again, _ := why.Of(q, c.Combo, c.Answers(), at, seen); again.Sentence != reason.Sentence {
					t.Errorf("%s: %s:\n\t%s\nand with the kernel's sockets\n\t%s", m.NameOf(c), call, reason, again)
				}
			}
		}
	}
}

// errnoOf returns the name of an errno that an answer begins with.
func errnoOf(got string) (string, bool) {
	return got, strings.HasPrefix(got, "E") && !strings.HasPrefix(got, "EPOLL") && got != "ESTABLISHED" &&
		strings.ToUpper(got) == got
}

// asksForPort reports whether what was looked at behind an answer is all that was in the way of the call.
func asksForPort(call, got string) bool {
	return got == "EADDRINUSE" && (call == "bind" || call == "listen") || got == "EADDRNOTAVAIL" && call == "connect"
}

// contradicted complains about a socket that a reason names and the kernel did not show: one of that name, in that
// state and at that address.
func contradicted(t *testing.T, cell string, r why.Reason, seen []result.SocketInfo) {
	t.Helper()
	for _, s := range r.Sockets {
		if !slices.ContainsFunc(seen, func(i result.SocketInfo) bool {
			owned := len(s.Names) == 0 || slices.ContainsFunc(i.Owners, func(o string) bool {
				return strings.HasSuffix(o, s.Names[0].Process.Name+" ("+s.Names[0].Sock+")")
			})
			return owned && i.Host == s.Host && i.State == s.State && i.V6Only == (s.V6Only && s.Is6() && i.V6Only)
		}) {
			t.Errorf("%s:\n\t%s\nbut the kernel showed %v", cell, r, seen)
		}
	}
}

// lessons complains about reasons that send a reader to a lesson in which no cell has them, of those lessons that
// were run.
func (all *reasons) lessons(t *testing.T, ran []string) {
	t.Helper()
	for function, lesson := range all.says {
		if slices.Contains(ran, lesson) && !slices.Contains(all.in[function], lesson) {
			t.Errorf("a reason in %s names the lesson %s, and cells of %v have it", function, lesson,
				slices.Compact(all.in[function]))
		}
	}
}

// TestAnyAnswer: whatever a kernel answers, a reason is looked for without a panic, and a socket that it names was
// made before. Kernels answer what nobody expected, and a kept report may have been edited.
func TestAnyAnswer(t *testing.T) {
	files, err := filepath.Glob("../../topologies/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no topologies: %v", err)
	}
	answers := []string{"ok", "EADDRINUSE", "EINVAL", "blocked", "EADDRNOTAVAIL", "ECONNRESET", "x:80", "ENOTCONN",
		"EISCONN",
		"ECONNREFUSED", `"text"`, "EAGAIN", "5", "ENETUNREACH", "EACCES", "EHOSTUNREACH", "none", "{ok, EINVAL}", ""}
	found := 0
	for n, file := range files {
		top, err := topology.Load(topology.Source{File: file})
		if err != nil {
			t.Fatal(err)
		}
		for i := range top.Experiments {
			e := &top.Experiments[i]
			for _, h := range top.Hosts {
				if !e.RunsOn(h.Name) {
					continue
				}
				q, err := question.Of(top, e, h.Name)
				if err != nil {
					t.Fatal(err)
				}
				combo := e.Combos[len(e.Combos)/2]
				steps := q.StepsOf(combo)
				got := make([]string, len(steps))
				for at, s := range steps {
					got[at] = s.On(lab.Kernel{}).Answer.String()
					if (at+n)%3 == 0 {
						got[at] = answers[(at*7+n+i)%len(answers)]
					}
				}
				for _, r := range why.Each(q, combo, got, nil) {
					for _, s := range r.Sockets {
						if found++; s == nil || s.Was.Sock == "" && s.Listener == nil {
							t.Errorf("%s: %s names a socket that no step made", e.Name, r)
						}
					}
				}
			}
		}
	}
	if found == 0 {
		t.Error("no reason names a socket")
	}
}
