package fabric

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/plan"
)

// Pool brings up labs in a row several times as fast as Up does. A bridge holds
// nothing of a host once the host's port is gone, but to delete one the kernel
// keeps the lock of rtnetlink for a grace period of RCU (rcu_barrier in
// br_multicast_dev_del, net/bridge/br_multicast.c), and whoever builds a lab
// meanwhile waits. So the fabric of a closed lab is kept for the next one that
// has the same networks; hosts are new every time. The zero Pool is ready.
type Pool struct {
	mu     sync.Mutex
	idle   []*idleFabric
	labs   []idleLab
	closed bool
}

// idleMax bounds the fabrics kept. A few are in use in turn, since ports go
// some milliseconds after their host.
const idleMax = 16

// idleFabric is the fabric of a lab from a pool: a namespace with bridges.
type idleFabric struct {
	host  *Host
	ops   string   // that made it
	ports []string // that its last lab had
}

// Again returns a lab that was left and is clear, if it was made by the same plan; else it is
// like Up, and the lab may be left.
func (p *Pool) Again(ctx context.Context, pl plan.Plan) (*Lab, error) {
	ops := describe(pl.Ops)
	l, err := p.takeLab(ops)
	if l != nil || err != nil {
		return l, err
	}
	if l, err = p.Up(ctx, pl); err == nil {
		l.ops = ops
	}
	return l, err
}

// idleLab is a lab that was left.
type idleLab struct {
	*Lab
	since time.Time
}

// idleHosts bounds the hosts of the labs that are kept. The rest of a run may ask for other
// ones.
const idleHosts = 64

// drain is how long the last segments of a lab may be under way, and an RCU grace period may
// take, after which netlink sockets that were closed stop to count. A lab that is not clear
// by then never will be.
const drain = time.Second

// takeLab returns a lab that was made by these ops and is clear, nil when there is none.
func (p *Pool) takeLab(ops string) (found *Lab, err error) {
	p.mu.Lock()
	var useless []idleLab
	p.labs = slices.DeleteFunc(p.labs, func(l idleLab) bool {
		if found != nil || err != nil || l.ops != ops {
			return false
		}
		var clear, stays bool
		clear, stays, err = l.isClear()
		switch {
		case clear:
			found = l.Lab
		case stays || err != nil || time.Since(l.since) > drain:
			useless = append(useless, l)
		default:
			return false
		}
		return true
	})
	p.mu.Unlock()
	for _, l := range useless {
		err = errors.Join(err, l.Close())
	}
	return found, err
}

// Leave gives the lab to the pool that it is from, for a call of Again once nothing is left
// in it. The processes in it have to have ended, or to have closed their sockets and gone to
// another network namespace, and must have touched nothing but sockets (see Clear). A lab
// that Again did not return is closed.
func (l *Lab) Leave() error {
	if l == nil || l.ops == "" || l.tainted {
		return l.Close()
	}
	// It ends connections, which may be sent again as long as they last.
	if _, stays, err := l.isClear(); stays || err != nil {
		return errors.Join(err, l.Close())
	}
	return l.pool.keep(l)
}

// keep keeps a lab, and closes the oldest ones that are too many then.
func (p *Pool) keep(l *Lab) error {
	p.mu.Lock()
	p.labs = append(p.labs, idleLab{l, time.Now()})
	hosts, first := 0, len(p.labs)
	for first > 0 && !p.closed && hosts+len(p.labs[first-1].hosts) <= idleHosts {
		first--
		hosts += len(p.labs[first].hosts)
	}
	useless := slices.Clone(p.labs[:first])
	p.labs = slices.Delete(p.labs, 0, first)
	p.mu.Unlock()
	var errs []error
	for _, l := range useless {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// Up is like the function Up. Closing the lab gives its fabric back to the pool.
func (p *Pool) Up(ctx context.Context, pl plan.Plan) (*Lab, error) {
	if err := NeedOf(pl, 0).Check(); err != nil {
		return nil, err
	}
	l, err := p.up(ctx, pl, false)
	if errors.Is(err, errMachineChanged) {
		return p.up(ctx, pl, true)
	}
	return l, err
}

func (p *Pool) up(ctx context.Context, pl plan.Plan, wary bool) (*Lab, error) {
	fabric, hosts := split(pl.Ops)
	b := newBuilder(wary)
	g := p.take(describe(fabric))
	todo := pl.Ops
	if g != nil {
		todo = hosts
		b.lab.fabric = g.host
		b.namespaces[fabric[0].(plan.AddNamespace).NS] = &namespace{host: g.host, rtnl: g.host.rtnl}
		g.host.rtnl = nil // the builder has it now
	}
	if err := b.up(ctx, todo); err != nil {
		return nil, err
	}
	if b.lab.fabric != nil {
		b.keep(b.lab.fabric)
		b.lab.idle = &idleFabric{host: b.lab.fabric, ops: describe(fabric), ports: ports(hosts)}
		b.lab.pool = p
	}
	b.close()
	return b.lab, nil
}

// take returns a fabric that was made by these ops and has no ports, nil when
// there is none.
func (p *Pool) take(ops string) *idleFabric {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, g := range p.idle {
		if g.ops == ops && g.isEmpty() {
			p.idle = slices.Delete(p.idle, i, i+1)
			return g
		}
	}
	return nil
}

// isEmpty reports whether the ports of the last lab are gone: a host that was
// closed may still send until its namespace ends, and nobody is to hear it.
func (g *idleFabric) isEmpty() bool {
	for len(g.ports) > 0 {
		if _, err := g.host.rtnl.ask(getLink(g.ports[0])); !errors.Is(err, unix.ENODEV) {
			return false
		}
		g.ports = g.ports[1:]
	}
	return true
}

func (p *Pool) give(g *idleFabric) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return g.host.close()
	}
	p.idle = append(p.idle, g)
	if len(p.idle) <= idleMax {
		return nil
	}
	oldest := p.idle[0]
	p.idle = slices.Delete(p.idle, 0, 1)
	return oldest.host.close()
}

// Close lets go of the labs and fabrics that are kept. Labs that are still up keep
// theirs until they are closed.
func (p *Pool) Close() error {
	p.mu.Lock()
	labs := p.labs
	p.labs, p.closed = nil, true
	p.mu.Unlock()
	var errs []error
	for _, l := range labs {
		errs = append(errs, l.Close()) // which gives its fabric back
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.idle {
		errs = append(errs, g.host.close())
	}
	p.idle = nil
	return errors.Join(errs...)
}

// split returns the ops that make the fabric, which come first, and the rest.
func split(ops []plan.Op) (fabric, hosts []plan.Op) {
	n := slices.IndexFunc(ops, func(o plan.Op) bool {
		a, ok := o.(plan.AddNamespace)
		return ok && a.Host != ""
	})
	if n < 0 {
		n = len(ops)
	}
	return ops[:n], ops[n:]
}

func describe(ops []plan.Op) string {
	var b strings.Builder
	for _, o := range ops {
		b.WriteString(o.String() + "\n")
	}
	return b.String()
}

func ports(ops []plan.Op) (names []string) {
	for _, o := range ops {
		if o, ok := o.(plan.AddVeth); ok {
			names = append(names, o.Port)
		}
	}
	return names
}
