package session

import (
	"iter"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/topology"
)

// Complete returns what may stand in the place of the last word of a line that is begun, and where that word begins,
// as an offset in bytes. The lines are those before it, whose sockets and processes have
// names. Nothing is offered where anything may stand.
func (s *Session) Complete(layout *lab.Layout, lines []string, begun string) (at int, offers []string) {
	c := completion{Session: s, layout: layout, names: namesIn(lines), line: begun}
	at = c.step()
	word := begun[at:]
	for _, o := range c.offers {
		if strings.HasPrefix(o, word) {
			offers = append(offers, o)
		}
	}
	offers = append(offers, c.instead...)
	slices.Sort(offers)
	return at, slices.Compact(offers)
}

// completion finds out what may stand at the end of a line.
type completion struct {
	*Session
	layout *lab.Layout
	names  names
	line   string
	offers []string
	// instead are offers whose words begin otherwise: "soc" becomes "a = socket(".
	instead []string
}

// names are what the lines so far have made.
type names struct {
	sockets   map[string][]string // by process
	processes []string
}

// namesIn returns the names that lines give. A child has the sockets of its parent.
func namesIn(lines []string) names {
	n := names{sockets: map[string][]string{}}
	for _, line := range lines {
		process, step, _ := topology.CutLine(line)
		who := processOf(process)
		read := syntax.ParseForeign(step)
		if len(read.Mistakes) > 0 {
			continue
		}
		n.add(who, read.Call.Makes)
		for _, a := range read.Call.Args {
			switch a := a.(type) {
			case lab.New:
				n.add(who, string(a))
			case lab.ProcessName:
				if read.Call.Name == "fork" {
					child := who[:strings.LastIndex(who, "/")+1] + string(a)
					n.add(child, n.sockets[who]...)
				}
			}
		}
	}
	return n
}

// processOf returns the process that a line names before its call, "web: ", or main.
func processOf(prefix string) string {
	if p := strings.TrimSuffix(strings.TrimSpace(prefix), ":"); p != "" {
		return p
	}
	return "main"
}

func (n *names) add(process string, sockets ...string) {
	if !slices.Contains(n.processes, process) {
		n.processes = append(n.processes, process)
	}
	for _, s := range sockets {
		if s != "" && !slices.Contains(n.sockets[process], s) {
			n.sockets[process] = append(n.sockets[process], s)
		}
	}
}

// step finds out in which part of a step the line ends, and returns where its last word begins.
func (c *completion) step() int {
	process, rest := "", c.line
	if p, step, _ := topology.CutLine(c.line + "."); p != "" { // a process alone is not one yet
		process, rest = p, strings.TrimSuffix(step, ".")
	}
	at := len(c.line) - len(rest)
	open := strings.IndexByte(rest, '(')
	if end := closing(rest, open); end >= 0 {
		return at + c.answer(rest, end)
	}
	head := rest
	if open >= 0 {
		head = rest[:open]
	}
	makes, name, named := strings.Cut(head, "=")
	if !named {
		name, makes = head, ""
	}
	if open >= 0 {
		return at + c.argument(processOf(process), strings.TrimSpace(name), rest, open)
	}
	word := strings.TrimLeft(name, " ")
	begins := len(head) - len(word)
	for _, sig := range lab.Signatures {
		if sig.Makes == named || sig.Unnamed {
			c.offers = append(c.offers, sig.Name+"(")
		} else if sig.Makes {
			offer := c.fresh(processOf(process)) + " = " + sig.Name + "("
			if c.offers = append(c.offers, offer); word != "" && strings.HasPrefix(sig.Name, word) {
				c.instead = append(c.instead, offer)
			}
		}
	}
	if strings.TrimSpace(makes) == "" && process == "" {
		for _, p := range c.names.processes {
			if p != "main" {
				c.offers = append(c.offers, p+": ")
			}
		}
	}
	return at + begins
}

// fresh returns a name for a socket that the process has not.
func (c *completion) fresh(process string) string {
	for name := 'a'; name <= 'z'; name++ {
		if !slices.Contains(c.names.sockets[process], string(name)) {
			return string(name)
		}
	}
	return "s"
}

// unquoted yields where a text has bytes from one on that are not in quotes, and in how many parentheses and braces.
func unquoted(text string, from int) iter.Seq2[int, int] {
	return func(yield func(at, depth int) bool) {
		depth, quoted := 0, false
		for i := from; i < len(text); i++ {
			switch b := text[i]; {
			case quoted && b == '\\':
				i++
				continue
			case b == '"':
				quoted = !quoted
			case quoted:
				continue
			case b == '(' || b == '{':
				depth++
			case b == ')' || b == '}':
				depth--
			}
			if !yield(i, depth) {
				return
			}
		}
	}
}

// closing returns where the parenthesis that opens there is closed, -1 where it is not.
func closing(text string, open int) int {
	if open >= 0 {
		for i, depth := range unquoted(text, open) {
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// argument offers what the argument may be that the line ends in.
func (c *completion) argument(process, name, rest string, open int) int {
	sig, ok := lab.SignatureOf(name)
	if !ok {
		return len(rest)
	}
	begins, n, first := open+1, 0, ""
	for i, depth := range unquoted(rest, open) {
		switch b := rest[i]; {
		case depth != 1:
		case b == ',':
			if n == 1 {
				first = strings.TrimSpace(rest[begins:i])
			}
			begins, n = i+1, n+1
		case b == '|': // flags
			begins = i + 1
		}
	}
	if n >= len(sig.Args) && !sig.Repeats {
		return len(rest)
	}
	begins += len(rest[begins:]) - len(strings.TrimLeft(rest[begins:], " "))
	end := ")"
	if n+1 < len(sig.Args)-sig.Optional {
		end = ", "
	}
	switch kind := sig.Kind(n); {
	case kind == lab.KindSock:
		c.add(end, c.names.sockets[process]...)
	case kind == lab.KindOption:
		for _, o := range lab.Options {
			c.add(end, o.Name)
		}
	case kind == lab.KindAddr || kind == lab.KindTarget || kind == lab.KindEcho:
		end := ":"
		if kind != lab.KindAddr {
			end = ")"
		}
		c.add(end, c.addresses(process)...)
	case kind == lab.KindProcess:
		c.add(end, c.names.processes...)
	case kind == lab.KindNIC:
		if h := c.layout.Host(c.hostOf(process)); h != nil {
			for _, nic := range h.NICs {
				c.add(end, nic.Name)
			}
		}
	case kind == lab.KindValue:
		if o, ok := lab.OptionOf(first); ok {
			c.add(end, syntax.ValueExamples[o.Value])
		}
	default:
		c.add(end, syntax.WordsOf(kind)...)
	}
	return begins
}

func (c *completion) add(end string, words ...string) {
	for _, w := range words {
		c.offers = append(c.offers, w+end)
	}
}

// hostOf returns the host of a process.
func (c *completion) hostOf(process string) string {
	host, _, ok := strings.Cut(process, "/")
	if !ok {
		host = ""
	}
	return c.layout.HostOf(host, c.host)
}

// addresses returns the names of addresses, those of the caller's own host as they are, and those of other hosts
// behind the word by which a file calls them.
func (c *completion) addresses(process string) []string {
	own := c.hostOf(process)
	all := []string{"any", "any6", "lo", "lo6"}
	for _, h := range c.layout.Hosts {
		prefix := ""
		if h.Name != own {
			prefix = c.layout.HostWord(h.Name, own, c.host) + "."
		}
		for _, nic := range h.NICs {
			for _, a := range nic.Addresses {
				if a.Alias != "" {
					all = append(all, prefix+a.Alias)
				}
			}
		}
	}
	return all
}

// answer offers answers behind a call.
func (c *completion) answer(rest string, end int) int {
	behind := rest[end+1:]
	if strings.TrimLeft(behind, " ") == "" {
		c.offers = []string{" = "}
		return end + 1
	}
	if !strings.HasPrefix(strings.TrimLeft(behind, " "), "=") {
		return len(rest)
	}
	c.offers = append([]string{"ok", "blocked", "?"}, lab.ErrnoNames()...)
	begins := strings.LastIndexAny(rest, "= |") + 1
	return begins
}
