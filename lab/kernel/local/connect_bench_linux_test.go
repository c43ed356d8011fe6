package local

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/plan"
	"labrun/lab/result"
	"labrun/lab/run"
)

// BenchmarkConnect runs cells that connect to a peer and end the connection, and in the same run
// a bare loop of the same system calls. Its metric is the ratio of the two.
func BenchmarkConnect(b *testing.B) {
	var ports []string
	for p := range 500 {
		ports = append(ports, fmt.Sprintf("'%d'", 1000+p))
	}
	top := mustParse(b, fmt.Sprintf(`
experiments:
  bench:
    hosts: [alpha]
    axes:
      port: [%s]
      first: [x, any]
      ends: {client: "close(a)", none: ""}
    steps:
      - peer/web: w = socket(tcp)
      - peer/web: bind(w, x:80)
      - peer/web: listen(w, 5)
      - a = socket(tcp)
      - bind(a, ${first}:${port})
      - connect(a, peer.x:80)
      - peer/web: s = accept(w)
      - ${ends}
      - peer/web: close(s)
`, strings.Join(ports, ", ")))
	n := top.CountCells()
	for b.Loop() {
		began := time.Now()
		m := mustRun(b, running, top, run.Options{Jobs: 2})
		took := time.Since(began)
		for i := range m.Cells {
			if m.Cells[i].Verdict != result.Pass {
				b.Fatalf("%s: %+v", m.NameOf(&m.Cells[i]), m.Cells[i])
			}
		}
		b.ReportMetric(float64(n)/took.Seconds(), "cells/s")
		b.ReportMetric(float64(took)/float64(bareConnections(b, top, n)), "ratio")
	}
}

// bareConnections makes the same calls from one thread, which leaves a TIME_WAIT of each.
func bareConnections(b *testing.B, top *lab.Topology, n int) (took time.Duration) {
	l, err := fabric.Up(b.Context(), plan.New(&top.Layout, "alpha", "beta"))
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	server := &unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 2}, Port: 80}
	var far int
	must(l.Host("beta").Do(func() (err error) {
		far, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	}))
	defer unix.Close(far)
	must(l.Host("alpha").Do(func() error {
		near, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		must(err)
		defer unix.Close(near)
		began := time.Now()
		for i := range n {
			must(unix.Setns(far, unix.CLONE_NEWNET))
			w, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			must(err)
			must(unix.SetsockoptInt(w, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
			must(unix.Bind(w, server))
			must(unix.Listen(w, 5))
			must(unix.Setns(near, unix.CLONE_NEWNET))
			a, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			must(err)
			must(unix.Bind(a, &unix.SockaddrInet4{Port: 1000 + i}))
			must(unix.Connect(a, server))
			s, _, err := unix.Accept(w)
			must(err)
			must(unix.Close(a))
			must(unix.Close(s))
			must(unix.Close(w))
		}
		took = time.Since(began)
		return nil
	}))
	return took
}
