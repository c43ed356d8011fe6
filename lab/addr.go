package lab

import (
	"fmt"
	"net/netip"
	"strconv"
)

// Addr is an address as a step writes it: who, and which port.
type Addr struct {
	Host   string     // of host.alias: "subject", "peer" or a host's name; "" is the host of the calling process
	Name   string     // an alias, or any, any6, lo, lo6; "" when IP is given
	IP     netip.Addr // a literal, may carry a zone; invalid beside Name "" is any address, in an answer: ":80"
	Mapped bool       // mapped(...): the IPv4 address as ::ffff:a.b.c.d
	Family string     // family(AF_UNIX, ...): what sa_family says instead of the truth, one of Families
	Port   Port
}

// Unspec is the address that undoes a connect: AF_UNSPEC and zeros, connect(2).
var Unspec = Addr{Family: "AF_UNSPEC"}

// Port is a number, or a variable that keeps a port which the kernel chose.
type Port struct {
	Number uint16
	To     uint16 // in an answer only: any port from Number to To
	Var    string // without the '$'; Number is 0 then
	Plus   int    // added to what Var stands for: $p+1
	Parity string // in an answer only: any port that is "odd" or "even"
}

// Parities are what an answer may say of a port that the kernel chooses: connect takes even ones
// first and bind odd ones (inet_csk_find_open_port, __inet_hash_connect).
var Parities = []string{"odd", "even"}

func (p Port) String() string {
	switch {
	case p.Var != "" && p.Plus != 0:
		return fmt.Sprintf("$%s%+d", p.Var, p.Plus)
	case p.Var != "":
		return "$" + p.Var
	case p.Parity != "":
		return p.Parity
	case p.To != 0:
		return fmt.Sprintf("%d-%d", p.Number, p.To)
	}
	return strconv.Itoa(int(p.Number))
}

// Base returns the address without its port, as a step writes it.
func (a Addr) Base() string {
	var s string
	switch {
	case a.Name == "" && !a.IP.IsValid():
	case a.Name == "":
		s = a.IP.String()
	case a.Host != "":
		s = a.Host + "." + a.Name
	default:
		s = a.Name
	}
	switch {
	case a.Mapped:
		s = "mapped(" + s + ")"
	case a.Name == "" && a.IP.Is6():
		s = "[" + s + "]"
	}
	if a.Family != "" {
		s = "family(" + a.Family + ", " + s + ")"
	}
	return s
}

func (a Addr) String() string {
	if a == Unspec {
		return "unspec"
	}
	return a.Base() + ":" + a.Port.String()
}
func (Addr) arg() {}

// wellKnown are the addresses that every host has under the same name.
var wellKnown = map[string]netip.Addr{
	"any":  netip.IPv4Unspecified(),
	"any6": netip.IPv6Unspecified(),
	"lo":   netip.AddrFrom4([4]byte{127, 0, 0, 1}),
	"lo6":  netip.IPv6Loopback(),
}

// WellKnown reports whether name is one that every host has: any, any6, lo, lo6.
func WellKnown(name string) bool { _, ok := wellKnown[name]; return ok }

// Resolve returns the IP address that a stands for in a call by a process on
// the host at, in a cell of the subject. A plain alias is one of the caller's
// own host: in "peer/web: bind(w, x:80)" x is the peer's.
func (l *Layout) Resolve(a Addr, at, subject string) (netip.Addr, error) {
	ip := a.IP
	if a.Name != "" {
		var ok bool
		if ip, ok = wellKnown[a.Name]; !ok {
			host := l.Host(at)
			if a.Host != "" {
				host = l.Host(l.HostOf(a.Host, subject))
			}
			if host == nil {
				return ip, fmt.Errorf("no host %q", a.Host)
			}
			if ip, ok = host.Alias(a.Name); !ok {
				return ip, fmt.Errorf("host %q has no address named %q", host.Name, a.Name)
			}
		}
	}
	if !a.Mapped {
		return ip, nil
	}
	if !ip.Is4() {
		return ip, fmt.Errorf("mapped() takes an IPv4 address, %s is not one", ip)
	}
	return netip.AddrFrom16(ip.As16()), nil
}

// NameOf returns the address as a step by a process on the host at would write
// it, without a port: x, peer.x, any, mapped(x), or the literal when it has no
// name.
func (l *Layout) NameOf(ip netip.Addr, at, subject string) string {
	if ip.Is4In6() {
		return "mapped(" + l.NameOf(ip.Unmap(), at, subject) + ")"
	}
	for name, known := range wellKnown {
		if known == ip {
			return name
		}
	}
	for _, h := range l.Hosts {
		for _, n := range h.NICs {
			for _, a := range n.Addresses {
				if a.Alias != "" && a.Prefix.Addr() == ip {
					return Addr{Host: l.hostWord(h.Name, at, subject), Name: a.Alias}.Base()
				}
			}
		}
	}
	return Addr{IP: ip}.Base()
}

// HostWord is how a step by a process on the host at names another host.
func (l *Layout) HostWord(host, at, subject string) string {
	if host == at {
		if host == subject {
			return "subject"
		}
		at = ""
	}
	return l.hostWord(host, at, subject)
}

// hostWord is how a step by a process on the host at names a host, "" for its own.
func (l *Layout) hostWord(host, at, subject string) string {
	switch host {
	case at:
		return ""
	case subject:
		return "subject"
	case l.Peer(subject):
		return "peer"
	}
	return host
}

// HostAt returns the name of the host that has the address, "" when none has.
func (l *Layout) HostAt(ip netip.Addr) string {
	if names := (Addr{IP: ip}).hosts(l, ""); len(names) > 0 {
		return names[0]
	}
	return ""
}

// hosts returns the hosts that a names or is an address of; a plain alias is of
// the caller's host, which is there anyway.
func (a Addr) hosts(l *Layout, subject string) []string {
	if a.Name != "" {
		if a.Host == "" {
			return nil
		}
		return []string{l.HostOf(a.Host, subject)}
	}
	var names []string
	for _, h := range l.Hosts {
		for _, n := range h.NICs {
			for _, b := range n.Addresses {
				if b.Prefix.Addr() == a.IP.Unmap().WithZone("") {
					names = append(names, h.Name)
				}
			}
		}
	}
	return names
}
