package fabric

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/plan"
	"labrun/lab/sys"
)

var update = flag.Bool("update", false, "write the list of this kernel's parameters")

// notTheKernels are the parameters, or folders of them, that are left out of the
// lists, and why.
var notTheKernels = map[string]string{
	"net.bridge.":    "there when the module br_netfilter is",
	"net.netfilter.": "there when the module nf_conntrack is",
	"net.nf_":        "the same",
	"net.sctp.":      "there when the module is",
	"net.ipv4.tcp_available_congestion_control": "modules",
	"net.ipv4.tcp_allowed_congestion_control":   "modules",
	"net.ipv4.tcp_congestion_control":           "the kernel's configuration",
	"net.ipv4.tcp_ehash_entries":                "memory",
	"net.ipv4.udp_hash_entries":                 "memory",
	"net.ipv4.tcp_max_syn_backlog":              "memory",
	"net.ipv4.tcp_max_tw_buckets":               "memory",
	"net.ipv4.tcp_rmem":                         "memory",
	"net.ipv4.tcp_wmem":                         "memory",
	"net.ipv4.tcp_fastopen_key":                 "cannot be read by all",
	"net.core.rmem_default":                     "the machine's",
	"net.core.rmem_max":                         "the machine's",
	"net.core.wmem_default":                     "the machine's",
	"net.core.wmem_max":                         "the machine's",
	"net.ipv4.ip_local_reserved_ports":          "the file's",
}

// parameters returns all of /proc/sys/net as the host sees it.
func parameters(t *testing.T, h *Host) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, h.Do(func() error {
		return filepath.WalkDir("/proc/sys/net", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name := dotsAndSlashes.Replace(strings.TrimPrefix(path, "/proc/sys/"))
			value, err := sysctl(name)
			if err != nil {
				return ignore(err, unix.EIO, unix.EACCES, unix.EPERM) // a secret that is not set, or not ours
			}
			all[name] = value
			return nil
		})
	}))
	return all
}

func leftOut(name string) bool {
	for prefix := range notTheKernels {
		if name == prefix || strings.HasSuffix(prefix, ".") && strings.HasPrefix(name, prefix) || prefix == "net.nf_" && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// A host has all parameters as the list for its kernel says.
func TestParameters(t *testing.T) {
	needNetNS(t)
	v, err := sys.KernelVersion()
	must(t, err)
	got := parameters(t, mustUp(t, plan.New(dual(1))).Host("h0"))
	maps.DeleteFunc(got, func(name, _ string) bool { return leftOut(name) })
	path := fmt.Sprintf("testdata/parameters-%d.%d.txt", v[0], v[1])
	if *update {
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(got)) {
			fmt.Fprintf(&b, "%s = %s\n", name, got[name])
		}
		must(t, os.WriteFile(path, []byte(b.String()), 0o666))
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no list for Linux %d.%d; go test ./lab/fabric -run TestParameters -update writes one, to be read", v[0], v[1])
	}
	must(t, err)
	defer f.Close()
	want := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), " =")
		want[name] = strings.TrimSpace(value)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-), host (+):\n%s", path, diff)
	}
}

// A machine that has other values of everything that a new namespace takes over makes
// the same hosts.
func TestNothingFromTheMachine(t *testing.T) {
	needNetNS(t)
	want := parameters(t, mustUp(t, plan.New(dual(1))).Host("h0"))
	count := 0
	planted = func() error {
		for _, pattern := range []string{
			"/proc/sys/net/ipv[46]/conf/*/*", "/proc/sys/net/ipv4/neigh/lo/*",
			"/proc/sys/net/ipv6/neigh/lo/*", "/proc/sys/net/ipv4/tcp_[rw]mem",
		} {
			paths, err := filepath.Glob(pattern)
			if err != nil {
				return err
			}
			for _, path := range paths {
				name := filepath.Base(path)
				if name == "stable_secret" { // each namespace's own
					continue
				}
				before, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				for _, v := range others(string(before)) {
					if os.WriteFile(path, []byte(v), 0) == nil {
						count++
						break
					}
				}
			}
		}
		for key, value := range map[string]string{"tcp_rmem": "4096 8192 16384", "tcp_wmem": "4096 8192 16384", "tcp_congestion_control": "reno"} {
			if err := os.WriteFile("/proc/sys/net/ipv4/"+key, []byte(value), 0); err != nil {
				return err
			}
		}
		return nil
	}
	defer func() { planted = nil }()
	h := mustUp(t, plan.New(dual(1))).Host("h0")
	t.Logf("%d parameters planted", count)
	if count < 250 {
		t.Error("that was too few")
	}
	if diff := cmp.Diff(want, parameters(t, h)); diff != "" {
		t.Errorf("stock (-), on another machine (+):\n%s", diff)
	}
}

// Where the machine's parameters change while a lab is built, all its hosts are looked at.
func TestMachineChangesMeanwhile(t *testing.T) {
	needNetNS(t)
	const hosts = 4
	want := parameters(t, mustUp(t, plan.New(dual(1))).Host("h0"))
	made := 0
	planted = func() error {
		if made++; made <= hosts/2 {
			return nil
		}
		for _, key := range []string{"net.ipv4.conf.default.rp_filter", "net.ipv4.conf.all.rp_filter"} {
			if err := os.WriteFile(sysctlPath(key), []byte("1"), 0); err != nil {
				return err
			}
		}
		return nil
	}
	defer func() { planted = nil }()
	for _, up := range []func(context.Context, plan.Plan) (*Lab, error){Up, new(Pool).Up} {
		made = 0
		l, err := up(t.Context(), plan.New(dual(hosts)))
		must(t, err)
		for i := range hosts {
			if diff := cmp.Diff(want, parameters(t, l.Host(fmt.Sprintf("h%d", i)))); diff != "" {
				t.Errorf("host %d: stock (-), on a machine that changed (+):\n%s", i, diff)
			}
		}
		if made != 2*hosts {
			t.Errorf("%d hosts were made, want %d: the lab twice", made, 2*hosts)
		}
		must(t, l.Close())
	}
}

// The neighbours of a NIC are looked for as the kernel does it by itself.
func TestNeighbours(t *testing.T) {
	needNetNS(t)
	h := mustUp(t, plan.New(dual(1))).Host("h0")
	want := parameters(t, h)
	for name, value := range want {
		if strings.Contains(name, ".neigh.eth0.") {
			for _, v := range append(others(value), strconv.Itoa(7)) {
				if h.WriteSysctl(name, v) == nil {
					break
				}
			}
		}
	}
	if cmp.Equal(want, parameters(t, h)) {
		t.Fatal("nothing was changed")
	}
	must(t, h.withRTNL(func(r *rtnl) error {
		_, err := r.neighbours(0)
		return err
	}))
	if diff := cmp.Diff(want, parameters(t, h)); diff != "" {
		t.Errorf("before (-), after (+):\n%s", diff)
	}
}

// Every host has its own table of connections, and the sizes of the machine's. In a large lab it has the
// machine's table.
func TestChildTables(t *testing.T) {
	needNetNS(t)
	var pool Pool
	defer pool.Close()
	for _, up := range []func(context.Context, plan.Plan) (*Lab, error){Up, pool.Up, pool.Up} {
		l, err := up(t.Context(), plan.New(dual(3)))
		must(t, err)
		for i := range 3 {
			hasTable(t, l.Host(fmt.Sprintf("h%d", i)), childTable)
		}
		must(t, l.Close())
	}
	var fabric []plan.Op // one that hosts with tables of their own were made in
	p := plan.New(&lab.Layout{Name: "dual"})
	fabric, _ = split(p.Ops)
	for _, hosts := range []int{1, manyHosts + 1, 2} {
		many := plan.Plan{Ops: slices.Clone(fabric)}
		for i := range hosts {
			ns := fmt.Sprintf("h%d", i)
			many.Ops = append(many.Ops, plan.AddNamespace{NS: ns, Host: ns}, plan.Stock{NS: ns})
		}
		l, err := pool.Up(t.Context(), many)
		must(t, err)
		for _, i := range []int{0, hosts / 2, hosts - 1} {
			want := childTable
			if hosts > manyHosts {
				want = ""
			}
			hasTable(t, l.Host(fmt.Sprintf("h%d", i)), want)
		}
		must(t, l.Close())
	}
}

// hasTable fails the test unless the host's table has so many entries, or is the machine's, "".
func hasTable(t *testing.T, h *Host, entries string) {
	t.Helper()
	own, err := h.ReadSysctl("net.ipv4.tcp_ehash_entries")
	if errors.Is(err, ErrNoSysctl) {
		t.Skip("before Linux 6.1")
	}
	must(t, err)
	if isMachines := strings.HasPrefix(own, "-"); isMachines != (entries == "") || !isMachines && own != entries {
		t.Errorf("the table of host %s has %s entries, want %q", h.Name(), own, entries)
	}
	for _, key := range []string{"net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_child_ehash_entries"} {
		must(t, onThread(func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil { // of the machine's table
				return err
			}
			want, err := sysctl(key)
			must(t, err)
			got, err := h.ReadSysctl(key)
			must(t, err)
			if got != want {
				t.Errorf("%s of host %s = %s, want %s", key, h.Name(), got, want)
			}
			return nil
		}))
	}
}

func TestTCPMemory(t *testing.T) {
	for _, c := range []struct{ now, want string }{
		{"4096 8192 16384", "4096 131072 " + strconv.Itoa(min(max(memory()/128, 131072), 6<<20))},
		{"4096 131072 99999999999", "4096 131072 " + strconv.Itoa(min(max(memory()/128, 131072), 6<<20))},
	} {
		if got := tcpMemory(c.now, "4096 131072 ", 131072, 6<<20); got != c.want {
			t.Errorf("tcpMemory(%s) = %s, want %s", c.now, got, c.want)
		}
	}
}
