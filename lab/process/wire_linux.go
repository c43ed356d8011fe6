package process

import (
	"net/netip"
	"time"

	"labrun/lab"
)

// request is one call with everything resolved, as it goes to a process.
type request struct {
	Call     string         `json:"call"`
	Makes    string         `json:"makes,omitempty"`
	Sock     string         `json:"sock,omitempty"`
	Other    string         `json:"other,omitempty"` // the socket that sendmsg sends
	Socks    []string       `json:"socks,omitempty"` // of who; of fork, none means all
	Addr     netip.AddrPort `json:"addr,omitzero"`
	Family   string         `json:"family,omitempty"` // what sa_family says instead of the truth
	Path     *string        `json:"path,omitempty"`   // an address of unix(7) in Addr's place, or of unlink
	Length   *int32         `json:"length,omitempty"` // of the address, instead of the true one
	Int      int64          `json:"int,omitempty"`
	Text     []byte         `json:"text,omitempty"`
	Word     string         `json:"word,omitempty"`
	Flags    string         `json:"flags,omitempty"`
	Name     string         `json:"name,omitempty"` // of a process to fork
	Linger   lab.Linger     `json:"linger,omitzero"`
	Range    lab.Range      `json:"range,omitzero"`
	Member   lab.Membership `json:"member,omitzero"`
	Selector lab.Selector   `json:"selector,omitzero"`
	Ports    []uint16       `json:"ports,omitempty"` // of owned
	Unix     bool           `json:"unix,omitempty"`  // of owned
	Limit    time.Duration  `json:"limit,omitempty"`
	Combos   []lab.Combo    `json:"combos,omitempty"` // of cells
	Fresh    Table          `json:"fresh,omitzero"`   // of cells: what the host has before each
	Stop     bool           `json:"stop,omitempty"`   // of cells: at the first red one
}

// reply is the answer to a request. At most one of the values is set.
type reply struct {
	Outcome lab.Outcome     `json:"outcome,omitempty"`
	Errno   string          `json:"errno,omitempty"`
	Broken  string          `json:"broken,omitempty"` // the call could not be made at all
	Addr    *netip.AddrPort `json:"addr,omitempty"`
	Int     *int64          `json:"int,omitempty"`
	Text    *[]byte         `json:"text,omitempty"`
	Word    string          `json:"word,omitempty"`
	Linger  *lab.Linger     `json:"linger,omitempty"`
	Range   *lab.Range      `json:"range,omitempty"`
	Socks   []string        `json:"socks,omitempty"`   // of who
	PID     int             `json:"pid,omitempty"`     // of fork
	Sockets []Owned         `json:"sockets,omitempty"` // of owned
	Table   *Table          `json:"table,omitempty"`   // of reset
	Cells   *cellsReply     `json:"cells,omitempty"`   // of cells
}

// Owned is a socket as the process that has it sees it.
type Owned struct {
	Name     string         `json:"name"`
	Inode    uint32         `json:"inode"`
	Protocol string         `json:"protocol"`
	UID      uint32         `json:"uid"`
	Local    netip.AddrPort `json:"local,omitzero"`
	Remote   netip.AddrPort `json:"remote,omitzero"`
	Device   string         `json:"device,omitempty"` // that SO_BINDTODEVICE ties it to
	V6Only   bool           `json:"v6only,omitempty"`
	Range    lab.Range      `json:"range,omitzero"`    // IP_LOCAL_PORT_RANGE
	Options  []string       `json:"options,omitempty"` // that are set, of those that sock_diag does not tell
}

// Table is what a host's network namespace has of sockets, whosever they are. A
// netlink socket, as the host's links were made with, counts until some
// milliseconds after its close (netlink_release waits for RCU): in a new host
// Sockets may still fall.
type Table struct {
	Sockets  int `json:"sockets"`  // of every family; sockets in TIME_WAIT do not count
	TimeWait int `json:"timewait"` // TCP connections in TIME_WAIT
}

// The largest message either way: a text of 64 KiB in base64, and its frame.
const maxMessage = 128 << 10

// maxText is the longest text that a call receives.
const maxText = 64 << 10

// Arg0 is what a process's argv[0] says, so that ps(1) tells what it is.
const Arg0 = "labrun-process"

// answer returns what the reply says of a call, with the address that it
// answered when there is one.
func (r reply) answer() (lab.Answer, netip.AddrPort) {
	answer := lab.Answer{Outcome: r.Outcome, Errno: r.Errno}
	switch {
	case r.Int != nil:
		answer.Value = lab.Int(*r.Int)
	case r.Text != nil:
		answer.Value = lab.Text(*r.Text)
	case r.Word != "":
		answer.Value = lab.Word(r.Word)
	case r.Linger != nil:
		answer.Value = *r.Linger
	case r.Range != nil:
		answer.Value = *r.Range
	case r.Socks != nil:
		socks := make(lab.Socks, len(r.Socks))
		for i, name := range r.Socks {
			socks[i] = lab.Sock(name)
		}
		answer.Value = socks
	case r.Addr != nil:
		return answer, *r.Addr
	}
	return answer, netip.AddrPort{}
}
