package local

import (
	"context"
	"fmt"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/plan"
	"labrun/lab/result"
	"labrun/lab/sys"
)

// parameters are those that the answers to bind, listen and connect depend on, as every host has
// them, and those that depend on the machine's memory or that no host can be given, since they are
// the machine's.
var parameters = []string{
	"net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_nonlocal_bind",
	"net.ipv4.ip_autobind_reuse", "net.ipv4.tcp_timestamps", "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_tw_reuse_delay",
	"net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_l3mdev_accept",
	"net.ipv6.bindv6only", "net.ipv6.ip_nonlocal_bind", "net.core.somaxconn",
	"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_congestion_control",
	"net.core.rmem_default", "net.core.rmem_max", "net.core.wmem_default", "net.core.wmem_max",
}

// Info describes this machine's kernel, and returns its version, zero where it is not Linux.
func Info(ctx context.Context) (result.KernelInfo, lab.KernelVersion, error) {
	k := result.KernelInfo{User: "root"}
	inside, err := sys.InUserNamespace()
	if err != nil {
		return k, lab.KernelVersion{}, err
	}
	if inside {
		k.User = "user namespace"
	}
	var build string
	if k.Release, build, k.Machine, err = sys.Uname(); err != nil {
		return k, lab.KernelVersion{}, err
	}
	var version lab.KernelVersion
	if sys.IsGVisor() {
		k.Version = lab.GVisor
	} else {
		if version, err = lab.KernelVersionOf(k.Release, build); err != nil {
			return k, version, err
		}
		k.Version = version.String()
	}
	// Read in a host of a lab: hosts take nothing over from the machine, see plan.Stock, so its own
	// values are not those that experiments meet.
	probe := lab.Layout{Name: "probe", Hosts: []lab.Host{{Name: "probe"}}}
	l, err := fabric.Up(ctx, plan.New(&probe))
	if err != nil {
		return k, version, tooEarly(ctx, err)
	}
	defer l.Close()
	k.Sysctls, err = l.Host("probe").Sysctls(parameters)
	return k, version, err
}

// tooEarly returns why a lab that labrun needs for itself was not built: when ctx ended, that is the reason, and not
// the command at which it did.
func tooEarly(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w before the kernel's features were found", cause)
	}
	return err
}
