package local

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"labrun/lab"
	"labrun/lab/process"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/world"
)

// view is what the hosts of a cell show: their sockets, who has them, and whether something
// is under way between them. It changes nothing there.
type view struct {
	names
	*room
	on    lab.Kernel            // whose answers are wanted
	stuck map[connection]string // the states of sockets that nothing came for in all of settleTime
}

// hostSocket is a socket and the host that it is on.
type hostSocket struct {
	lab.Socket
	host string
}

// list lists the TCP sockets of one host, and those of all hosts: UDP's have no
// states.
func (v *view) list(host string) (own []lab.Socket, all []hostSocket, err error) {
	for _, h := range v.q.Layout.Hosts {
		if v.lab.Host(h.Name) == nil {
			continue
		}
		socks, err := v.lab.Host(h.Name).SocketsOf("tcp", "tcp6")
		if err != nil {
			return nil, nil, err
		}
		if h.Name == host {
			own = socks
		}
		for _, s := range socks {
			all = append(all, hostSocket{s, h.Name})
		}
	}
	return own, all, nil
}

// settled lists the sockets of a host that have TCP's ports, or UDP's, when nothing
// is under way in the lab. What nobody answers stays so for good, a segment to a link
// that is down for instance: a cell waits for that once, for settleTime, and knows it
// afterwards.
func (v *view) settled(ctx context.Context, host, protocol string) ([]lab.Socket, error) {
	if protocol == "udp" {
		return v.lab.Host(host).SocketsOf("udp", "udp6")
	}
	deadline := time.Now().Add(settleTime)
	for looks, pause := 1, time.Millisecond; ; looks, pause = looks+1, min(2*pause, settleTime/settleLooks) {
		own, all, err := v.list(host)
		if err != nil {
			return nil, err
		}
		if len(v.ran) == 0 && !slices.ContainsFunc(all, isConnection) { // only steps change that
			return own, nil
		}
		moving := v.moving(all)
		if len(moving) == 0 {
			return v.lab.Host(host).SocketsOf("tcp", "tcp6")
		}
		// A machine that is busy, or stood still for a while, gets its looks all the same.
		if looks >= settleLooks && time.Now().After(deadline) {
			for _, s := range moving {
				v.stuck[s.connection()] = s.State
			}
			return v.lab.Host(host).SocketsOf("tcp", "tcp6")
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

func isConnection(s hostSocket) bool { return s.State != "LISTEN" && s.State != lab.StateBound }

const (
	settleTime  = 3 * time.Second
	settleLooks = 60 // at least, within settleTime or longer
)

// connection is what TCP tells the connections of the hosts apart by.
type connection struct {
	host          string
	local, remote netip.AddrPort
}

func (s hostSocket) connection() connection { return connection{s.host, s.Local, s.Remote} }

// moving returns the sockets of the lab that are on their way to another state, or wait
// for an ACK, and will get there by themselves. Sockets are looked at one by one, not
// all at one moment: what was seen before, or meanwhile, may have changed with the last
// segment.
func (v *view) moving(all []hostSocket) []hostSocket {
	var moving []hostSocket
	for _, s := range all {
		if (isTransient(s.Socket) || s.Timer == "on") && v.stuck[s.connection()] != s.State && !v.isStill(s, all) {
			moving = append(moving, s)
		}
	}
	return moving
}

// isStill reports whether the segment that a socket waits for will not come before a
// step changes something: the other side has no room for what would bring it (tcp_send_probe0), no host has the address
// that it sent to, or a listener there has its accept queue full. That drops a SYN (tcp_conn_request) and the last ACK of
// a handshake (tcp_v4_syn_recv_sock), so that the request stays while the client is connected, and what the client sends
// is dropped too.
func (v *view) isStill(s hostSocket, all []hostSocket) bool {
	if len(v.ran) > 0 { // a program accepts when it likes to
		return false
	}
	if s.Timer == "persist" { // the other side has no room, and says so to every probe
		return true
	}
	from, to := world.Unmapped(s.Local), world.Unmapped(s.Remote)
	if s.State == "SYN_RECV" { // the other side has to say something only if it is not connected yet
		other, ok := find(all, s, to, from)
		return ok && other.State == "ESTABLISHED" && refuses(all, s.host, from)
	}
	if v.unanswered(to.Addr()) {
		return true
	}
	host := s.host
	if !to.Addr().IsLoopback() {
		if !v.keepsAddresses() {
			return false
		}
		host = v.q.Layout.HostAt(to.Addr())
	}
	other, ok := find(all, s, to, from)
	switch s.State {
	case "SYN_SENT":
		return !ok && refuses(all, host, to)
	case "ESTABLISHED":
		return ok && other.State == "SYN_RECV" && refuses(all, host, to)
	}
	return false
}

// find returns the socket that has the other end of one's connection.
func find(all []hostSocket, one hostSocket, local, remote netip.AddrPort) (hostSocket, bool) {
	i := slices.IndexFunc(all, func(s hostSocket) bool {
		return s.State != "TIME_WAIT" && (s.host == one.host || !local.Addr().IsLoopback()) && world.Unmapped(s.Local) == local && world.Unmapped(s.Remote) == remote
	})
	if i < 0 {
		return hostSocket{}, false
	}
	return all[i], true
}

// refuses reports whether the host has listeners at an address, and the accept queues
// of all of them are full.
func refuses(all []hostSocket, host string, at netip.AddrPort) bool {
	full := false
	for _, s := range all {
		if s.host != host || s.State != "LISTEN" || s.Local.Port() != at.Port() || !world.Overlap(at.Addr(), s.Local.Addr(), false, s.V6Only) {
			continue
		}
		if full = s.Full; !full {
			return false
		}
	}
	return full
}

// unanswered reports whether no host has an address, nor will have.
func (v *view) unanswered(ip netip.Addr) bool {
	return v.keepsAddresses() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() && v.q.Layout.HostAt(ip) == ""
}

// keepsAddresses reports whether the hosts have the addresses of the file and no others,
// and answer for them: no step changes that, and no program.
func (v *view) keepsAddresses() bool {
	return !slices.ContainsFunc(v.steps, func(s *question.Step) bool {
		sig, _ := lab.SignatureOf(s.Call.Name)
		return s.Run != nil || sig.By == lab.ByHost && sig.Touches && !isAboutSockets(s.Call)
	})
}

// isAboutSockets reports whether a call reads a parameter, or sets one that has no say in
// which segments reach a socket, and when it answers them: the length of its accept queue
// for instance, but not tcp_abort_on_overflow.
func isAboutSockets(call lab.Call) bool {
	if call.Name != "sysctl" {
		return false
	}
	name := call.Args[0].String()
	return len(call.Args) == 1 || strings.HasPrefix(name, "net.core.") ||
		strings.HasPrefix(name, "net.ipv4.tcp_") && name != "net.ipv4.tcp_abort_on_overflow"
}

// stableOnly returns what a report can say of a step that is not red, on every run
// the same: connections of a program come and go as that pleases.
func (v *view) stableOnly(holders []result.SocketInfo) []result.SocketInfo {
	if len(v.ran) == 0 {
		return holders
	}
	return slices.DeleteFunc(holders, func(h result.SocketInfo) bool {
		return h.State != "LISTEN" && h.State != lab.StateBound && h.State != "UNCONN"
	})
}

// destination returns the host that has an address when a process on the host from sends
// to it, "" when none has.
func (v *view) destination(from string, ip netip.Addr) (string, error) {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return from, nil
	}
	if v.keepsAddresses() && !ip.IsLinkLocalUnicast() {
		return v.q.Layout.HostAt(ip), nil
	}
	for _, h := range v.q.Layout.Hosts {
		if v.lab.Host(h.Name) == nil {
			continue
		}
		has, err := v.lab.Host(h.Name).HasAddress(ip)
		if err != nil || has {
			return h.Name, err
		}
	}
	return "", nil
}

// ownedBy is a socket with the process that has it: its name in the file, and of
// a program the name of the process that has it really.
type ownedBy struct {
	process string
	program bool
	process.Owned
}

// owned asks the living processes of a host for their sockets at the ports, and
// looks which its programs have.
func (v *view) owned(ctx context.Context, host string, ports ...uint16) ([]ownedBy, error) {
	return v.ownedBy(host, func(p *process.Process) ([]process.Owned, error) { return p.Owned(ctx, ports) })
}

func (v *view) ownedBy(host string, of func(*process.Process) ([]process.Owned, error)) ([]ownedBy, error) {
	var all []ownedBy
	for _, who := range v.born {
		if who.Host != host {
			continue
		}
		socks, err := of(v.processes[who])
		if err != nil {
			return nil, err
		}
		for _, o := range socks {
			all = append(all, ownedBy{process: who.Name, Owned: o})
		}
	}
	for _, who := range v.ran {
		if who.Host != host {
			continue
		}
		for inode, names := range v.programs[who].Holding() {
			for _, name := range names {
				all = append(all, ownedBy{who.Name, true, process.Owned{Name: name, Inode: inode}})
			}
		}
	}
	return all, nil
}

// withBound adds the TCP sockets that only their processes know of. Linux 6.8
// and newer tell of bound sockets that neither listen nor connect in sock_diag,
// and know better: getsockname still names a port that a failed connect has
// given back.
func (v *view) withBound(socks []lab.Socket, owned []ownedBy) []lab.Socket {
	if v.on.Version.Compare(lab.KernelVersion{6, 8, 0}) >= 0 {
		return socks
	}
	seen := map[uint32]bool{}
	for _, s := range socks {
		seen[s.Inode] = true
	}
	for _, o := range owned {
		if !o.program && !seen[o.Inode] && o.Local.Port() != 0 {
			seen[o.Inode] = true
			state := lab.StateBound
			if portsOf(o.Protocol) == "udp" { // of a table that a kernel lacks
				if state = "UNCONN"; o.Remote.IsValid() {
					state = "ESTABLISHED"
				}
			}
			socks = append(socks, lab.Socket{
				Protocol: o.Protocol, State: state, Local: o.Local, Remote: o.Remote, UID: o.UID, Inode: o.Inode,
			})
		}
	}
	return socks
}

func (v *view) holder(host string, s lab.Socket, owned []ownedBy) result.SocketInfo {
	h := result.SocketInfo{
		Host: host, Protocol: s.Protocol, State: s.State, Local: v.name(s.Local, host),
		Device: s.Device, User: s.UID, V6Only: s.V6Only, Timer: s.Timer,
	}
	if s.Remote.Port() != 0 {
		h.Remote = v.name(s.Remote, host)
	}
	setOwners(&h, s.Inode, owned)
	h.Options = slices.Concat(h.Options, s.Options)
	return h
}

// setOwners says of a socket which processes have it, and what they know of it.
func setOwners(h *result.SocketInfo, inode uint32, owned []ownedBy) {
	for _, o := range owned {
		if inode == 0 || o.Inode != inode {
			continue
		}
		h.Owners = append(h.Owners, fmt.Sprintf("%s (%s)", o.process, o.Name))
		h.V6Only = h.V6Only || o.V6Only
		if h.Options == nil {
			h.Options = o.Options
		}
	}
	if len(h.Owners) == 0 && inode != 0 { // in a message, SCM_RIGHTS, or of a program that hides
		h.Owners = []string{"unknown"}
	}
}

// isUp reports whether the cell's lab has the host.
func (v *view) isUp(host string) bool { return v.lab.Host(host) != nil }

// portsOf names the protocol whose ports the sockets of a type have.
func portsOf(socketType string) string {
	return strings.TrimPrefix(strings.TrimSuffix(socketType, "6"), "mp") // MPTCP's are TCP's
}

// transient are the states that end with the next segment from the other side.
var transient = []string{"SYN_SENT", "SYN_RECV", "FIN_WAIT1", "CLOSING", "LAST_ACK"}

func isTransient(s lab.Socket) bool { return slices.Contains(transient, s.State) }

// reaches reports whether what a host sends gets to an address of the lab.
func (v *view) reaches(host string, to netip.Addr) (bool, error) {
	if to.IsLoopback() || v.q.Layout.HostAt(to) == host {
		return true, nil
	}
	return v.lab.Host(host).HasNeighbour(to)
}

func asksForPort(c lab.Call) bool {
	return c.Name == "bind" || c.Name == "listen" || c.Name == "connect"
}
