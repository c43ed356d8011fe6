package topology

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"labrun/lab/yamlpos"
)

// file returns a file with one network and the text that follows.
func file(rest string) string { return "name: n\nnetworks: {red: 10.0.0.0/8}\n" + rest }

// repeat writes f(0) to f(n-1) behind one another.
func repeat(n int, f string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(f, "#", fmt.Sprint(i)))
	}
	return b.String()
}

const twoHosts = "hosts:\n  a: {nics: {eth0: {network: red, as: x}}}\n  b: {nics: {eth0: {network: red, as: x}}}\n"

// TestLimits gives files that are too large in one way each. They must be
// refused, in words with the limit in them, long before a machine suffers; no
// test fails on a time, -v shows it.
func TestLimits(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"million hosts", file("hosts:\n" + repeat(1_000_000, "  h#: {nics: {eth0: {network: red}}}\n")),
			"f:1:1: the file is larger than 4194304 bytes (4 MiB), the limit"},
		{"million aliased hosts", file("hosts:\n  a: &h {nics: {eth0: {network: red}}}\n" +
			repeat(100_000, "  h#: *h\n")),
			"the file has 100001 hosts, the limit is 4096"},
		{"hosts", file("hosts:\n" + repeat(4097, "  h#: {nics: {eth0: {network: red}}}\n")),
			"f:4100:3: the file has 4097 hosts, the limit is 4096"},
		{"commas", file("hosts: {" + strings.Repeat("a,", 2_000_000) + "}"),
			"f:1:1: the file has 2000005 lines, commas and brackets, the limit is 400000"},
		{"nesting", strings.Repeat("- ", 2_000_000),
			"f:1:1: the file has 2000000 lines, commas and brackets, the limit is 400000"},
		{"nics", file("hosts:\n  a:\n    nics:\n" + repeat(65, "      e#: {network: red}\n")),
			`f:70:7: host "a" has 65 nics, the limit is 64`},
		{"counted hosts", file("hosts: {a: {count: 4096, nics: {eth0: {network: red}}}, b: {}, c: {}}\n"),
			`f:3:57: the file has 4097 hosts up to here, the limit is 4096`},
		{"addresses", file("hosts:\n  a:\n    nics:\n      e:\n        network: red\n        address:\n" +
			repeat(65, "        - 10.0.1.#\n")),
			`f:73:11: host "a", nic "e" has 65 addresses, the limit is 64`},
		{"networks", "name: n\nnetworks:\n" + repeat(4097, "  n#: 10.0.0.0/8\n"),
			"f:4099:3: the file has 4097 networks, the limit is 4096"},
		{"claims", "claims:\n" + repeat(1001, "  c#: x\n"), "f:1002:3: the file has 1001 claims, the limit is 1000"},
		{"experiments", file(twoHosts + "experiments:\n" + repeat(10001, "  x#: {steps: [exit()]}\n")),
			"f:10007:3: the file has 10001 experiments, the limit is 10000"},
		{"steps", file(twoHosts + "experiments:\n  x:\n    steps:\n" + strings.Repeat("    - sleep(1s)\n", 10001)),
			`f:9:5: experiment "x" has 10001 steps, the limit is 10000`},
		{"nested steps", file(twoHosts + "experiments:\n  x:\n    steps:\n    - w: &w [" +
			strings.Repeat("sleep(1s), ", 5000) + "]\n    - w: *w\n    - exit()\n"),
			`f:9:5: experiment "x" has 10001 steps, the limit is 10000`},
		{"processes", file(twoHosts + "experiments:\n  x:\n    steps:\n" + repeat(257, "    - p#: sleep(1s)\n")),
			`f:265:13: experiment "x": more than 256 processes, the limit`},
		{"one step", file(twoHosts + "experiments: {x: {steps: ['sockets(any:0) = " + strings.Repeat("on ", 1_300_000) +
			"']}}"),
			`f:6:28: experiment "x": the step has 3900017 bytes, the limit is 300000`},
		{"mistakes of a step", file(twoHosts + "experiments: {x: {steps: ['sockets(any:0) = " +
			strings.Repeat("on ", 90_000) + "']}}"),
			`f:6:45: experiment "x": unknown socket state "on"`},
		{"alias bomb", bomb(), "f:1:1: aliases make the file larger than 1000000 values, the limit"},
		{"complaints", file("hosts:\n" + repeat(4000, "  h#: {nics: {eth0: {netwerk: rad}}}\n")), "and 450 more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			_, err := parse("f", []byte(tt.text))
			t.Logf("took %s", time.Since(start).Round(time.Millisecond))
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %.300s\nwant %s", err, tt.want)
			}
			if lines := strings.Count(err.Error(), "\n"); lines > yamlpos.MaxShown {
				t.Errorf("%d lines", lines)
			}
		})
	}
}

// bomb is the billion laughs.
func bomb() string {
	text := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		text += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 10))
	}
	return text
}

// TestLargest reads files that reach the limits without passing them, and
// others that are laid out to cost as much as they can.
func TestLargest(t *testing.T) {
	hosts := "hosts:\n"
	for i := range maxHosts {
		hosts += fmt.Sprintf("  h%d: {nics: {eth0: {network: n%d, as: x}, eth1: {network: n%d, as: y}}}\n", i, i/1000,
			5+i/1000)
	}
	networks := "name: n\nnetworks:\n" + repeat(10, "  n#: {subnet: 10.#.0.0/16, subnet6: '2001:db8:#::/64'}\n")
	steps := repeat(50, "  x#:\n    steps:\n    - peer/web: [w = socket(tcp), 'bind(w, x:80)', 'listen(w, 5)']\n    - a = socket(tcp)\n    - connect(a, peer.y:80)\n")
	each := "    steps:\n" + repeat(4000, "    - h#/p: exit()\n")
	for _, tt := range []struct{ name, text, want string }{
		{"hosts", networks + hosts + "experiments:\n" + steps, ""},
		{"hosts that stand apart", networks + hosts + "experiments:\n  x:\n" + each, "more than 256 processes"},
		{"many columns", networks + hosts + "experiments:\n  x:\n    steps: &s\n" +
			repeat(200, "    - h#/p: exit()\n") +
			strings.Repeat("    - sleep(1s)\n", 9000) + repeat(90, "  x#: {steps: *s}\n"), "the limit is 5000000"},
		{"many names", networks + hosts + "experiments:\n  x:\n    steps: &s\n    - a = socket(tcp)\n" +
			repeat(9000, "    - bind(a, a#:1)\n"), "and 450 more"},
		{"one long line", "name: n\nhosts: {" + strings.Repeat("abcdefghijklmnop: {}, ", 100_000) + "}",
			"and 450 more"},
		{"long names", "&x \"" + strings.Repeat("é", 1_000_000) + "\": 1\nexperiments:\n" + repeat(1000, "  x#: *x\n"),
			"; 497 more like it"}, // at the one place that all aliases stand for
		{"wrong hosts", networks + hosts + "experiments:\n" +
			repeat(1000, "  x#: {hosts: [h-#, H_#], steps: [exit()]}\n"), "and 450 more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			_, err := parse("f", []byte(tt.text))
			t.Logf("took %s", time.Since(start).Round(time.Millisecond))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %.300v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(Source{File: filepath.Join(dir, "none.yaml")}); !errors.Is(err, fs.ErrNotExist) ||
		!strings.HasPrefix(err.Error(), "read topology: open ") {
		t.Errorf("missing file: %v", err)
	}
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Source{File: large}); err == nil || !strings.Contains(err.Error(), "4 MiB") {
		t.Errorf("large file: %v", err)
	}
	top, err := Load(Source{File: "testdata/ok/dual-nic.yaml"})
	if err != nil || top.File != "testdata/ok/dual-nic.yaml" {
		t.Errorf("Load = %+v, %v", top, err)
	}
}

// TestFragmentsDoNotExplode has values that stand for twice the next one, 25 deep:
// what is made of them is bounded before it is made.
func TestFragmentsDoNotExplode(t *testing.T) {
	for _, innermost := range []string{"a = socket(tcp)", ""} {
		var axes strings.Builder
		for i := range 25 {
			fmt.Fprintf(&axes, "      a%d: {s: ['${a%d}', '${a%d}']}\n", i, i+1, i+1)
		}
		text := "name: n\nnetworks: {red: 192.0.2.0/24}\nhosts: {h: {nics: {eth0: {network: red}}}}\nexperiments:\n  e:\n    axes:\n" +
			axes.String() + "      a25: {s: [" + innermost + "]}\n    steps: ['${a0}']\n"
		_, err := parse("f", []byte(text))
		if err == nil || !strings.Contains(err.Error(), "this makes more than 10000 steps, the limit") {
			t.Errorf("%q: %v", innermost, err)
		}
	}
}
