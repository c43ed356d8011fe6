package lab

import (
	"iter"
	"slices"
)

type (
	// Bare is an address without a port: the y of pktinfo(y, eth1).
	Bare Addr
	// Control is a control message, cmsg(3), or a flag that recvmsg(2) sets. It is written as a
	// call, since that is how it goes to and fro: pktinfo(y, eth1), ttl(5), MSG_TRUNC. Those that
	// there are, and what each takes, stand in Controls.
	Control struct {
		Name string
		Args []Arg
	}
)

func (b Bare) String() string { return Addr(b).Base() }
func (c Control) String() string {
	if len(c.Args) == 0 {
		return c.Name
	}
	return Call{Name: c.Name, Args: c.Args}.String()
}

func (Bare) arg()    {}
func (Control) arg() {}

// Controls lists the control messages, as calls that a message makes. One in an answer takes what
// one that is sent takes, but for rights: how many descriptors came is all that can be told of
// those without a name. A new one is a row here and one in process.
var Controls = []Signature{
	{Name: "pktinfo", Args: []Kind{KindBare, KindNIC}, Optional: 1,
		Doc: "the host's own address and NIC, IP_PKTINFO of ip(7), IPV6_PKTINFO of ipv6(7)"},
	{Name: "origdst", Args: []Kind{KindAddr},
		Doc: "the address with its port that it was sent to, IP_RECVORIGDSTADDR of ip(7); it only comes"},
	{Name: "ttl", Args: []Kind{KindInt}, Doc: "IP_TTL of ip(7), IPV6_HOPLIMIT of ipv6(7)"},
	{Name: "tos", Args: []Kind{KindInt}, Doc: "IP_TOS of ip(7), IPV6_TCLASS of ipv6(7)"},
	{Name: "mark", Args: []Kind{KindInt}, Doc: "SO_MARK of socket(7); comes after SO_RCVMARK (Linux 6.3)"},
	{Name: "segment", Args: []Kind{KindInt}, Doc: "bytes of each datagram, UDP_SEGMENT and UDP_GRO of udp(7)"},
	{Name: "timestamp", Doc: "when it came, SO_TIMESTAMP of socket(7); only that it is there is told"},
	{Name: "timestampns", Doc: "the same after SO_TIMESTAMPNS"},
	{Name: "credentials", Args: []Kind{KindUser, KindUser},
		Doc: "user and group of the sender, SCM_CREDENTIALS of unix(7), with its own process number"},
	{Name: "pidfd", Doc: "a descriptor of the sender's process, SO_PASSPIDFD of unix(7) (Linux 6.5); it only comes"},
	{Name: "rights", Args: []Kind{KindSock}, Repeats: true,
		Doc: "descriptors, SCM_RIGHTS of unix(7); in an answer how many: rights(2)"},
	{Name: "recverr", Args: []Kind{KindErrno}, Doc: "an error of an earlier datagram, IP_RECVERR of ip(7)"},
}

// ControlOf returns the control message of that name.
func ControlOf(name string) (Signature, bool) {
	i := slices.IndexFunc(Controls, func(s Signature) bool { return s.Name == name })
	if i < 0 {
		return Signature{}, false
	}
	return Controls[i], true
}

// AddrsIn returns the addresses among arguments, in their order, and in what control messages
// they say: one without a port has port 0.
func AddrsIn(args ...Arg) iter.Seq[Addr] {
	return func(yield func(Addr) bool) {
		for _, a := range args {
			switch a := a.(type) {
			case Addr:
				if !yield(a) {
					return
				}
			case Bare:
				if !yield(Addr(a)) {
					return
				}
			case Control:
				for addr := range AddrsIn(a.Args...) {
					if !yield(addr) {
						return
					}
				}
			}
		}
	}
}

// Parts returns all that an answer has of values: its own, the sender, and the control messages, and so
// with each of several.
func (a Answer) Parts() []Arg {
	var all []Arg
	if several, ok := a.Value.(OneOf); ok {
		for _, one := range several {
			all = append(all, one.Parts()...)
		}
		return all
	}
	for _, v := range []Arg{a.Value, a.From} {
		if v != nil {
			all = append(all, v)
		}
	}
	for _, c := range a.With {
		all = append(all, c)
	}
	return all
}

// ControlArgs returns the arguments that stand inside of control messages.
func ControlArgs(args ...Arg) []Arg {
	var all []Arg
	for _, a := range args {
		if c, ok := a.(Control); ok {
			all = append(all, c.Args...)
		}
	}
	return all
}

// SortControls puts what came along into the order of Controls, flags last: the kernel's order is
// that of its code, and no promise.
func SortControls(all []Control) {
	rank := func(c Control) int {
		i := slices.IndexFunc(Controls, func(s Signature) bool { return s.Name == c.Name })
		if i < 0 {
			return len(Controls) + slices.Index(MessageFlags, c.Name)
		}
		return i
	}
	slices.SortStableFunc(all, func(a, b Control) int { return rank(a) - rank(b) })
}
