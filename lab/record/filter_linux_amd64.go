package record

import "golang.org/x/sys/unix"

func init() {
	for number, name := range map[uint64]string{
		unix.SYS_ACCEPT: "accept", unix.SYS_DUP2: "dup2", unix.SYS_FORK: "fork", unix.SYS_VFORK: "vfork",
		unix.SYS_UNLINK: "unlink",
	} {
		calls[number] = name
	}
}
