package local

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"labrun/lab"
	"labrun/lab/process"
)

const (
	choiceSysctl   = "net.ipv4.ip_local_port_range"
	reservedSysctl = "net.ipv4.ip_local_reserved_ports"
)

// noPortLeft says which sockets have the ports that the kernel could choose from, when it
// found none: it answers EADDRINUSE to bind and listen, EADDRNOTAVAIL to a connect of TCP
// (inet_csk_find_open_port, __inet_hash_connect) and EAGAIN to what sends (inet_autobind).
// It is "" when a port is left, or the call needs none.
func (e *explainer) noPortLeft(ctx context.Context) (string, error) {
	s, g := e.step, e.got
	if !slices.Contains([]string{"EADDRINUSE", "EADDRNOTAVAIL", "EAGAIN"}, g.Errno) {
		return "", nil
	}
	who := s.Process
	for _, a := range s.Call.Args {
		if a, ok := a.(lab.Addr); ok && s.Call.Name == "bind" && (a == lab.Unspec || a.Port != lab.Port{}) {
			return "", nil
		}
	}
	sock, ok := firstSock(s.Call)
	if !ok || e.processes[who] == nil {
		return "", nil
	}
	own, err := e.processes[who].Owns(ctx, sock)
	protocol := portsOf(own.Protocol)
	if err != nil || own.Local.Port() != 0 || protocol != "tcp" && protocol != "udp" {
		return "", err
	}
	host := e.lab.Host(who.Host)
	low, high, list, err := e.choice(who.Host)
	if err != nil || high == 0 {
		return "", err
	}
	choice := fmt.Sprintf("%s = %d %d", choiceSysctl, low, high)
	if r := own.Range; r != (lab.Range{}) { // inet_sk_get_local_port_range
		if low <= r.Low && r.Low <= high {
			low = r.Low
		}
		if low <= r.High && r.High <= high {
			high = r.High
		}
		choice = "IP_LOCAL_PORT_RANGE = " + r.String()
	}
	reserved := portSet(list)
	socks, err := host.SocketsOf(protocol, protocol+"6")
	if err != nil {
		return "", err
	}
	taken := map[uint16]lab.Socket{}
	for _, s := range socks { // listeners first
		if p := s.Local.Port(); low <= p && p <= high {
			if _, ok := taken[p]; !ok {
				taken[p] = s
			}
		}
	}
	kept := 0
	for p := int(low); p <= int(high); p++ {
		_, ok := taken[uint16(p)]
		switch {
		case ok:
		case reserved[uint16(p)]:
			kept++
		default:
			return "", nil
		}
	}
	words, err := e.takenBy(ctx, who.Host, taken)
	if kept > 0 {
		words = append(words, fmt.Sprintf("%d reserved (%s)", kept, reservedSysctl))
	}
	return fmt.Sprintf("no port of %s is left: %s", choice, strings.Join(words, ", ")), err
}

// choice returns the range of ports that the kernel chooses from on a host, and those that it
// leaves out of it, as it writes them; 0 where it does not tell.
func (v *view) choice(host string) (low, high uint16, reserved string, err error) {
	values, err := v.lab.Host(host).Sysctls([]string{choiceSysctl, reservedSysctl})
	if err != nil || values[choiceSysctl] == "" {
		return 0, 0, "", err
	}
	if _, err := fmt.Sscan(values[choiceSysctl], &low, &high); err != nil {
		return 0, 0, "", fmt.Errorf("%s of host %s: %w", choiceSysctl, host, err)
	}
	return low, high, values[reservedSysctl], nil
}

func firstSock(c lab.Call) (string, bool) {
	if len(c.Args) == 0 {
		return "", false
	}
	sock, ok := c.Args[0].(lab.Sock)
	return string(sock), ok
}

// portSet reads a list of ports as the kernel writes it, "80,8000-8080".
func portSet(list string) map[uint16]bool {
	ports := map[uint16]bool{}
	for _, part := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, errFrom := strconv.ParseUint(first, 10, 16)
		to, errTo := strconv.ParseUint(last, 10, 16)
		for p := from; errFrom == nil && errTo == nil && p <= to; p++ {
			ports[uint16(p)] = true
		}
	}
	return ports
}

// takenBy counts the sockets of some ports by their state and the processes that have them:
// "3 taken by tcp LISTEN of web (nginx)".
func (e *explainer) takenBy(ctx context.Context, host string, taken map[uint16]lab.Socket) ([]string, error) {
	const atOnce = 200 // a process tells of few at once
	owned, err := e.ownedBy(host, func(p *process.Process) (all []process.Owned, err error) {
		for ports := range slices.Chunk(slices.Sorted(maps.Keys(taken)), atOnce) {
			some, err := p.Owned(ctx, ports)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	})
	if err != nil {
		return nil, err
	}
	owners := map[uint32][]string{}
	for _, o := range owned {
		owner := o.process
		if o.program {
			owner += " (" + o.Name + ")"
		}
		if !slices.Contains(owners[o.Inode], owner) {
			owners[o.Inode] = append(owners[o.Inode], owner)
		}
	}
	counts := map[string]int{}
	for _, s := range taken {
		kind := s.Protocol + " " + s.State
		if of := owners[s.Inode]; len(of) > 0 && s.Inode != 0 {
			kind += " of " + strings.Join(of, " and ")
		}
		counts[kind]++
	}
	kinds := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	const most = 4
	var words []string
	for i, kind := range kinds[:min(len(kinds), most)] {
		words = append(words, fmt.Sprintf("%d %s %s", counts[kind], []string{"taken by", "by"}[min(i, 1)], kind))
		delete(counts, kind)
	}
	if left := len(kinds) - most; left > 0 {
		n := 0
		for _, count := range counts {
			n += count
		}
		words = append(words, fmt.Sprintf("%d by others", n))
	}
	return words, nil
}
