package sys

import (
	"os"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// Uname returns what uname(2) says of the kernel.
func Uname() (release, version, machine string, err error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", "", "", os.NewSyscallError("uname", err)
	}
	text := func(field [65]byte) string { return unix.ByteSliceToString(field[:]) }
	return text(u.Release), text(u.Version), text(u.Machine), nil
}

// KernelVersion returns the version of the kernel.
func KernelVersion() (lab.KernelVersion, error) {
	release, version, _, err := Uname()
	if err != nil {
		return lab.KernelVersion{}, err
	}
	return lab.KernelVersionOf(release, version)
}

// TellsSyscalls reports whether the kernel tells in which system call a thread is, proc_pid_syscall(5): some
// architectures lack what that needs (CONFIG_HAVE_ARCH_TRACEHOOK).
func TellsSyscalls() bool {
	_, err := os.Stat("/proc/thread-self/syscall")
	return err == nil
}

// HasIPv6 reports whether the kernel has IPv6: a module may be missing, or
// ipv6.disable=1 on its command line.
func HasIPv6() bool {
	_, err := os.Stat("/proc/net/if_inet6")
	return err == nil
}
