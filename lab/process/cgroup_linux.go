package process

import (
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

// hooks are the types of the programs of lab.CgroupHooks, and where these are attached, linux/bpf.h.
var hooks = map[string]struct{ kind, attach uint32 }{
	"sock_create": {unix.BPF_PROG_TYPE_CGROUP_SOCK, unix.BPF_CGROUP_INET_SOCK_CREATE},
	"post_bind4":  {unix.BPF_PROG_TYPE_CGROUP_SOCK, unix.BPF_CGROUP_INET4_POST_BIND},
	"post_bind6":  {unix.BPF_PROG_TYPE_CGROUP_SOCK, unix.BPF_CGROUP_INET6_POST_BIND},
	"bind4":       {unix.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, unix.BPF_CGROUP_INET4_BIND},
	"bind6":       {unix.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, unix.BPF_CGROUP_INET6_BIND},
	"connect4":    {unix.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, unix.BPF_CGROUP_INET4_CONNECT},
	"connect6":    {unix.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, unix.BPF_CGROUP_INET6_CONNECT},
	"sendmsg4":    {unix.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, unix.BPF_CGROUP_UDP4_SENDMSG},
	"sendmsg6":    {unix.BPF_PROG_TYPE_CGROUP_SOCK_ADDR, unix.BPF_CGROUP_UDP6_SENDMSG},
}

// hookProgram returns the code of one of lab.CgroupPrograms. r0 is the verdict: 0 is EPERM, 1 goes on, and 3 goes on
// without a look at the right to the port. r1 is a struct bpf_sock_addr, whose user_port is in the network's order.
func hookProgram(name string) []instruction {
	const userPort = 24
	verdict := func(v int32) []instruction {
		return []instruction{
			{code: unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_K, registers: reg(0, 0), imm: v},
			{code: unix.BPF_JMP | unix.BPF_EXIT},
		}
	}
	switch name {
	case "deny":
		return verdict(0)
	case "any-port":
		return verdict(3)
	case "next-port":
		swap := instruction{code: unix.BPF_ALU | unix.BPF_END | unix.BPF_TO_BE, registers: reg(2, 0), imm: 16}
		return append([]instruction{
			{code: unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W, registers: reg(2, 1), offset: userPort},
			swap,
			{code: unix.BPF_ALU64 | unix.BPF_ADD | unix.BPF_K, registers: reg(2, 0), imm: 1},
			swap,
			{code: unix.BPF_STX | unix.BPF_MEM | unix.BPF_W, registers: reg(1, 2), offset: userPort},
		}, verdict(1)...)
	}
	return nil
}

// cgroupBPF puts the process into a cgroup of its own, where it is not in one yet, and attaches a program there, for as
// long as the process lives: bpf(2), cgroups(7). Children that it forks are in the cgroup too.
func cgroupBPF(a *agent, r *request) reply {
	hook, ok := hooks[string(arg[lab.Word](r, 0))]
	code := hookProgram(string(arg[lab.Word](r, 1)))
	if !ok || code == nil {
		return reply{Broken: fmt.Sprintf("no program %s at %s", arg[lab.Word](r, 1), arg[lab.Word](r, 0))}
	}
	return ended(a.attach(hook.kind, hook.attach, code))
}

func (a *agent) attach(kind, at uint32, code []instruction) error {
	if _, err := os.Stat(filepath.Join(sys.Cgroups, "cgroup.procs")); err != nil {
		return unix.ENOENT // not a guest, or one without
	}
	if a.cgroup == "" {
		dir, err := os.MkdirTemp(sys.Cgroups, "")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0); err != nil {
			return err
		}
		a.cgroup = dir
	}
	cgroup, err := unix.Open(a.cgroup, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(cgroup)
	program, err := loadProgram(kind, at, code)
	if err != nil {
		return err
	}
	defer unix.Close(program) // the link holds it
	// The beginning of union bpf_attr for BPF_LINK_CREATE, Linux 5.7. The descriptor that it answers stays open.
	link := struct{ program, cgroup, at, flags uint32 }{uint32(program), uint32(cgroup), at, 0}
	if _, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_LINK_CREATE, uintptr(unsafe.Pointer(&link)),
		unsafe.Sizeof(link)); errno != 0 {
		return errno
	}
	return nil
}
