package world

import (
	"net/netip"
	"slices"

	"labrun/lab"
)

// Replay is what a lab has after steps whose answers are known: sockets with their addresses, options and
// states, and what the steps changed of hosts. It is made of answers alone, so it says what the kernel's own list of
// sockets says wherever that follows from them; where it does not, a socket is in Doubt.
type Replay struct {
	Sockets []*Socket // those that the kernel has, in the order in which they were made
	// paths are names of unix(7) that a bind made and no unlink removed, with the socket that made it. The hosts of a
	// lab have them in common.
	paths    map[string]*Socket
	Programs bool // a program has run, which may have sockets that no step made
	ICMP     []ICMP

	layout  *lab.Layout
	hosts   map[string]*Host
	named   map[lab.Process]map[string]*Socket
	users   map[lab.Process]uint32
	pending map[lab.Process]map[string]Answered
	passing []*Socket                         // in messages, SCM_RIGHTS
	watched map[watch]bool                    // by epoll instances
	actions map[lab.Process]map[string]string // what sigaction said of signals
	caught  map[lab.Process]string            // the last signal that a process was sent
	members map[membership]bool
	held    []Answered // for the next together()
	chosen  int
}

// Host is what a host has beside sockets.
type Host struct {
	Addresses []Address
	Sysctls   map[string]string // that the file or a step has set
	Down      map[string]bool   // NICs
	Linked    map[string]bool   // links that steps made
	Changed   bool              // a step changed links, routes, rules or neighbours
	Specs     []HostSpec
}

// Address is an address of a NIC.
type Address struct {
	netip.Prefix
	NIC       string
	Tentative bool // of IPv6, added without nodad: for a second or two no socket may have it
}

// HostSpec is a route, rule or neighbour with every name in it resolved.
type HostSpec struct {
	Object string // route, rule, neigh
	lab.Spec
}

// ICMP is an error that a raw socket made and sent, icmp(7).
type ICMP struct {
	To         netip.Addr
	Type, Code byte
}

// membership is a group that a socket has joined on a NIC.
type membership struct {
	socket *Socket
	value  string
}

// watch is a socket that an epoll instance watches, by a descriptor.
type watch struct {
	epoll, socket *Socket
	name          string
}

// Answered is a step with every name resolved and the answer that a kernel gave.
type Answered struct {
	Process lab.Process // with the name of its host
	User    uint32      // as whom it began
	Call    lab.Call
	Addr    Endpoint // of the address in the call
	HasAddr bool
	Spec    lab.Spec
	Answer  lab.Answer
	Value   Endpoint // of the address in the answer
	From    Endpoint // that the answer says something came from
	Pending string   // the name of a call in the background
	Held    bool     // until together()
	Program bool
	FDs     []lab.FD // sockets that the program is given
}

// OK reports whether the call succeeded.
func (a *Answered) OK() bool { return a.Answer.Outcome == lab.OK }

// NewReplay returns what a lab has before the first step.
func NewReplay(l *lab.Layout) *Replay {
	r := &Replay{paths: map[string]*Socket{}, layout: l, hosts: map[string]*Host{},
		named: map[lab.Process]map[string]*Socket{},
		users: map[lab.Process]uint32{}, pending: map[lab.Process]map[string]Answered{}, members: map[membership]bool{},
		watched: map[watch]bool{}, actions: map[lab.Process]map[string]string{}, caught: map[lab.Process]string{}}
	for i := range l.Hosts {
		h := &l.Hosts[i]
		host := &Host{Sysctls: map[string]string{}, Linked: map[string]bool{}, Down: map[string]bool{}}
		for _, n := range h.NICs {
			for _, a := range n.Addresses {
				host.Addresses = append(host.Addresses, Address{Prefix: a.Prefix, NIC: n.Name})
			}
			host.Changed = host.Changed || n.Network == ""
		}
		for _, s := range h.Sysctls {
			host.Sysctls[s.Name] = s.Value
		}
		for object, s := range h.Specs() {
			spec, _ := l.ResolveSpec(s.Spec, h.Name, h.Name, func(string, string) (string, bool) { return "", true })
			host.Specs = append(host.Specs, HostSpec{object, spec})
		}
		r.hosts[h.Name] = host
	}
	return r
}

// Host returns what a host has, nil for none of that name.
func (r *Replay) Host(name string) *Host { return r.hosts[name] }

// Named returns the socket that a process has under a name, nil for none.
func (r *Replay) Named(p lab.Process, name string) *Socket { return r.named[p][name] }

// UserOf returns as whom a process makes calls: of one that nothing has said yet, what it begins as.
func (r *Replay) UserOf(p lab.Process, begins uint32) uint32 {
	if user, ok := r.users[p]; ok {
		return user
	}
	return begins
}

// PendingCall returns a call of the process in the background.
func (r *Replay) PendingCall(p lab.Process, name string) (Answered, bool) {
	a, ok := r.pending[p][name]
	return a, ok
}

// Held returns the calls that the next together() releases.
func (r *Replay) Held() []Answered { return r.held }

// Sysctl returns a parameter of a host, or the value that a new network namespace has.
func (r *Replay) Sysctl(host, name, fresh string) string {
	if h := r.hosts[host]; h != nil {
		if v, ok := h.Sysctls[name]; ok {
			return v
		}
	}
	return fresh
}

// IsMember reports whether a socket has joined a group: the option's value, as a step writes it.
func (r *Replay) IsMember(s *Socket, value string) bool { return r.members[membership{s, value}] }

// Watches reports whether an epoll instance watches a socket by that descriptor: with another one of the same socket
// it may be watched once more, as the key is both (ep_find).
func (r *Replay) Watches(epoll, s *Socket, name string) bool { return r.watched[watch{epoll, s, name}] }

// Caught returns the last signal that a process was sent and handles, and what sigaction said of it.
func (r *Replay) Caught(p lab.Process) (signal, action string) {
	signal = r.caught[p]
	return signal, r.actions[p][signal]
}

// Has reports whether an address is one of the host's own.
func (r *Replay) Has(host string, ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	h := r.hosts[host]
	if h == nil || ip.Is4() && ip.IsLoopback() || ip == netip.IPv6Loopback() {
		return h != nil
	}
	return slices.ContainsFunc(h.Addresses, func(a Address) bool { return a.Addr() == ip }) || h.routesHere(ip)
}

// routesHere reports whether a route of type local says that an address is the host's.
func (h *Host) routesHere(ip netip.Addr) bool {
	for _, s := range h.Specs {
		terms := s.Terms()
		local := slices.ContainsFunc(terms, func(t lab.Term) bool { return t.Word == "local" })
		for _, t := range terms {
			if p, err := netip.ParsePrefix(t.Value); local && t.Word == "to" && err == nil && p.Contains(ip) {
				return true
			}
		}
	}
	return false
}

// HostAt returns the host that has an address as its own now; "" for none.
func (r *Replay) HostAt(from string, ip netip.Addr) string {
	if r.Has(from, ip) {
		return from
	}
	for i := range r.layout.Hosts {
		if name := r.layout.Hosts[i].Name; !ip.IsLoopback() && r.Has(name, ip) {
			return name
		}
	}
	return ""
}

// Apply follows a step.
func (r *Replay) Apply(a Answered) {
	switch {
	case a.Program:
		r.Programs = true
		for _, fd := range a.FDs {
			if s := r.named[lab.Process{Host: a.Process.Host, Name: fd.Process}][fd.Sock]; s != nil {
				s.Doubt = true
			}
		}
		return
	case a.Held:
		r.held = append(r.held, a)
		return
	case a.Pending != "":
		if r.pending[a.Process] == nil {
			r.pending[a.Process] = map[string]Answered{}
		}
		r.pending[a.Process][a.Pending] = a
		if a.Call.Name == "connect" {
			a.Answer = lab.Answer{Outcome: lab.Failed, Errno: "EINPROGRESS"}
			r.connect(&a)
		}
		return
	}
	if _, ok := r.users[a.Process]; !ok {
		r.users[a.Process] = a.User
	}
	if follow, ok := follows[a.Call.Name]; ok {
		follow(r, &a)
	}
}

// follows are the calls after which the world is another one.
var follows map[string]func(*Replay, *Answered)

func init() { // as some of them follow others
	follows = map[string]func(*Replay, *Answered){
		"socket": (*Replay).socket, "socketpair": (*Replay).pair, "file": other("file"), "fd": other("none"),
		"epoll":       other("epoll"),
		"pidfd_getfd": other(""), "dup": (*Replay).dup, "setsockopt": (*Replay).setsockopt,
		"getsockopt": (*Replay).getsockopt, "bind": (*Replay).bind,
		"listen": (*Replay).listen, "accept": (*Replay).accept, "connect": (*Replay).connect, "sendto": (*Replay).send,
		"send": (*Replay).send, "sendmsg": (*Replay).send, "sendmmsg": (*Replay).send, "fill": (*Replay).send,
		"recv": (*Replay).recv, "recvfrom": (*Replay).recv, "recvmsg": (*Replay).recv, "recvmmsg": (*Replay).recv,
		"drain": (*Replay).recv, "getsockname": (*Replay).getsockname, "shutdown": (*Replay).shutdown,
		"close":  (*Replay).close,
		"fchown": (*Replay).fchown, "unlink": (*Replay).unlink, "fcntl": (*Replay).fcntl, "ioctl": (*Replay).ioctl,
		"seteuid": (*Replay).seteuid, "exec": (*Replay).exec, "fork": (*Replay).fork, "exit": (*Replay).exit,
		"kill":   (*Replay).kill,
		"answer": (*Replay).answer, "together": (*Replay).together, "sysctl": (*Replay).sysctl,
		"addr_add": (*Replay).address,
		"addr_del": (*Replay).address, "route_add": (*Replay).spec, "route_del": (*Replay).spec, "rule_add": (*Replay).spec,
		"rule_del": (*Replay).spec, "neigh_add": (*Replay).spec, "neigh_del": (*Replay).spec, "link_up": (*Replay).link,
		"link_down": (*Replay).link, "link_add": (*Replay).link, "link_del": (*Replay).link, "link_master": (*Replay).link,
		"link_mtu": (*Replay).link, "epoll_ctl": (*Replay).watch, "sigaction": (*Replay).sigaction,
	}
}
