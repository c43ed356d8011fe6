package fabric

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab/plan"
)

// Up builds the lab that p describes. When it fails, or ctx ends before it is
// done, nothing is left of it; the error names the command of ip(8) that would
// have failed too, or all limits that are too low for it (Need.Check).
func Up(ctx context.Context, p plan.Plan) (*Lab, error) {
	if err := NeedOf(p, 0).Check(); err != nil {
		return nil, err
	}
	l, err := up(ctx, p, false)
	if errors.Is(err, errMachineChanged) {
		return up(ctx, p, true)
	}
	return l, err
}

func up(ctx context.Context, p plan.Plan, wary bool) (*Lab, error) {
	b := newBuilder(wary)
	if err := b.up(ctx, p.Ops); err != nil {
		return nil, err
	}
	b.close()
	return b.lab, nil
}

// builder carries out the ops of a plan, on one thread that goes from
// namespace to namespace.
type builder struct {
	lab        *Lab
	namespaces map[string]*namespace // by the name that the plan has for it
	fabric     *namespace            // nil while there is none
	current    *namespace            // where the thread is
	looked     bool                  // whether the machine's tables of neighbours are as the kernel makes them:
	plain      bool
	sizes      sizes
	inherits6  bool // new namespaces may take IPv6's configuration over from others
	wary       bool // every host is looked at, see stock
	hosts      int  // that the plan has
	stocked    int  // of these, those that stock was called for
	isStock    bool // the first of them had the kernel's own values
	proc       int  // a procfs of the builder's own, -1 for none, see write
	written    int  // parameters
}

// namespace is one of the lab while it is being built.
type namespace struct {
	host *Host // the lab closes it
	rtnl *rtnl
}

// planted, in tests, makes a new host one of a machine with other parameters.
var planted func() error

func newBuilder(wary bool) *builder {
	return &builder{lab: &Lab{hosts: map[string]*Host{}}, namespaces: map[string]*namespace{}, wary: wary, proc: -1}
}

// up builds on a thread of its own, and leaves nothing when that fails.
func (b *builder) up(ctx context.Context, ops []plan.Op) error {
	err := onThread(func() error { return b.build(ctx, ops) })
	if err != nil {
		b.close()
		b.lab.Close()
	}
	return err
}

func (b *builder) close() {
	b.closeProc()
	for _, s := range b.namespaces {
		s.rtnl.close()
	}
}

// keep leaves the open socket of a namespace to its host.
func (b *builder) keep(h *Host) {
	for _, s := range b.namespaces {
		if s.host == h {
			h.rtnl, s.rtnl = s.rtnl, nil
		}
	}
}

func (b *builder) build(ctx context.Context, ops []plan.Op) error {
	b.inherits6 = planted != nil || inherits6()
	for _, o := range ops {
		if _, ok := o.(plan.Stock); ok {
			b.hosts++
		}
	}
	for _, s := range b.namespaces { // a fabric from a pool
		b.fabric = s
		err := b.enter(s)
		if err == nil {
			b.sizes, err = childTables(b.hosts <= manyHosts)
		}
		if err != nil {
			return err
		}
	}
	for _, o := range ops {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", o, context.Cause(ctx))
		}
		if err := b.do(o); err != nil {
			return fmt.Errorf("%s: %w", b.words(o), explainFiles(err))
		}
	}
	return b.settle(ctx, ops)
}

// words names an operation for a message: a parameter that the file sets by its place there.
func (b *builder) words(o plan.Op) string {
	if s, ok := o.(plan.Sysctl); ok && !s.From.IsZero() && b.namespaces[s.NS] != nil {
		return fmt.Sprintf("%s: host %q: %s = %q", s.From, b.namespaces[s.NS].host.Name(), s.Key, s.Value)
	}
	if a, ok := o.(plan.Add); ok && !a.From.IsZero() && b.namespaces[a.NS] != nil {
		return fmt.Sprintf("%s: host %q: %s %s", a.From, b.namespaces[a.NS].host.Name(), a.Object, a.Spec)
	}
	if r, ok := o.(plan.NFT); ok && b.namespaces[r.NS] != nil {
		return fmt.Sprintf("host %q: nft", b.namespaces[r.NS].host.Name())
	}
	if n, ok := o.(plan.Netem); ok && b.namespaces[n.NS] != nil {
		return fmt.Sprintf("%s: host %q: NIC %q: netem %s", n.From, b.namespaces[n.NS].host.Name(), n.NIC, n.Spec)
	}
	if l, ok := o.(plan.AddLink); ok && b.namespaces[l.NS] != nil {
		return fmt.Sprintf("host %q: NIC %q", b.namespaces[l.NS].host.Name(), l.Name)
	}
	return o.String()
}

func (b *builder) do(o plan.Op) error {
	switch o := o.(type) {
	case plan.AddNamespace:
		return b.addNamespace(o)
	case plan.Stock:
		return b.stock(o)
	case plan.Neighbours:
		return b.neighbours(o)
	case plan.Sysctl:
		return b.sysctl(o)
	case plan.AddBridge:
		return lackingBase(b.in(o.NS, func(s *namespace) error { return s.rtnl.send(addBridge(o)) }))
	case plan.AddVeth:
		return lackingBase(b.addVeth(o))
	case plan.AddLink:
		return b.addLink(o)
	case plan.SetMaster:
		return b.setMaster(o)
	case plan.AddCable:
		return lackingBase(b.addCable(o))
	case plan.AddAddress:
		err := b.onLink(o.NS, o.NIC, func(nic int) *nl.NetlinkRequest { return addAddress(o, nic) })
		if o.IfKnown {
			return ignore(err, unix.EOPNOTSUPP)
		}
		return err
	case plan.AddressMode:
		err := b.onLink(o.NS, o.NIC, func(nic int) *nl.NetlinkRequest { return addressMode(nic, o.Mode) })
		return ignore(err, unix.EAFNOSUPPORT, unix.EOPNOTSUPP)
	case plan.Add:
		return b.in(o.NS, func(s *namespace) error { return s.rtnl.ip(o.Verb(), o.Object, o.Spec) })
	case plan.NFT:
		return b.in(o.NS, func(s *namespace) error { return s.host.loadRules(o.Text) })
	case plan.Netem:
		return lackingNetem(b.onLink(o.NS, o.NIC, func(nic int) *nl.NetlinkRequest { return addNetem(nic, o.Spec) }))
	case plan.LinkUp:
		return b.onLink(o.NS, o.Name, linkUp)
	}
	return fmt.Errorf("unknown operation %T", o)
}

func (b *builder) in(ns string, f func(*namespace) error) error {
	s, ok := b.namespaces[ns]
	if !ok {
		return noSpace(ns)
	}
	return f(s)
}

// onLink sends a message about a link.
func (b *builder) onLink(ns, name string, m func(index int) *nl.NetlinkRequest) error {
	return b.in(ns, func(s *namespace) error {
		index, err := s.rtnl.indexOf(name)
		if err != nil {
			return err
		}
		return s.rtnl.send(m(index))
	})
}

func (b *builder) addVeth(o plan.AddVeth) error {
	host, ok := b.namespaces[o.HostNS]
	if !ok {
		return noSpace(o.HostNS)
	}
	err := b.onLink(o.NS, o.Bridge, func(bridge int) *nl.NetlinkRequest { return addVeth(o, bridge, host.host.file.Fd()) })
	if errors.Is(err, unix.EXFULL) {
		return fmt.Errorf("%w: a bridge has 1023 ports at most (BR_MAX_PORTS)", err)
	}
	if err == nil {
		host.host.ports[o.NIC] = port{host: b.namespaces[o.NS].host, name: o.Port}
	}
	return err
}

// addLink makes a link. Where the kernel lacks its kind, no question can be asked in such a lab.
func (b *builder) addLink(o plan.AddLink) error {
	return b.in(o.NS, func(s *namespace) error {
		err := s.rtnl.addLink(o.Name, o.Spec, o.MAC, firstTable)
		if errors.Is(err, unix.EOPNOTSUPP) {
			return lackedLink(o.Spec)
		}
		return err
	})
}

func (b *builder) setMaster(o plan.SetMaster) error {
	return b.in(o.NS, func(s *namespace) error {
		master, err := s.rtnl.indexOf(o.Master)
		if err != nil {
			return err
		}
		return b.onLink(o.NS, o.Name, func(link int) *nl.NetlinkRequest { return setMaster(link, master) })
	})
}

func (b *builder) addCable(o plan.AddCable) error {
	x, y := o.Ends[0], o.Ends[1]
	far, ok := b.namespaces[y.NS]
	if !ok {
		return noSpace(y.NS)
	}
	return b.in(x.NS, func(near *namespace) error {
		err := near.rtnl.send(addCable(o, far.host.file.Fd()))
		if err == nil {
			near.host.ports[x.NIC] = port{far.host, y.NIC, true}
			far.host.ports[y.NIC] = port{near.host, x.NIC, true}
		}
		return err
	})
}

func noSpace(ns string) error { return fmt.Errorf("no namespace %q: %w", ns, fs.ErrNotExist) }

// addNamespace leaves the thread in the new namespace, where its sysctls, the
// next ops, find it.
func (b *builder) addNamespace(o plan.AddNamespace) error {
	if _, ok := b.namespaces[o.NS]; ok || b.lab.has(o.Host) {
		return fmt.Errorf("namespace %q: %w", o.NS, fs.ErrExist)
	}
	// A new namespace takes a few things over from its maker's (tcp_set_hashinfo in
	// net/ipv4/tcp_ipv4.c, udp_set_table in net/ipv4/udp.c): the fabric's, and never the caller's.
	if b.fabric != nil {
		if err := b.enter(b.fabric); err != nil {
			return err
		}
	}
	file, err := newNamespace(o.NS)
	if err != nil {
		return err
	}
	s := &namespace{host: b.lab.hold(o.Host, file)}
	if planted != nil && o.Host != "" {
		if err := planted(); err != nil {
			return err
		}
	}
	b.namespaces[o.NS], b.current = s, s
	if s.rtnl, err = openRTNL(); err == nil && o.Host == "" {
		b.fabric = s
		b.sizes, err = childTables(b.hosts <= manyHosts)
	}
	return err
}

func (b *builder) sysctl(o plan.Sysctl) error {
	return b.in(o.NS, func(s *namespace) error {
		can, err := abilities()
		switch {
		case err != nil:
			return err
		case !can.Parameters && (o.IfKnown || o.IsKept()):
			return nil // what a new namespace has is all that it can have
		case !can.Parameters:
			return noHostSysctl(o.Key)
		case !o.From.IsZero(): // it is asked elsewhere, too, whether the machine has it
			return onThread(func() error { return s.host.WriteSysctl(o.Key, o.Value) })
		}
		if err := b.enter(s); err != nil {
			return err
		}
		err = b.write(o.Key, o.Value)
		if o.IfKnown && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// enter moves the thread into the namespace, if it is not there already.
func (b *builder) enter(s *namespace) error {
	if s == b.current {
		return nil
	}
	if err := enter(s.host.file); err != nil {
		return err
	}
	b.current = s
	return nil
}
