package syntax

import (
	"net/netip"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/wording"
)

// parseAddr reads an address with its port as a step writes it: x:80,
// peer.x:$p, mapped(any):80, [2001:db8::1]:80. Names rather than numbers, so that one experiment
// asks the same in every host: x is the address that the host's own file entry calls so.
// mapped() is an IPv4 address in IPv6, ::ffff:192.0.2.1 (RFC 4291), which Linux takes on sockets
// without IPV6_V6ONLY; family() is an address whose sa_family says something else, as programs
// with a bug pass it.
func parseAddr(text string) (lab.Addr, *Mistake) {
	var a lab.Addr
	if text == lab.Unspec.String() {
		return lab.Unspec, nil
	}
	if inner, ok := strings.CutPrefix(text, "family("); ok {
		return familyAddr(inner, len(text)-len(inner))
	}
	if port, ok := strings.CutPrefix(text, ":"); ok && !strings.Contains(port, ":") { // an answer whose address may be any
		var problem string
		if a.Port, problem = parsePorts(port); problem != "" {
			return a, &Mistake{1, problem}
		}
		return a, nil
	}
	base, rest, m := addrBase(text)
	if m != nil {
		return a, m
	}
	if rest == "" && strings.Trim(base, "0123456789") == "" {
		return a, &Mistake{0, wording.Quote(text) + " is a port alone; write any:" + wording.Clip(text) +
			" for every address of the host, or x:" + wording.Clip(text)}
	}
	// What stands in mapped() is read as an address of its own, so that it may be any of the forms.
	inner, mapped := strings.CutPrefix(base, "mapped(")
	at := len(base) - len(inner)
	if mapped {
		inner = strings.TrimSuffix(inner, ")")
	}
	if m := addrHost(&a, inner, mapped); m != nil {
		m.At += at
		return a, m
	}
	a.Mapped = mapped
	if mapped && (a.Name == "any6" || a.Name == "lo6" || a.Name == "" && !a.IP.Is4()) {
		return a, &Mistake{at, "mapped() takes an IPv4 address, found " + wording.Quote(inner)}
	}
	// The port is never left out: what a kernel makes of port 0 is a question, and has to be asked.
	if !strings.HasPrefix(rest, ":") {
		return a, &Mistake{0, "address " + wording.Quote(text) + " has no port, write " + wording.Clip(base) + ":80"}
	}
	var problem string
	if a.Port, problem = parsePorts(rest[1:]); problem != "" {
		return a, &Mistake{len(base) + 1, problem}
	}
	return a, nil
}

// familyAddr reads what follows "family(": AF_UNIX, any):80. The port stands behind the
// parenthesis, as it does with mapped(), so the address inside is put together with it.
func familyAddr(text string, at int) (lab.Addr, *Mistake) {
	family, rest, ok := strings.Cut(text, ",")
	end := strings.LastIndexByte(rest, ')')
	if !ok || end < 0 {
		return lab.Addr{}, &Mistake{0, "a wrong family is written family(AF_UNIX, any):80"}
	}
	if !slices.Contains(lab.Families, family) {
		return lab.Addr{}, &Mistake{at, "unknown family " + wording.Quote(family) + wording.Hint(family, "allowed",
			lab.Families)}
	}
	inner := strings.TrimLeft(rest[:end], " ")
	a, m := parseAddr(inner + rest[end+1:])
	if m != nil {
		m.At += at + len(family) + 1 + (end - len(inner))
		return a, m
	}
	switch {
	case a.Family != "":
		return a, &Mistake{at, "family() inside of family()"}
	case a.Base() == "":
		return a, &Mistake{at, "an address is missing here"}
	}
	a.Family = family
	return a, nil
}

// parsePorts reads the port of an answer, which may be any of a range: after
// IP_LOCAL_PORT_RANGE the kernel chooses one of it, and no report can say which.
func parsePorts(text string) (lab.Port, string) {
	low, high, ok := strings.Cut(text, "-")
	if !ok || low == "" {
		return parsePort(text)
	}
	p, problem := parsePort(low)
	if problem != "" {
		return p, problem
	}
	to, problem := parsePort(high)
	switch {
	case problem != "":
		return p, problem
	case p.Var != "" || to.Var != "" || p.Parity+to.Parity != "" || to.Number <= p.Number:
		return p, wording.Quote(text) + " is not a range of ports such as 40000-40010"
	}
	p.To = to.Number
	return p, ""
}

// addrBase cuts the port off: what is left begins with the colon. An IPv6 address has colons
// itself, so it stands in brackets as in a URL (RFC 3986), and without them is a mistake even
// where it could be read: 2001:db8::1:80 is an address too.
func addrBase(text string) (base, rest string, m *Mistake) {
	end, problem := strings.IndexByte(text, ':'), ""
	switch {
	case text == "":
		problem = "an address with a port is expected here, found nothing"
	case strings.HasPrefix(text, "["):
		end = strings.IndexByte(text, ']') + 1
	case strings.HasPrefix(text, "mapped("):
		end = strings.IndexByte(text, ')') + 1
	case strings.Contains(text, "://"):
		problem = wording.Quote(text) + " is a URL; an address is a name or number and a port, as x:80"
	case end >= 0 && strings.Count(text, ":") > 1:
		problem = "address " + wording.Quote(text) + " has several colons; write IPv6 as " + bracketed(text)
	case end < 0:
		end = len(text)
	}
	if end == 0 && problem == "" { // a bracket or parenthesis is not closed
		problem = wording.Quote(text) + " is not an address with a port such as x:80"
	}
	if problem != "" {
		return "", "", &Mistake{0, problem}
	}
	return text[:end], text[end:], nil
}

// bracketed writes an IPv6 address with its port, for a proposal. Of an address that has all its
// eight groups the last one may be a port only when a ninth is there; with "::" in it, the last
// one is taken for the port, which is what most people mean who forget the brackets.
func bracketed(text string) string {
	if ip, err := netip.ParseAddr(text); err == nil {
		if at := strings.LastIndexByte(text, ':'); len(text)-at > 1 && strings.Count(text, ":") < 7 {
			if before, err := netip.ParseAddr(text[:at]); err == nil { // ::1:80 is both
				return "[" + before.String() + "]" + wording.Clip(text[at:])
			}
		}
		return "[" + ip.String() + "]:80"
	}
	at := strings.LastIndexByte(text, ':')
	if ip, err := netip.ParseAddr(text[:at]); err == nil {
		return "[" + ip.String() + "]" + wording.Clip(text[at:])
	}
	return "[2001:db8::1]:80"
}

// addrHost reads what stands before the port: a number, a name, or HOST.NAME. Whether there is
// such a host with such a name is not known here, topology checks that.
func addrHost(a *lab.Addr, text string, mapped bool) *Mistake {
	const digits = "0123456789"
	wrong := func(ending string) *Mistake { return &Mistake{0, wording.Quote(text) + ending} }
	if v6, ok := strings.CutPrefix(text, "["); ok {
		ip, err := netip.ParseAddr(strings.TrimSuffix(v6, "]"))
		if err != nil || !ip.Is6() {
			return wrong(" is not an IPv6 address such as [2001:db8::1]")
		}
		a.IP = ip
		if zone := ip.Zone(); zone != "" && zone != "lo" {
			return nameMistake(0, NicName, zone)
		}
		return nil
	}
	if ip, err := netip.ParseAddr(text); err == nil {
		if !ip.Is4() && !mapped {
			return &Mistake{0, "write IPv6 as [" + text + "]:80"}
		}
		a.IP = ip
		return nil
	}
	host, name, dotted := strings.Cut(text, ".")
	if !dotted {
		host, name = "", text
	}
	ip, length, slash := strings.Cut(text, "/")
	switch {
	case text == "":
		return &Mistake{0, "an address is missing here"}
	case text == "0":
		return wrong(" is not an address; every address of the host is any")
	case strings.Trim(text, digits+".") == "":
		return wrong(" is not an IPv4 address")
	case slash && strings.Trim(ip, digits+".") == "" && strings.Trim(length, digits) == "":
		return wrong(" has a length; an address has none here: " + wording.Clip(ip))
	case text == "peer" || text == "subject":
		return wrong(" is a host; write which address of it: " + text + ".x")
	case dotted && lab.WellKnown(name):
		return wrong(": " + name + " is the same on every host, write it without one")
	}
	a.Host, a.Name = host, name
	if dotted && host != "peer" && host != "subject" {
		if m := nameMistake(0, HostName, host); m != nil {
			return m
		}
	}
	if lab.WellKnown(name) {
		return nil
	}
	return nameMistake(len(text)-len(name), AliasName, name)
}

func nameMistake(at int, r NameRule, name string) *Mistake {
	if problem := r.Check(name); problem != "" {
		return &Mistake{at, problem}
	}
	return nil
}

// parsePort reads one port, or $p, the port that an answer before it has kept, or one beside
// that, $p+1, or odd and even, which answers may be.
func parsePort(text string) (lab.Port, string) {
	if name, ok := strings.CutPrefix(text, "$"); ok {
		plus := int64(0)
		if at := strings.IndexAny(name, "+-"); at > 0 {
			n, problem := Decimal(strings.TrimPrefix(name[at:], "+"), -65535, 65535)
			if problem != "" || n == 0 {
				return lab.Port{}, wording.Quote(text) + " is not a port beside another one, such as $p+1; 65535 is the most"
			}
			name, plus = name[:at], n
		}
		return lab.Port{Var: name, Plus: int(plus)}, portName.Check(name)
	}
	if slices.Contains(lab.Parities, text) {
		return lab.Port{Parity: text}, ""
	}
	n, problem := Decimal(text, 0, 65535)
	if problem != "" {
		problem = "port " + problem
	}
	return lab.Port{Number: uint16(n)}, problem
}
