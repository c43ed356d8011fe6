package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

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
// fields separated by one space. Those that the kernel does not have are left
// out.
func (h *Host) Sysctls(names []string) (map[string]string, error) {
	values := map[string]string{}
	err := h.Do(func() error {
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
func (h *Host) WriteSysctl(name, value string) error {
	if slices.Contains(shared, name) {
		return fmt.Errorf("sysctl %s: %w", name, ErrNotPerHost)
	}
	return h.onSysctl(name, func() error {
		f, err := os.OpenFile(sysctlPath(name), os.O_WRONLY, 0)
		if errors.Is(err, fs.ErrPermission) && isWritable(name) {
			return fmt.Errorf("%s: %w", err, ErrNotPerHost)
		}
		if err != nil {
			return err
		}
		defer f.Close()
		// To write nothing is no write at all; a list is emptied by an empty line.
		_, err = f.WriteString(value + "\n")
		return err
	})
}

// onSysctl runs f in the host and says why a parameter is not there. One that
// the caller sees is the machine's.
func (h *Host) onSysctl(name string, f func() error) error {
	if err := checkSysctl(name); err != nil {
		return err
	}
	linkLacks := false
	err := h.Do(func() error {
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
		return fmt.Errorf("sysctl %s: %w", name, ErrNotPerHost)
	}
	return fmt.Errorf("%w: %w", err, noSysctl(name))
}

// noSysctl is an ErrNoSysctl that says which.
type noSysctl string

func (e noSysctl) Error() string { return "this kernel has no parameter " + string(e) }
func (e noSysctl) Unwrap() error { return ErrNoSysctl }

// LacksSysctl returns the name of the parameter when err is an ErrNoSysctl.
func LacksSysctl(err error) (name string, ok bool) {
	var lacks noSysctl
	ok = errors.As(err, &lacks)
	return string(lacks), ok
}

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

// checkSysctl complains of what is no parameter of a network namespace, so of
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
