package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/topology"
)

// fakeKernel answers every call with ok, and a bind of b as its word says.
type fakeKernel struct{ word string }

func (f fakeKernel) Has(context.Context, []lab.Feature) (map[lab.Feature]bool, error) {
	return nil, nil
}

func (f fakeKernel) Answer(_ context.Context, r kernel.Request, each func(int, kernel.Answer)) {
	for i, ok := r.Next(); ok; i, ok = r.Next() {
		var a kernel.Answer
		switch f.word {
		case "skip":
			a.Skip = "it lacks the option"
		case "panic":
			a.Err = errors.New("the kernel panicked")
		default:
			for _, s := range r.StepsOf(r.Combos[i]) {
				word := "ok"
				if strings.HasPrefix(s.Call.String(), "bind(b") {
					word = f.word
				}
				a.Got = append(a.Got, word)
				if a.Red = s.On(r.On).Answer.String() != word; a.Red {
					break
				}
			}
		}
		each(i, a)
	}
}

// TestBisectAsksKernels: kernels in any order, one that cannot be asked among them; what is printed, and the statuses.
func TestBisectAsksKernels(t *testing.T) {
	const file = `name: lab
networks: {red: 192.0.2.0/24}
hosts: {alpha: {nics: {eth0: {network: red, as: x}}}}
experiments:
  cleared:
    steps:
      - main: [a = socket(tcp), "setsockopt(a, SO_REUSEADDR, 1)", "bind(a, x:80)", "setsockopt(a, SO_REUSEADDR, 0)"]
      - main: [b = socket(tcp), "setsockopt(b, SO_REUSEADDR, 1)", "bind(b, x:80) = EADDRINUSE [ok on linux < 6.8]"]
`
	one, err := topology.Load(topology.Source{File: "lab.yaml", Text: []byte(file)})
	if err != nil {
		t.Fatal(err)
	}
	topologies := []*lab.Topology{one}
	for _, c := range []struct {
		name    string
		answers map[string]string // by version
		status  int
		want    []string // lines that are printed, one after the other
	}{
		{"a change", map[string]string{"6.18.44": "EADDRINUSE", "5.10.218": "ok", "6.1.176": "ok", "6.12.117": "EADDRINUSE",
			"7.3.4": "EADDRINUSE"}, 1, []string{
			"cleared on alpha, 5 kernels from 5.10.218 to 7.3.4",
			"linux 5.10.218 (kernel-5.10.218): pass, bind(b, x:80) = ok",
			"linux 7.3.4 (kernel-7.3.4): pass, bind(b, x:80) = EADDRINUSE",
			"linux 6.12.117 (kernel-6.12.117): pass, bind(b, x:80) = EADDRINUSE",
			"linux 6.1.176 (kernel-6.1.176): pass, bind(b, x:80) = ok",
			"it changed between linux 6.1.176 and linux 6.12.117, found in 4 boots",
			"    6.1.176 ok -> 6.12.117 EADDRINUSE, on alpha",
			"      6.8: the fast path of bind is dead:",
		}},
		{"a panic in the middle", map[string]string{"5.10.218": "ok", "6.12.117": "panic", "7.3.4": "EADDRINUSE"}, 1,
			[]string{
				"linux 6.12.117 (kernel-6.12.117): error, the kernel panicked",
				"it changed between linux 5.10.218 and linux 7.3.4, found in 3 boots",
				"without an answer, between them: linux 6.12.117",
			}},
		{"a skip at an end", map[string]string{"5.10.218": "skip", "6.1.176": "ok", "6.12.117": "ok", "7.3.4": "EACCES"}, 1,
			[]string{
				"linux 5.10.218 (kernel-5.10.218): skip, it lacks the option",
				"linux 7.3.4 (kernel-7.3.4): fail, bind(b, x:80) = EACCES",
				"it changed between linux 6.12.117 and linux 7.3.4, found in 4 boots",
				"      not known",
			}},
		{"ends that are alike", map[string]string{"5.10.218": "ok", "6.1.176": "EACCES", "6.7.12": "ok"}, 0, []string{
			"the answer is the same on linux 5.10.218 and linux 6.7.12, in 2 boots",
		}},
		{"no answers", map[string]string{"5.10.218": "panic", "6.1.176": "panic", "6.7.12": "ok"}, 3, []string{
			"fewer than two of the kernels answered",
		}},
		{"one kernel", map[string]string{"5.10.218": "ok"}, 3, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			b := bisection{cell: chosen{topologies[0], "alpha", "cleared"}, out: &out}
			for text := range c.answers {
				b.kernels = append(b.kernels, bisected{spec: "kernel-" + text, version: mustVersion(t, text)})
			}
			b.ask = func(ctx context.Context, spec string) (result.Report, error) {
				text := strings.TrimPrefix(spec, "kernel-")
				info := result.KernelInfo{Release: text, Version: text, Machine: "x86_64", User: "root"}
				return askKernel(ctx, fakeKernel{c.answers[text]}, info, mustVersion(t, text), topologies,
					run.Options{Jobs: 1, Hosts: []string{"alpha"}}, time.Now(), nil)
			}
			err := b.run(t.Context())
			var status exitStatus
			switch {
			case err != nil && !errors.As(err, &status):
				status = exitError // as execute has it
			}
			if int(status) != c.status {
				t.Errorf("status %d (%v), want %d", status, err, c.status)
			}
			rest := out.String()
			for _, want := range c.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("no %q, or not there, in\n%s", want, out.String())
				}
				rest = after
			}
			asked := strings.Count(out.String(), "\nlinux ")
			if whole, err := b.report(); err != nil || whole.Counts.Sum() != asked {
				t.Errorf("the report about all of them: %+v, %v", whole.Counts, err)
			}
		})
	}
}

func mustVersion(t *testing.T, text string) lab.KernelVersion {
	t.Helper()
	v, err := lab.ParseKernelVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestBisectIsUsedAsItSays: mistakes that are found before anything is booted.
func TestBisectIsUsedAsItSays(t *testing.T) {
	file := t.TempDir() + "/lab.yaml"
	write(t, file, `name: lab
networks: {red: 192.0.2.0/24}
hosts: {alpha: {}, beta: {}}
experiments:
  one: {steps: [a = socket(tcp)]}
  many: {axes: {of: [tcp, udp]}, steps: ["a = socket(${of})"], hosts: [beta]}
`)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{file, "--kernel", "host"}, "bisect takes one --only CELL"},
		{[]string{file, "--only", "many", "--kernel", "host"}, "--only many: it chooses many[of=tcp] and others"},
		{[]string{file, "--only", "one", "--kernel", "host"}, "bisect takes two kernels or more"},
		{[]string{file, "--only", "none", "--kernel", "host"}, "--only none: no experiment of that name"},
		{[]string{"--only", "one"}, "labrun bisect takes a FILE"},
	} {
		var stdout, stderr bytes.Buffer
		status := execute(rootCommand(), append([]string{"bisect"}, c.args...), &stdout, &stderr)
		if status != exitUsage || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%v: status %d, %s, want %q", c.args, status, stderr.String(), c.want)
		}
	}
}
