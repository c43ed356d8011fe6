package run

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"labrun/lab"
	"labrun/lab/report"
	"labrun/lab/result"
)

// TestRunsAddUp runs the cells of a file in parts, and once in whole: the reports of the
// parts, merged in any order, are the report of the whole, byte for byte.
func TestRunsAddUp(t *testing.T) {
	top := mustParse(t, `
claims:
  taken: A port has one owner.
  lasting: It stays so.
  untested: Nobody asks.
experiments:
  zebra:
    claim: taken
    when: both are bound to one address
    axes: {first: [x, y, any], second: [x, y, any]}
    steps: [a = socket(tcp), "bind(a, ${first}:80)", b = socket(tcp), "bind(b, ${second}:80) = EADDRINUSE"]
  ape:
    claim: not taken
    hosts: [beta]
    steps: [a = socket(tcp), "bind(a, x:80) = ok"]
  newt: {claim: lasting, steps: [a = socket(tcp), "bind(a, y:80) = ok"]}
  crab: {steps: [a = socket(udp), "bind(a, x:81)"]}
`)
	ask := func(o Options) result.Report {
		o.Jobs, o.Runs = 2, 3
		k := &fake{skips: "crab", answers: map[string][]string{
			"bind(b, x:80)": {"EADDRINUSE"}, "bind(b, y:80)": {"EADDRINUSE", "ok", "EADDRINUSE"}, "bind(b, any:80)": {"EADDRINUSE"},
		}}
		m, err := Run(t.Context(), k, lab.KernelVersion{6, 18, 0}, []*lab.Topology{top}, o)
		if err != nil {
			t.Fatal(err)
		}
		return result.NewReport(result.Environment{Kernels: []result.KernelInfo{{Release: "6.18"}}}, m)
	}
	whole := written(t, ask(Options{}))
	if !strings.Contains(whole, `"flaky"`) || !strings.Contains(whole, "not tested") {
		t.Fatalf("the whole has no flaky cell or no claim that is not tested:\n%s", whole)
	}
	for seed := range int64(20) {
		r := rand.New(rand.NewSource(seed))
		parts := 1 + r.Intn(5)
		of := map[string]int{}
		for i := range top.Experiments {
			for _, c := range top.Experiments[i].Combos {
				of[fmt.Sprint(top.Experiments[i].Name, c)] = r.Intn(parts)
			}
		}
		var all []result.Part
		for p := range parts {
			o := Options{Only: func(e *lab.Experiment, c lab.Combo) bool { return of[fmt.Sprint(e.Name, c)] == p }}
			if seed%2 == 0 {
				all = append(all, result.Part{Report: ask(o)})
				continue
			}
			for _, host := range []string{"beta", "alpha"} {
				o.Hosts = []string{host}
				all = append(all, result.Part{Report: ask(o)})
			}
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		merged, err := result.Merge(all...)
		if err != nil {
			t.Fatal(err)
		}
		if got := written(t, merged); got != whole {
			t.Errorf("%d parts of seed %d are\n%s\nand not\n%s", len(all), seed, got, whole)
		}
	}
}

// written returns a report as it is kept.
func written(t *testing.T, r result.Report) string {
	t.Helper()
	var b strings.Builder
	if err := report.JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
