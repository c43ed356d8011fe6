package fabric

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab/plan"
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
	for _, o := range ops {
		var err error
		switch o := o.(type) {
		case plan.AddVeth:
			err = b.await(ctx, o.NS, unix.RTNLGRP_LINK, func(r *rtnl) (bool, error) { return r.forwards(o.Port) })
		case plan.AddAddress:
			if ip := o.Prefix.Addr(); ip.Is6() {
				err = b.await(ctx, o.NS, unix.RTNLGRP_IPV6_ROUTE, func(r *rtnl) (bool, error) { return r.isLocal(ip) })
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", o, explainFiles(err))
		}
	}
	return nil
}

// await returns when ready says yes. It asks again whenever the kernel tells
// the group that something changed.
func (b *builder) await(ctx context.Context, ns string, group uint, ready func(*rtnl) (bool, error)) error {
	s, ok := b.spaces[ns]
	if !ok {
		return noSpace(ns)
	}
	if ok, err := ready(s.rtnl); ok || err != nil {
		return err
	}
	if err := b.enter(s); err != nil {
		return err
	}
	events, err := nl.Subscribe(unix.NETLINK_ROUTE, group)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer events.Close()
	defer context.AfterFunc(ctx, events.Close)()
	for {
		if ok, err := ready(s.rtnl); ok || err != nil {
			return err
		}
		// ENOBUFS says that events were lost: there were some.
		if _, _, err := events.Receive(); err != nil && !errors.Is(err, unix.ENOBUFS) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
	}
}

// forwards reports whether a port of a bridge passes frames.
func (r *rtnl) forwards(port string) (bool, error) {
	// Since Linux 6.8 the question itself makes the link watcher catch up.
	answer, err := r.ask(getLink(port))
	if err != nil {
		return false, err
	}
	attrs, err := nl.ParseRouteAttrAsMap(answer[unix.SizeofIfInfomsg:])
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
	return is(attrs[unix.IFLA_OPERSTATE].Value, operUp) && is(bridge[nl.IFLA_BRPORT_STATE].Value, forwarding), nil
}

const (
	operUp     = 6 // IF_OPER_UP of linux/if.h
	forwarding = 3 // BR_STATE_FORWARDING of linux/if_bridge.h
)

func is(value []byte, want byte) bool { return len(value) == 1 && value[0] == want }

// isLocal reports whether the namespace takes packets to ip for its own.
func (r *rtnl) isLocal(ip netip.Addr) (bool, error) {
	answer, err := r.ask(getRoute(ip))
	if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return nl.DeserializeRtMsg(answer).Type == unix.RTN_LOCAL, nil
}
