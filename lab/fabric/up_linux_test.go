package fabric

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"labrun/lab/plan"
)

func TestUpCloseLeavesNothing(t *testing.T) {
	needNetNS(t)
	p := plan.New(dual(3))
	cycle := func(n int) {
		for range n {
			l, err := Up(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.Host("h1").Sockets(); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatalf("the second Close: %v", err)
			}
		}
	}
	cycle(3) // the runtime opens its poller, and makes threads that it keeps
	fds, tasks := descriptors(t), threads(t)
	leavesNetwork(t, func() { cycle(20) })
	if diff := cmp.Diff(fds, descriptors(t)); diff != "" {
		t.Errorf("descriptors: -before +after:\n%s", diff)
	}
	// A thread ends a moment after its goroutine. The runtime may have wanted
	// a few more for itself meanwhile, but not one per lab.
	for end := time.Now().Add(2 * time.Minute); threads(t) > tasks+10; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d threads, %d before", threads(t), tasks)
		}
	}
}

func TestUpStopsAtEveryOp(t *testing.T) {
	needNetNS(t)
	p := plan.New(dual(2))
	mustUp(t, p).Close()
	fds := descriptors(t)
	bad := plan.LinkUp{NS: "dual", Name: "none"}
	leavesNetwork(t, func() {
		for i := 1; i <= len(p.Ops); i++ {
			broken := plan.Plan{Name: p.Name, Ops: slices.Insert(slices.Clone(p.Ops), i, plan.Op(bad))}
			l, err := Up(t.Context(), broken)
			if l != nil || err == nil || !strings.HasPrefix(err.Error(), bad.String()+": ") {
				t.Fatalf("Up with a bad op at %d = %v, %v, want an error that begins with %q", i, l, err, bad)
			}
			if err := l.Close(); err != nil {
				t.Errorf("Close of a lab that did not come up: %v", err)
			}
		}
	})
	if diff := cmp.Diff(fds, descriptors(t)); diff != "" {
		t.Errorf("descriptors: -before +after:\n%s", diff)
	}
}

// leavesNetwork calls f, which is to leave the caller's network as it is. That may be
// the machine's, and somebody else change it meanwhile; labrun would do so every time.
func leavesNetwork(t *testing.T, f func()) {
	t.Helper()
	for tries := 5; ; tries-- {
		before := network(t)
		f()
		diff := cmp.Diff(before, network(t))
		if diff == "" {
			return
		}
		if tries == 1 {
			t.Errorf("the caller's network: -before +after:\n%s", diff)
			return
		}
	}
}

// countdown is a context that ends when it has been asked n times.
type countdown struct {
	context.Context
	n *int
}

func (c countdown) Err() error {
	if *c.n--; *c.n < 0 {
		return context.Canceled
	}
	return nil
}

func TestUpStopsWhenCancelled(t *testing.T) {
	needNetNS(t)
	p := plan.New(dual(2))
	mustUp(t, p).Close()
	fds := descriptors(t)
	for i := range len(p.Ops) {
		n := i
		l, err := Up(countdown{t.Context(), &n}, p)
		if l != nil || !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), p.Ops[i].String()) {
			t.Fatalf("Up cancelled before op %d = %v, %v", i, l, err)
		}
	}
	if diff := cmp.Diff(fds, descriptors(t)); diff != "" {
		t.Errorf("descriptors: -before +after:\n%s", diff)
	}
}

func TestUpErrors(t *testing.T) {
	needNetNS(t)
	fabric := plan.AddNamespace{NS: "f"}
	host := plan.AddNamespace{NS: "f.h", Host: "h"}
	bridge := plan.AddBridge{NS: "f", Name: "red", MAC: plan.MAC{0x0a}}
	veth := plan.AddVeth{NS: "f", Port: "0.0", PortMAC: plan.MAC{6}, Bridge: "red", HostNS: "f.h", NIC: "eth0", NICMAC: plan.MAC{2}}
	for _, test := range []struct {
		ops  []plan.Op
		want string // what follows the last op
		is   error
	}{
		{[]plan.Op{fabric, fabric}, `namespace "f": file already exists`, fs.ErrExist},
		{[]plan.Op{fabric, plan.AddNamespace{NS: "g"}}, `namespace "g": file already exists`, fs.ErrExist},
		{[]plan.Op{plan.LinkUp{NS: "f", Name: "lo"}}, `no namespace "f": file does not exist`, fs.ErrNotExist},
		{[]plan.Op{fabric, bridge, bridge}, "file exists", fs.ErrExist},
		{[]plan.Op{fabric, bridge, veth}, `no namespace "f.h": file does not exist`, fs.ErrNotExist},
		{[]plan.Op{fabric, host, veth}, `link "red": no such device`, nil},
		{[]plan.Op{fabric, host, bridge, veth, veth}, "file exists", fs.ErrExist},
		{[]plan.Op{fabric, plan.AddBridge{NS: "f", Name: "a/b", MAC: plan.MAC{0x0a}}}, "invalid argument", nil},
		{[]plan.Op{fabric, plan.LinkUp{NS: "f", Name: "a-name-of-20-bytes--"}}, `link name "a-name-of-20-bytes--": invalid argument`, nil},
		{[]plan.Op{fabric, plan.Sysctl{NS: "f", Key: "net.none", Value: "1"}}, "open /proc/sys/net/none: no such file or directory", fs.ErrNotExist},
		{[]plan.Op{fabric, plan.Sysctl{NS: "f", Key: "net.none", Value: "1", IfKnown: true}}, "", nil},
	} {
		l, err := Up(t.Context(), plan.Plan{Ops: test.ops})
		l.Close()
		if test.want == "" && err == nil {
			continue
		}
		want := test.ops[len(test.ops)-1].String() + ": " + test.want
		if err == nil || !strings.HasPrefix(err.Error(), want) || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("Up = %v, want %s", err, want)
		}
	}
}
