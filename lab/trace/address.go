package trace

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"labrun/lab"
	"labrun/lab/draft"
	"labrun/lab/once"
	"labrun/lab/syntax"
)

// ipIn finds the IP addresses in strace's structures.
var ipIn = once.Regexp(`inet_addr\("([^"]*)"\)|inet_pton\(AF_INET6, *"([^"]*)"`)

// Addresses that nobody has: they are for documentation, and in no network of the lab.
var (
	nobody4 = netip.MustParsePrefix("203.0.113.0/24")
	nobody6 = netip.MustParsePrefix("2001:db8:ffff::/64")
)

// stays reports whether an address means the same in every lab.
func stays(ip netip.Addr) bool {
	return ip.IsUnspecified() || ip.IsLoopback() || ip.IsMulticast() || ip.IsLinkLocalUnicast() ||
		ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// makeUpLab makes a lab of two hosts with an address for each that the events have. Those to which a program bound, or
// which a socket had by itself, are the programs' own host's; those that nobody had stay so.
func (m *importer) makeUpLab() {
	type use struct{ own, dialled, dials, nobody bool }
	uses := map[netip.Addr]*use{}
	served := m.boundPorts()
	var order []netip.Addr
	for _, e := range m.events {
		errno, _ := e.failed()
		for _, a := range e.Args {
			if !strings.Contains(a, "sa_family=") && e.Name != "setsockopt" || strings.HasPrefix(a, `"`) {
				continue
			}
			for _, match := range ipIn().FindAllStringSubmatch(a, -1) {
				ip, err := netip.ParseAddr(match[1] + match[2])
				if ip = ip.Unmap().WithZone(""); err != nil || stays(ip) {
					continue
				}
				u := uses[ip]
				if u == nil {
					u = &use{}
					uses[ip] = u
					order = append(order, ip)
				}
				u.own = u.own || e.Name == "getsockname" || e.Name == "setsockopt" && errno == "" ||
					e.Name == "bind" && errno != "EADDRNOTAVAIL"
				u.nobody = u.nobody || e.Name == "bind" && errno == "EADDRNOTAVAIL"
				port := portIn().FindStringSubmatch(a)
				u.dialled = u.dialled || e.Name == "connect" && port != nil && served[port[1]]
				u.dials = u.dials || strings.HasPrefix(e.Name, "accept")
			}
		}
	}
	m.Layout, m.Host = draft.DualNIC("imported"), "alpha"
	m.real = map[netip.Addr]netip.Addr{}
	places := map[string]int{} // how many addresses each host has of each family
	for i, ip := range order {
		u := uses[ip]
		switch {
		case u.own || u.dialled && u.dials: // programs that dial one of their own ports are at both ends
			m.real[ip] = m.give(0, ip.Is6(), places)
		case u.nobody && ip.Is4():
			m.real[ip] = draft.Nth(nobody4, 1+i%250)
		case u.nobody:
			m.real[ip] = draft.Nth(nobody6, 1+i)
		default:
			m.real[ip] = m.give(1, ip.Is6(), places)
		}
	}
	for _, ip := range order {
		m.Renamed = append(m.Renamed, Renamed{ip, m.Layout.NameOf(m.real[ip], m.Host, m.Host)})
	}
}

// boundPorts returns the ports that the programs have bound at every address.
func (m *importer) boundPorts() map[string]bool {
	bound := map[string]bool{}
	for _, e := range m.events {
		if port := portIn().FindStringSubmatch(e.arg(1)); port != nil && e.Name == "bind" && e.Result == "0" &&
			(strings.Contains(e.arg(1), `"0.0.0.0"`) || strings.Contains(e.arg(1), `"::"`)) {
			bound[port[1]] = true
		}
	}
	return bound
}

// give returns the next address of a host: x, y, and then further ones beside x.
func (m *importer) give(host int, six bool, places map[string]int) netip.Addr {
	key := fmt.Sprint(host, six)
	n := places[key]
	places[key]++
	h := &m.Layout.Hosts[host]
	suffix, offset := "", 10*(host+1)
	if six {
		suffix, offset = "6", 0x10*(host+1)
	}
	if n < 2 {
		ip, _ := h.Alias([]string{"x", "y"}[n] + suffix)
		return ip
	}
	// 64 addresses are what a NIC may have. What is beyond them is somebody else's.
	network := m.Layout.Networks[0].Subnet
	if six {
		network = m.Layout.Networks[0].Subnet6
	}
	ip := draft.Nth(network, 100+50*host+min(n, 40)+offset%10)
	if n <= 24 {
		alias := "x" + strconv.Itoa(n) + suffix
		if six {
			alias = "x" + strconv.Itoa(n) + "_6"
		}
		nic := &h.NICs[0]
		nic.Addresses = append(nic.Addresses, lab.Address{Prefix: netip.PrefixFrom(ip, network.Bits()), Alias: alias})
	}
	return ip
}

// inLab returns what an address of the events is in the lab.
func (m *importer) inLab(ip netip.Addr) netip.Addr {
	if ip.Is4In6() {
		return netip.AddrFrom16(m.inLab(ip.Unmap()).As16())
	}
	if to, ok := m.real[ip]; ok {
		return to
	}
	return ip
}

// address returns an address of the events as a step has it, or why not. answer says that the kernel gave it: a port
// that no program named is one that the kernel chose.
func (m *importer) address(a lab.Addr, answer bool) (named lab.Addr, why string) {
	if a == lab.Unspec || a.Family != "" {
		return a, ""
	}
	if a.IP.IsValid() {
		if a.IP.IsLinkLocalUnicast() && a.IP.Is6() {
			return a, "a link-local address is another one on each host"
		}
		text := m.Layout.NameOf(m.inLab(a.IP), m.Host, m.Host)
		call, err := syntax.ParseCall("bind(a, " + text + ":1)")
		if err != nil {
			return a, "the address cannot be said: " + text
		}
		port := a.Port
		a = call.Args[1].(lab.Addr)
		a.Port = port
	}
	if a.Port.Var == "" && a.Port.Number != 0 {
		if name := m.port(a.Port.Number, answer); name[0] == '$' {
			a.Port = lab.Port{Var: name[1:]}
		}
	}
	return a, ""
}

// port returns a port as a step has it: by its number, or by the variable that keeps the one that the kernel chose.
func (m *importer) port(number uint16, answer bool) string {
	switch name, chosen := m.chosen[number]; {
	case chosen:
		return "$" + name
	case answer && !m.explicit[number]:
		return "$" + m.newPort(number)
	}
	return strconv.Itoa(int(number))
}

// findPorts finds the ports that programs name. The others that answers have are chosen by the kernel.
func (m *importer) findPorts() {
	for _, e := range m.events {
		if e.Name != "bind" && e.Name != "connect" && e.Name != "sendto" && e.Name != "sendmsg" {
			continue
		}
		for _, a := range e.Args {
			if !strings.Contains(a, "sa_family=") || a[0] == '"' {
				continue
			}
			for _, match := range portIn().FindAllStringSubmatch(a, -1) {
				if n, err := strconv.ParseUint(match[1], 10, 16); err == nil {
					m.explicit[uint16(n)] = true
				}
			}
		}
	}
}

// portIn finds the ports in strace's structures.
var portIn = once.Regexp(`htons\((\d+)\)`)

// structure reads a struct sockaddr of strace's, as the events have it.
func (m *importer) structure(text string) (a lab.Arg, ip netip.AddrPort, why string) {
	length := "28"
	if strings.Contains(text, "AF_INET,") {
		length = "16"
	}
	s := syntax.ParseForeign("bind(3, " + text + ", " + length + ") = 0")
	if len(s.Mistakes) > 0 || text == "NULL" {
		return nil, ip, "its address cannot be said"
	}
	at, ok := s.Call.Args[1].(lab.Addr)
	if !ok {
		return s.Call.Args[1], ip, ""
	}
	real := at.IP
	if at.Name != "" {
		real, _ = m.Layout.Resolve(at, m.Host, m.Host)
	}
	return at, netip.AddrPortFrom(real, at.Port.Number), ""
}

// words returns an address, or a path, as a step has it.
func (m *importer) words(a lab.Arg, answer bool) (text, why string) {
	at, ok := a.(lab.Addr)
	if !ok {
		return a.String(), ""
	}
	at, why = m.address(at, answer)
	return at.String(), why
}

// sixth reports whether an address with a port, as a step has it, is one of IPv6.
func (m *importer) sixth(text string) bool {
	call, err := syntax.ParseCall("bind(a, " + text + ")")
	if err != nil {
		return false
	}
	ip, err := m.Layout.Resolve(call.Args[1].(lab.Addr), m.Layout.Peer(m.Host), m.Host)
	if err != nil {
		return false
	}
	return ip.Is6() && !ip.Is4In6()
}

// nic returns the name of a NIC in the lab. In one that is made up NICs have the names that the events have.
func (m *importer) nic(name string) string {
	if !m.madeUp || name == "lo" || name == "" || m.nics[name] != "" {
		return name
	}
	if i := len(m.nics); i < 2 {
		m.nics[name] = name
		for h := range m.Layout.Hosts {
			m.Layout.Hosts[h].NICs[i].Name = name
		}
	}
	return name
}
