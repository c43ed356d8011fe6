package topology

import (
	"net/netip"
	"strings"

	"labrun/lab"
)

// parseAddr reads an address with its port as a step writes it: x:80,
// peer.x:$p, mapped(any):80, [2001:db8::1]:80.
func parseAddr(text string) (lab.Addr, *mistake) {
	var a lab.Addr
	base, rest, m := addrBase(text)
	if m != nil {
		return a, m
	}
	inner, mapped := strings.CutPrefix(base, "mapped(")
	at := len(base) - len(inner)
	if mapped {
		inner = strings.TrimSuffix(inner, ")")
	}
	if m := addrHost(&a, inner, mapped); m != nil {
		m.at += at
		return a, m
	}
	a.Mapped = mapped
	if mapped && (a.Name == "any6" || a.Name == "lo6" || a.Name == "" && !a.IP.Is4()) {
		return a, &mistake{at, "mapped() takes an IPv4 address, found " + quote(inner)}
	}
	if !strings.HasPrefix(rest, ":") {
		return a, &mistake{0, "address " + quote(text) + " has no port, write " + clip(base) + ":80"}
	}
	var problem string
	if a.Port, problem = parsePort(rest[1:]); problem != "" {
		return a, &mistake{len(base) + 1, problem}
	}
	return a, nil
}

// addrBase cuts the port off: what is left begins with the colon.
func addrBase(text string) (base, rest string, m *mistake) {
	end := strings.IndexByte(text, ':')
	switch {
	case text == "":
		return "", "", &mistake{0, "an address with a port is expected here, found nothing"}
	case strings.HasPrefix(text, "["):
		end = strings.IndexByte(text, ']') + 1
	case strings.HasPrefix(text, "mapped("):
		end = strings.IndexByte(text, ')') + 1
	case end >= 0 && strings.Count(text, ":") > 1:
		return "", "", &mistake{0, "address " + quote(text) + " has several colons; write IPv6 as [2001:db8::1]:80"}
	case end < 0:
		end = len(text)
	}
	if end == 0 {
		return "", "", &mistake{0, quote(text) + " is not an address with a port such as x:80"}
	}
	return text[:end], text[end:], nil
}

// addrHost reads what stands before the port.
func addrHost(a *lab.Addr, text string, mapped bool) *mistake {
	if v6, ok := strings.CutPrefix(text, "["); ok {
		ip, err := netip.ParseAddr(strings.TrimSuffix(v6, "]"))
		if err != nil || !ip.Is6() {
			return &mistake{0, quote(text) + " is not an IPv6 address such as [2001:db8::1]"}
		}
		if zone := ip.Zone(); zone != "" && nicName.check(zone) != "" {
			return &mistake{0, nicName.check(zone)}
		}
		a.IP = ip
		return nil
	}
	if ip, err := netip.ParseAddr(text); err == nil {
		if !ip.Is4() && !mapped {
			return &mistake{0, "write IPv6 as [" + text + "]:80"}
		}
		a.IP = ip
		return nil
	}
	if text == "" {
		return &mistake{0, "an address is missing here"}
	}
	host, name, dotted := strings.Cut(text, ".")
	if !dotted {
		host, name = "", text
	}
	if strings.Trim(text, "0123456789.") == "" {
		return &mistake{0, quote(text) + " is not an IPv4 address"}
	}
	if dotted && lab.WellKnown(name) {
		return &mistake{0, quote(text) + ": " + name + " is the same on every host, write it without one"}
	}
	if dotted && host != "peer" && host != "subject" {
		if problem := hostName.check(host); problem != "" {
			return &mistake{0, problem}
		}
	}
	if !lab.WellKnown(name) {
		if problem := aliasName.check(name); problem != "" {
			return &mistake{len(text) - len(name), problem}
		}
	}
	a.Host, a.Name = host, name
	return nil
}

func parsePort(text string) (lab.Port, string) {
	if name, ok := strings.CutPrefix(text, "$"); ok {
		return lab.Port{Var: name}, portName.check(name)
	}
	n, problem := decimal(text, 0, 65535)
	if problem != "" {
		problem = "port " + problem
	}
	return lab.Port{Number: uint16(n)}, problem
}

func clip(s string) string {
	if len(s) > 64 {
		return "..."
	}
	return s
}
