package main

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
	"time"

	"labrun/lab/plan"
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
