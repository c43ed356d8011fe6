package main

import (
	"context"
	"time"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/plan"
	"labrun/lab/result"
	"labrun/lab/sys"
)

// sysctls are the kernel parameters that the answers to bind, listen and
// connect depend on, as every host has them, and those that depend on the machine's
// memory or that no host can be given, since they are the machine's.
var sysctls = []string{
	"net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_nonlocal_bind",
	"net.ipv4.ip_autobind_reuse", "net.ipv4.tcp_timestamps", "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_tw_reuse_delay",
	"net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_l3mdev_accept",
	"net.ipv6.bindv6only", "net.ipv6.ip_nonlocal_bind", "net.core.somaxconn",
	"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_congestion_control",
	"net.core.rmem_default", "net.core.rmem_max", "net.core.wmem_default", "net.core.wmem_max",
}

// environment describes this machine and this run.
func environment(ctx context.Context) (result.Environment, error) {
	env := result.Environment{Labrun: version(), Started: time.Now().UTC()}
	k := result.KernelInfo{User: "root"}
	inside, err := sys.InUserNamespace()
	if err != nil {
		return env, err
	}
	if inside {
		k.User = "user namespace"
	}
	if k.Release, _, k.Machine, err = sys.Uname(); err != nil {
		return env, err
	}
	// Read in a host of a lab: hosts take nothing over from the machine, see plan.Stock, so its own
	// values are not those that experiments meet.
	probe := lab.Layout{Name: "probe", Hosts: []lab.Host{{Name: "probe"}}}
	l, err := fabric.Up(ctx, plan.New(&probe))
	if err != nil {
		return env, err
	}
	defer l.Close()
	k.Sysctls, err = l.Host("probe").Sysctls(sysctls)
	env.Kernels = []result.KernelInfo{k}
	return env, err
}
