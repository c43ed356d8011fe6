package result_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/result"
)

// TestDigestOfAKernel: the digest of one kernel's columns is that of a run on it alone.
func TestDigestOfAKernel(t *testing.T) {
	several := 0
	err := quick.Check(func(w whole) bool {
		for _, k := range w.Kernels {
			several++
			alone := w.On(k.Name)
			if k.Digest != result.DigestOf(alone.Matrices) || k.Digest != alone.Digest || k.Counts != alone.Counts {
				t.Logf("kernel %s: %s of %+v, alone %s of %+v", k.Name, k.Digest, k.Counts, alone.Digest, alone.Counts)
				return false
			}
			if alone.Kernels != nil || alone.Changes != nil {
				return false
			}
		}
		return true
	}, &quick.Config{MaxCount: 200})
	if err != nil {
		t.Fatal(err)
	}
	if several == 0 {
		t.Error("no report was about several kernels")
	}
}

// onKernels is a report of one experiment with one step beside a socket, on kernels that answered so. An answer
// "skip" or "error" is a cell that came to that.
func onKernels(kernels []result.KernelInfo, call, want string, open bool, hosts map[string][]string) result.Report {
	row := result.Row{Name: "one", Line: 3, Slots: []result.RowSlot{{Variants: [][]result.RowStep{{
		{Line: 5, Process: "main", Call: "a = socket(tcp)", Want: "ok"},
		{Line: 6, Process: "main", Call: call, Want: want, Open: open}}}}}}
	var parts []result.Part
	for i, k := range kernels {
		m := result.Matrix{File: "one.yaml", Name: "topology", Rows: []result.Row{row}}
		for _, host := range []string{"alpha", "beta"} {
			answers := hosts[host]
			if answers == nil {
				continue
			}
			cell := result.Cell{Column: int32(len(m.Columns)), Got: &[]string{"ok", answers[i]}}
			m.Columns = append(m.Columns, result.Column{Host: host, Kernel: k.Name})
			switch answers[i] {
			case want:
			case "skip":
				cell = result.Cell{Column: cell.Column, Verdict: result.Skip, Note: &result.Note{Reason: "lacks it"}}
			case "error":
				cell.Verdict, cell.Got, cell.Note = result.Error, &[]string{"ok"}, &result.Note{Reason: "panic"}
			default:
				if !open {
					cell.Verdict = result.Fail
				}
			}
			m.Cells = append(m.Cells, cell)
		}
		parts = append(parts, result.Part{Name: k.Name, Report: result.NewReport(
			result.Environment{Kernels: []result.KernelInfo{k}}, []result.Matrix{m})})
	}
	r, err := result.Merge(parts...)
	if err != nil {
		panic(err)
	}
	return r
}

// versions are kernels of one architecture.
func versions(names ...string) []result.KernelInfo {
	var all []result.KernelInfo
	for _, n := range names {
		all = append(all, result.KernelInfo{Name: n, Version: n, Release: n + "-cloud", Machine: "x86_64"})
	}
	return all
}

func TestChanges(t *testing.T) {
	arm := append(versions("6.1.176", "6.18.15"), result.KernelInfo{Name: "7.3.4", Version: "7.3.4", Machine: "aarch64"})
	for _, c := range []struct {
		name    string
		kernels []result.KernelInfo
		open    bool
		answers map[string][]string
		want    []string
	}{
		{"none", versions("6.1.176", "6.18.15"), false, map[string][]string{"alpha": {"ok", "ok"}}, nil},
		{"asked in another order", versions("6.18.15", "5.10.218", "6.1.176"), false,
			map[string][]string{"alpha": {"EINVAL", "ok", "ok"}, "beta": {"EINVAL", "ok", "ok"}},
			[]string{"[alpha beta] 6.1.176 ok, 6.18.15 EINVAL"}},
		{"one host, there and back", versions("5.10.218", "6.1.10", "6.18.15"), false,
			map[string][]string{"alpha": {"ok", "EINVAL", "ok"}, "beta": {"ok", "ok", "ok"}},
			[]string{"[alpha] 5.10.218 ok, 6.1.10 EINVAL", "[alpha] 6.1.10 EINVAL, 6.18.15 ok"}},
		{"a skip and an error are no answers", versions("5.10.218", "6.1.10", "6.12.1", "6.18.15"), false,
			map[string][]string{"alpha": {"ok", "skip", "error", "EINVAL"}},
			[]string{"[alpha] 5.10.218 ok, 6.18.15 EINVAL"}},
		{"left open", versions("6.1.176", "6.18.15"), true, map[string][]string{"alpha": {"ok", "EINVAL"}}, nil},
		{"another architecture", arm, false, map[string][]string{"alpha": {"ok", "ok", "EINVAL"}},
			[]string{"[alpha] 6.18.15 ok, 7.3.4 EINVAL: x86_64, aarch64"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := onKernels(c.kernels, "listen(a, 5)", "ok", c.open, c.answers)
			var got []string
			for _, x := range r.Changes {
				s := fmt.Sprintf("%v %s %s, %s %s", x.Hosts, x.Before.Kernel, x.Before.Answer, x.After.Kernel, x.After.Answer)
				if x.Machines != nil {
					s += ": " + strings.Join(x.Machines, ", ")
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

// TestChangesAreWhatDiffers: a cell is of a change when the one before it was answered otherwise, and of no other one.
func TestChangesAreWhatDiffers(t *testing.T) {
	seen := 0
	differ := func(m *result.Matrix, a, b *result.Cell) bool {
		x, y := m.StepsOf(a), m.StepsOf(b)
		for i := range min(len(x), len(y)) {
			if x[i].Got != y[i].Got && (x[i].Red || y[i].Red || !x[i].Open && !y[i].Open) {
				return true
			}
		}
		return false
	}
	err := quick.Check(func(w whole) bool {
		changed := w.Changed()
		for i := range w.Matrices {
			m := &w.Matrices[i]
			for j := range m.Cells {
				c := &m.Cells[j]
				want := false
				for k := range m.Cells {
					b := &m.Cells[k]
					if on := m.Columns[c.Column]; on.Kernel == "6.18" && c.Row == b.Row && c.Combo == b.Combo &&
						m.Columns[b.Column] == (result.Column{Host: on.Host, Kernel: "6.1"}) {
						want = c.Answered() && b.Answered() && differ(m, b, c)
					}
				}
				if change := changed(i, c); (change != nil) != want {
					t.Logf("%s on %s: %v, want %v", m.NameOf(c), m.ColumnOf(c), change, want)
					return false
				} else if want {
					seen++
				}
			}
		}
		return true
	}, &quick.Config{MaxCount: 100})
	if err != nil || seen == 0 {
		t.Errorf("%v, %d cells of changes", err, seen)
	}
}

// TestChangesOfCombinations: combinations that changed alike are one change, and those that changed on fewer hosts
// another, so that every cell of a change is in each of its hosts.
func TestChangesOfCombinations(t *testing.T) {
	step := result.RowStep{Line: 5, Process: "main", Call: "bind(a, x:80)", Want: "?", Shown: true}
	row := result.Row{Name: "many", Line: 3, Axes: []lab.Axis{{Name: "first", Values: []string{"x", "y", "any"}}},
		Slots: []result.RowSlot{{Variants: [][]result.RowStep{{step}}}}}
	m := result.Matrix{File: "many.yaml", Name: "topology", Rows: []result.Row{row}, Columns: []result.Column{
		{Host: "alpha", Kernel: "6.1"}, {Host: "alpha", Kernel: "6.8"},
		{Host: "beta", Kernel: "6.1"}, {Host: "beta", Kernel: "6.8"}}}
	for column := range 4 {
		for combo := range 3 {
			answer := "ok"
			if column%2 == 1 && (combo < 2 || column == 1) {
				answer = "EADDRINUSE"
			}
			m.Cells = append(m.Cells, result.Cell{Column: int32(column), Combo: lab.Combo(combo), Got: &[]string{answer}})
		}
	}
	r := result.NewReport(result.Environment{}, []result.Matrix{m})
	var got []string
	for _, c := range r.Changes {
		got = append(got, fmt.Sprint(c.Cells, c.Hosts))
	}
	want := []string{"[many[first=x] many[first=y]] [alpha beta]", "[many[first=any]] [alpha]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	changed := r.Changed()
	for i := range m.Cells {
		c := &m.Cells[i]
		if is := (*c.Got)[0] != "ok"; (changed(0, c) != nil) != is {
			t.Errorf("%s on %s: changed is %v", m.NameOf(c), m.ColumnOf(c), !is)
		}
	}
}

// TestKnownChanges: what a row of the table explains, and what none does. Where point releases took a change, the
// release before it and the one with it are told apart, and a release between that nobody looked at may be either.
func TestKnownChanges(t *testing.T) {
	const udp = "7.0, 6.19.11, 6.18.21, 6.12.80, 6.6.131, 6.1.168"
	for _, c := range []struct {
		older, newer string
		calls        string // before the last one, which was answered otherwise
		call         string
		was, is      string
		want         string // versions; "" is not known
	}{
		{"6.1.31", "6.1.32", "", "setsockopt(a, IP_LOCAL_PORT_RANGE, 1-2)", "ENOPROTOOPT", "ok", "6.3, 6.1.32"},
		{"6.1.32", "6.1.33", "", "setsockopt(a, IP_LOCAL_PORT_RANGE, 1-2)", "ENOPROTOOPT", "ok", ""},
		{"6.2.9", "6.3", "", "setsockopt(a, IP_LOCAL_PORT_RANGE, 1-2)", "ENOPROTOOPT", "ok", "6.3, 6.1.32"},
		{"6.3", "6.7.12", "", "setsockopt(a, IP_LOCAL_PORT_RANGE, 1-2)", "ENOPROTOOPT", "ok", ""},
		{"6.7.12", "6.8", "setsockopt(a, SO_REUSEADDR, 0)", "bind(b, x:80)", "ok", "EADDRINUSE", "6.8"},
		{"6.8", "6.9", "setsockopt(a, SO_REUSEADDR, 0)", "bind(b, x:80)", "ok", "EADDRINUSE", ""},
		{"6.1.166", "6.18.15", "", "setsockopt(a, SO_REUSEPORT, 1)", "ok", "EOPNOTSUPP", ""},
		{"5.10.265", "6.1.166", "", "setsockopt(a, SO_REUSEPORT, 1)", "ok", "EOPNOTSUPP",
			"6.13, 6.12.9, 6.6.70, 6.1.124, 5.15.176"},
		{"6.1.123", "6.1.124", "", "setsockopt(a, SO_REUSEPORT, 1)", "ok", "EOPNOTSUPP",
			"6.13, 6.12.9, 6.6.70, 6.1.124, 5.15.176"},
		{"6.1.110", "6.1.123", "", "setsockopt(a, SO_REUSEPORT, 1)", "ok", "EOPNOTSUPP", ""},
		{"6.17.0", "6.17.13", "", "connect(a, peer.x:80)", "EADDRNOTAVAIL", "ok", "6.18, 6.17 after 6.17.0"},
		{"6.16.12", "6.18.15", "", "connect(a, peer.x:80)", "EADDRNOTAVAIL", "ok", "6.18, 6.17 after 6.17.0"},
		{"6.18.15", "7.2.13", "", "connect(a, peer.x:80)", "EADDRNOTAVAIL", "ok", ""},
		{"5.10.46", "5.10.262", "connect(a, peer.x:81)", "getsockname(a)", "x:44567", "any:44567", "5.10.47 to 5.10.218"},
		{"5.10.72", "5.10.73", "setsockopt(a, SO_BINDTODEVICE, eth0)", "who(a, b)", "b", "a", "5.15, 5.14.12, 5.10.73"},
		{"5.10.73", "5.10.262", "setsockopt(a, SO_BINDTODEVICE, eth0)", "who(a, b)", "b", "a", ""},
		{"5.13.19", "5.15", "setsockopt(a, SO_BINDTODEVICE, eth0)", "who(a, b)", "b", "a", "5.15, 5.14.12, 5.10.73"},
		{"6.18.9", "6.18.44", "a = socket(udp)", "bind(a, any:80)", "ok", "EADDRINUSE", udp},
		// What was mended before the newer kernel explains nothing of it.
		{"5.10.218", "6.1.20", "bind(a, any6:80)", "bind(b, x:80)", "EADDRINUSE", "ok", "6.1"},
		{"5.10.218", "6.1.176", "bind(a, any6:80)", "bind(b, x:80)", "EADDRINUSE", "ok", ""},
		{"6.1.20", "6.1.21", "bind(a, any6:80)", "bind(b, x:80)", "ok", "EADDRINUSE", "6.3, 6.1.21"},
		{"5.10.218", "6.1.176", "bind(a, mapped(any):80)", "bind(b, mapped(x):80)", "EADDRINUSE", "ok", "6.1.167 to 6.1.176"},
		// The option of a socket that is not bound says nothing.
		{"6.8", "6.9", "setsockopt(c, IPV6_V6ONLY, 1)", "bind(b, mapped(x):80)", "EADDRINUSE", "ok", ""},
		{"6.8", "6.9", "setsockopt(b, IPV6_V6ONLY, 1)", "bind(b, mapped(x):80)", "EADDRINUSE", "ok", "6.9"},
		// An update of an older line came before the newer line's: that one answers as of old.
		{"6.12.117", "6.18.15", "a = socket(udp)", "bind(a, any:80)", "EADDRINUSE", "ok", udp},
		{"6.12.79", "6.18.15", "a = socket(udp)", "bind(a, any:80)", "EADDRINUSE", "ok", ""},
		{"6.12.117", "6.18.15", "a = socket(unix)", "listen(a, 5)", "EINVAL", "ok", "6.16"},
		{"6.18.15", "6.18.44", "a = socket(unix)", "listen(a, 5)", "ok", "EINVAL", "6.19 to 7.2, 6.18.16 to 6.18.44"},
		{"6.18.44", "7.2.13", "a = socket(tcp)", "listen(a, 5)", "EINVAL", "ok", ""},
	} {
		name := fmt.Sprintf("%s to %s: %s", c.older, c.newer, c.call)
		t.Run(name, func(t *testing.T) {
			var got result.KnownChange
			r := onKernels(versions(c.older, c.newer), c.call, c.was, false, map[string][]string{"alpha": {c.was, c.is}})
			if c.calls != "" { // in place of the socket
				for i := range r.Matrices[0].Rows[0].Slots {
					r.Matrices[0].Rows[0].Slots[i].Variants[0][0].Call = c.calls
				}
				r = r.Recount()
			}
			if len(r.Changes) != 1 {
				t.Fatalf("%d changes", len(r.Changes))
			}
			if got = r.Changes[0].Known; got.Versions != c.want {
				t.Errorf("explained by %q, want %q", got.Versions, c.want)
			}
			if r.Changes[0].Lacking != (c.want == udp && c.is == "ok") {
				t.Errorf("the newer one is without it: %v", r.Changes[0].Lacking)
			}
			if text := r.Changes[0].Explanation(); (text == "not known") != (c.want == "") {
				t.Errorf("the explanation is %q", text)
			}
		})
	}
}
