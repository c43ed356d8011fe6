package lab

import (
	"fmt"
	"net/netip"
	"strings"
)

// Spec says which route, rule, neighbour or link is meant, in the words that ip(8) takes
// behind its verb: "default via peer.x dev eth0". It stands in a file as in a step, and a
// script hands it to ip(8) as it is, once the names in it are addresses.
type Spec string

func (s Spec) String() string { return string(s) }
func (Spec) arg()             {}

// Takes says what follows a word of a Spec.
type Takes string

// What follows a word.
const (
	TakesNothing Takes = ""
	TakesAddr    Takes = "an address"
	TakesPrefix  Takes = "a prefix, an address or default"
	TakesNIC     Takes = "a link"
	TakesNumber  Takes = "a number"
	TakesMark    Takes = "a mark, with /MASK or without"
	TakesRange   Takes = "a number or a range such as 80-90"
	TakesTable   Takes = "a table's number, main, local or default"
	TakesScope   Takes = "link, host or global"
	TakesMAC     Takes = "a link-layer address, or HOST.NIC, the NIC that has it"
	TakesMode    Takes = "a mode"
	TakesTime    Takes = "a time such as 100ms"
	TakesPercent Takes = "a percentage such as 10%"
	TakesProto   Takes = "tcp, udp, icmp or a number"
)

// takes says what follows each word. A word means the same in every kind of Spec; one that is
// not here, and not behind another one, is what "to" takes, as with ip(8).
var takes = map[string]Takes{
	"-6": "", "not": "", "proxy": TakesAddr, "onlink": "", "nexthop": "", "weight": TakesNumber,
	"unicast": "", "local": "", "broadcast": "", "multicast": "", "throw": "",
	"blackhole": "", "unreachable": "", "prohibit": "",
	"to": TakesPrefix, "from": TakesPrefix, "via": TakesAddr, "src": TakesAddr,
	"dev": TakesNIC, "iif": TakesNIC, "oif": TakesNIC, "lladdr": TakesMAC,
	"metric": TakesNumber, "priority": TakesNumber, "table": TakesTable, "scope": TakesScope,
	"mtu": TakesNumber, "advmss": TakesNumber, "initcwnd": TakesNumber, "hoplimit": TakesNumber,
	"suppress_prefixlength": TakesNumber,
	"fwmark":                TakesMark, "mark": TakesNumber, "ipproto": TakesProto,
	"sport": TakesRange, "dport": TakesRange,
	"uidrange":  TakesRange,
	"PERMANENT": "",
	"link":      TakesNIC, "id": TakesNumber, "mode": TakesMode, "remote": TakesAddr, "dstport": TakesNumber,
	"miimon": TakesNumber,
	"delay":  TakesTime, "loss": TakesPercent, "duplicate": TakesPercent, "reorder": TakesPercent,
	"limit": TakesNumber,
	"dummy": "", "vrf": "", "bridge": "", "ifb": "", "vlan": "", "macvlan": "", "ipvlan": "", "bond": "", "vxlan": "",
	"wireguard": "",
}

// SpecWords are the words of each kind of Spec: ip-route(8), ip-rule(8), ip-neighbour(8), what
// ip route get takes, and what it answers.
var SpecWords = map[Kind][]string{
	KindRoute: {"-6", "unicast", "blackhole", "unreachable", "prohibit", "throw", "local", "to", "via", "dev", "src",
		"metric", "table", "scope", "mtu", "advmss", "initcwnd", "hoplimit", "onlink", "nexthop", "weight"},
	KindRule: {"-6", "not", "from", "to", "iif", "oif", "fwmark", "ipproto", "sport", "dport", "uidrange", "priority",
		"suppress_prefixlength", "table", "blackhole", "unreachable", "prohibit"},
	KindNeighbour: {"to", "proxy", "dev", "lladdr"},
	KindTarget:    {"to", "from", "iif", "oif", "mark"},
	KindEcho:      {"to", "from", "oif", "mark"},
	KindWay:       {"local", "broadcast", "multicast", "via", "dev", "src", "mtu"},
	KindKnown:     {"lladdr", "PERMANENT"},
	KindNetem:     {"delay", "loss", "duplicate", "reorder", "limit"},
	KindLink:      append(LinkKindNames(), "link", "id", "mode", "table", "remote", "dev", "dstport", "miimon"),
}

// TakesOf says what follows a word of a Spec.
func TakesOf(word string) Takes { return takes[word] }

// Term is a word of a Spec and what follows it.
type Term struct {
	Word  string
	Takes Takes
	Value string // "" where it takes nothing, or nothing follows
	bare  bool   // the word, "to", is not written
}

// Bare reports whether a value stands without its word.
func (t Term) Bare() bool { return t.bare }

// Terms cuts a Spec into its words.
func (s Spec) Terms() []Term {
	var terms []Term
	for words := strings.Fields(string(s)); len(words) > 0; words = words[1:] {
		what, known := takes[words[0]]
		t := Term{Word: words[0], Takes: what}
		switch {
		case !known:
			t = Term{"to", TakesPrefix, words[0], true}
		case what != TakesNothing && len(words) > 1:
			if words = words[1:]; t.Word == "via" && words[0] == "inet6" && len(words) > 1 {
				words = words[1:] // ip(8) needs to be told, and prints it
			}
			t.Value = words[0]
		}
		terms = append(terms, t)
	}
	return terms
}

// SpecOf puts terms together again.
func SpecOf(terms []Term) Spec {
	var words []string
	for _, t := range terms {
		if !t.bare {
			words = append(words, t.Word)
		}
		if t.Value != "" {
			words = append(words, t.Value)
		}
	}
	return Spec(strings.Join(words, " "))
}

// Addr returns the address that a term names or has literally, the zero Addr when it has none,
// or a prefix.
func (t Term) Addr() Addr {
	if t.Takes != TakesAddr && t.Takes != TakesPrefix || t.Value == "default" || strings.Contains(t.Value, "/") {
		return Addr{}
	}
	if ip, err := netip.ParseAddr(t.Value); err == nil {
		return Addr{IP: ip}
	}
	host, name, ok := strings.Cut(t.Value, ".")
	if !ok {
		host, name = "", t.Value
	}
	return Addr{Host: host, Name: name}
}

// NIC returns the NIC whose link-layer address a term names, false where it has a literal one.
// The host is "" for the caller's own.
func (t Term) NIC() (host, nic string, ok bool) {
	if t.Takes != TakesMAC || strings.Contains(t.Value, ":") {
		return "", "", false
	}
	host, nic, ok = strings.Cut(t.Value, ".")
	if !ok {
		host, nic = "", t.Value
	}
	return host, nic, true
}

// hosts returns the hosts that a Spec names, or has addresses of.
func (s Spec) hosts(l *Layout, subject string) []string {
	var names []string
	for _, t := range s.Terms() {
		if a := t.Addr(); a != (Addr{}) {
			names = append(names, a.hosts(l, subject)...)
		}
		if host, _, ok := t.NIC(); ok && host != "" {
			names = append(names, l.HostOf(host, subject))
		}
	}
	return names
}

// Is6 reports whether a Spec without names is about IPv6: it says so, or the first address in it
// is one. A route of IPv4 may lead over a gateway of IPv6 (RFC 8950).
func (s Spec) Is6() bool {
	for _, t := range s.Terms() {
		switch {
		case t.Word == "-6":
			return true
		case t.Takes == TakesAddr || t.Takes == TakesPrefix && t.Value != "default":
			return strings.Contains(t.Value, ":")
		}
	}
	return false
}

// ResolveSpec returns a Spec with addresses in the place of names, those of a call by a process
// on the host at, in a cell of the subject. mac returns the link-layer address of a NIC.
func (l *Layout) ResolveSpec(s Spec, at, subject string, mac func(host, nic string) (string, bool)) (Spec, error) {
	terms := s.Terms()
	for i := range terms {
		t := &terms[i]
		if host, nic, ok := t.NIC(); ok {
			if host != "" {
				host = l.HostOf(host, subject)
			} else {
				host = at
			}
			if t.Value, ok = mac(host, nic); !ok {
				return s, fmt.Errorf("host %q has no NIC %q", host, nic)
			}
		}
		if a := t.Addr(); a.Name != "" {
			ip, err := l.Resolve(a, at, subject)
			if err != nil {
				return s, err
			}
			t.Value = ip.String()
		}
	}
	return SpecOf(terms), nil
}

// AddGateways adds to hosts, a set of names, those that their routes lead over, and those that
// the routes of these do.
func (l *Layout) AddGateways(hosts map[string]bool) {
	var todo []*Host
	for i := range l.Hosts {
		if hosts[l.Hosts[i].Name] {
			todo = append(todo, &l.Hosts[i])
		}
	}
	for ; len(todo) > 0; todo = todo[1:] {
		for _, r := range todo[0].Routes {
			for _, t := range r.Spec.Terms() {
				if t.Word != "via" {
					continue
				}
				for _, name := range t.Addr().hosts(l, "") {
					if h := l.Host(name); h != nil && !hosts[name] {
						hosts[name] = true
						todo = append(todo, h)
					}
				}
			}
		}
	}
}
