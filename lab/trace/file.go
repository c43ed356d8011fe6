package trace

import (
	"fmt"
	"strings"

	"labrun/lab/draft"
	"labrun/lab/wording"
)

// File returns the topology file of what was imported, with one experiment of that name. from says where the calls
// come from, in a sentence.
func (m *Imported) File(name, from string) *draft.File {
	layout := m.Layout
	layout.Name = name
	about := []string{from}
	if len(m.Renamed) > 0 {
		about = append(about, "", "Addresses have names here, and others for documentation, since the lab is made up:")
		for _, r := range m.Renamed {
			about = append(about, fmt.Sprintf("  %s is %s", r.Name, r.Was))
		}
	}
	if len(m.Moved) > 0 {
		about = append(about, "", "Sockets in folders that a lab lacks are in /tmp here:")
		for _, moved := range m.Moved {
			about = append(about, "  "+moved)
		}
	}
	if m.MadeUp > 0 {
		about = append(about, "", "The processes client and server are made up: they do what the other ends of connections",
			"must have done.")
	}
	if m.Waits > 0 {
		about = append(about, "", wording.Count(m.Waits, "wait")+" for readiness (poll, select, epoll) left out: what came",
			"of them shows in the calls behind them.")
	}
	if m.Caches > 0 {
		about = append(about, "",
			wording.Count(m.Caches, "socket")+" that asked the C library's cache of names (nscd) left out.")
	}
	if m.Pending > 0 {
		about = append(about, "", wording.Count(m.Pending, "call")+" still waited at the end, and left out.")
	}
	return &draft.File{
		About: strings.Join(about, "\n"), Layout: layout,
		Experiments: []draft.Experiment{{Name: name, Hosts: []string{m.Host}, Users: m.Users, Lines: m.Lines}},
	}
}
