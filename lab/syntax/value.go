package syntax

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/wording"
)

// flags reads words joined by '|', in the order of the list.
func (p *stepParser) flags(noun string, words []string, tokens []token, at int) lab.Arg {
	if len(tokens) != 1 || tokens[0].str {
		return p.oneOf(noun, words, tokens, at)
	}
	var found []string
	for _, w := range strings.Split(tokens[0].text, "|") {
		if !slices.Contains(words, w) {
			p.wrong(at, "unknown %s %s%s", noun, wording.Quote(w), wording.Hint(w, "allowed", words))
			return nil
		}
		found = append(found, w)
	}
	return lab.Word(strings.Join(found, "|"))
}

// path reads the name of a unix socket, a path of the lab's or an abstract one, "@name".
func (p *stepParser) path(tokens []token, at int) lab.Arg {
	text, ok := p.string(string(lab.KindPath), tokens, at).(lab.Text)
	if !ok {
		return nil
	}
	if problem := lab.PathProblem(string(text)); problem != "" {
		p.wrong(at, "path %s %s", wording.Quote(string(text)), problem)
		return nil
	}
	return text
}

// nic reads the name of a link, bare or in quotes; "" stands for none.
func (p *stepParser) nic(tokens []token, at int) lab.Arg {
	name, ok := p.device(tokens, at).(lab.Text)
	if !ok {
		return nil
	}
	if name == "" && (p.sig.Name != "link_master" || len(p.Call.Args) == 0) {
		p.wrong(at, "%s: the name of a link is empty", p.sig.Name)
		return nil
	}
	return lab.Name(name)
}

var SysctlSyntax = once.Regexp(`^net(\.[A-Za-z0-9_/-]+)+$`)

// sysctl reads the name of a kernel parameter of a network namespace. As in
// sysctl(8), a '/' stands for a dot in a NIC's name.
func (p *stepParser) sysctl(tokens []token, at int) lab.Arg {
	name := p.raw(tokens)
	problem := SysctlProblem(name)
	if problem == "" && len(tokens) == 1 {
		return lab.Name(name)
	}
	p.wrong(at, "%s", cmp.Or(problem,
		wording.Quote(name)+" is not the name of a kernel parameter such as net.ipv4.tcp_tw_reuse"))
	return nil
}

func (p *stepParser) prefix(tokens []token, at int) lab.Arg {
	prefix, err := netip.ParsePrefix(p.raw(tokens))
	if err != nil || prefix.Addr().Is4In6() {
		p.wrong(at, "%s is not an address with a length such as 192.0.2.77/24", p.foundIn(tokens))
		return nil
	}
	return lab.Prefix(prefix)
}

// portRange reads the value of IP_LOCAL_PORT_RANGE. A wrong order is the
// kernel's to refuse.
func (p *stepParser) portRange(tokens []token, at int) lab.Arg {
	low, high, ok := strings.Cut(p.raw(tokens), "-")
	l, problem := Decimal(low, 0, math.MaxUint16)
	h, problem2 := Decimal(high, 0, math.MaxUint16)
	if !ok || problem != "" || problem2 != "" {
		p.wrong(at, "%s: %s is expected here, found %s", p.sig.Name, lab.ValueRange, p.foundIn(tokens))
		return nil
	}
	return lab.Range{Low: uint16(l), High: uint16(h)}
}

// membership reads {233.252.0.1, eth0}, the NIC may be "".
func (p *stepParser) membership(tokens []token, at int) lab.Arg {
	if len(tokens) > 2 && tokens[0].is("{") && closing(tokens, 0) == len(tokens)-1 {
		fields := split(tokens[1 : len(tokens)-1])
		if len(fields) == 2 && len(fields[0]) > 0 && len(fields[1]) > 0 {
			group, err := netip.ParseAddr(strings.Trim(p.raw(fields[0]), "[]"))
			nic, ok := p.device(fields[1], fields[1][0].start).(lab.Text)
			if err == nil && ok {
				return lab.Membership{Group: group, NIC: string(nic)}
			}
		}
	}
	p.wrong(at, "%s: %s is expected here, found %s", p.sig.Name, lab.ValueMembership, p.foundIn(tokens))
	return nil
}

// pending reads the value of SO_ERROR. setsockopt refuses it, whatever number it is.
func (p *stepParser) pending(tokens []token, at int) lab.Arg {
	if p.sig.Answers == "" {
		return p.number(tokens, at, math.MinInt32, math.MaxInt32)
	}
	if p.raw(tokens) != "0" {
		p.wrong(at, "%s: %s is expected here, found %s", p.sig.Name, lab.ValueErrno, p.foundIn(tokens))
		return nil
	}
	return lab.Int(0)
}

func (p *stepParser) selector(tokens []token, at int) lab.Arg {
	op := ""
	if len(tokens) > 0 && !tokens[0].str {
		op = tokens[0].text
	}
	if len(tokens) == 1 && op == "cpu" {
		return lab.Selector{Op: op}
	}
	if (op == "index" || op == "mod") && len(tokens) == 4 && tokens[1].is("(") && tokens[3].is(")") {
		low := int64(0)
		if op == "mod" {
			low = 1
		}
		n, problem := Decimal(tokens[2].text, low, math.MaxInt32)
		if problem != "" {
			p.wrong(tokens[2].start, "%s: %s", op, problem)
			return nil
		}
		return lab.Selector{Op: op, N: uint32(n)}
	}
	p.wrong(at, "%s: %s is expected here, found %s", p.sig.Name, lab.ValueSelector, p.foundIn(tokens))
	return nil
}

// socks reads what who() answers, in the order of the call's arguments.
func (p *stepParser) socks(tokens []token) lab.Arg {
	var socks lab.Socks
	for _, t := range tokens {
		i := slices.Index(p.Call.Args, lab.Arg(lab.Sock(t.text)))
		if t.str || i < 0 {
			p.wrong(t.start, "%s is not one of the sockets that the call names", wording.Quote(t.text))
			return nil
		}
		socks = append(socks, lab.Sock(t.text))
	}
	slices.SortStableFunc(socks, func(a, b lab.Sock) int {
		return slices.Index(p.Call.Args, lab.Arg(a)) - slices.Index(p.Call.Args, lab.Arg(b))
	})
	return socks
}

// addrAnswer reads the address that a call answers.
func (p *stepParser) addrAnswer(tokens []token, at int) lab.Arg {
	value := p.value(lab.KindAddr, tokens, at)
	if a, ok := value.(lab.Addr); ok && a.Family != "" {
		p.wrong(at, "%s answers what the kernel says, family() is for what it is told", p.sig.Name)
		return nil
	}
	return value
}

// SysctlProblem says why a name is none of a kernel parameter of a network namespace.
func SysctlProblem(name string) string {
	dots := func(part string) bool { return strings.Trim(part, "/") == "" }
	switch {
	case !strings.HasPrefix(name, "net."):
		return "parameter " + wording.Quote(name) + " is not one of a network namespace, whose names begin with \"net.\""
	case !SysctlSyntax().MatchString(name) || slices.ContainsFunc(strings.Split(name, "."), dots):
		return wording.Quote(name) + " is not the name of a kernel parameter such as net.ipv4.tcp_tw_reuse"
	}
	return ""
}
