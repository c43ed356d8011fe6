package question

import (
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/plan"
)

// shares reports whether the cells of a question may share a lab and its processes: they make
// nothing but sockets, and touch nothing else of a process either. A question of one cell has nothing
// to share. Making a lab takes far longer than most cells' calls, so this decides how fast a
// matrix is; a wrong yes would let one cell change the answers of the next, so what is not known is
// a no.
func shares(q *Question) bool {
	if len(q.Axes) == 0 || !q.MakesOnlySockets() {
		return false
	}
	for s := range q.Steps() {
		if sig, _ := lab.SignatureOf(s.Call.Name); sig.Touches || s.Pending != "" {
			return false
		}
	}
	return true
}

// MakesOnlySockets reports whether a cell changes nothing in a host but that it makes sockets
// there of the plain kinds, so that another cell may have the host after it, whichever
// question that is of, once nothing is left of them.
func (q *Question) MakesOnlySockets() bool {
	// A router may tell hosts of better ways and of smaller packets (ICMP redirects and fragmentation
	// needed), which they remember; no count that fabric.Lab.Clear looks at has those of IPv6.
	if slices.ContainsFunc(q.Plan.Ops, func(o plan.Op) bool {
		_, routes := o.(plan.Add)
		_, rules := o.(plan.NFT)   // and connections that conntrack knows
		_, netem := o.(plan.Netem) // and packets that it holds back
		return routes || rules || netem
	}) {
		return false
	}
	datagrams, sends := false, false
	for s := range q.Steps() {
		sig, ok := lab.SignatureOf(s.Call.Name)
		if !ok || sig.By == lab.ByHost && sig.Touches || s.Run != nil || !plain(s.Call) {
			return false
		}
		datagrams = datagrams || s.Call.Name == "socket" && strings.HasPrefix(s.Call.Args[0].String(), "udp")
		sends = sends || strings.HasPrefix(s.Call.Name, "send") || s.Call.Name == "fill"
	}
	// A datagram that nobody wants is answered by ICMP, at most so many times a
	// second to one peer: what is left of that is no socket (icmp_ratelimit, icmp(7)).
	return !datagrams || !sends
}

// plainTypes are the sockets that /proc/net/sockstat counts whole.
var plainTypes = []string{"tcp", "udp", "tcp6", "udp6"}

func plain(c lab.Call) bool {
	if c.Name == "socketpair" || c.Name == "socket" && !slices.Contains(plainTypes, c.Args[0].String()) {
		return false
	}
	// What an option does that is said by its number alone, or by bytes, is not known here: labels
	// of flows that IPV6_FLOWLABEL_MGR gets outlive the socket, say (ip6_fl_gc).
	if c.Name == "setsockopt" {
		o, _ := lab.OptionOf(c.Args[1].String())
		if o.Value == lab.ValueAny || o.Value == lab.ValueBytes {
			return false
		}
	}
	for i, a := range c.Args {
		switch a := a.(type) {
		case lab.Word:
			// Cookies of TCP fast open are kept beyond the socket, tcp_metrics(8).
			if strings.Contains(string(a), "FASTOPEN") {
				return false
			}
		case lab.Text:
			// A path may stay behind.
			if i == 1 && (c.Name == "bind" || c.Name == "connect") {
				return false
			}
		}
	}
	return true
}

// batch returns the process that makes every call of the question, in calls that it can
// make in a batch, nil when it takes more than that. A batch is one message for thousands of cells:
// nothing outside the process can be looked at between two of its calls, so none of them may be made
// until it answers otherwise, or have to answer a value.
func batch(q *Question) *lab.Process {
	if !q.Shares {
		return nil
	}
	var one *lab.Process
	for s := range q.Steps() {
		if one == nil {
			one = &s.Process
		}
		if s.Process != *one || s.Until != 0 {
			return nil
		}
		for _, w := range s.Want {
			if !inBatch(s.Call, w.Answer) {
				return nil
			}
		}
	}
	if one == nil || !staysAtHome(q) {
		return nil
	}
	return one
}

// staysAtHome reports whether connections are of the host with itself, so that it alone knows which segments are under
// way. Of others more is left than sockets: a neighbour that did not answer is asked for a while (neigh_timer_handler),
// and the next connect has its EHOSTUNREACH sooner. A UDP socket that connects sends nothing.
func staysAtHome(q *Question) bool {
	type use struct{ tcp, connects, away, tied bool }
	uses := map[lab.Sock]*use{} // in any of the cells
	of := func(name lab.Sock) *use {
		if uses[name] == nil {
			uses[name] = &use{}
		}
		return uses[name]
	}
	for s := range q.Steps() {
		switch s.Call.Name {
		case "socket":
			u, kind := of(lab.Sock(s.Call.Makes)), s.Call.Args[0].String()
			u.tcp = u.tcp || !strings.HasPrefix(kind, "udp")
		case "connect":
			u := of(s.Call.Args[0].(lab.Sock))
			u.connects, u.away = true, u.away || !q.isOwn(s)
		case "setsockopt": // what is tied to a NIC asks for neighbours there, whose address it may be
			o, _ := lab.OptionOf(s.Call.Args[1].String())
			u := of(s.Call.Args[0].(lab.Sock))
			u.tied = u.tied || o.Value == lab.ValueDevice
		}
	}
	for _, u := range uses {
		if u.tcp && u.connects && (u.away || u.tied) {
			return false
		}
	}
	return true
}

// isOwn reports whether a step's address is one of its process's own host, which no VRF keeps from it.
func (q *Question) isOwn(s *Step) bool {
	ip := s.Addr.Addr().Unmap()
	if s.Call.Args[1] == lab.Arg(lab.Unspec) || ip.IsUnspecified() || ip.IsLoopback() {
		return true
	}
	h := q.Layout.Host(s.Process.Host)
	return h != nil && q.Layout.HostAt(ip) == h.Name && !slices.ContainsFunc(h.NICs, func(n lab.NIC) bool { return n.Master != "" })
}

// inBatch reports whether a process can make the call in a batch, and tell whether it
// got that answer: an errno or none. It goes by what the process's batch understands
// (process.Batch), which is fewer calls than it can make one by one.
func inBatch(c lab.Call, want lab.Answer) bool {
	if want.Outcome == lab.Blocked || want.Value != nil {
		return false
	}
	if slices.ContainsFunc(c.Args, func(a lab.Arg) bool { _, ok := a.(lab.Pointer); return ok }) {
		return false
	}
	switch c.Name {
	case "socket":
		return len(c.Args) == 1
	case "bind", "connect":
		if len(c.Args) > 2 {
			return false
		}
		a, ok := c.Args[1].(lab.Addr)
		return ok && a.IP.Zone() == "" && a.Port.Var == "" // which the host alone knows
	case "accept":
		return len(c.Args) == 1 && want.Outcome != lab.Unasked && want.From == nil
	case "send":
		return len(c.Args) == 2
	case "setsockopt":
		if len(c.Args) > 3 {
			return false
		}
		o, _ := lab.OptionOf(c.Args[1].String())
		if l, ok := c.Args[2].(lab.Linger); ok && l.On != 0 && l.Seconds != 0 {
			return false // close may wait
		}
		return o.Value == lab.ValueInt || o.Value == lab.ValueDevice || o.Value == lab.ValueLinger
	case "listen", "close", "shutdown", "fchown", "drain":
		return true
	}
	return false
}
