package record

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// auditArch is how seccomp(2) calls the machines whose programs can be recorded: 64 bits, where no call has its
// arguments in memory as socketcall(2) has.
var auditArch = map[string]uint32{
	"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64, "riscv64": unix.AUDIT_ARCH_RISCV64,
	"s390x": unix.AUDIT_ARCH_S390X, "ppc64le": unix.AUDIT_ARCH_PPC64LE, "loong64": unix.AUDIT_ARCH_LOONGARCH64,
}

// calls are those that are recorded, by their numbers; machines that are older than the table of arm64 have more.
var calls = map[uint64]string{
	unix.SYS_SOCKET: "socket", unix.SYS_SOCKETPAIR: "socketpair", unix.SYS_BIND: "bind", unix.SYS_LISTEN: "listen",
	unix.SYS_ACCEPT4: "accept4", unix.SYS_CONNECT: "connect", unix.SYS_GETSOCKNAME: "getsockname",
	unix.SYS_GETPEERNAME: "getpeername", unix.SYS_SENDTO: "sendto", unix.SYS_RECVFROM: "recvfrom",
	unix.SYS_SETSOCKOPT: "setsockopt", unix.SYS_GETSOCKOPT: "getsockopt", unix.SYS_SHUTDOWN: "shutdown",
	unix.SYS_SENDMSG: "sendmsg", unix.SYS_RECVMSG: "recvmsg", unix.SYS_SENDMMSG: "sendmmsg",
	unix.SYS_RECVMMSG: "recvmmsg", unix.SYS_READ: "read", unix.SYS_WRITE: "write", unix.SYS_READV: "readv",
	unix.SYS_WRITEV: "writev", unix.SYS_SENDFILE: "sendfile",
	unix.SYS_CLOSE: "close", unix.SYS_CLOSE_RANGE: "close_range", unix.SYS_DUP: "dup", unix.SYS_DUP3: "dup3",
	unix.SYS_FCNTL: "fcntl", unix.SYS_IOCTL: "ioctl",
	unix.SYS_CLONE: "clone", unix.SYS_CLONE3: "clone3", unix.SYS_EXECVE: "execve", unix.SYS_EXECVEAT: "execveat",
	unix.SYS_UNLINKAT: "unlinkat", unix.SYS_EXIT_GROUP: "exit_group", unix.SYS_IO_URING_SETUP: "io_uring_setup",
}

// Offsets in struct seccomp_data.
const (
	dataNumber = 0
	dataArch   = 4
)

// filter returns a filter that stops this machine's calls above for the tracer.
func filter(arch uint32) []unix.SockFilter {
	jump := func(k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jt: yes, Jf: no}
	}
	ret := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	load := func(k uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: k}
	}
	prog := []unix.SockFilter{load(dataArch), jump(arch, 1, 0), ret(unix.SECCOMP_RET_ALLOW), load(dataNumber)}
	for number := range calls {
		prog = append(prog, jump(uint32(number), 0, 1), ret(unix.SECCOMP_RET_TRACE))
	}
	return append(prog, ret(unix.SECCOMP_RET_ALLOW))
}

// install filters the calls of this thread, and of what it becomes. The tracer has to be there: without one such a
// call answers ENOSYS.
func install() error {
	arch, ok := auditArch[runtime.GOARCH]
	if !ok {
		return fmt.Errorf("programs cannot be recorded on %s", runtime.GOARCH)
	}
	prog := filter(arch)
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	set := func() error {
		return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&fprog)), 0, 0)
	}
	err := set()
	if err == unix.EACCES { // not root in its user namespace: a program that is setuid does not become root then
		if err = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err == nil {
			err = set()
		}
	}
	runtime.KeepAlive(prog)
	if err != nil {
		return fmt.Errorf("prctl PR_SET_SECCOMP: %w", err)
	}
	return nil
}
