package fabric

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab/plan"
	"labrun/lab/sys"
)

// patience is how long the kernel may take over what it does by itself. It
// needs a few milliseconds; not to come is an error, never a slow lab.
const patience = 2 * time.Minute

var errNotReady = fmt.Errorf("not ready after %v", patience)

// settle waits until the links carry traffic. The kernel finishes two things
// behind the caller's back, and the first SYN gets lost in between, which costs
// a second: a port passes frames when the link watcher has seen its carrier
// (net/core/link_watch.c), and an IPv6 address gets its local route from the
// worker of duplicate address detection, even when there is none to do
// (addrconf_dad_work in net/ipv6/addrconf.c).
func (b *builder) settle(ctx context.Context, ops []plan.Op) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errNotReady)
	defer cancel()
	var forward map[string]bool // ports that need no wait
	if b.fabric != nil {
		var err error
		if forward, err = b.fabric.rtnl.forwarding(); err != nil {
			return err
		}
	}
	inVRF := map[[2]string]bool{} // links whose local routes are not in the table local, perhaps
	for _, o := range ops {
		var err error
		switch o := o.(type) {
		case plan.SetMaster:
			inVRF[[2]string{o.NS, o.Name}] = true
			if s := b.namespaces[o.NS]; s != nil && s.host == b.lab.fabric && !forward[o.Name] {
				err = b.await(ctx, o.NS, unix.RTNLGRP_LINK, func(r *rtnl) (bool, error) { return r.forwards(o.Name) })
			}
		case plan.AddVeth:
			if !forward[o.Port] {
				err = b.await(ctx, o.NS, unix.RTNLGRP_LINK, func(r *rtnl) (bool, error) { return r.forwards(o.Port) })
			}
		case plan.AddCable:
			for _, e := range o.Ends {
				if err == nil {
					err = b.await(ctx, e.NS, unix.RTNLGRP_LINK, func(r *rtnl) (bool, error) { return r.isUp(e.NIC) })
				}
			}
		case plan.AddAddress:
			if ip := o.Prefix.Addr(); ip.Is6() && (!o.IfKnown || sys.HasIPv6()) {
				err = b.await(ctx, o.NS, unix.RTNLGRP_IPV6_ROUTE, func(r *rtnl) (bool, error) {
					link := 0
					if inVRF[[2]string{o.NS, o.NIC}] {
						var err error
						if link, err = r.indexOf(o.NIC); err != nil {
							return false, err
						}
					}
					return r.isLocal(ip, link)
				})
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", o, explainFiles(err))
		}
	}
	return nil
}

// await returns when ready says yes.
func (b *builder) await(ctx context.Context, ns string, group uint, ready func(*rtnl) (bool, error)) error {
	s, ok := b.namespaces[ns]
	if !ok {
		return noSpace(ns)
	}
	if ok, err := ready(s.rtnl); ok || err != nil {
		return err
	}
	if err := b.enter(s); err != nil {
		return err
	}
	return awaitEvents(ctx, group, func() (bool, error) { return ready(s.rtnl) })
}

// lookAgain is how long the news may come before what they announce. The kernel
// announces a route that is in its table already, but on its way there steps over
// the node until the word has gone out (fib6_add_rt2node in net/ipv6/ip6_fib.c
// sets RTN_RTINFO last), and that may have been the last word.
const lookAgain = 10 * time.Millisecond

// awaitEvents asks whether all is ready until it is: at first, whenever the
// kernel tells the group that something changed in the thread's namespace, and
// a moment later.
func awaitEvents(ctx context.Context, group uint, ready func() (bool, error)) error {
	events, err := nl.Subscribe(unix.NETLINK_ROUTE, group)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer events.Close()
	timeout := unix.NsecToTimeval(lookAgain.Nanoseconds())
	if err := events.SetReceiveTimeout(&timeout); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, events.Close)()
	for {
		if ok, err := ready(); ok || err != nil {
			return err
		}
		// ENOBUFS says that events were lost: there were some.
		if _, _, err := events.Receive(); err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EAGAIN) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
	}
}

// forwards reports whether a port of a bridge passes frames.
func (r *rtnl) forwards(port string) (bool, error) {
	_, attrs, err := r.link(getLink(port))
	if err != nil {
		return false, err
	}
	info, err := nl.ParseRouteAttrAsMap(attrs[unix.IFLA_LINKINFO].Value)
	if err != nil {
		return false, err
	}
	bridge, err := nl.ParseRouteAttrAsMap(info[nl.IFLA_INFO_SLAVE_DATA].Value)
	if err != nil {
		return false, err
	}
	return isOperUp(attrs) && (is(bridge[nl.IFLA_BRPORT_STATE].Value, forwarding) || !tellsState(attrs)), nil
}

// forwarding returns the ports of bridges that pass frames, all of a namespace by one question: to ask for each
// takes a tenth of the time of a large lab. A kernel that lacks the question has each asked for.
func (r *rtnl) forwarding() (map[string]bool, error) {
	answers, err := r.dump(func() *nl.NetlinkRequest {
		return message(unix.RTM_GETLINK, unix.NLM_F_DUMP, nl.NewIfInfomsg(unix.AF_BRIDGE))
	})
	if err != nil {
		return nil, ignore(err, unix.EOPNOTSUPP)
	}
	ports := map[string]bool{}
	for _, a := range answers {
		attrs, err := nl.ParseRouteAttrAsMap(a[unix.SizeofIfInfomsg:])
		if err != nil {
			return nil, err
		}
		port, err := nl.ParseRouteAttrAsMap(attrs[unix.IFLA_PROTINFO|unix.NLA_F_NESTED].Value)
		if err != nil {
			return nil, err
		}
		if is(attrs[unix.IFLA_OPERSTATE].Value, operUp) && is(port[nl.IFLA_BRPORT_STATE].Value, forwarding) {
			ports[unix.ByteSliceToString(attrs[unix.IFLA_IFNAME].Value)] = true
		}
	}
	return ports, nil
}

// isUp reports whether a link has its carrier and sends.
func (r *rtnl) isUp(name string) (bool, error) {
	_, attrs, err := r.link(getLink(name))
	return err == nil && isOperUp(attrs), err
}

// tellsState reports whether the kernel tells of the states of a link. One that does not has none: its links
// are up as soon as they exist (SetInterface of gVisor's netstack), and nothing of them comes later.
func tellsState(attrs map[uint16]syscall.NetlinkRouteAttr) bool {
	_, ok := attrs[unix.IFLA_OPERSTATE]
	return ok
}

func isOperUp(attrs map[uint16]syscall.NetlinkRouteAttr) bool {
	return !tellsState(attrs) || is(attrs[unix.IFLA_OPERSTATE].Value, operUp)
}

// followsCarrier reports whether the link watcher has seen what became of the carrier
// of a link: routes and IPv6 hear of it from there (netdev_state_change).
func (r *rtnl) followsCarrier(name string) (bool, error) {
	msg, _, err := r.link(getLink(name))
	if err != nil {
		return false, err
	}
	carrier, runs := msg.Flags&unix.IFF_LOWER_UP != 0, msg.Flags&unix.IFF_RUNNING != 0
	return carrier == runs, nil
}

// link returns what the kernel knows of a link. Since Linux 6.8 the question
// itself makes the link watcher catch up.
func (r *rtnl) link(question *nl.NetlinkRequest) (*nl.IfInfomsg, map[uint16]syscall.NetlinkRouteAttr, error) {
	answer, err := r.ask(question)
	if err != nil {
		return nil, nil, err
	}
	attrs, err := nl.ParseRouteAttrAsMap(answer[unix.SizeofIfInfomsg:])
	return nl.DeserializeIfInfomsg(answer), attrs, err
}

const (
	operUp     = 6 // IF_OPER_UP of linux/if.h
	forwarding = 3 // BR_STATE_FORWARDING of linux/if_bridge.h
)

func is(value []byte, want byte) bool { return len(value) == 1 && value[0] == want }

// isLocal reports whether the namespace takes packets to ip for its own, the
// VRF of the NIC where that is in one; 0 is no NIC.
func (r *rtnl) isLocal(ip netip.Addr, nic int) (bool, error) {
	answer, err := r.ask(getRoute(ip, nic))
	if errors.Is(err, unix.EOPNOTSUPP) {
		return true, nil // gVisor knows no route that it cannot send by, and no worker that makes one
	}
	if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	msg := nl.DeserializeRtMsg(answer)
	attrs, err := nl.ParseRouteAttrAsMap(answer[unix.SizeofRtMsg:])
	if err != nil {
		return false, err
	}
	// A kernel that has no tables of routes, and so names none, has no routes of its own addresses either.
	_, named := attrs[unix.RTA_TABLE]
	return msg.Type == unix.RTN_LOCAL || !named, nil
}

// addresses returns the IPv6 addresses of a link that need no detection of
// duplicates.
func (r *rtnl) addresses(link int) ([]netip.Addr, error) {
	answers, err := r.dump(getAddresses)
	var all []netip.Addr
	for _, a := range answers {
		msg := nl.DeserializeIfAddrmsg(a)
		if msg.Family != unix.AF_INET6 || int(msg.Index) != link || msg.Flags&unix.IFA_F_NODAD == 0 {
			continue
		}
		attrs, err := nl.ParseRouteAttrAsMap(a[unix.SizeofIfAddrmsg:])
		if err != nil {
			return nil, err
		}
		if ip, ok := netip.AddrFromSlice(attrs[unix.IFA_ADDRESS].Value); ok {
			all = append(all, ip)
		}
	}
	return all, err
}
