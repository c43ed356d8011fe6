package question

import (
	"fmt"
	"strings"

	"labrun/lab"
)

// HostsFile returns what the programs of the host at have as /etc/hosts, in a cell of
// the subject: the names that addresses go by in the file. It has the hosts that
// are up, all of them when isUp is nil.
//
// A host's own name stands with its first address alone, so that a program which looks it up gets one.
// The subject of a cell is found as "subject.x" whichever host that is: one command line serves every
// column. Programs take localhost for loopback (RFC 6761, 6.3), and no other file tells them.
func HostsFile(l *lab.Layout, at, subject string, isUp func(host string) bool) string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost\n")
	words := map[string][]string{subject: {"subject"}}
	if peer := l.Peer(subject); peer != "" {
		words[peer] = append(words[peer], "peer")
	}
	for _, h := range l.Hosts {
		if isUp != nil && !isUp(h.Name) {
			continue
		}
		first := true
		for _, n := range h.NICs {
			for _, a := range n.Addresses {
				var names []string
				if a.Alias != "" {
					if h.Name == at {
						names = append(names, a.Alias)
					}
					for _, word := range append([]string{h.Name}, words[h.Name]...) {
						names = append(names, word+"."+a.Alias)
					}
				}
				if first {
					names = append(names, h.Name)
				}
				first = false
				if len(names) > 0 {
					fmt.Fprintf(&b, "%s %s\n", a.Prefix.Addr(), strings.Join(names, " "))
				}
			}
		}
	}
	return b.String()
}
