package fabric

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab/plan"
)

func TestSysctl(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(dual(2)))
	h, other := l.Host("h0"), l.Host("h1")
	must(t, h.AddLink("br0.7", "bridge"))
	for _, host := range []*Host{h, other} { // a list to empty
		must(t, host.WriteSysctl("net.ipv4.ip_local_reserved_ports", "80"))
	}
	for _, c := range []struct{ name, value, want string }{
		{"net.ipv4.ip_local_reserved_ports", "", ""},
		{"net.ipv4.ip_local_port_range", "40000\t40010", "40000 40010"},
		{"net.ipv4.ip_nonlocal_bind", "1", "1"},
		{"net.ipv4.ip_unprivileged_port_start", "0", "0"},
		{"net.ipv4.tcp_tw_reuse", "0", "0"},
		{"net.ipv6.bindv6only", "1", "1"},
		{"net.core.somaxconn", "5", "5"},
		{"net.ipv4.conf.eth0.accept_local", "1", "1"},
	} {
		before, err := other.ReadSysctl(c.name)
		must(t, err)
		if before == c.want {
			t.Errorf("%s is %s already", c.name, before)
		}
		must(t, h.WriteSysctl(c.name, c.value))
		got, err := h.ReadSysctl(c.name)
		must(t, err)
		now, err := other.ReadSysctl(c.name)
		must(t, err)
		if got != c.want || now != before {
			t.Errorf("%s is %q, want %q; in the other host %q, was %q", c.name, got, c.want, now, before)
		}
	}
	must(t, h.WriteSysctl("net.ipv4.conf.br0/7.forwarding", "1"))
}

func TestSysctlErrors(t *testing.T) {
	needNetNS(t)
	h := mustUp(t, plan.New(dual(1))).Host("h0")
	for _, name := range []string{
		"", "net", "net.", ".net", "net..ipv4", "kernel.hostname", "vm.swappiness", "net/ipv4/ip_forward", "net.//.kernel.hostname",
		"net.ipv4./.x", "net.//", "..net.x", "net.\x00", "/.net.x",
	} {
		var errno unix.Errno
		if err := h.WriteSysctl(name, "1"); err == nil || errors.As(err, &errno) {
			t.Errorf("WriteSysctl(%q) = %v, want an error that is not the kernel's", name, err)
		}
		if v, err := h.ReadSysctl(name); err == nil || errors.As(err, &errno) {
			t.Errorf("ReadSysctl(%q) = %q, %v, want an error that is not the kernel's", name, v, err)
		}
	}
	for _, c := range []struct {
		name, value string
		want        error
	}{
		{"net.ipv4.ip_forward", "many", unix.EINVAL},
		{"net.ipv4.ip_local_port_range", "2 1", unix.EINVAL},
		{"net.ipv4.none", "1", ErrNoSysctl},
		{"net.ipv4.conf.eth0.none", "1", ErrNoSysctl},
		{"net.ipv4.conf.none.none", "1", ErrNoSysctl},
		{"net.ipv4.conf.none.forwarding", "1", unix.ENOENT},
		{"net.ipv4.tcp_congestion_control", "none", unix.ENOENT},
		{"net.ipv4.conf.all.mc_forwarding", "1", unix.EACCES},
		{"net.netfilter.nf_hooks_lwtunnel", "1", ErrNotPerHost},
	} {
		err := h.WriteSysctl(c.name, c.value)
		if !errors.Is(err, c.want) || errors.Is(err, ErrNoSysctl) != (c.want == ErrNoSysctl) {
			t.Errorf("WriteSysctl(%s, %s) = %v, want %v", c.name, c.value, err, c.want)
		}
	}
	// A parameter of the whole machine is missing in a host.
	if _, err := os.Stat(sysctlPath("net.ipv4.tcp_mem")); err == nil {
		_, err := h.ReadSysctl("net.ipv4.tcp_mem")
		if !errors.Is(err, ErrNotPerHost) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadSysctl(net.ipv4.tcp_mem) = %v, want %v", err, ErrNotPerHost)
		}
	}
}

// TestSysctlShortWrite: a kernel that takes a part of the line has set the parameter if that has the value now.
// A limit of one byte for files stands for such a kernel (5.10 at ignore_routes_with_linkdown).
func TestSysctlShortWrite(t *testing.T) {
	now, err := sysctl("net.ipv4.ip_default_ttl")
	must(t, err)
	f, err := os.Create(filepath.Join(t.TempDir(), "parameter"))
	must(t, err)
	defer f.Close()
	var before unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &before))
	must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1, Max: before.Max}))
	set := writeLine(f, "net.ipv4.ip_default_ttl", now)
	_, errSeek := f.Seek(0, 0)
	refused := writeLine(f, "net.ipv4.ip_default_ttl", now+" 1")
	must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &before))
	must(t, errSeek)
	if set != nil || !errors.Is(refused, unix.EINVAL) {
		t.Errorf("the value that it has: %v; another one: %v, want EINVAL", set, refused)
	}
}

// What one host sets, no other one sees: of all that a host may write to. Where
// the claim is false, to try it changes the machine, possibly for good. So this
// writes back the values found; with LABRUN_SYSCTLS=change, in a guest that
// nobody needs afterwards, it writes others.
func TestSysctlsArePerHost(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(dual(2)))
	h, other := l.Host("h0"), l.Host("h1")
	change := os.Getenv("LABRUN_SYSCTLS") == "change"
	var written, changed int
	names := writable(t, h)
	for _, name := range names {
		before, err := h.ReadSysctl(name)
		if err != nil {
			t.Logf("%s cannot be read: %v", name, err)
			continue
		}
		elsewhere, err := other.ReadSysctl(name)
		must(t, err)
		values := []string{before}
		if change {
			values = append(others(before), before)
		}
		for _, v := range values {
			if err := h.WriteSysctl(name, v); errors.Is(err, ErrNotPerHost) {
				t.Log(err)
				break
			} else if err != nil {
				continue
			}
			written++
			if now, err := h.ReadSysctl(name); err == nil && now != before {
				changed++
			}
			if now, err := other.ReadSysctl(name); err != nil || now != elsewhere {
				t.Errorf("%s = %q in one host made it %q in another, it was %q (%v)", name, v, now, elsewhere, err)
			}
		}
	}
	t.Logf("%d parameters, %d times written, %d times to another value", len(names), written, changed)
	if written < len(names)*9/10 || change && changed < len(names)/2 {
		t.Error("that was too few")
	}
}

// writable names the parameters that a host may write to.
func writable(t *testing.T, h *Host) (names []string) {
	t.Helper()
	must(t, h.Do(func() error {
		return filepath.WalkDir("/proc/sys/net", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if info, err := d.Info(); err == nil && info.Mode()&0o200 != 0 {
				names = append(names, dotsAndSlashes.Replace(strings.TrimPrefix(path, "/proc/sys/")))
			}
			return nil
		})
	}))
	return names
}

// others returns values near this one, some of which the kernel should take.
func others(value string) (all []string) {
	fields := strings.Fields(value)
	if len(fields) == 0 {
		return []string{"1"}
	}
	last := len(fields) - 1
	n, err := strconv.Atoi(fields[last])
	if err != nil {
		return []string{"reno"}
	}
	for _, m := range []int{n ^ 1, n + 1, n - 1, 2 * n, n / 2} {
		f := slices.Clone(fields)
		f[last] = strconv.Itoa(m)
		all = append(all, strings.Join(f, " "))
	}
	return all
}
