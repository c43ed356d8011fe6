package process

import (
	"net/netip"
	"time"

	"labrun/lab"
)

// request is one call with everything resolved, as it goes to a process.
type request struct {
	Call   string         `json:"call"`
	Makes  string         `json:"makes,omitempty"`
	Sock   string         `json:"sock,omitempty"`
	Addr   netip.AddrPort `json:"addr,omitzero"`
	Int    int64          `json:"int,omitempty"`
	Text   []byte         `json:"text,omitempty"`
	Word   string         `json:"word,omitempty"`
	Name   string         `json:"name,omitempty"` // of a process to fork
	Linger lab.Linger     `json:"linger,omitzero"`
	Ports  []uint16       `json:"ports,omitempty"` // of owned
	Limit  time.Duration  `json:"limit,omitempty"`
}

// reply is the answer to a request. At most one of the values is set.
type reply struct {
	Outcome lab.Outcome     `json:"outcome,omitempty"`
	Errno   string          `json:"errno,omitempty"`
	Broken  string          `json:"broken,omitempty"` // the call could not be made at all
	Addr    *netip.AddrPort `json:"addr,omitempty"`
	Int     *int64          `json:"int,omitempty"`
	Text    *[]byte         `json:"text,omitempty"`
	Linger  *lab.Linger     `json:"linger,omitempty"`
	PID     int             `json:"pid,omitempty"`     // of fork
	Sockets []Owned         `json:"sockets,omitempty"` // of owned
}

// Owned is a socket as the process that has it sees it.
type Owned struct {
	Name     string         `json:"name"`
	Inode    uint32         `json:"inode"`
	Protocol string         `json:"protocol"`
	UID      uint32         `json:"uid"`
	Local    netip.AddrPort `json:"local,omitzero"`
	Remote   netip.AddrPort `json:"remote,omitzero"`
}

// The largest message either way: a text of 64 KiB in base64, and its frame.
const maxMessage = 128 << 10

// controlFD is the process's end of the pair; its sockets, when it was forked,
// follow in the order of its arguments.
const controlFD = 3

// Arg0 is what a process's argv[0] says, so that ps(1) tells what it is.
const Arg0 = "labrun-process"
