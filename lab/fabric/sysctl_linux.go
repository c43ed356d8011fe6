package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// What a kernel parameter is when it is none of the host's.
var (
	// ErrNotPerHost: all namespaces of the machine share it.
	ErrNotPerHost = errors.New("this parameter is the machine's, a host has none of its own")
	// ErrNoSysctl: the kernel lacks it. Where only the link lacks that it names,
	// the error is ENOENT alone.
	ErrNoSysctl = errors.New("this kernel has no such parameter")
)

// Sysctls returns the values of kernel parameters as the host sees them, their
// fields separated by one space. Those that the kernel does not have, or not for
// each host, are left out.
func (h *Host) Sysctls(names []string) (map[string]string, error) {
	values := map[string]string{}
	can, err := abilities()
	if err != nil || !can.Parameters {
		return values, err
	}
	err = h.Do(func() error {
		for _, n := range names {
			if v, err := sysctl(n); err == nil {
				values[n] = v
			} else if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
	return values, err
}

// ReadSysctl returns a parameter of the host's network namespace, its fields
// separated by one space. The name is as sysctl(8) has it, a slash stands for a
// dot in a link's name: net.ipv4.conf.eth0/5.forwarding.
func (h *Host) ReadSysctl(name string) (value string, err error) {
	err = h.onSysctl(name, func() error {
		value, err = sysctl(name)
		return err
	})
	return value, err
}

// WriteSysctl sets a parameter of the host's network namespace.
//
// A parameter of the whole machine is mostly out of a host's reach by itself:
// it is there in the first namespace alone, or others can only read it, since
// register_net_sysctl takes away the right to write to what is not the
// namespace's own (ensure_safe_net_sysctl in net/sysctl_net.c, Linux 5.13).
// TestSysctlsArePerHost looks for those that got through.
//
// An errno of the kernel is a Refusal.
func (h *Host) WriteSysctl(name, value string) error {
	if slices.Contains(shared, name) {
		return ErrNotPerHost
	}
	err := h.onSysctl(name, func() error {
		f, err := os.OpenFile(sysctlPath(name), os.O_WRONLY, 0)
		if errors.Is(err, fs.ErrPermission) && isWritable(name) {
			return fmt.Errorf("%s: %w", err, ErrNotPerHost)
		}
		if err != nil {
			return err
		}
		defer f.Close()
		return writeLine(f, name, value)
	})
	var errno unix.Errno
	if !errors.As(err, &errno) || errors.Is(err, ErrNotPerHost) || errors.Is(err, ErrNoSysctl) {
		return err
	}
	return &Refusal{errno, h.whyRefused(name, value, errno)}
}

// writeLine writes a value in one call, as a line: writing nothing does not write at all, and an empty line empties a list.
//
// The kernel has taken less than the line where a value was too many (proc_dointvec), and where its handler answers 1 for
// "changed" (addrconf_fixup_linkdown, 5.10): the value that it has then tells which it was.
func writeLine(f *os.File, name, value string) error {
	line := []byte(value + "\n")
	n, err := unix.Write(int(f.Fd()), line)
	if err != nil {
		return os.NewSyscallError("write", err)
	}
	if n < len(line) {
		if now, err := sysctl(name); err != nil || !slices.Equal(strings.Fields(now), strings.Fields(value)) {
			return os.NewSyscallError("write", unix.EINVAL)
		}
	}
	return nil
}

// Refusal is the error of a parameter that the kernel does not set: the errno, and what is
// known of its reason.
type Refusal struct {
	Errno unix.Errno
	Why   string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("the kernel answers %s: %s", unix.ErrnoName(r.Errno), r.Why)
}
func (r *Refusal) Unwrap() error { return r.Errno }

// whyRefused says why the kernel has refused to set a parameter, or what is allowed.
func (h *Host) whyRefused(name, value string, errno unix.Errno) string {
	if errno == unix.EACCES || errno == unix.EPERM && name != congestion {
		switch {
		case isWritable(name):
			return name + " is the machine's, a host can only read it"
		case exists("net.ipv4.tcp_mem"): // the caller is in the first namespace, which alone has it
			return name + " can only be read, by the machine too"
		}
		return name + " can only be read here: it is the machine's, or nobody's to set"
	}
	now, err := h.ReadSysctl(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "host " + h.Name() + " has no link " + lab.Sysctl{Name: name}.Link()
	}
	if err != nil {
		return err.Error()
	}
	words := fmt.Sprintf("its value is %q", now)
	if name == congestion {
		if allowed, err := h.ReadSysctl("net.ipv4.tcp_allowed_congestion_control"); err == nil {
			return words + ", allowed: " + strings.ReplaceAll(allowed, " ", ", ")
		}
	}
	rule := allowedValues[name]
	if rule == "" && areNumbers(now) && !areNumbers(value) {
		rule = "numbers"
	}
	if rule != "" {
		words += ", allowed: " + rule
	}
	return words
}

// areNumbers reports whether a value is one or more whole numbers.
func areNumbers(value string) bool {
	fields := strings.Fields(value)
	return len(fields) > 0 && !slices.ContainsFunc(fields, func(f string) bool {
		_, err := strconv.ParseInt(f, 0, 64)
		return err != nil
	})
}

// congestion is refused with ENOENT where the kernel lacks the algorithm, and with EPERM where it is
// the first namespace's alone (tcp_set_default_congestion_control in net/ipv4/tcp_cong.c).
const congestion = "net.ipv4.tcp_congestion_control"

// allowedValues are rules of values that one cannot guess (ipv4_local_port_range and
// ipv4_privileged_ports in net/ipv4/sysctl_net_ipv4.c).
var allowedValues = map[string]string{
	"net.ipv4.ip_local_port_range":        "two ports, neither the second below the first nor the first below net.ipv4.ip_unprivileged_port_start",
	"net.ipv4.ip_unprivileged_port_start": "a port that is not above the first of net.ipv4.ip_local_port_range",
}

// onSysctl runs f in the host and says why a parameter is not there. One that
// the caller sees is the machine's.
func (h *Host) onSysctl(name string, f func() error) error {
	if err := checkSysctl(name); err != nil {
		return err
	}
	can, err := abilities()
	if err != nil {
		return err
	}
	if !can.Parameters {
		return noHostSysctl(name)
	}
	linkLacks := false
	err = h.Do(func() error {
		err := f()
		linkLacks = namesLink(name) && exists(ofNewLinks(name))
		return err
	})
	// To write what a parameter does not know can be ENOENT too.
	if path := (*fs.PathError)(nil); !errors.As(err, &path) || path.Op != "open" || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch {
	case linkLacks:
		return err
	case exists(name) && !namesLink(name):
		return ErrNotPerHost
	}
	return noSysctl(name)
}

// noSysctl is an ErrNoSysctl that says which.
type noSysctl string

func (e noSysctl) Error() string {
	words := "this kernel has no parameter " + string(e)
	if near := lab.NearSysctl(string(e)); near != "" {
		words += ", did you mean " + near + "?"
	}
	return words
}

func (e noSysctl) Unwrap() []error { return []error{ErrNoSysctl, fs.ErrNotExist} }

// noHostSysctl is an ErrNoSysctl where no host has parameters, see Abilities.
type noHostSysctl string

func (e noHostSysctl) Error() string {
	return "this kernel has no parameter " + string(e) + " of a host: /proc/sys/net is that of its first namespace alone"
}

func (e noHostSysctl) Unwrap() []error { return []error{ErrNoSysctl, fs.ErrNotExist} }

// shared are the parameters that a host may set on some kernels, although all
// share them. The first cannot even be set back.
var shared = []string{
	"net.netfilter.nf_hooks_lwtunnel",         // every kernel that has it
	"net.ipv4.tcp_allowed_congestion_control", // until Linux 5.13, and so on
	"net.netfilter.nf_conntrack_buckets",
	"net.netfilter.nf_conntrack_expect_max",
	"net.netfilter.nf_conntrack_max",
	"net.nf_conntrack_max",
}

// SharedSysctls returns the parameters that are open to a host although all hosts
// and the machine share them, on this kernel or on others.
func SharedSysctls() []string { return slices.Clone(shared) }

// checkSysctl returns an error for what is not a parameter of a network namespace, so for
// every name that could lead out of net.
func checkSysctl(name string) error {
	parts := strings.Split(name, ".")
	if parts[0] != "net" || len(parts) < 2 {
		return fmt.Errorf("sysctl %q: not below net", name)
	}
	for _, p := range parts {
		if p == "" || strings.Trim(p, "/") == "" || strings.ContainsRune(p, 0) {
			return fmt.Errorf("sysctl %q: malformed name", name)
		}
	}
	return nil
}

// namesLink reports whether the parameter is one of a single link.
func namesLink(name string) bool { return lab.Sysctl{Name: name}.Link() != "" }

// ofNewLinks names the same parameter as links have it that are made.
func ofNewLinks(name string) string {
	parts := strings.Split(name, ".")
	parts[3] = "default"
	return strings.Join(parts, ".")
}

// exists reports whether the calling thread's namespace has the parameter.
func exists(name string) bool {
	_, err := os.Stat(sysctlPath(name))
	return err == nil
}

// isWritable reports whether somebody may set the parameter in the calling
// thread's namespace.
func isWritable(name string) bool {
	st, err := os.Stat(sysctlPath(name))
	return err == nil && st.Mode()&0o222 != 0
}

// sysctlPath returns the file of a kernel parameter. What is below net is the
// calling thread's namespace's.
func sysctlPath(name string) string { return "/proc/sys/" + dotsAndSlashes.Replace(name) }

var dotsAndSlashes = strings.NewReplacer(".", "/", "/", ".")

// sysctl returns the value of a kernel parameter.
func sysctl(name string) (string, error) {
	b, err := os.ReadFile(sysctlPath(name))
	return strings.Join(strings.Fields(string(b)), " "), err
}
