package local

import (
	"fmt"
	"slices"

	"labrun/lab/plan"
)

// keptPorts says, with the remedy, that the kernel could not choose ports because labrun
// keeps them from it (plan.Kept), where that can matter: a program has changed the range, or
// uses all other ports of it. Calls alone can do neither.
func (e *explainer) keptPorts(host string) ([]string, error) {
	kept := e.q.Kept[host]
	if len(kept) == 0 || len(e.ran) == 0 {
		return nil, nil
	}
	low, high, reserved, err := e.choice(host)
	if err != nil || high == 0 || reserved != plan.PortRanges(kept) {
		return nil, err // a program has said itself what is not to be chosen
	}
	kept = slices.DeleteFunc(kept, func(p uint16) bool { return p < low || p > high })
	if len(kept) == 0 {
		return nil, nil
	}
	if low == plan.FirstChosen && high == plan.LastChosen {
		used, err := e.portsUsed(host, func(p uint16) bool { return low <= p && p <= high && !slices.Contains(kept, p) })
		if err != nil || used < int(high-low)+1-len(kept) {
			return nil, err
		}
	}
	return []string{
		fmt.Sprintf("labrun keeps port %s, which the file names, from the kernel's choice, of %d-%d here", plan.PortRanges(kept), low, high),
		"to have it chosen too, begin with sysctl(" + reservedSysctl + `, "")`,
	}, nil
}

// portsUsed counts the ports of a host that sockets of one protocol have, of the protocol
// with the most.
func (v *view) portsUsed(host string, counts func(uint16) bool) (int, error) {
	most := 0
	for _, protocol := range []string{"tcp", "udp"} {
		socks, err := v.lab.Host(host).SocketsOf(protocol, protocol+"6")
		if err != nil {
			return 0, err
		}
		ports := map[uint16]bool{}
		for _, s := range socks {
			if p := s.Local.Port(); counts(p) {
				ports[p] = true
			}
		}
		most = max(most, len(ports))
	}
	return most, nil
}
