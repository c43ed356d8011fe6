package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/plan"
)

// sysctls are the kernel parameters that the answers to bind, listen and
// connect depend on, as every fresh namespace has them.
var sysctls = []string{
	"net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_nonlocal_bind",
	"net.ipv4.ip_autobind_reuse", "net.ipv4.tcp_timestamps", "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_tw_reuse_delay",
	"net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_l3mdev_accept",
	"net.ipv6.bindv6only", "net.ipv6.ip_nonlocal_bind", "net.core.somaxconn",
}

// environment describes this machine and this run.
func environment(ctx context.Context) (lab.Environment, lab.KernelVersion, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return lab.Environment{}, lab.KernelVersion{}, fmt.Errorf("uname: %w", err)
	}
	env := lab.Environment{
		Labrun:  version(),
		Kernel:  unix.ByteSliceToString(u.Release[:]),
		Machine: unix.ByteSliceToString(u.Machine[:]),
		User:    "root",
		Started: time.Now().UTC(),
	}
	if os.Getenv(insideVar) != "" {
		env.User = "user namespace"
	}
	kernel, err := lab.ParseKernelVersion(env.Kernel)
	if err != nil {
		return env, kernel, err
	}
	probe := lab.Topology{Name: "probe", Hosts: []lab.Host{{Name: "probe"}}}
	l, err := fabric.Up(ctx, plan.New(&probe))
	if err != nil {
		return env, kernel, err
	}
	env.Sysctls, err = l.Host("probe").Sysctls(sysctls)
	if closeErr := l.Close(); err == nil {
		err = closeErr
	}
	return env, kernel, err
}

func kernelVersion() (lab.KernelVersion, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return lab.KernelVersion{}, fmt.Errorf("uname: %w", err)
	}
	return lab.ParseKernelVersion(unix.ByteSliceToString(u.Release[:]))
}
