package result

import (
	"fmt"

	"labrun/lab"
)

// SocketInfo is a socket that had a port when a step was answered.
type SocketInfo struct {
	Host     string   `json:"host"`
	Protocol string   `json:"protocol"`
	State    string   `json:"state"`
	Local    string   `json:"local"`
	Remote   string   `json:"remote,omitempty"`
	Device   string   `json:"device,omitempty"`
	User     uint32   `json:"user"`
	Owners   []string `json:"owners,omitempty"` // "web (w)": the process, and its name for the socket
	V6Only   bool     `json:"v6only,omitempty"`
	Timer    string   `json:"timer,omitempty"`   // as Socket's
	Options  []string `json:"options,omitempty"` // that are set: "SO_REUSEADDR"
}

// String writes the socket in a line. Programs name their processes and NICs as they
// like: what a terminal would obey is written out.
func (h SocketInfo) String() string { return lab.Visible(h.line()) }

// line is the socket in the words of ss(8), with what decides whether another one may share
// its port: protocol, state, addresses, options, device, user. An accepted connection that no
// process has yet is not a leak, and is told apart.
func (h SocketInfo) line() string {
	s := fmt.Sprintf("%s %s %s", h.Protocol, h.State, h.Local)
	if h.Remote != "" {
		s += " -> " + h.Remote
	}
	if h.V6Only {
		s += " v6only"
	}
	for _, o := range h.Options {
		s += " " + o
	}
	if h.Timer != "" && h.Timer != "timewait" {
		s += " timer:" + h.Timer
	}
	if h.Device != "" {
		s += " on " + h.Device
	}
	s += " on host " + h.Host
	if len(h.Owners) == 0 {
		switch h.State {
		case "SYN_RECV", "ESTABLISHED", "CLOSE_WAIT":
			return s + ", not accepted yet"
		}
		return s + ", no process"
	}
	for i, o := range h.Owners {
		if i == 0 {
			s += ", process "
		} else {
			s += " and "
		}
		s += o
	}
	return s + fmt.Sprintf(", user %d", h.User)
}
