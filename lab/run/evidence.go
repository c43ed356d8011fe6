package run

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"labrun/lab"
	"labrun/lab/process"
)

// answer writes the answer of a process on the host at in the words of the file.
func (c *cell) answer(g got, at string) string {
	if g.addr.IsValid() {
		return c.name(g.addr, at)
	}
	return g.String()
}

// name writes an address as the file would. A port that the kernel chose has
// another number on every run: it goes by its $name, or as "ephemeral".
func (c *cell) name(a netip.AddrPort, at string) string {
	return c.topology.NameOf(a.Addr(), at, c.subject) + ":" + c.portName(a.Port())
}

func (c *cell) portName(port uint16) string {
	if port == 0 || slices.Contains(c.experiment.Ports(), port) {
		return strconv.Itoa(int(port))
	}
	var names []string
	for name, p := range c.ports {
		if p == port {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "ephemeral"
	}
	return "$" + slices.Min(names)
}

// endpoint is a port of a host.
type endpoint struct {
	host string
	port uint16
}

// holders returns the sockets at the ports that a step was about: those of its
// address and of its socket, and for connect the destination's on its host.
func (c *cell) holders(ctx context.Context, s *lab.Step) ([]lab.Holder, error) {
	who := c.resolve(s.Process)
	owned, err := c.owned(ctx)
	if err != nil {
		return nil, err
	}
	var at []endpoint
	for _, a := range s.Call.Args {
		switch a := a.(type) {
		case lab.Addr:
			addr, err := c.addr(a, who.Host)
			if err != nil {
				return nil, err
			}
			host := who.Host
			if a.Host != "" {
				host = c.topology.HostOf(a.Host, c.subject)
			}
			at = append(at, endpoint{host, addr.Port()})
		case lab.Sock:
			for _, o := range owned {
				if o.process == who && o.Name == string(a) {
					at = append(at, endpoint{who.Host, o.Local.Port()})
				}
			}
		}
	}
	return c.socketsAt(at, owned)
}

// ownedBy is a socket with the process that has it.
type ownedBy struct {
	process lab.Process
	process.Owned
}

// owned asks every living process for its sockets.
func (c *cell) owned(ctx context.Context) ([]ownedBy, error) {
	var all []ownedBy
	for _, who := range c.born {
		socks, err := c.processes[who].Owned(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range socks {
			all = append(all, ownedBy{who, o})
		}
	}
	return all, nil
}

// socketsAt describes the sockets at those endpoints, each once, in an order
// that is the same on every run.
func (c *cell) socketsAt(at []endpoint, owned []ownedBy) ([]lab.Holder, error) {
	var holders []lab.Holder
	for _, h := range c.topology.Hosts {
		var ports []uint16
		for _, e := range at {
			if e.host == h.Name && e.port != 0 {
				ports = append(ports, e.port)
			}
		}
		if len(ports) == 0 || c.lab.Host(h.Name) == nil {
			continue
		}
		socks, err := c.lab.Host(h.Name).Sockets()
		if err != nil {
			return nil, err
		}
		for _, s := range c.withBound(socks, owned, h.Name) {
			if slices.Contains(ports, s.Local.Port()) {
				holders = append(holders, c.holder(h.Name, s, owned))
			}
		}
	}
	slices.SortStableFunc(holders, func(a, b lab.Holder) int {
		return cmp.Or(
			cmp.Compare(a.Host, b.Host),
			slices.Index(lab.StateNames, a.State)-slices.Index(lab.StateNames, b.State), // listeners first, bound ones even before
			cmp.Compare(a.String(), b.String()),
		)
	})
	return holders, nil
}

// withBound adds the TCP sockets that only their processes know of. Linux 6.8
// and newer tell of bound sockets that neither listen nor connect in sock_diag,
// and know better: getsockname still names a port that a failed connect has
// given back.
func (c *cell) withBound(socks []lab.Socket, owned []ownedBy, host string) []lab.Socket {
	if c.kernel.Compare(lab.KernelVersion{6, 8, 0}) >= 0 {
		return socks
	}
	seen := map[uint32]bool{}
	for _, s := range socks {
		seen[s.Inode] = true
	}
	for _, o := range owned {
		if o.process.Host == host && !seen[o.Inode] && o.Local.Port() != 0 {
			seen[o.Inode] = true
			socks = append(socks, lab.Socket{
				Protocol: o.Protocol, State: "BOUND", Local: o.Local, Remote: o.Remote, UID: o.UID, Inode: o.Inode,
			})
		}
	}
	return socks
}

func (c *cell) holder(host string, s lab.Socket, owned []ownedBy) lab.Holder {
	h := lab.Holder{
		Host: host, Protocol: s.Protocol, State: s.State, Local: c.name(s.Local, host),
		Device: s.Device, User: s.UID, V6Only: s.V6Only,
	}
	if s.Remote.Port() != 0 {
		h.Remote = c.name(s.Remote, host)
	}
	for _, o := range owned {
		if s.Inode != 0 && o.Inode == s.Inode && o.process.Host == host {
			h.Owners = append(h.Owners, fmt.Sprintf("%s (%s)", o.process.Name, o.Name))
		}
	}
	return h
}
