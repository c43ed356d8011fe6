package trace

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/syntax"
)

// pathIn finds the path of a socket of unix(7) in strace's structures.
var pathIn = once.Regexp(`sun_path="((?:[^"\\]|\\.)*)"`)

// labFolders are the folders that every lab has. Processes of a lab are in the first.
var labFolders = []string{"/tmp", "/run", "/run/lock"}

const (
	maxPath  = 108         // bytes of a path, with the zero behind it, unix(7)
	addrSize = 2 + maxPath // bytes of a struct sockaddr_un, which many programs pass whole
)

// movePaths gives sockets of unix(7) paths that a lab has: those in other folders of the machine are in /tmp here, all
// under the same name in every call. It changes the events.
//
// A path whose folder did not exist stays as it is, for that is what the program was told.
func (m *importer) movePaths() {
	moved, taken := map[string]string{}, map[string]bool{}
	for _, e := range m.events {
		for i, a := range e.Args {
			for _, p := range paths(e, i, a) {
				taken[onMachine(p)] = true
				if errno, _ := e.failed(); e.Name == "bind" && (errno == "ENOENT" || errno == "ENOTDIR") {
					moved[onMachine(p)] = onMachine(p)
				}
			}
		}
	}
	for _, e := range m.events {
		for i, a := range e.Args {
			for _, p := range paths(e, i, a) {
				was := onMachine(p)
				if _, ok := moved[was]; !ok {
					moved[was] = freePath(was, taken)
					if moved[was] != was {
						m.Moved = append(m.Moved, fmt.Sprintf("%s is %s", moved[was], lab.Visible(was)))
					}
				}
				m.movePath(e, i, p, moved[was])
				if _, failed := e.failed(); e.Name == "bind" && !failed {
					m.sockNames[moved[was]] = true
				}
			}
		}
	}
}

// paths returns the paths of sockets in an argument.
func paths(e *Event, i int, arg string) (all []string) {
	if i == unlinked(e) {
		if t, cut, ok := text(arg); ok && !cut {
			all = append(all, t)
		}
		return all
	}
	if strings.HasPrefix(arg, `"`) { // what is sent may look like one
		return nil
	}
	for _, found := range pathIn().FindAllStringSubmatch(arg, -1) {
		if t, _, ok := text(`"` + found[1] + `"`); ok {
			all = append(all, t)
		}
	}
	return all
}

// unlinked returns which argument is the path that a call removes, -1 for none.
func unlinked(e *Event) int {
	switch {
	case e.Name == "unlink":
		return 0
	case e.Name == "unlinkat" && (e.arg(0) == "AT_FDCWD" || strings.HasPrefix(e.arg(1), `"/`)):
		return 1
	}
	return -1
}

// onMachine returns the one name that a path has: machines have /run, whatever a program calls it.
func onMachine(p string) string {
	if p = path.Clean(p); strings.HasPrefix(p, "/var/run/") {
		p = strings.TrimPrefix(p, "/var")
	}
	return p
}

// freePath returns the path of the lab for one of the machine: the same where its folder exists, else one in /tmp that
// no other socket has.
func freePath(p string, taken map[string]bool) string {
	base := path.Base(p)
	if p == nscd || slices.Contains(labFolders, path.Dir(p)) || path.Dir(p) == "." || strings.Trim(base, "./") == "" ||
		len(p) >= maxPath || lab.Visible(p) != p || strings.ContainsAny(p, `"\`) {
		return p
	}
	to := path.Join(labFolders[0], base)
	for n := 2; taken[to] || len(to) >= maxPath; n++ {
		to = path.Join(labFolders[0], base[:min(len(base), maxPath/2)]+"-"+strconv.Itoa(n))
	}
	taken[to] = true
	return to
}

// movePath puts another path in the place of one, and its length in the place of the other's.
func (m *importer) movePath(e *Event, i int, was, to string) {
	if was == to {
		return
	}
	e.Args = slices.Clone(e.Args)
	if i == unlinked(e) {
		e.Args[i] = quoted(to)
		return
	}
	e.Args[i] = pathIn().ReplaceAllStringFunc(e.Args[i], func(found string) string {
		if t, _, _ := text(strings.TrimPrefix(found, "sun_path=")); t != was {
			return found
		}
		return "sun_path=" + quoted(to)
	})
	if n, err := strconv.Atoi(e.arg(2)); err == nil && n < addrSize && (e.Name == "bind" || e.Name == "connect") {
		e.Args[2] = strconv.Itoa(n + len(to) - len(was))
	}
}

// leftOver makes the files of sockets that existed before the first event: a server that was killed leaves its own,
// and the next one's bind is refused by it. What a call answered that is the first about a path tells of it.
func (m *importer) leftOver() {
	seen := map[string]bool{}
	var left []string
	for _, e := range m.events {
		errno, failed := e.failed()
		for i, a := range e.Args {
			for _, p := range paths(e, i, a) {
				if e.Result == "" || seen[p] || p == "" || p[0] == 0 {
					continue
				}
				seen[p] = true
				removed := i == unlinked(e) && !failed && m.sockNames[p]
				if e.Name == "bind" && errno == "EADDRINUSE" || e.Name == "connect" && errno == "ECONNREFUSED" || removed {
					left = append(left, p)
				}
			}
		}
	}
	if left == nil {
		return
	}
	by := m.other(false, "before")
	for i, p := range left {
		s := syntax.Parse(fmt.Sprintf("bind(s%d, %s)", i+1, quoted(p)))
		if len(s.Mistakes) > 0 { // a path that no step can have, which its own call is told of
			continue
		}
		m.note("the file of a socket that existed before, and that no socket has any more")
		for _, text := range []string{fmt.Sprintf("s%d = socket(unix)", i+1), s.Text, fmt.Sprintf("close(s%d)", i+1)} {
			made := syntax.Parse(text)
			m.add(by, made.Call, made.Want)
		}
	}
}

// unlink removes the name of a socket. Other files are no part of an experiment.
func (m *importer) unlink(e *Event, p *process) {
	at := unlinked(e)
	if at < 0 {
		return
	}
	name, cut, ok := text(e.arg(at))
	if !ok || cut || !m.sockNames[name] {
		return
	}
	answer := "ok"
	if errno, failed := e.failed(); failed {
		answer = errno
	}
	m.step(e, m.nameOf(p), fmt.Sprintf("unlink(%s) = %s", quoted(name), answer))
}
