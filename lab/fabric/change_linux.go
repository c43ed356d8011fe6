package fabric

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/plan"
)

// The changes to a host that is up. Each returns when what it did has come into
// effect, as Up does, so nothing has to wait for it. An error is the kernel's
// errno, behind the command of ip(8) that would have had it too: ENODEV where
// there is no such link, EOPNOTSUPP where the kernel lacks its kind.

// AddAddress gives a link an address, with one of lab.AddressFlags or "". Without a
// flag an IPv6 address is tentative when it returns, where the kernel looks for
// duplicates.
func (h *Host) AddAddress(nic string, p netip.Prefix, flag string) error {
	if !p.IsValid() {
		return fmt.Errorf("address %s: %w", p, unix.EINVAL)
	}
	o := plan.AddAddress{NS: h.Name(), NIC: nic, Prefix: p, Flag: flag}
	tentative, err := h.becomesTentative(nic, p.Addr(), flag)
	if err != nil {
		return fmt.Errorf("%s: %w", o, err)
	}
	// On a link that is down the route comes by itself too, and only this one does.
	awaited := []netip.Addr{p.Addr()}
	if tentative {
		awaited = nil
	}
	return h.change(o.String(), nic, func(r *rtnl, link int) error { return r.send(addAddress(o, link)) }, awaited...)
}

// becomesTentative reports whether a new address of the link cannot be used until the
// kernel has looked for duplicates, which it does for IPv6 (addrconf_dad_begin in
// net/ipv6/addrconf.c): not where there are no neighbours, nor where accept_dad is
// off for the link and for all. An optimistic address can be used meanwhile, where
// optimistic_dad is on for the link or for all and the link is up.
func (h *Host) becomesTentative(nic string, ip netip.Addr, flag string) (bool, error) {
	if !ip.Is6() || flag == "nodad" {
		return false, nil
	}
	var flags uint32
	err := h.withRTNL(func(r *rtnl) error {
		msg, _, err := r.link(getLink(nic))
		if err == nil {
			flags = msg.Flags
		}
		return ignore(err, unix.ENODEV, unix.EINVAL, unix.ERANGE) // AddAddress says it
	})
	if err != nil || flags&(unix.IFF_LOOPBACK|unix.IFF_NOARP) != 0 {
		return false, err
	}
	on := func(parameter string) bool {
		values, readErr := h.Sysctls([]string{
			"net.ipv6.conf.all." + parameter, "net.ipv6.conf." + dotsAndSlashes.Replace(nic) + "." + parameter,
		})
		err = errors.Join(err, readErr)
		for _, v := range values {
			if n, err := strconv.Atoi(v); err == nil && n >= 1 {
				return true
			}
		}
		return false
	}
	switch {
	case !on("accept_dad"):
		return false, err
	case flag == "optimistic" && flags&unix.IFF_RUNNING != 0:
		return !on("optimistic_dad"), err
	}
	return true, err
}

// DelAddress takes an address away. What is bound to it stays so.
func (h *Host) DelAddress(nic string, p netip.Prefix) error {
	if !p.IsValid() {
		return fmt.Errorf("address %s: %w", p, unix.EINVAL)
	}
	return h.change(h.ip("addr", "del", p.String(), "dev", nic), nic, func(r *rtnl, link int) error {
		return r.send(delAddress(p, link))
	})
}

// SetLink brings a link up or down. A link that goes down loses its IPv6
// addresses, unless net.ipv6.conf.NIC.keep_addr_on_down is set, and does not get
// them back; its IPv4 addresses stay, without their routes (addrconf_ifdown in
// net/ipv6/addrconf.c, fib_disable_ip in net/ipv4/fib_frontend.c).
func (h *Host) SetLink(nic string, up bool) error {
	if up {
		o := plan.LinkUp{NS: h.Name(), Name: nic}
		return h.change(o.String(), nic, func(r *rtnl, link int) error { return r.send(linkUp(link)) })
	}
	return h.change(h.ip("link", "set", "dev", nic, "down"), nic, func(r *rtnl, link int) error {
		if err := r.send(linkDown(link)); err != nil {
			return err
		}
		msg, _, err := r.link(getLinkAt(link))
		if err == nil && msg.Flags&unix.IFF_UP != 0 {
			return ErrAlwaysUp
		}
		return err
	})
}

// ErrAlwaysUp is that the kernel says ok and leaves a link up, as gVisor does.
var ErrAlwaysUp = errors.New("this kernel brings no link down")

// SetMTU says how long the packets of a link may be. Its IPv6 addresses go where that is less than 1280
// bytes (addrconf_notify), and routes that were learnt with the old one are forgotten.
func (h *Host) SetMTU(nic string, bytes int) error {
	return h.change(h.ip("link", "set", "dev", nic, "mtu", strconv.Itoa(bytes)), nic, func(r *rtnl, link int) error {
		return r.send(linkMTU(link, uint32(bytes)))
	})
}

// DelLink removes a link. A NIC takes its port in the fabric along.
func (h *Host) DelLink(name string) error {
	return h.change(h.ip("link", "del", "dev", name), name, func(r *rtnl, link int) error { return r.send(delLink(link)) })
}

// SetMaster puts a link under a bridge or into a VRF, "" takes it out of
// either. The kernel takes a link that changes its VRF down and up again, with
// what SetLink says of IPv6 addresses (cycle_netdev in drivers/net/vrf.c).
func (h *Host) SetMaster(nic, master string) error {
	args := []string{"link", "set", "dev", nic, "nomaster"}
	if master != "" {
		args = []string{"link", "set", "dev", nic, "master", master}
	}
	return h.change(h.ip(args...), nic, func(r *rtnl, link int) (err error) {
		over := 0
		if master != "" {
			over, err = r.lookUp(master)
		}
		if err != nil {
			return err
		}
		return r.send(setMaster(link, over))
	})
}

// ip returns a command about the host.
func (h *Host) ip(args ...string) string {
	return lab.Command(append([]string{"ip", "-n", h.Name()}, args...)...)
}

// change makes a change to a link, which the command describes, and waits for
// its effects, those on the addresses too.
func (h *Host) change(command, nic string, f func(r *rtnl, link int) error, addresses ...netip.Addr) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errNotReady)
	defer cancel()
	err := h.withRTNL(func(r *rtnl) error {
		link, err := r.lookUp(nic)
		if err != nil {
			return err
		}
		return f(r, link)
	})
	if err == nil {
		err = h.settle(ctx, nic, addresses...)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", command, explainFiles(err))
	}
	return nil
}

// withRTNL calls f with the host's rtnetlink socket, which stays open.
func (h *Host) withRTNL(f func(*rtnl) error) error {
	if h == nil {
		return h.Do(nil)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rtnl == nil {
		err := h.Do(func() (err error) {
			h.rtnl, err = openRTNL()
			return err
		})
		if err != nil { // not what the kernel answers to a change
			return fmt.Errorf("netlink: %v", explainFiles(err))
		}
	}
	return f(h.rtnl)
}

// settle waits until a link that is up carries traffic, as builder.settle does:
// until its port in the fabric passes frames again, or the NIC at the other end of its
// cable has noticed, and packets to its IPv6 addresses are the host's. Addresses whose duplicates are still looked for are
// none of ours. A link that is gone or down has nothing to wait for but the
// addresses given.
func (h *Host) settle(ctx context.Context, nic string, addresses ...netip.Addr) error {
	var up bool
	err := h.withRTNL(func(r *rtnl) error {
		msg, _, err := r.link(getLink(nic))
		if err != nil {
			return ignore(err, unix.ENODEV)
		}
		if up = msg.Flags&unix.IFF_UP != 0; up {
			var all []netip.Addr
			all, err = r.addresses(int(msg.Index))
			addresses = append(addresses, all...)
		}
		return err
	})
	if p, ok := h.ports[nic]; ok && (up || p.cable) && err == nil {
		ready := (*rtnl).forwards
		if p.cable {
			ready = (*rtnl).followsCarrier
		}
		err = p.host.await(ctx, unix.RTNLGRP_LINK, func(r *rtnl) (bool, error) {
			ok, err := ready(r, p.name)
			// Another link may have taken the NIC's name.
			return ok || errors.Is(err, unix.ENODEV), ignore(err, unix.ENODEV)
		})
	}
	if up && err == nil {
		err = h.awaitCarrier(ctx, getLink(nic))
	}
	for _, a := range addresses {
		if err == nil && a.Is6() {
			err = h.awaitLocal(ctx, nic, a)
		}
	}
	return err
}

// awaitCarrier waits until a link that has its carrier sends, and then the one
// that it is under: without a carrier the link watcher makes a link drop what it
// is to send (dev_deactivate in net/sched/sch_generic.c), and a bridge has none
// while its ports have none.
func (h *Host) awaitCarrier(ctx context.Context, link *nl.NetlinkRequest) error {
	for {
		master := 0
		err := h.await(ctx, unix.RTNLGRP_LINK, func(r *rtnl) (bool, error) {
			msg, attrs, err := r.link(link)
			if err != nil {
				return true, ignore(err, unix.ENODEV)
			}
			if m := attrs[unix.IFLA_MASTER].Value; len(m) == 4 {
				master = int(binary.NativeEndian.Uint32(m))
			}
			carrier := msg.Flags&unix.IFF_LOWER_UP != 0
			sends := msg.Flags&(unix.IFF_RUNNING|unix.IFF_DORMANT) != 0
			return !carrier || sends, nil
		})
		if err != nil || master == 0 {
			return err
		}
		link = getLinkAt(master)
	}
}

// awaitLocal waits until packets to the address of a link are the host's, or
// the link is gone.
func (h *Host) awaitLocal(ctx context.Context, nic string, ip netip.Addr) error {
	return h.await(ctx, unix.RTNLGRP_IPV6_ROUTE, func(r *rtnl) (bool, error) {
		link, err := r.lookUp(nic)
		if err != nil {
			return true, ignore(err, unix.ENODEV)
		}
		return r.isLocal(ip, link)
	})
}

// await returns when ready says yes.
func (h *Host) await(ctx context.Context, group uint, ready func(*rtnl) (bool, error)) error {
	ask := func() (ok bool, err error) {
		err = h.withRTNL(func(r *rtnl) error {
			ok, err = ready(r)
			return err
		})
		return ok, err
	}
	if ok, err := ask(); ok || err != nil {
		return err
	}
	return h.Do(func() error { return awaitEvents(ctx, group, ask) })
}

// ignore returns nil for an error that is one of the errnos.
func ignore(err error, errnos ...unix.Errno) error {
	if slices.ContainsFunc(errnos, func(e unix.Errno) bool { return errors.Is(err, e) }) {
		return nil
	}
	return err
}
