package program

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// auditArch is how seccomp(2) calls the machines that labrun is made for. All are
// little-endian, and clone(2) has its flags first.
var auditArch = map[string]uint32{
	"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64, "riscv64": unix.AUDIT_ARCH_RISCV64,
	"ppc64le": unix.AUDIT_ARCH_PPC64LE, "386": unix.AUDIT_ARCH_I386, "arm": unix.AUDIT_ARCH_ARM,
}

// ofHosts are the families of sockets that belong to a network namespace.
var ofHosts = []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK, unix.AF_PACKET}

// socketcall is the call that has the arguments of socket(2) in memory, where no
// filter sees them, on the machines that have it.
var socketcall = map[string]uint32{"386": 102, "ppc64le": 102}

// Offsets in struct seccomp_data.
const (
	dataNumber = 0
	dataArch   = 4
	dataArg0   = 16
)

// filterCalls refuses this thread, and what it starts, the calls that need no
// privilege and yet lead out of the view. In a user namespace of its own a program
// is root again: it could mount the cgroups, and root owns the files there by which
// labrun with all of its session is killed. Keys are not in any namespace that
// the program has, nor is what sockets of other families than those of a lab
// reach, AF_VSOCK for one the machine that a virtual one runs on, AF_ALG the
// kernel's ciphers. io_uring(7) makes sockets that no filter sees, bpf(2) what
// outlives the program.
//
// Programs for another machine than labrun's, 32-bit ones for instance, do not run.
// clone3(2) has its flags in memory where no filter sees them; C libraries know
// how to do without.
func filterCalls() error {
	arch, ok := auditArch[runtime.GOARCH]
	if !ok {
		return fmt.Errorf("no programs are run on %s, for want of a filter of system calls", runtime.GOARCH)
	}
	prog := filter(arch)
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&fprog)), 0, 0)
	runtime.KeepAlive(prog)
	if err != nil {
		return fmt.Errorf("prctl PR_SET_SECCOMP: %w", err)
	}
	return nil
}

func filter(arch uint32) []unix.SockFilter {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	// Where it is true the next instruction is taken, else it and so many more are left out.
	unless := func(test uint16, k uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | test | unix.BPF_K, K: k, Jf: skip}
	}
	refuse := func(errno unix.Errno) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)}
	}
	prog := []unix.SockFilter{
		load(dataArch),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: arch, Jt: 1},
		refuse(unix.ENOSYS),
		load(dataNumber),
		unless(unix.BPF_JGE, 1<<30, 1), // calls of x32, the same machine with other numbers
		refuse(unix.ENOSYS),
		unless(unix.BPF_JEQ, unix.SYS_CLONE3, 1),
		refuse(unix.ENOSYS),
	}
	if call, ok := socketcall[runtime.GOARCH]; ok {
		prog = append(prog, unless(unix.BPF_JEQ, call, 1), refuse(unix.ENOSYS))
	}
	for _, call := range []uint32{
		unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_BPF,
		unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	} {
		prog = append(prog, unless(unix.BPF_JEQ, call, 1), refuse(unix.EPERM))
	}
	for _, call := range []uint32{unix.SYS_CLONE, unix.SYS_UNSHARE} {
		prog = append(prog,
			load(dataNumber),
			unless(unix.BPF_JEQ, call, 3),
			load(dataArg0),
			unless(unix.BPF_JSET, unix.CLONE_NEWUSER, 1),
			refuse(unix.EPERM),
		)
	}
	allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	for _, call := range []uint32{unix.SYS_SOCKET, unix.SYS_SOCKETPAIR} {
		prog = append(prog,
			load(dataNumber),
			unless(unix.BPF_JEQ, call, uint8(2+2*len(ofHosts))),
			load(dataArg0), // an int: the kernel does not look at the other half
		)
		for _, family := range ofHosts {
			prog = append(prog, unless(unix.BPF_JEQ, family, 1), allow)
		}
		prog = append(prog, refuse(unix.EAFNOSUPPORT))
	}
	return append(prog, allow)
}
