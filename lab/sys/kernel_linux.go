package sys

import (
	"bytes"
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

// IsGVisor reports whether the kernel is gVisor's: its log begins so, syslog(2), while uname(2) says that it is a
// Linux of 2016.
func IsGVisor() bool {
	const readAll = 3 // SYSLOG_ACTION_READ_ALL
	b := make([]byte, 64<<10)
	n, err := unix.Klogctl(readAll, b)
	if err != nil {
		return false // it may take a privilege that gVisor does not ask for
	}
	first, _, _ := bytes.Cut(b[:n], []byte("\n"))
	return bytes.HasSuffix(first, []byte("] Starting gVisor..."))
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
