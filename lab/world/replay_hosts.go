package world

import (
	"net/netip"
	"slices"
	"strings"

	"labrun/lab"
)

func (r *Replay) sysctl(a *Answered) {
	h := r.hosts[a.Process.Host]
	if h == nil || !a.OK() {
		return
	}
	if len(a.Call.Args) > 1 {
		if text, ok := a.Call.Args[1].(lab.Text); ok {
			h.Sysctls[word(a, 0)] = string(text)
		}
	} else if text, ok := a.Answer.Value.(lab.Text); ok {
		h.Sysctls[word(a, 0)] = string(text)
	}
}

// address follows what gives a NIC an address or takes it away. With the first address of a subnet go the others,
// unless promote_secondaries makes one of them the first (__inet_del_ifa).
func (r *Replay) address(a *Answered) {
	h := r.hosts[a.Process.Host]
	p, ok := a.Call.Args[1].(lab.Prefix)
	if h == nil || !a.OK() || !ok {
		return
	}
	h.Changed = true
	prefix, nic := netip.Prefix(p), word(a, 0)
	if a.Call.Name == "addr_add" {
		h.Addresses = append(h.Addresses, Address{Prefix: prefix, NIC: nic, Tentative: prefix.Addr().Is6() && word(a,
			2) != "nodad"})
		return
	}
	promotes := r.Sysctl(a.Process.Host, "net.ipv4.conf.all.promote_secondaries", "0") == "1" ||
		r.Sysctl(a.Process.Host, "net.ipv4.conf."+nic+".promote_secondaries", "0") == "1"
	first := -1
	for i, o := range h.Addresses {
		if o.NIC == nic && o.Addr().Is4() && o.Masked() == prefix.Masked() {
			first = i
			break
		}
	}
	primary := first >= 0 && h.Addresses[first].Addr() == prefix.Addr()
	h.Addresses = slices.DeleteFunc(h.Addresses, func(o Address) bool {
		return o.NIC == nic && (o.Addr() == prefix.Addr() || primary && !promotes && o.Addr().Is4() &&
			o.Masked() == prefix.Masked())
	})
}

// spec follows what changes routes, rules and neighbours. The first one goes that has all words of a deletion.
func (r *Replay) spec(a *Answered) {
	h := r.hosts[a.Process.Host]
	if h == nil || !a.OK() {
		return
	}
	h.Changed = true
	object, verb, _ := strings.Cut(a.Call.Name, "_")
	if object == "neigh" {
		object = "neighbour"
	}
	if verb == "add" {
		h.Specs = append(h.Specs, HostSpec{object, a.Spec})
		return
	}
	words := a.Spec.Terms()
	i := slices.IndexFunc(h.Specs, func(s HostSpec) bool {
		return s.Object == object && !slices.ContainsFunc(words, func(w lab.Term) bool {
			return !slices.ContainsFunc(s.Terms(), func(t lab.Term) bool { return t.Word == w.Word && t.Value == w.Value })
		})
	})
	if i >= 0 {
		h.Specs = slices.Delete(h.Specs, i, i+1)
	}
}

// link follows what changes links. With a link go its addresses, and with its being up those of IPv6
// (addrconf_ifdown), unless keep_addr_on_down says otherwise.
func (r *Replay) link(a *Answered) {
	host := a.Process.Host
	h := r.hosts[host]
	if h == nil || !a.OK() {
		return
	}
	h.Changed = true
	nic := word(a, 0)
	keeps := r.Sysctl(host, "net.ipv6.conf.all.keep_addr_on_down", "0") == "1" ||
		r.Sysctl(host, "net.ipv6.conf."+nic+".keep_addr_on_down", "0") == "1"
	switch a.Call.Name {
	case "link_add":
		h.Linked[nic] = true
	case "link_up":
		delete(h.Down, nic)
	case "link_down":
		h.Down[nic] = true
		h.Addresses = slices.DeleteFunc(h.Addresses, func(o Address) bool {
			return o.NIC == nic && o.Addr().Is6() &&
				!keeps
		})
	case "link_del":
		delete(h.Linked, nic)
		h.Addresses = slices.DeleteFunc(h.Addresses, func(o Address) bool { return o.NIC == nic })
		for _, s := range r.Sockets {
			if s.Host == host && s.Device == nic {
				s.Device = Removed + nic // the number of a NIC that is gone is no other one's
			}
		}
	}
}
