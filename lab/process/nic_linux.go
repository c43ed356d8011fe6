package process

import (
	"bytes"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab/sys"
)

// nicIndex returns the index of a NIC of the process's namespace, 0 for "".
func nicIndex(name string) (uint32, unix.Errno) {
	if name == "" {
		return 0, 0
	}
	r, err := unix.NewIfreq(name)
	if err != nil { // longer than any name is
		return 0, unix.ENODEV
	}
	if errno := ifreq(unix.SIOCGIFINDEX, unsafe.Pointer(r)); errno != 0 {
		return 0, errno
	}
	return r.Uint32(), 0
}

// nicName returns the name of the NIC with that index, "" for 0.
func nicName(index uint32) (string, unix.Errno) {
	if index == 0 {
		return "", 0
	}
	var r struct {
		name  [unix.IFNAMSIZ]byte
		index uint32
		_     [20]byte // the rest of ifreq's union
	}
	r.index = index
	if errno := ifreq(unix.SIOCGIFNAME, unsafe.Pointer(&r)); errno != 0 {
		return "", errno
	}
	name, _, _ := bytes.Cut(r.name[:], []byte{0})
	return string(name), 0
}

// ifreq makes a call of netdevice(7), for which any socket will do.
func ifreq(call uintptr, r unsafe.Pointer) unix.Errno {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return sys.ErrnoOf(err)
	}
	defer unix.Close(fd)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), call, uintptr(r))
	return errno
}
