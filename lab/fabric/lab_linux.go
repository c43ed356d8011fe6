package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"sync"

	"github.com/vishvananda/netlink/nl"

	"labrun/lab/orphan"
)

// Lab is the namespaces of a topology, alive until Close or the end of the
// process.
type Lab struct {
	hosts  map[string]*Host
	fabric *Host

	mu      sync.Mutex
	pool    *Pool       // if not nil, Close returns the fabric to it
	idle    *idleFabric // what Close returns
	ops     string      // that made it, when it may be left
	tainted bool        // an untrusted program could have changed the fabric: close it instead
}

// hold makes the lab the owner of a namespace.
func (l *Lab) hold(name string, file *os.File) *Host {
	h := &Host{name: name, file: file, ports: map[string]port{}}
	if name == "" {
		l.fabric = h
	} else {
		l.hosts[name] = h
	}
	return h
}

func (l *Lab) has(name string) bool {
	if name == "" {
		return l.fabric != nil
	}
	return l.hosts[name] != nil
}

// Host returns the host of that name, nil when the lab does not have it.
func (l *Lab) Host(name string) *Host { return l.hosts[name] }

// Spoil says that somebody had privilege in a host who is not trusted: the lab's
// bridges are not for another one. A program may change the fabric's links by
// rtnetlink from its host, to which its NICs are joined (IFLA_TARGET_NETNSID).
func (l *Lab) Spoil() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tainted = true
}

// Close ends the lab, with the connections that its processes have left: its
// namespaces go when the last process in them does. To
// close it twice, or to close the nil Lab of a failed Up, does nothing.
func (l *Lab) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	errs := []error{l.endOrphans()}
	for _, h := range l.hosts {
		errs = append(errs, h.close())
	}
	switch {
	case l.idle != nil && l.tainted:
		errs = append(errs, l.idle.host.close())
		l.idle = nil
	case l.idle != nil:
		errs = append(errs, l.pool.give(l.idle))
		l.idle = nil
	case l.pool == nil && l.fabric != nil:
		errs = append(errs, l.fabric.close())
	}
	return errors.Join(errs...)
}

// endOrphans ends the connections that nobody has open any more, which would keep
// their hosts.
func (l *Lab) endOrphans() error {
	return onThread(func() error {
		var errs []error
		for _, h := range l.hosts {
			err := enter(h.file)
			if errors.Is(err, fs.ErrClosed) {
				continue // with the lab, before
			}
			if err == nil {
				err = orphan.Host{}.End()
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("end host %q: %w", h.name, err))
			}
		}
		return errors.Join(errs...)
	})
}

// Host is a network namespace of a lab. Its methods may be called from any
// goroutine; those of a nil Host return errors.
type Host struct {
	name  string
	file  *os.File
	ports map[string]port // the other ends of its NICs

	mu      sync.Mutex
	diag    *nl.SocketHandle // opened by the first Sockets
	counts  *os.File         // so are these, see isVacant
	snmp    *os.File         // and tally
	netstat *os.File
	text    []byte // of these files, while it is read
	// limitsChallenges is whether a host sends so many challenge ACKs a second at most,
	// tcp_challenge_ack_limit of tcp(7).
	limitsChallenges bool
	generic          *nl.NetlinkSocket // opened by the first forgetPeers
	before           tally             // what it had counted when it was last cleared
	now              tally
	rtnl             *rtnl  // opened by the first change to a link
	tables           uint32 // how many routing tables VRFs have
	listeners        int    // packet sockets that are open
	echoes           uint16 // echo requests that were sent
}

// port is the other end of a NIC: a port of a bridge in the fabric, or of a cable the
// NIC of another host.
type port struct {
	host  *Host
	name  string
	cable bool
}

// Name returns the host's name in the topology.
func (h *Host) Name() string {
	if h == nil {
		return ""
	}
	return h.name
}

// Do runs f in the host, on a thread of its own that is thrown away afterwards,
// and returns what f returns. Sockets that f makes and processes that it starts
// belong to the host for good; goroutines that f starts run elsewhere. A child
// with Pdeathsig ends with f, since that signal comes when the thread ends.
func (h *Host) Do(f func() error) error {
	if h == nil {
		return fmt.Errorf("no such host: %w", fs.ErrNotExist)
	}
	return onThread(func() error {
		if err := enter(h.file); err != nil {
			return fmt.Errorf("host %q: %w", h.name, err)
		}
		return f()
	})
}

func (h *Host) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.diag != nil {
		h.diag.Close()
		h.diag = nil
	}
	for _, file := range []**os.File{&h.counts, &h.snmp, &h.netstat} {
		if *file != nil {
			(*file).Close()
			*file = nil
		}
	}
	if h.generic != nil {
		h.generic.Close()
		h.generic = nil
	}
	h.rtnl.close()
	h.rtnl = nil
	if err := h.file.Close(); !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return nil
}

// HasAddress reports whether the host has an address now, whoever gave it to a link.
func (h *Host) HasAddress(ip netip.Addr) (has bool, err error) {
	err = h.Do(func() error {
		all, err := net.InterfaceAddrs()
		for _, a := range all {
			if n, ok := a.(*net.IPNet); ok {
				own, _ := netip.AddrFromSlice(n.IP)
				has = has || own.Unmap() == ip
			}
		}
		return err
	})
	return has, err
}
