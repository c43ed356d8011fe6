package process

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"golang.org/x/sys/unix"

	"labrun/lab/sys"
)

// nicIndex returns the index of a NIC of the process's namespace, 0 for "". The error is
// the errno that if_nametoindex(3) has.
func nicIndex(name string) (index uint32, err error) {
	if name == "" {
		return 0, nil
	}
	err = withSocket(func(fd int) (err error) {
		index, err = sys.LinkIndex(fd, name)
		return err
	})
	if errors.Is(err, unix.EINVAL) { // longer than any name is
		err = unix.ENODEV
	}
	return index, err
}

// nicName returns the name of the NIC with that index, "" for 0.
func nicName(index uint32) (name string, err error) {
	if index == 0 {
		return "", nil
	}
	err = withSocket(func(fd int) (err error) {
		name, err = sys.LinkName(fd, index)
		return err
	})
	return name, err
}

// withSocket calls f with a socket of the process's namespace, for calls that take any.
func withSocket(f func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

// htonl turns a number of the machine's into one of the network's, or back.
func htonl(n uint32) uint32 {
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		return n
	}
	return bits.ReverseBytes32(n)
}
