package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/kernel/guest"
	"labrun/lab/kernel/image"
	"labrun/lab/kernel/local"
	"labrun/lab/plan"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/topology"
)

// BenchmarkDualNIC is the whole command on the lesson that it is made for. Its
// floor is what somebody would do by hand: for every cell the ip(8) script of its
// lab and the removal of its namespaces, and not a single call yet.
func BenchmarkDualNIC(b *testing.B) {
	needNetNS(b)
	t, err := topology.Load(topology.Source{File: dualNIC})
	if err != nil {
		b.Fatal(err)
	}
	var script bytes.Buffer
	script.WriteString("mount -t tmpfs tmpfs /run\nset -e\n")
	for i := range t.Experiments {
		for _, h := range t.Hosts {
			script.WriteString(plan.New(&t.Layout, t.Experiments[i].HostsUsed(&t.Layout, h.Name)...).Script())
			script.WriteString("\nip -all netns delete\n")
		}
	}
	var floor, own time.Duration
	for b.Loop() {
		began := time.Now()
		cmd := exec.Command("unshare", "-mn", "sh")
		cmd.Stdin = bytes.NewReader(script.Bytes())
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			b.Skipf("the floor needs root, unshare(1) and ip(8): %v", err)
		}
		floor += time.Since(began)
		began = time.Now()
		if out, err := labrun(b, dualNIC).CombinedOutput(); err != nil {
			b.Fatalf("%v:\n%s", err, out)
		}
		own += time.Since(began)
	}
	cells := 0
	for i := range t.Experiments {
		for _, h := range t.Hosts {
			if t.Experiments[i].RunsOn(h.Name) {
				cells++
			}
		}
	}
	b.ReportMetric(float64(own.Milliseconds())/float64(b.N), "ms/run")
	b.ReportMetric(float64(own.Microseconds())/float64(b.N)/float64(cells), "us/cell")
	b.ReportMetric(float64(floor.Milliseconds())/float64(b.N), "ms/ip-script")
	b.ReportMetric(float64(own)/float64(floor), "x-floor")
	b.ReportMetric(0, "ns/op") // both together, which says nothing
}

// BenchmarkGuest is dual-nic's cells on each kernel of LABRUN_TEST_KERNELS, a list such as PATH is: how long that boots,
// and apart from it how long the cells take, against the same cells on this machine's kernel. On a loaded machine the
// processor's time says more than the clock: that of what runs the guest is boot-cpu-ms and cells-cpu-ms.
func BenchmarkGuest(b *testing.B) {
	kernels := filepath.SplitList(os.Getenv("LABRUN_TEST_KERNELS"))
	if len(kernels) == 0 {
		b.Skip("LABRUN_TEST_KERNELS names no kernels")
	}
	needNetNS(b)
	t, err := topology.Load(topology.Source{File: dualNIC})
	if err != nil {
		b.Fatal(err)
	}
	ask := func(k kernel.Kernel, v lab.KernelVersion) time.Duration {
		began := time.Now()
		matrices, err := run.Run(b.Context(), k, v, []*lab.Topology{t}, run.Options{Jobs: 1, Waiting: 2})
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range matrices[0].Cells {
			if c.Verdict != result.Pass {
				b.Errorf("%s: %s", matrices[0].NameOf(&c), c.Verdict)
			}
		}
		return time.Since(began)
	}
	for _, spec := range kernels {
		b.Run(filepath.Base(spec), func(b *testing.B) {
			i, err := image.Open(b.Context(), spec)
			if err != nil {
				b.Fatal(err)
			}
			if err := guest.Can(i); err != nil {
				b.Skip(err)
			}
			var boot, cells, here, bootCPU, cellsCPU time.Duration
			for b.Loop() {
				before := childrenTime(b)
				began := time.Now()
				k, err := guest.Start(b.Context(), i, guest.Options{})
				if err != nil {
					b.Fatal(err)
				}
				boot += time.Since(began)
				booted := childrenTime(b)
				cells += ask(k, k.Hello.Version)
				bootCPU, cellsCPU = bootCPU+booted-before, cellsCPU+childrenTime(b)-booted
				k.Close()
				own, err := local.New(nil)
				if err != nil {
					b.Fatal(err)
				}
				_, on, err := local.Info(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				here += ask(own, on)
				own.Close()
			}
			b.ReportMetric(float64(boot.Milliseconds())/float64(b.N), "boot-ms")
			b.ReportMetric(float64(cells.Milliseconds())/float64(b.N), "cells-ms")
			b.ReportMetric(float64(here.Milliseconds())/float64(b.N), "here-ms")
			b.ReportMetric(float64(bootCPU.Milliseconds())/float64(b.N), "boot-cpu-ms")
			b.ReportMetric(float64(cellsCPU.Milliseconds())/float64(b.N), "cells-cpu-ms")
			b.ReportMetric(float64(cells)/float64(here), "x-here")
			b.ReportMetric(float64(cells)/float64(boot), "x-boot")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// childrenTime returns how long this process's children and theirs had a processor, those included that have ended:
// /proc/PID/stat of proc(5), in ticks of 10 ms.
func childrenTime(b *testing.B) time.Duration {
	b.Helper()
	var ended unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &ended); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ended.Utime.Nano()+ended.Stime.Nano()) + timeBelow("self")
}

// timeBelow returns how long the living children of a process, and what is below them, had a processor.
func timeBelow(pid string) (sum time.Duration) {
	tasks, _ := filepath.Glob("/proc/" + pid + "/task/*/children")
	for _, task := range tasks {
		children, _ := os.ReadFile(task)
		for child := range strings.FieldsSeq(string(children)) {
			stat, _ := os.ReadFile("/proc/" + child + "/stat")
			_, rest, _ := strings.Cut(string(stat), ") ") // the name before it may have anything in it
			words := strings.Fields(rest)
			for _, word := range words[min(11, len(words)):min(15, len(words))] { // utime, stime, cutime, cstime
				ticks, _ := strconv.Atoi(word)
				sum += time.Duration(ticks) * 10 * time.Millisecond
			}
			sum += timeBelow(child)
		}
	}
	return sum
}
