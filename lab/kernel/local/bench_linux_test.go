package local

import (
	"fmt"
	"runtime"
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

// hundredThousand is 100 000 cells of two TCP sockets: options, bind, listen,
// second bind.
func hundredThousand(b *testing.B) *lab.Topology {
	var ports []string
	for p := range 3125 {
		ports = append(ports, fmt.Sprintf("'%d'", 1000+p))
	}
	return mustParse(b, fmt.Sprintf(`
experiments:
  bench:
    hosts: [alpha]
    axes:
      port: [%s]
      first: [x, any]
      second: [x, y]
      option: {none: "0", reuse: "1"}
      listen: {bound: "", listening: "listen(a, 5)"}
      turn: ["1", "2"]
    want:
      - {first: x, second: y, answer: ok}
      - {option: reuse, listen: bound, answer: ok}
      - {else: EADDRINUSE}
    steps:
      - a = socket(tcp)
      - setsockopt(a, SO_REUSEADDR, ${option})
      - bind(a, ${first}:${port})
      - ${listen}
      - b = socket(tcp)
      - setsockopt(b, SO_REUSEADDR, ${option})
      - bind(b, ${second}:${port}) = ${want}
      - {repeat: 1, main: "setsockopt(b, SO_KEEPALIVE, 0)"}
      - setsockopt(b, SO_MARK, ${turn})
`, strings.Join(ports, ", ")))
}

// BenchmarkAxes runs 100 000 cells and, in the same run and on one processor, a
// bare loop of the same system calls. Its metrics are the ratios of
// the two, in time and in time of the processor.
func BenchmarkAxes(b *testing.B) {
	top := hundredThousand(b)
	if n := top.CountCells(); n != 100_000 {
		b.Fatalf("%d cells", n)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for b.Loop() {
		began, before := time.Now(), processorTime(b)
		m := mustRun(b, running, top, run.Options{Jobs: 1})
		cells, cellsCPU := time.Since(began), processorTime(b)-before
		for i := range m.Cells {
			if m.Cells[i].Verdict != result.Pass {
				b.Fatalf("%s: %+v", m.NameOf(&m.Cells[i]), m.Cells[i])
			}
		}
		before = processorTime(b)
		bare := bareLoop(b, top)
		bareCPU := processorTime(b) - before
		b.ReportMetric(float64(cells.Nanoseconds())/100_000, "ns/cell")
		b.ReportMetric(float64(bare.Nanoseconds())/100_000, "ns/bare")
		b.ReportMetric(float64(cells)/float64(bare), "ratio")
		b.ReportMetric(float64(cellsCPU)/float64(bareCPU), "cpu-ratio") // the same on a loaded machine
	}
}

// processorTime is what this program and the processes that it has waited for
// have used.
func processorTime(b *testing.B) time.Duration {
	var total int64
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		if err := unix.Getrusage(who, &r); err != nil {
			b.Fatal(err)
		}
		total += r.Utime.Nano() + r.Stime.Nano()
	}
	return time.Duration(total)
}

// bareLoop makes the same calls with the same arguments, as a program would that
// was written for the purpose.
func bareLoop(b *testing.B, top *lab.Topology) (took time.Duration) {
	l, err := fabric.Up(b.Context(), plan.New(&top.Layout, "alpha"))
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	x, y := [4]byte{192, 0, 2, 1}, [4]byte{198, 51, 100, 1}
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	err = l.Host("alpha").Do(func() error {
		began := time.Now()
		for port := range 3125 {
			for _, first := range [][4]byte{x, {}} {
				for _, second := range [][4]byte{x, y} {
					for option := range 2 {
						for listen := range 2 {
							for turn := range 2 {
								a, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
								must(err)
								must(unix.SetsockoptInt(a, unix.SOL_SOCKET, unix.SO_REUSEADDR, option))
								must(unix.Bind(a, &unix.SockaddrInet4{Addr: first, Port: 1000 + port}))
								if listen == 1 {
									must(unix.Listen(a, 5))
								}
								c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
								must(err)
								must(unix.SetsockoptInt(c, unix.SOL_SOCKET, unix.SO_REUSEADDR, option))
								err = unix.Bind(c, &unix.SockaddrInet4{Addr: second, Port: 1000 + port})
								free := first == x && second == y || option == 1 && listen == 0
								if free != (err == nil) {
									b.Fatalf("bind: %v", err)
								}
								must(unix.SetsockoptInt(c, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0))
								must(unix.SetsockoptInt(c, unix.SOL_SOCKET, unix.SO_MARK, turn+1))
								must(unix.Close(a))
								must(unix.Close(c))
							}
						}
					}
				}
			}
		}
		took = time.Since(began)
		return nil
	})
	must(err)
	return took
}
