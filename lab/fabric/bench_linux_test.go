package fabric

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab/plan"
)

// BenchmarkLab builds and closes a lab of n hosts with two NICs each, and the
// floor of the same plan after it in the same round, so that both have the same
// neighbours on the machine.
//
// The kernel ends namespaces in the background, and what builds the next lab
// meanwhile waits for its locks. Here every round starts when that is over: the
// figures are what a lab costs by itself. How long it takes is gone-ms/host, a
// grace period of RCU or two included, which is most of it where hosts are few. MB is
// the most memory that the process had so far.
func BenchmarkLab(b *testing.B) {
	needNetNS(b)
	s := newSentinel(b)
	for _, n := range []int{2, 10, 30, 100, 300, 1000} {
		b.Run(fmt.Sprintf("hosts=%d", n), func(b *testing.B) {
			p := plan.New(dual(n))
			bare := newFloor(b, p)
			var lab, floor measured
			rounds := 0
			s.drain(b)
			for b.Loop() {
				rounds++
				lab.add(b, s, func() time.Duration { return upDown(b, Up, p) })
				floor.add(b, s, func() time.Duration { return bare.upDown(b) })
			}
			report(b, lab.clock, rounds*n, "ms/host")
			report(b, floor.clock, rounds*n, "floor-ms/host")
			report(b, lab.cpu, rounds*n, "cpu-ms/host")
			report(b, lab.gone, rounds*n, "gone-ms/host")
			b.ReportMetric(lab.clock.Seconds()/floor.clock.Seconds(), "x-floor")
			b.ReportMetric(lab.cpu.Seconds()/floor.cpu.Seconds(), "cpu-x-floor")
			b.ReportMetric(lab.gone.Seconds()/floor.gone.Seconds(), "gone-x-floor")
			b.ReportMetric(float64(usage(b).Maxrss)/1024, "MB")
		})
	}
}

// measured is what labs of one way to build them took.
type measured struct{ clock, cpu, gone time.Duration }

// add builds and closes one, and waits until the kernel has ended it.
func (m *measured) add(b *testing.B, s sentinel, upDown func() time.Duration) {
	cpu := cpuTime(b)
	m.clock += upDown()
	m.cpu += cpuTime(b) - cpu
	closed := time.Now()
	s.drain(b)
	m.gone += time.Since(closed)
}

// BenchmarkLabsInARow does not wait for the kernel, so the figures are what labs
// cost a run that builds one after the other. Each way has its own stretch of
// a round, since it is the lab before that a lab waits for.
func BenchmarkLabsInARow(b *testing.B) {
	needNetNS(b)
	s := newSentinel(b)
	const labs = 20
	for _, n := range []int{2, 10} {
		b.Run(fmt.Sprintf("hosts=%d", n), func(b *testing.B) {
			p := plan.New(dual(n))
			bare := newFloor(b, p)
			var pool Pool
			defer pool.Close()
			var lab, pooled, floor time.Duration
			rounds := 0
			for b.Loop() {
				rounds++
				for sum, once := range map[*time.Duration]func() time.Duration{
					&lab:    func() time.Duration { return upDown(b, Up, p) },
					&pooled: func() time.Duration { return upDown(b, pool.Up, p) },
					&floor:  func() time.Duration { return bare.upDown(b) },
				} {
					s.drain(b)
					for range labs {
						*sum += once()
					}
				}
			}
			report(b, lab, rounds*labs*n, "ms/host")
			report(b, pooled, rounds*labs*n, "pool-ms/host")
			report(b, floor, rounds*labs*n, "floor-ms/host")
			b.ReportMetric(pooled.Seconds()/floor.Seconds(), "pool-x-floor")
		})
	}
}

// cpuTime is what the process has used so far, the kernel's work for it
// included. A busy machine disturbs it less than it does the clock.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	u := usage(b)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func usage(b *testing.B) (u unix.Rusage) {
	b.Helper()
	must(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return u
}

func report(b *testing.B, d time.Duration, hosts int, unit string) {
	b.ReportMetric(0, "ns/op") // would be of all that a round does
	b.ReportMetric(d.Seconds()*1000/float64(hosts), unit)
}

func upDown(b *testing.B, up func(context.Context, plan.Plan) (*Lab, error), p plan.Plan) time.Duration {
	b.Helper()
	start := time.Now()
	l, err := up(b.Context(), p)
	must(b, err)
	must(b, l.Close())
	return time.Since(start)
}

func (f floor) upDown(b *testing.B) time.Duration {
	b.Helper()
	start := time.Now()
	must(b, onThread(func() error {
		spaces, err := f.up()
		down(spaces)
		return err
	}))
	return time.Since(start)
}

// sentinel is a namespace that sees when others are gone.
type sentinel struct{ *Host }

func newSentinel(t testing.TB) sentinel {
	l := mustUp(t, plan.Plan{Ops: []plan.Op{
		plan.AddNamespace{NS: "s", Host: "s"},
		plan.AddBridge{NS: "s", Name: "red", MAC: plan.MAC{0x0a}},
	}})
	return sentinel{l.Host("s")}
}

// drain returns when the kernel has ended the namespaces that were closed
// before. It ends them in order, in batches: when a NIC of a later one is gone,
// its batch has begun and those before are done; after a second, so is that.
func (s sentinel) drain(t testing.TB) {
	t.Helper()
	for range 2 {
		must(t, onThread(s.outlive))
	}
}

// outlive makes a namespace and ends it, and returns when its NIC is gone.
func (s sentinel) outlive() error {
	last, err := newNamespace("last")
	if err != nil {
		return err
	}
	defer last.Close()
	// As in a lab, a socket is closed there, and lets go of the namespace only
	// after a grace period of RCU.
	in, err := openRTNL()
	if err != nil {
		return err
	}
	defer in.close()
	if err := enter(s.file); err != nil {
		return err
	}
	r, err := openRTNL()
	if err != nil {
		return err
	}
	defer r.close()
	bridge, err := r.indexOf("red")
	if err != nil {
		return err
	}
	veth := plan.AddVeth{Port: "0.0", PortMAC: plan.MAC{6}, NIC: "eth0", NICMAC: plan.MAC{2}}
	if err := r.send(addVeth(veth, bridge, last.Fd())); err != nil {
		return err
	}
	events, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK)
	if err != nil {
		return err
	}
	defer events.Close()
	in.close()
	last.Close()
	for {
		messages, _, err := events.Receive()
		if err != nil {
			return err
		}
		for _, m := range messages {
			if m.Header.Type == unix.RTM_DELLINK {
				return nil
			}
		}
	}
}
