package plan

import (
	"slices"
	"strconv"
	"strings"

	"labrun/lab"
)

// FirstChosen and LastChosen are the ports that the kernel chooses from in a new
// namespace, inet_init_net in net/ipv4/af_inet.c.
const FirstChosen, LastChosen = 32768, 60999

// mostKept bounds the ports that are kept from the kernel: at least 27 000 are left
// to choose from, and a combination has at most 10 000 steps.
const mostKept = 1000

// Kept returns the ports that For keeps from the kernel's choice on a host, which are
// those that the experiment names and the kernel might choose: an answer would be
// another one once in some ten thousand runs.
//
// No call is short of a port because of that: a combination has fewer steps than there are
// ports left, in the range that a new namespace has, and none are kept where the file
// sets the range or what is kept from it, for the host, by a step, for a socket, or in
// the words of a program. Nor are any when the experiment names more than mostKept.
// So there is nothing that could be said before a run; a program that has another range
// set, or ports in use by the ten thousand, is found when a step is red.
func Kept(e *lab.Experiment, h *lab.Host) []uint16 {
	if choiceDeclared(h) {
		return nil
	}
	return kept(e)
}

func kept(e *lab.Experiment) []uint16 {
	for s := range e.Steps() {
		if aboutChoice(s) {
			return nil
		}
	}
	ports := slices.DeleteFunc(e.Ports(), func(p uint16) bool { return p < FirstChosen || p > LastChosen })
	if len(ports) > mostKept {
		return nil
	}
	return ports
}

// PortRanges writes sorted ports as net.ipv4.ip_local_reserved_ports has them: 40000-40002,40005.
func PortRanges(ports []uint16) string {
	var ranges []string
	for len(ports) > 0 {
		n := 1
		for n < len(ports) && ports[n] == ports[n-1]+1 {
			n++
		}
		r := strconv.Itoa(int(ports[0]))
		if n > 1 {
			r += "-" + strconv.Itoa(int(ports[n-1]))
		}
		ranges = append(ranges, r)
		ports = ports[n:]
	}
	return strings.Join(ranges, ",")
}

// choiceDeclared reports whether the file says what ports the kernel chooses from on the
// host.
func choiceDeclared(h *lab.Host) bool {
	return slices.ContainsFunc(h.Sysctls, func(s lab.Sysctl) bool { return aboutPorts(s.Name) })
}

// aboutChoice reports whether the step reads or changes what ports the kernel chooses
// from.
func aboutChoice(s *lab.Step) bool {
	if s.Run != nil {
		return slices.ContainsFunc(s.Run.Argv, aboutPorts)
	}
	return slices.ContainsFunc(s.Call.Args, func(a lab.Arg) bool {
		text := a.String()
		return text == "IP_LOCAL_PORT_RANGE" || s.Call.Name == "sysctl" && aboutPorts(text)
	})
}

func aboutPorts(text string) bool {
	return strings.Contains(text, "ip_local_port_range") || strings.Contains(text, "ip_local_reserved_ports")
}
